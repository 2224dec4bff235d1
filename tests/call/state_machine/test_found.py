"""What the random sequences have found, each as the shortest sequence that shows it."""

from __future__ import annotations

import asyncio

import pytest

from tests.call.line import CALLEE, CALLER, Inbox, config, record
from tests.virtual_time import virtual_time
from voiceagent.call import CallClient, CallState, EndReason, events
from voiceagent.sandbox.exchange import CallState as There
from voiceagent.sandbox.exchange import Exchange


@virtual_time
async def test_a_program_that_cuts_its_closing_short_is_told_of_the_end_of_its_calls() -> None:
    async with Exchange() as exchange:
        client = CallClient(config(exchange, grace_period=1000))
        await client.connect()
        inbox = Inbox(client)
        exchange.phone(CALLER, CALLEE)
        call = await inbox.take()
        seen = record(call)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await client.disconnect()
        await asyncio.sleep(0.1)
        assert call.end_reason is EndReason.ABANDONED
        assert seen == [(events.CALL_TERMINATED, {"reason": "abandoned"})]


@virtual_time
async def test_a_call_without_a_media_link_is_over_with_its_control_link_and_comes_anew() -> None:
    async with Exchange() as exchange, CallClient(config(exchange), media_on_demand=True) as client:
        inbox = Inbox(client)
        there = exchange.phone(CALLER, CALLEE)
        void = await inbox.take()
        seen = record(void)
        exchange.drop_control()
        call = await inbox.take()
        assert (void.state, call.call_id) == (CallState.DISCONNECTED, void.call_id)
        assert seen == [(events.CALL_TERMINATED, {"reason": "media_lost"})]
        await call.answer()
        assert there.state is There.ANSWERED
