"""A call server that repeats itself: the client does the work once."""

from __future__ import annotations

import asyncio

from tests.call.scripted import ScriptedCall, ScriptedServer
from tests.virtual_time import virtual_time
from voiceagent.call import EndReason
from voiceagent.wire import control, encode


@virtual_time
async def test_a_session_that_is_closed_again_and_again_is_closed_once() -> None:
    async with ScriptedServer() as server, ScriptedCall(server) as call:
        before = len(asyncio.all_tasks())
        for _ in range(1000):
            await call.link.send(encode(control.SessionClosed(session_id="session-1")))
        await asyncio.sleep(0.1)
        assert len(asyncio.all_tasks()) <= before + 1
        async with asyncio.timeout(10):
            await call.call.wait_terminated()
        assert call.call.end_reason is EndReason.TERMINATED
