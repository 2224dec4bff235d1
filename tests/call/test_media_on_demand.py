"""Calls whose media link is not open when something happens to them."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from tests.call.line import Line, config
from tests.virtual_time import virtual_time
from voiceagent.call import CallClient, CallState, EndReason
from voiceagent.call.exceptions import WSSCallClosedError
from voiceagent.sandbox.exchange import Exchange


@virtual_time
async def test_a_call_without_a_media_link_is_offered_again_when_the_control_link_broke() -> None:
    async with Exchange() as exchange, CallClient(config(exchange), media_on_demand=True) as client:
        line = Line(exchange, client)
        there, first = await line.ring()
        exchange.drop_control()
        async with asyncio.timeout(5):
            second = await line.inbox.take()
        assert (second.call_id, second is first) == (first.call_id, False)
        assert first.end_reason is EndReason.MEDIA_LOST
        await second.answer()
        assert second.state is CallState.ANSWERED
        there.caller.hang_up()


@virtual_time
async def test_a_call_without_a_media_link_does_not_outlive_a_caller_whom_nobody_hears_leave() -> None:
    async with Exchange() as exchange, CallClient(config(exchange), media_on_demand=True) as client:
        line = Line(exchange, client)
        there, call = await line.ring()
        exchange.drop_control(refuse_for=3)
        there.caller.hang_up()
        await asyncio.sleep(60)
        assert client.calls == ()
        assert call.state is CallState.DISCONNECTED


@virtual_time
async def test_a_caller_who_hangs_up_before_the_media_link_is_open_has_hung_up() -> None:
    async with Exchange() as exchange, CallClient(config(exchange), media_on_demand=True) as client:
        line = Line(exchange, client)
        there, call = await line.ring()
        there.caller.hang_up()
        with suppress(WSSCallClosedError):
            await call.answer()
        assert call.end_reason is EndReason.TERMINATED
