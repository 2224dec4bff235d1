"""Sessions that go on over another connection: handles, functions, and what is owed."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from tests.sandbox.live_client import (
    RESUMPTION,
    connected,
    live_server,
    live_session,
    resumable,
    setup,
)
from tests.sandbox.talks import (
    AGAIN,
    BOOKS,
    GREETING,
    HEARD_UP_TO,
    NO_ANSWER,
    QUESTION,
    RESULT,
    RUNNING,
    TALKS,
    answer_to,
    greeted,
    in_mid_answer,
    said,
)
from tests.virtual_time import virtual_time
from voiceagent.sandbox.live import resumption
from voiceagent.sandbox.live.rules import NEUTRAL

# Handles --------------------------------------------------------------------------------------------


@virtual_time
async def test_a_handle_comes_after_setup_and_after_each_turn() -> None:
    async with live_server(TALKS) as server, resumable(server) as client:
        first = client.handle
        await greeted(client)
        assert client.handle != first
        assert client.kinds()[:2] == ["setupComplete", RESUMPTION]
        assert client.kinds()[-2:] == ["turnComplete", RESUMPTION]


@virtual_time
async def test_who_does_not_ask_for_handles_gets_none() -> None:
    async with live_server(TALKS) as server, live_session(server) as client:
        await client.start()
        await client.next("turnComplete")
        await client.audio(bytes(6400))
        assert RESUMPTION not in client.kinds()


@virtual_time
async def test_a_session_goes_on_where_the_handle_was_taken() -> None:
    async with live_server(TALKS) as server:
        async with resumable(server) as client:
            await greeted(client)
            handle = client.handle
            assert await answer_to(client) == said(QUESTION)
        async with resumable(server, client.handle) as later, resumable(server, handle) as earlier:
            assert await later.text(NO_ANSWER) == said("Until Monday, then."), "nothing is owed"
            assert await answer_to(earlier) == said(QUESTION)
        first, second, third = server.records
        assert (first.resumed, second.resumed, third.resumed) == (None, "session-1", "session-1")
        assert second.as_dict()["resumed"] == "session-1"
        (event,) = [event for event in third.events if event["event"] == "resumed"]
        assert event["session"] == "session-1"


@virtual_time
async def test_the_next_connection_is_set_up_while_the_old_one_is_still_there() -> None:
    async with (
        live_server(TALKS) as server,
        resumable(server) as old,
    ):
        await greeted(old)
        async with resumable(server, old.handle) as new:
            assert old.close_code is None
            await old.socket.close()
            assert await answer_to(new) == said(QUESTION)


@virtual_time
async def test_the_greeting_cue_is_not_waited_for_twice_and_setup_rules_fire_once() -> None:
    async with live_server("model: [{on: setup, say: Hello.}, {on: caller_done, say: Yes.}]") as server:
        async with resumable(server) as client:
            await client.next("turnComplete")
            await client.next(RESUMPTION)
        async with resumable(server, client.handle) as resumed:
            await resumed.audio(bytes(32_000))
            assert resumed.spoken() == b""
            assert await answer_to(resumed) == said("Yes.")


@virtual_time
async def test_the_context_is_counted_on() -> None:
    async with live_server(TALKS) as server:
        async with resumable(server) as client:
            await greeted(client)
        async with resumable(server, client.handle) as resumed:
            await answer_to(resumed)
        counts = [
            message.message["usageMetadata"]["promptTokenCount"]
            for session in (client, resumed)
            for message in session.received
            if message.kind == "turnComplete"
        ]
        assert counts[0] == 0
        assert counts[1] > len(said(GREETING)) / 48_000 * 25


@virtual_time
@pytest.mark.parametrize("handle", ["nobody's", "x" * 5000])
async def test_an_unknown_handle_is_refused(handle: str) -> None:
    async with live_server(TALKS) as server, connected(server) as client:
        await client.send({"setup": setup(sessionResumption={"handle": handle})})
        assert await client.closed() == (1008, "session not found")
        assert server.records[0].resumed is None


@virtual_time
async def test_a_handle_that_is_no_text_is_malformed() -> None:
    async with live_server(TALKS) as server, connected(server) as client:
        await client.send({"setup": setup(sessionResumption={"handle": 7})})
        code, reason = await client.closed()
        assert (code, reason) == (1007, "setup.sessionResumption.handle must be a string, not an integer")


@virtual_time
async def test_a_handle_is_good_for_two_hours() -> None:
    async with live_server(TALKS) as server:
        async with resumable(server) as client:
            await greeted(client)
        await asyncio.sleep(resumption.HANDLE_SECONDS - 60)
        async with resumable(server, client.handle) as resumed:
            assert await answer_to(resumed) == said(QUESTION)
        await asyncio.sleep(60)
        async with connected(server) as late:
            await late.send({"setup": setup(sessionResumption={"handle": client.handle})})
            assert (await late.closed())[0] == 1008


@virtual_time
async def test_of_many_handles_the_latest_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resumption, "MAX_HANDLES", 2)
    async with live_server(TALKS) as server:
        handles = []
        for _ in range(3):
            async with resumable(server) as client:
                handles.append(client.handle)
        async with resumable(server, handles[1]), connected(server) as late:
            await late.send({"setup": setup(sessionResumption={"handle": handles[0]})})
            assert (await late.closed())[0] == 1008


@virtual_time
async def test_a_session_keeps_its_scenario_though_another_one_was_set() -> None:
    async with live_server(TALKS) as server:
        async with resumable(server) as client:
            await greeted(client)
        async with live_server("model: [{on: caller_done, say: Another one.}]") as other:
            server.play(other._playing.scenario)
        async with resumable(server, client.handle) as resumed:
            assert await answer_to(resumed) == said(QUESTION)


# Functions ------------------------------------------------------------------------------------------


@virtual_time
async def test_while_functions_are_called_there_is_no_way_to_go_on_from() -> None:
    async with live_server(BOOKS) as server, resumable(server) as client:
        await greeted(client)
        before = client.handle
        await client.say("good morning")
        call = (await client.next("toolCall")).message["toolCall"]["functionCalls"][0]
        update = await client.next(RESUMPTION)
        assert update.message == {RESUMPTION: {"resumable": False}}
        assert client.handle == before
        response = {"id": call["id"], "name": "book", "response": {"result": "ok"}}
        await client.send({"toolResponse": {"functionResponses": [response]}})
        await client.next("turnComplete")
        await client.next(RESUMPTION)
        assert client.handle != before


@virtual_time
async def test_a_call_of_a_lost_connection_is_unknown_and_its_result_is_taken_as_text() -> None:
    async with live_server(BOOKS) as server:
        async with resumable(server) as client:
            await greeted(client)
            await client.say("good morning")
            call = (await client.next("toolCall")).message["toolCall"]["functionCalls"][0]
        async with resumable(server, client.handle) as resumed:
            response = {"id": call["id"], "name": "book", "response": {"result": "ok"}}
            await resumed.send({"toolResponse": {"functionResponses": [response]}})
            assert await resumed.text(RESULT.format("taken")) == said("I am sorry, that day is taken.")
            assert await answer_to(resumed) == said("Goodbye.")
            assert "toolCall" not in resumed.kinds()
        assert "unexpected_tool_response" in [event["event"] for event in server.records[1].events]


@virtual_time
async def test_a_result_goes_to_the_call_that_has_none_yet() -> None:
    twice = BOOKS.replace("    say: Goodbye.", "    call: {book: {}}\n  - on: tool_result\n    say: Twice.")
    async with live_server(twice) as server:
        async with resumable(server) as client:
            await greeted(client)
            await client.content(("model", "Let me see."), ("user", RESULT.format("ok")))
            assert await client.text(RESULT.format("ok")) == said("Twice.")
        async with resumable(server) as client:
            await greeted(client)
            assert await client.text(RESULT.format("ok")) == said("It is booked for you.")


@virtual_time
async def test_a_result_of_a_function_of_no_rule_gets_the_neutral_sentence() -> None:
    async with live_server(TALKS) as server, resumable(server) as client:
        await greeted(client)
        assert await client.text(RESULT.format("ok")) == said(NEUTRAL)


@virtual_time
async def test_a_function_that_still_runs_is_not_called_again() -> None:
    async with live_server(BOOKS) as server:
        async with resumable(server) as client:
            await greeted(client)
            await client.say("good morning")
            await client.next("toolCall")
        async with resumable(server, client.handle) as resumed:
            await resumed.content(("user", "good morning"), ("user", RUNNING))
            assert await resumed.text(RESULT.format("ok")) == said("It is booked for you.")
            assert await answer_to(resumed) == said("Goodbye.")
            assert "toolCall" not in resumed.kinds()


@virtual_time
@pytest.mark.parametrize(
    "history",
    [
        [("user", "good morning"), ("user", RESULT.format("ok"))],
        [("model", "Let me see."), ("user", RESULT.format("ok"))],
        [("model", "Let me see."), ("user", RESULT.format("ok")), ("model", "It is booked for you.")],
        [("model", "Let me see. It is booked for you."), ("user", RESULT.format("ok"))],
        [("model", "Let me see. It is booked for you.")],
    ],
)
async def test_a_result_in_the_history_is_known_and_not_spoken_of(history: list[tuple[str, str]]) -> None:
    again = BOOKS.replace("    say: Goodbye.", "    say: Again.\n    call: {book: {}}")
    async with live_server(again + "  - on: tool_result\n    say: Twice.") as server:
        async with resumable(server) as client:
            await greeted(client)
        async with resumable(server, client.handle) as resumed:
            await resumed.content(*history)
            await resumed.say("good morning")
            await resumed.next("toolCall")
            assert resumed.spoken() == said("Again.")


@virtual_time
async def test_ids_of_calls_are_not_used_again() -> None:
    ids = set()
    async with live_server(BOOKS) as server:
        for _ in range(2):
            async with resumable(server) as client:
                await client.say("good morning")
                call = (await client.next("toolCall")).message["toolCall"]["functionCalls"][0]
                ids.add(call["id"])
    assert len(ids) == 2


# What is owed --------------------------------------------------------------------------------------


@virtual_time
@pytest.mark.parametrize(
    ("heard", "rest"),
    [
        ("For which day would you like", "the appointment, Monday or Tuesday?"),
        ("day would you like", "the appointment, Monday or Tuesday?"),
        ("Riverside. For which day", "would you like the appointment, Monday or Tuesday?"),
        ("for which day would you like the appointment, Monday", "or Tuesday?"),
    ],
)
async def test_an_answer_that_was_cut_off_goes_on_after_the_words_heard(heard: str, rest: str) -> None:
    async with live_server(TALKS) as server, AsyncExitStack() as stack:
        client = await stack.enter_async_context(resumable(server))
        handle = await in_mid_answer(client)
        async with resumable(server, handle) as resumed:
            assert await resumed.text(HEARD_UP_TO.format(heard)) == said(rest)
            assert await answer_to(resumed) == said("Until Monday, then.")


@virtual_time
async def test_what_was_heard_to_the_end_is_not_gone_on_with() -> None:
    async with live_server(TALKS) as server, resumable(server) as client:
        await greeted(client)
        assert await client.text(HEARD_UP_TO.format("the dental practice of Riverside.")) == b""
        assert await client.text(HEARD_UP_TO.format("three green apples")) == b""
        assert await answer_to(client) == said(QUESTION)


@virtual_time
@pytest.mark.parametrize("text", [AGAIN, NO_ANSWER])
async def test_an_answer_of_which_nothing_was_heard_is_given_again(text: str) -> None:
    async with live_server(TALKS) as server, AsyncExitStack() as stack:
        client = await stack.enter_async_context(resumable(server))
        handle = await in_mid_answer(client)
        async with resumable(server, handle) as resumed:
            assert await resumed.text(text) == said(QUESTION)
            assert resumed.transcript("inputTranscription") == "", "it was sent before"
            assert await answer_to(resumed) == said("Until Monday, then.")


@virtual_time
async def test_a_caller_who_is_heard_again_gets_the_answer_that_was_cut_off() -> None:
    async with live_server(TALKS) as server, AsyncExitStack() as stack:
        client = await stack.enter_async_context(resumable(server))
        handle = await in_mid_answer(client)
        async with resumable(server, handle) as resumed:
            assert await answer_to(resumed) == said(QUESTION)
            assert await answer_to(resumed) == said("Until Monday, then.")


@virtual_time
async def test_a_greeting_that_was_cut_off_goes_on() -> None:
    async with live_server(TALKS) as server, AsyncExitStack() as stack:
        client = await stack.enter_async_context(resumable(server))
        await client.start()
        await client.next("modelTurn")
        client.socket.transport.abort()
        async with resumable(server, client.handle) as resumed:
            rest = await resumed.text(HEARD_UP_TO.format("Good morning, this"))
            assert rest == said("is the dental practice of Riverside.")
            assert await answer_to(resumed) == said(QUESTION)


@virtual_time
async def test_a_sentence_that_the_model_was_asked_to_say_goes_on_too() -> None:
    async with live_server(TALKS) as server, AsyncExitStack() as stack:
        client = await stack.enter_async_context(resumable(server))
        await greeted(client)
        line = 'Say this, and nothing else: "Are you still there, or shall I hang up?"'
        await client.send({"realtimeInput": {"text": line}})
        await client.next("modelTurn")
        client.socket.transport.abort()
        async with resumable(server, client.handle) as resumed:
            assert await resumed.text(HEARD_UP_TO.format("Are you still")) == said(
                "there, or shall I hang up?"
            )
            assert await answer_to(resumed) == said(QUESTION)


@virtual_time
async def test_after_a_cut_off_answer_that_calls_the_function_is_called_once() -> None:
    async with live_server(BOOKS) as server, AsyncExitStack() as stack:
        client = await stack.enter_async_context(resumable(server))
        handle = await in_mid_answer(client)
        async with resumable(server, handle) as resumed:
            await resumed.content(("model", "Let me"))
            await resumed.content(("user", HEARD_UP_TO.format("Let me")), complete=True)
            await resumed.next("toolCall")
            assert resumed.spoken() == said("see.")
            assert resumed.kinds().count("toolCall") == 1


@virtual_time
async def test_what_was_owed_and_is_told_as_said_is_owed_no_more_on_a_third_connection() -> None:
    async with live_server(TALKS) as server, AsyncExitStack() as stack:
        client = await stack.enter_async_context(resumable(server))
        handle = await in_mid_answer(client)
        async with resumable(server, handle) as second:
            await second.content(("model", QUESTION))
            await second.text('Say this, and nothing else: "One moment."')
            await second.next(RESUMPTION)
        async with resumable(server, second.handle) as third:
            assert await third.text(NO_ANSWER) == said("Until Monday, then.")


@virtual_time
async def test_what_is_owed_stays_so_when_the_next_connection_is_lost_too() -> None:
    async with live_server(TALKS) as server, AsyncExitStack() as stack:
        client = await stack.enter_async_context(resumable(server))
        handle = await in_mid_answer(client)
        async with resumable(server, handle) as second:
            pass
        for known in (handle, second.handle):
            async with resumable(server, known) as third:
                rest = await third.text(HEARD_UP_TO.format("For which day"))
                assert rest == said("would you like the appointment, Monday or Tuesday?")
