"""Each fault of a scenario, as a client meets it."""

from __future__ import annotations

from contextlib import suppress

import pytest
from websockets.exceptions import ConnectionClosed

from tests.sandbox.live_client import live_server, live_session
from tests.virtual_time import virtual_time
from voiceagent.sandbox.speech import speak

TALKS = """
model:
  - on: start
    say: Good morning, this is the dental practice of Riverside.
  - on: caller_done
    call: {book: {}}
  - on: tool_result
    say: It is booked.
"""


def with_fault(fault: str) -> str:
    return f"{TALKS}\nfaults: [{fault}]\n"


GREETING = speak("Good morning, this is the dental practice of Riverside.", sample_rate=24_000)


@virtual_time
async def test_go_away_announces_the_end_and_keeps_its_word() -> None:
    async with (
        live_server(with_fault("{at: 1.5, go_away: 2.5s}")) as server,
        live_session(server) as client,
    ):
        ready = client.received[0].at
        go_away = await client.next("goAway")
        assert go_away.message == {"goAway": {"timeLeft": "2.500s"}}
        assert go_away.at - ready == pytest.approx(1.5, abs=0.01)
        code, _ = await client.closed()
        assert code == 1001
        assert server.records[0].events[-1]["at_ms"] == pytest.approx(4000, abs=20)


@virtual_time
async def test_the_connection_closes_in_the_middle_of_a_sentence_with_the_code_asked_for() -> None:
    async with live_server(with_fault("{at: 0.1, close: 1011}")) as server, live_session(server) as client:
        await client.start()
        assert (await client.closed())[0] == 1011
        assert 0 < len(client.spoken()) < len(GREETING)
        assert "turnComplete" not in client.kinds()


@virtual_time
async def test_after_a_silent_turn_a_text_brings_the_answer_that_was_owed() -> None:
    async with live_server(with_fault("{silent_turn: true}")) as server, live_session(server) as client:
        await client.start()
        await client.next("turnComplete")
        assert client.kinds() == ["setupComplete", "generationComplete", "turnComplete"]
        await client.send({"realtimeInput": {"text": "Please answer."}})
        await client.next("turnComplete")
        assert client.spoken() == GREETING


@virtual_time
async def test_a_phantom_interruption_cuts_off_a_turn_though_nobody_spoke() -> None:
    async with live_server(with_fault("{phantom_interrupt: true}")) as server, live_session(server) as client:
        await client.start()
        await client.next("turnComplete")
        assert client.kinds()[-2:] == ["interrupted", "turnComplete"]
        assert 0 < len(client.spoken()) < len(GREETING)


@virtual_time
async def test_a_duplicate_call_has_the_same_id() -> None:
    async with (
        live_server(with_fault("{duplicate_tool_call: true}")) as server,
        live_session(server) as client,
    ):
        await client.say("book me a table")
        first, second = await client.next("toolCall"), await client.next("toolCall")
        assert first.message == second.message
        (call,) = first.message["toolCall"]["functionCalls"]
        response = {"id": call["id"], "name": "book", "response": {}}
        await client.send({"toolResponse": {"functionResponses": [response]}})
        await client.next("turnComplete")
        assert client.spoken() == speak("It is booked.", sample_rate=24_000)


@virtual_time
async def test_a_cancelled_call_is_not_waited_for() -> None:
    async with live_server(with_fault("{cancel_tool_call: true}")) as server, live_session(server) as client:
        await client.say("book me a table")
        call = (await client.next("toolCall")).message["toolCall"]["functionCalls"][0]
        cancelled = await client.next("toolCallCancellation")
        assert cancelled.message["toolCallCancellation"]["ids"] == [call["id"]]
        await client.next("turnComplete")
        response = {"id": call["id"], "name": "book", "response": {}}
        await client.send({"toolResponse": {"functionResponses": [response]}})
        await client.audio(bytes(64_000))
        assert client.spoken() == b""


@virtual_time
async def test_garbage_is_no_json_and_the_session_goes_on() -> None:
    async with live_server(with_fault("{at: 0.2, garbage: true}")) as server, live_session(server) as client:
        await client.start()
        await client.next("turnComplete")
        assert len(client.garbage) == 1
        assert client.spoken() == GREETING


@virtual_time
async def test_a_turn_of_zero_amplitude_is_as_long_as_it_should_be() -> None:
    async with (
        live_server(with_fault("{at: 0, zero_amplitude: true}")) as server,
        live_session(server) as client,
    ):
        await client.start()
        await client.next("turnComplete")
        assert client.spoken() == bytes(len(GREETING))


@virtual_time
async def test_a_fault_waits_for_its_time() -> None:
    async with (
        live_server(with_fault("{at: 30, silent_turn: true}")) as server,
        live_session(server) as client,
    ):
        await client.start()
        await client.next("turnComplete")
        assert client.spoken() == GREETING


@virtual_time
async def test_a_turn_may_be_written_instead_of_spoken() -> None:
    async with live_server(with_fault("{text_turn: true}")) as server, live_session(server) as client:
        await client.start()
        await client.next("turnComplete")
        (written,) = [message.message for message in client.received if message.kind == "modelTurn"]
        parts = [{"text": "Good morning, this is the dental practice of Riverside."}]
        assert written == {"serverContent": {"modelTurn": {"role": "model", "parts": parts}}}
        assert client.transcript() == ""
        await client.say("book me a table")
        await client.next("toolCall")


@virtual_time
async def test_an_interruption_may_be_reported_ten_times() -> None:
    faults = "{repeat_interrupt: true}, {phantom_interrupt: true}"
    async with live_server(with_fault(faults)) as server, live_session(server) as client:
        await client.start()
        await client.next("turnComplete")
        assert [message.kind for message in client.received].count("interrupted") == 10
        assert 0 < len(client.spoken()) < len(GREETING)


@virtual_time
async def test_a_turn_that_stalls_stops_in_the_middle_and_never_ends() -> None:
    async with live_server(with_fault("{stall: true}")) as server, live_session(server) as client:
        await client.start()
        await client.audio(bytes(32_000 * 60))
        assert 0.4 < len(client.spoken()) / len(GREETING) < 0.6
        await client.send({"realtimeInput": {"text": "Please answer."}})
        await client.say("hello")
        assert not {"generationComplete", "turnComplete", "interrupted"} & set(client.kinds())


@virtual_time
async def test_a_turn_that_stalls_can_be_interrupted_while_it_is_heard() -> None:
    async with live_server(with_fault("{stall: true}")) as server, live_session(server) as client:
        await client.start()
        await client.next("modelTurn")
        await client.say("book me a table")
        await client.next("interrupted")
        await client.next("toolCall")


@virtual_time
async def test_the_connection_may_close_on_a_tool_call() -> None:
    fault = "{close_on_tool_call: 1008}"
    async with live_server(with_fault(fault)) as server, live_session(server) as client:
        with suppress(ConnectionClosed):
            await client.say("book me a table")
        code, reason = await client.closed()
        assert (code, reason) == (1008, "the scenario closes the connection on a tool call")
        assert client.kinds()[-1] == "toolCall"
