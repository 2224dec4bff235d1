"""Faults of the connection itself, and which connection of a session each fault strikes."""

from __future__ import annotations

import asyncio

import pytest
from websockets.exceptions import InvalidStatus

from tests.sandbox.live_client import (
    RESUMPTION,
    connected,
    live_server,
    live_session,
    resumable,
    setup,
)
from tests.sandbox.test_live_operator import operator
from tests.virtual_time import virtual_time
from voiceagent.sandbox.live import LiveServer
from voiceagent.sandbox.speech import speak

GREETING = "Good morning, this is the dental practice of Riverside."
TALKS = f"""
model:
  - on: start
    say: {GREETING}
  - on: caller_done
    say: Until Monday, then.
"""
UP_TO = 'You were cut off. The caller heard you up to: "Good morning" Go on from there.'


def with_faults(*faults: str) -> str:
    return f"{TALKS}\nfaults: [{', '.join(faults)}]\n"


def said(text: str) -> bytes:
    return speak(text, sample_rate=24_000)


@virtual_time
async def test_a_dropped_connection_ends_in_mid_sentence_without_a_goodbye() -> None:
    async with (
        live_server(with_faults("{at: 0.3, drop: true}")) as server,
        live_session(server) as client,
    ):
        await client.start()
        assert await client.closed() == (1006, "")
        assert 0 < len(client.spoken()) < len(said(GREETING))
        await asyncio.sleep(0.1)
        assert server.records[0].closed
        assert server.records[0].close_code is None


@virtual_time
@pytest.mark.parametrize(
    "fault", ["{at: 0.3, drop: true}", "{at: 0.3, close: 1011}", "{at: 0.3, freeze: true}", "{stall: true}"]
)
async def test_what_a_lost_connection_was_saying_is_owed_by_the_next(fault: str) -> None:
    async with live_server(with_faults(fault)) as server, resumable(server) as client:
        await client.start()
        await asyncio.sleep(3)
        assert 0 < len(client.spoken()) < len(said(GREETING))
        async with resumable(server, client.handle) as resumed:
            assert await resumed.text(UP_TO) == said("this is the dental practice of Riverside.")
            await resumed.say("hello")
            await resumed.next("turnComplete")
            assert resumed.spoken().endswith(said("Until Monday, then."))


@virtual_time
async def test_a_frozen_connection_says_nothing_any_more_and_hears_on() -> None:
    faults = ("{at: 0.5, freeze: true}", "{at: 6, go_away: 1s}")
    async with live_server(with_faults(*faults)) as server, live_session(server) as client:
        await asyncio.sleep(0.6)
        await client.start()
        await client.say("hello")
        assert client.kinds() == ["setupComplete"]
        assert server.records[0].audio_bytes > 32_000
        assert await client.closed() == (1001, "the time announced by goAway is over")
        assert client.kinds() == ["setupComplete"]


@virtual_time
async def test_a_setup_may_never_be_answered() -> None:
    async with live_server(with_faults("{session: 1, no_setup_complete: true}")) as server:
        async with connected(server) as client:
            await client.send({"setup": setup()})
            await asyncio.sleep(60)
            assert client.received == []
            assert client.close_code is None
        async with live_session(server):
            pass


@virtual_time
async def test_handshakes_may_be_refused() -> None:
    async with live_server(with_faults("{refuse: 503, times: 2}")) as server, operator(server) as call:
        for _ in range(2):
            assert await refused(server) == 503
        async with live_session(server):
            pass
        assert server.refused == 2
        assert (await call("GET", "/info"))[1]["refused"] == 2
        await call("POST", "/reset")
        assert server.refused == 0
        assert await refused(server) == 503


@virtual_time
async def test_the_handshake_of_a_later_connection_may_be_refused() -> None:
    faults = with_faults("{session: 2, refuse: 429, times: 2}", "{at: 8, refuse: 503}")
    async with live_server(faults) as server:
        async with live_session(server):
            for _ in range(2):
                assert await refused(server) == 429
            async with live_session(server):
                await asyncio.sleep(8)
            assert await refused(server) == 503
            async with live_session(server):
                pass


async def refused(server: LiveServer) -> int:
    with pytest.raises(InvalidStatus) as refusal:
        async with connected(server):
            pass
    return refusal.value.response.status_code


@virtual_time
async def test_handles_may_be_kept_back() -> None:
    async with (
        live_server(with_faults("{at: 1, no_handle: true}")) as server,
        resumable(server) as client,
    ):
        await asyncio.sleep(1)
        await client.start()
        await client.next("turnComplete")
        await client.say("hello")
        await client.next("turnComplete")
        await client.audio(bytes(6400))
        assert client.kinds().count(RESUMPTION) == 1


@virtual_time
async def test_a_fault_strikes_a_session_once_however_many_connections_it_has() -> None:
    faults = ("{at: 1, close: 1011}", "{at: 2, silent_turn: true}")
    async with live_server(with_faults(*faults)) as server:
        async with resumable(server) as first:
            assert (await first.closed())[0] == 1011
        await asyncio.sleep(1)
        async with resumable(server, first.handle) as second:
            await second.start()
            await second.next("turnComplete")
            assert second.spoken() == b"", "the clock of the faults went on"
        async with resumable(server, second.handle) as third:
            await asyncio.sleep(3)
            assert third.close_code is None
            assert await third.text("hello?") == said(GREETING)
        async with resumable(server) as another:
            assert (await another.closed())[0] == 1011


@virtual_time
async def test_a_fault_strikes_the_newest_connection_of_a_session() -> None:
    faults = ("{at: 1, go_away: 4s}", "{at: 3, close: 1011}")
    async with live_server(with_faults(*faults)) as server, resumable(server) as old:
        await old.next("goAway")
        async with resumable(server, old.handle) as new:
            assert (await new.closed())[0] == 1011
            assert old.close_code is None
            assert (await old.closed())[0] == 1001
            assert "goAway" not in new.kinds()


@virtual_time
async def test_two_drops_strike_two_connections() -> None:
    faults = ("{at: 1, drop: true}", "{at: 1, drop: true}")
    async with live_server(with_faults(*faults)) as server:
        async with resumable(server) as first:
            await first.closed()
        async with resumable(server, first.handle) as second:
            await second.closed()
        async with resumable(server, second.handle) as third:
            await asyncio.sleep(2)
            assert third.close_code is None


@virtual_time
async def test_a_fault_of_one_connection_leaves_the_others_alone() -> None:
    async with live_server(with_faults("{session: 2, at: 1, close: 1011}")) as server:
        async with resumable(server) as first, resumable(server, first.handle) as second:
            await asyncio.sleep(0.5)
            async with resumable(server, first.handle) as third:
                assert (await second.closed())[0] == 1011
                await asyncio.sleep(2)
                assert first.close_code is None
                assert third.close_code is None
