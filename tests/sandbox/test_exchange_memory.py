"""What the exchange lets go of when calls are over."""

from __future__ import annotations

import asyncio
import gc
import weakref

from tests.sandbox.raw_client import CALLEE, CALLER, Worker
from tests.virtual_time import virtual_time
from voiceagent.sandbox.exchange import Exchange
from voiceagent.wire import control, media


@virtual_time
async def test_a_reset_keeps_nothing_of_a_call_and_still_knows_its_session() -> None:
    async with Exchange() as exchange, Worker.connect(exchange) as worker:
        gone = weakref.ref(exchange.phone(CALLER, CALLEE))
        async with worker.take_call() as agent:
            await agent.ok(media.ANSWER)
            exchange.reset()
            await agent.closed.wait()
        # Until then the claim's timer is on the loop, and the HTTP server serves the media link.
        await asyncio.sleep(60)
        gc.collect()
        assert gone() is None
        session_id = (await worker.inbox.take(control.SessionClosed)).session_id
        assert (await worker.open(session_id)).error_code == "SESSION_CLOSED"
        await worker.send(control.SessionReady(session_id=session_id))
        await worker.open("to be sure that it was read")
        assert exchange.controls[0].snapshot()["violations"] == []


@virtual_time
async def test_a_control_link_that_broke_is_not_kept_by_the_sessions_it_had() -> None:
    async with Exchange() as exchange, Worker.connect(exchange):
        async with Worker.connect(exchange) as worker:
            broken = weakref.ref(exchange.controls[-1])
            call = exchange.phone(CALLER, CALLEE)
            async with worker.take_call() as agent:
                await agent.ok(media.ANSWER)
                await agent.ok(media.DISCONNECT)
                await agent.closed.wait()
        await asyncio.sleep(60)
        gc.collect()
        assert exchange.calls == [call]
        assert broken() is None
