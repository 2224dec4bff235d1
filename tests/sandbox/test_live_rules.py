"""Which rule fires when, and how function calls and their results fit into the turns."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from tests.sandbox.live_client import LiveClient, live_server, live_session
from tests.virtual_time import virtual_time
from voiceagent.sandbox.speech import speak

CHOICES = """
model:
  - on: caller_done
    heard: I would like an appointment tomorrow at 10
    say: Tomorrow at ten.
  - on: caller_done
    heard: no, wait, make it eleven
    say: Eleven then.
  - on: caller_done
    heard: please put me through to a human
    say: One moment.
  - on: caller_done
    say: Pardon me?
"""

ANSWERS = """
model:
  - on: caller_done
    call: {book: {day: monday}}
  - on: tool_result
    result: Is Taken
    say: I am sorry.
  - on: tool_result
    say: It is booked.
"""

BOOKS = """
model:
  - on: caller_done
    say: Let me see.
    call: {book: {day: monday, at: "10:00", party: 2}}
  - on: tool_result
    say: It is booked.
  - on: caller_done
    say: Still working on it.
"""


def said(text: str) -> bytes:
    return speak(text, sample_rate=24_000)


async def answer_to(client: LiveClient, text: str, rate: int = 16_000) -> bytes:
    """Say something, and return what the model says to it."""
    before = len(client.spoken())
    await client.say(text, rate)
    await client.next("turnComplete")
    return client.spoken()[before:]


async def respond(client: LiveClient, call: dict[str, Any], **fields: Any) -> None:
    response = {"id": call["id"], "name": call["name"], "response": {"result": "ok"}, **fields}
    await client.send({"tool_response": {"function_responses": [response]}})


async def tool_call(client: LiveClient) -> dict[str, Any]:
    message = await client.next("toolCall")
    (call,) = message.message["toolCall"]["functionCalls"]
    return dict(call)


@virtual_time
async def test_the_phrase_that_fits_best_wins_and_what_was_passed_is_spent() -> None:
    async with live_server(CHOICES) as server, live_session(server) as client:
        assert await answer_to(client, "no, wait, make it eleven") == said("Eleven then.")
        assert client.transcript("inputTranscription") == "no, wait, make it eleven"
        assert await answer_to(client, "I would like an appointment tomorrow at ten") == said("Pardon me?")


@virtual_time
@pytest.mark.parametrize("rate", [8000, 24_000])
async def test_callers_are_understood_at_other_rates(rate: int) -> None:
    async with live_server(CHOICES) as server, live_session(server) as client:
        assert await answer_to(client, "please put me through to a human", rate) == said("One moment.")


@virtual_time
async def test_what_fits_nothing_gets_the_rule_that_expects_nothing() -> None:
    async with live_server(CHOICES) as server, live_session(server) as client:
        assert await answer_to(client, "my dog ate three green apples") == said("Pardon me?")
        assert client.transcript("inputTranscription") == ""


@virtual_time
async def test_rules_without_a_choice_fire_in_line_whatever_is_said() -> None:
    yaml = "model: [{on: caller_done, heard: hello, say: One.}, {on: caller_done, say: Two.}]"
    async with live_server(yaml) as server, live_session(server) as client:
        assert await answer_to(client, "my dog ate three green apples") == said("One.")
        assert await answer_to(client, "my dog ate three green apples") == said("Two.")
        assert not [event for event in server.records[0].events if event["event"] == "recognised"]


@virtual_time
async def test_a_used_up_scenario_answers_every_turn_with_a_neutral_sentence() -> None:
    async with (
        live_server("model: [{on: caller_done, say: One.}]") as server,
        live_session(server) as client,
    ):
        assert await answer_to(client, "good morning") == said("One.")
        neutral = await answer_to(client, "good morning")
        assert neutral and neutral == await answer_to(client, "good morning")


@virtual_time
async def test_a_setup_rule_speaks_without_being_asked_and_the_greeting_cue_adds_nothing() -> None:
    async with live_server("model: [{on: setup, say: Welcome.}]") as server, live_session(server) as client:
        await client.start()
        await client.next("turnComplete")
        await client.audio(bytes(64_000))
        assert client.spoken() == said("Welcome.")


@virtual_time
async def test_client_content_starts_the_conversation_only_when_its_turn_is_complete() -> None:
    turns = [{"role": "user", "parts": [{"text": "Greet the caller."}]}]
    async with live_server("model: [{on: start, say: Hello.}]") as server, live_session(server) as client:
        await client.send({"client_content": {"turns": turns, "turn_complete": False}})
        await client.audio(bytes(64_000))
        assert client.kinds() == ["setupComplete"]
        await client.send({"clientContent": {"turns": turns, "turnComplete": True}})
        await client.next("turnComplete")
        assert client.spoken() == said("Hello.")
        assert list(server.records[0].texts) == ["Greet the caller."] * 2


@virtual_time
async def test_quiet_fires_the_after_rule_once_so_long_after_the_turn() -> None:
    yaml = "model: [{on: start, say: Hello.}, {on: {after: 2.5}, say: Are you there.}]"
    async with live_server(yaml) as server, live_session(server) as client:
        await client.start()
        first = await client.next("turnComplete")
        second = await client.next("modelTurn")
        assert second.at - first.at == pytest.approx(2.5, abs=0.01)
        await client.next("turnComplete")
        await client.audio(bytes(32_000 * 6))
        assert client.spoken() == said("Hello.") + said("Are you there.")


@virtual_time
async def test_a_turn_that_calls_a_function_goes_on_with_its_result() -> None:
    async with live_server(BOOKS) as server, live_session(server) as client:
        await client.say("book me a table")
        call = await tool_call(client)
        assert call["args"] == {"day": "monday", "at": "10:00", "party": 2}
        await respond(client, call)
        await client.next("turnComplete")
        kinds = client.kinds()
        assert kinds.count("generationComplete") == kinds.count("turnComplete") == 1
        assert kinds.index("toolCall") < kinds.index("generationComplete")
        assert client.spoken() == said("Let me see.") + said("It is booked.")
        assert client.transcript() == "Let me see. It is booked."
        assert server.records[0].tool_responses[0]["response"] == {"result": "ok"}


@virtual_time
@pytest.mark.parametrize(
    ("result", "spoken"), [("10 AM is taken", "I am sorry."), ("see you at ten", "It is booked.")]
)
async def test_what_is_said_may_depend_on_the_result(result: str, spoken: str) -> None:
    async with live_server(ANSWERS) as server, live_session(server) as client:
        await client.say("book me a table")
        await respond(client, await tool_call(client), response={"result": result})
        await client.next("turnComplete")
        assert client.spoken() == said(spoken)


@virtual_time
async def test_several_calls_of_one_rule_are_answered_together() -> None:
    yaml = """
model:
  - {on: caller_done, call: [{book: {n: 1}}, {book: {n: 2}}]}
  - {on: tool_result, say: Both are booked.}
"""
    async with live_server(yaml) as server, live_session(server) as client:
        await client.say("book me two tables")
        first, second = (await client.next("toolCall")).message["toolCall"]["functionCalls"]
        assert first["id"] != second["id"]
        await respond(client, second)
        await client.audio(bytes(32_000))
        assert client.spoken() == b""
        await respond(client, first)
        await client.next("turnComplete")
        assert client.spoken() == said("Both are booked.")


@virtual_time
async def test_a_call_without_a_rule_for_its_result_completes_with_it() -> None:
    async with (
        live_server("model: [{on: caller_done, call: {book: ~}}]") as server,
        live_session(server) as client,
    ):
        await client.say("book me a table")
        await respond(client, await tool_call(client))
        await client.next("turnComplete")
        assert client.kinds()[-3:] == ["toolCall", "generationComplete", "turnComplete"]


@virtual_time
async def test_the_conversation_goes_on_while_a_non_blocking_function_runs() -> None:
    async with live_server(BOOKS) as server, live_session(server) as client:
        await client.say("book me a table")
        call = await tool_call(client)
        await client.audio(bytes(64_000))
        await client.say("are you there")
        await client.next("turnComplete")
        await client.next("turnComplete")
        await respond(client, call)
        await client.next("turnComplete")
        assert client.spoken() == said("Let me see.") + said("Still working on it.") + said("It is booked.")


@virtual_time
async def test_a_result_that_comes_while_the_caller_speaks_waits_for_their_answer() -> None:
    async with live_server(BOOKS) as server, live_session(server) as client:
        await client.say("book me a table")
        call = await tool_call(client)
        await client.audio(bytes(64_000))
        pcm = speak("are you still there my friend", sample_rate=16_000, voice="en-GB")
        await client.audio(pcm[: len(pcm) // 4 * 2])
        await respond(client, call)
        await client.audio(pcm[len(pcm) // 4 * 2 :] + bytes(32_000))
        for _ in range(3):
            await client.next("turnComplete")
        assert client.spoken() == said("Let me see.") + said("Still working on it.") + said("It is booked.")


@virtual_time
@pytest.mark.parametrize(
    "fields",
    [
        {"model": "models/gemini-2.5-flash-native-audio-preview-12-2025"},
        {"model": "models/gemini-3.1-flash-live-preview"},
        {"tools": [{"function_declarations": [{"name": "book", "behavior": "BLOCKING"}]}]},
    ],
)
async def test_callers_wait_for_a_blocking_function(fields: dict[str, Any]) -> None:
    async with live_server(BOOKS) as server, live_session(server, **fields) as client:
        await client.say("book me a table")
        call = await tool_call(client)
        await client.audio(bytes(64_000))
        await client.say("are you there")
        await client.audio(bytes(64_000))
        assert client.spoken() == said("Let me see.")
        await respond(client, call)
        await client.next("generationComplete")
        await client.audio(bytes(32_000 * 4))
        assert client.spoken() == said("Let me see.") + said("It is booked.") + said("Still working on it.")


@virtual_time
async def test_a_silent_result_is_not_talked_about() -> None:
    async with live_server(BOOKS) as server, live_session(server) as client:
        await client.say("book me a table")
        await respond(client, await tool_call(client), scheduling="SILENT")
        await client.next("turnComplete")
        assert client.spoken() == said("Let me see.")


@virtual_time
async def test_an_interrupting_result_cuts_off_what_is_being_said() -> None:
    yaml = BOOKS.replace("Still working on it.", "I am working on it, it takes a while, please bear with me.")
    async with live_server(yaml) as server, live_session(server) as client:
        await client.say("book me a table")
        call = await tool_call(client)
        await client.audio(bytes(64_000))
        await client.say("are you there")
        await client.next("modelTurn")
        await respond(client, call, scheduling="INTERRUPT")
        await client.next("interrupted")
        await client.next("turnComplete")
        await client.next("turnComplete")
        assert client.spoken().endswith(said("It is booked."))


@virtual_time
async def test_an_interrupted_turn_is_told_its_result_in_a_turn_of_its_own() -> None:
    async with live_server(BOOKS) as server, live_session(server) as client:
        await client.say("book me a table")
        call = await tool_call(client)
        await client.say("hurry up please")
        await client.next("interrupted")
        await respond(client, call)
        for _ in range(3):
            await client.next("turnComplete")
        assert client.spoken().endswith(said("Still working on it.") + said("It is booked."))


@virtual_time
async def test_a_function_that_was_not_declared_is_called_and_complained_about(
    caplog: pytest.LogCaptureFixture,
) -> None:
    yaml = "model: [{on: caller_done, call: {fly_to_the_moon: {}}}]"
    with caplog.at_level(logging.WARNING):
        async with live_server(yaml) as server, live_session(server) as client:
            await client.say("take me to the moon")
            assert (await tool_call(client))["name"] == "fly_to_the_moon"
            assert {"undeclared_function"} <= {event["event"] for event in server.records[0].events}
    assert "fly_to_the_moon" in caplog.text


@virtual_time
async def test_a_response_to_nothing_is_noted_and_changes_nothing() -> None:
    async with live_server(BOOKS) as server, live_session(server) as client:
        await respond(client, {"id": "fc-99", "name": "book"})
        await client.say("book me a table")
        await client.next("toolCall")
        assert "unexpected_tool_response" in {event["event"] for event in server.records[0].events}


@virtual_time
async def test_sessions_do_not_share_a_conversation() -> None:
    async with (
        live_server("model: [{on: start, say: One.}]") as server,
        live_session(server) as first,
        live_session(server) as second,
    ):
        await first.start()
        await first.next("turnComplete")
        assert second.kinds() == ["setupComplete"]
        await second.start()
        await second.next("turnComplete")
        assert first.spoken() == second.spoken() == said("One.")
