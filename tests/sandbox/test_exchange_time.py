"""The clock of the exchange: real time, made up for when late, and nobody held up by anybody."""

from __future__ import annotations

import asyncio

import pytest
from websockets.asyncio.client import connect

from tests.sandbox.raw_client import CALLEE, CALLER, Worker, answered_call
from tests.virtual_time import VirtualTimeLoop, virtual_time
from voiceagent.sandbox.exchange import Exchange
from voiceagent.sandbox.exchange.ticker import Ticker
from voiceagent.wire import encode, media
from voiceagent.wire.frames import ms_to_bytes


class Count:
    ticks = 0

    def tick(self) -> None:
        self.ticks += 1


@pytest.mark.parametrize(("late", "owed"), [(0.1, 5), (0.5, 25), (3600.0, 50)])
def test_a_late_ticker_makes_up_for_what_it_owes_up_to_a_second(late: float, owed: int) -> None:
    @virtual_time
    async def scene() -> None:
        ticker, count = Ticker(), Count()
        ticker.add(count)
        await asyncio.sleep(1.01)
        assert count.ticks == 50
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        loop.jump(late)
        await asyncio.sleep(0.001)
        assert count.ticks - 50 == pytest.approx(owed, abs=1)
        before = count.ticks
        await asyncio.sleep(10)
        assert count.ticks - before == pytest.approx(500, abs=1)
        ticker.stop()

    scene()


@virtual_time
async def test_a_ticker_with_nothing_to_do_stands_still_and_starts_again() -> None:
    ticker, first, second = Ticker(), Count(), Count()
    ticker.add(first)
    await asyncio.sleep(0.11)
    ticker.remove(first)
    await asyncio.sleep(5)
    ticker.add(second)
    await asyncio.sleep(0.11)
    assert (first.ticks, second.ticks) == (5, 5)
    ticker.stop()


@virtual_time
async def test_an_agent_that_does_not_read_is_let_go_and_holds_nobody_up() -> None:
    async with Exchange() as exchange, Worker.connect(exchange) as worker:
        call = exchange.phone(CALLER, CALLEE)
        call_in = await worker.claim()
        headers = {"Authorization": f"Bearer {call_in.token}"}
        async with connect(call_in.url, additional_headers=headers, close_timeout=1) as deaf:
            command = media.CommandData(command_id="1", command=media.ANSWER, timeout_ms=10_000)
            await deaf.send(encode(media.Command(data=command)))
            await call.caller.answered()
            async with answered_call(exchange) as (_, agent, _):
                await asyncio.sleep(60)
                assert (call.state, call.end_reason) == ("ended", "media_lost")
                assert len(agent.heard[0]) == pytest.approx(ms_to_bytes(60_000, 16000), abs=640)


@pytest.mark.realtime
async def test_a_second_of_call_lasts_a_second() -> None:
    async with Exchange() as exchange, answered_call(exchange) as (call, _, _):
        loop = asyncio.get_running_loop()
        await asyncio.sleep(0.1)
        call.caller.clear_heard()
        began = loop.time()
        call.caller.say(bytes(ms_to_bytes(1000, 16000)))
        await call.caller.said()
        assert loop.time() - began == pytest.approx(1.0, abs=0.1)
