"""When a connection seems dead, when there is no other, and when the session ends: nothing is left behind."""

from __future__ import annotations

import asyncio
import logging

import pytest

from tests.live.service import CONFIG, FRAME, Remembering, service, talking
from tests.virtual_time import virtual_time
from voiceagent.live import LiveClosedError, Reopened, ResumptionHandle, TurnComplete
from voiceagent.live.genai import GenaiConnector
from voiceagent.live.resuming import ResumingSession


@virtual_time
async def test_a_connection_that_seems_dead_is_left_within_a_second() -> None:
    async with service() as played, talking(played, Remembering()) as (talk, first):
        await first.ends_turn("handle-1")
        await talk.until(TurnComplete)
        first.socket.transport.pause_reading()
        began = asyncio.get_running_loop().time()
        await asyncio.gather(talk.session.reopen("silent turn"), played.connection())
        reopened = await talk.until(Reopened)
    assert asyncio.get_running_loop().time() - began < 1.5
    assert (reopened.cause, reopened.resumed) == ("silent turn", True)
    assert reopened.gap_ms < 1000


@virtual_time
async def test_a_service_that_stays_away_is_given_up_after_ten_seconds() -> None:
    async with service() as played, talking(played, Remembering()) as (talk, first):
        played.down = True
        began = asyncio.get_running_loop().time()
        first.abort()
        assert isinstance(await talk.until_ended(), LiveClosedError)
        assert "overloaded" in str(talk.ended)
        assert asyncio.get_running_loop().time() - began == pytest.approx(10, abs=1.5)
        assert 8 <= played.setups <= 16
        for send in (talk.session.send_audio(bytes(FRAME)), talk.session.send_text("hello")):
            with pytest.raises(LiveClosedError):
                await send


@virtual_time
async def test_a_service_that_takes_and_drops_connections_is_given_up_too() -> None:
    async with service() as played, talking(played, Remembering()) as (talk, connection):
        async with asyncio.timeout(60):
            while talk.ended is None:
                if connection.closed.is_set() and played.connections[-1] is not connection:
                    connection = played.connections[-1]
                connection.abort()
                await asyncio.sleep(0.02)
    assert isinstance(talk.ended, LiveClosedError)
    assert played.setups < 20


@virtual_time
async def test_a_setup_that_is_never_answered_is_tried_again() -> None:
    async with service() as played, talking(played, Remembering()) as (talk, first):
        played.mute = True
        first.abort()
        await asyncio.sleep(1)
        played.mute = False
        await played.connection()
        reopened = await talk.until(Reopened)
    assert 4000 < reopened.gap_ms < 5500


@pytest.mark.parametrize("moment", ["between attempts", "in an attempt", "in a quiet moment's wait"])
@virtual_time
async def test_closing_while_it_goes_on_elsewhere_leaves_nothing_behind(moment: str) -> None:
    memory = Remembering()
    before = asyncio.all_tasks()
    async with service() as played:
        async with talking(played, memory) as (talk, first):
            if moment == "in a quiet moment's wait":
                memory.is_quiet = False
                await first.send(goAway={"timeLeft": "50s"})
                await asyncio.sleep(0.5)
            else:
                played.mute, played.down = moment == "in an attempt", moment == "between attempts"
                first.abort()
                await asyncio.sleep(2)
            assert talk.ended is None
        assert isinstance(talk.ended, LiveClosedError)
        await first.closed.wait()
        own = {task for task in asyncio.all_tasks() if "live" in task.get_name()}
        assert own == set()
    await asyncio.sleep(1)
    assert asyncio.all_tasks() == before


@pytest.mark.parametrize("going", [True, False], ids=["while goAway counts down", "while it is opened again"])
@virtual_time
async def test_a_reader_that_is_cancelled_takes_everything_along(going: bool) -> None:
    memory = Remembering()
    memory.is_quiet = False
    async with service() as played:
        session = await ResumingSession.open(GenaiConnector(live_url=played.url), CONFIG, memory)
        first = await played.connection()
        before = asyncio.all_tasks()

        async def read() -> None:
            async for _ in session.events():
                pass

        reading = asyncio.create_task(read())
        if going:
            await first.send(goAway={"timeLeft": "50s"})
        else:
            played.mute = True
            first.abort()
        await asyncio.sleep(0.5)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        own = {task for task in asyncio.all_tasks() - before if "live" in task.get_name()}
        assert own == set()
        await session.close()


@virtual_time
async def test_handles_are_in_no_log_and_no_repr(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "voiceagent")
    async with service() as played, talking(played, Remembering()) as (talk, first):
        await first.ends_turn("secret-handle")
        await talk.until(TurnComplete)
        played.refuses = {"secret-handle"}
        first.abort()
        await talk.until(Reopened)
        assert "secret-handle" not in repr(vars(talk.session))
    assert not any(isinstance(event, ResumptionHandle) for event in talk.events)
    assert "secret-handle" not in caplog.text + repr(ResumptionHandle("secret-handle"))
