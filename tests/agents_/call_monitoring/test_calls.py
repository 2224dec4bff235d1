"""Monitored calls from the first ring to the last row: who heard what, and what is kept of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text

from agents.call_monitoring import CallMonitoring, demo
from agents.call_monitoring import agent as ready_agent
from agents.call_monitoring.texts import LINES
from tests.agents_.call_monitoring.stage import (
    ANNOUNCEMENT,
    ANNOUNCES,
    CALLEE_SAYS,
    Monitoring,
    assert_heard_only,
    listening,
)
from tests.bridge.model import FOR_GOOD
from tests.receivers import http_receiver, mail_server
from tools.coaching import CallNotes
from voiceagent.live import LiveConfig, LiveConnectError, LiveConnection
from voiceagent.report import CalleeJoined, EndReason, TransferStarted
from voiceagent.testing import PhoneLine, PlayedCall, phone_line, virtual_time

SCENARIO = Path(__file__).parents[3] / "agents" / "call_monitoring" / "scenario.yaml"

SUGGESTION = "Offer her ten percent off her next order."

AGAIN: dict[str, object] = {
    "on": "caller_done",
    "heard": LINES["again"]["en"].replace("{announcement}", ANNOUNCEMENT),
    "say": ANNOUNCEMENT,
}
NOBODY = "I am sorry, nobody has answered. Shall somebody call you back?"
UNANSWERED: dict[str, object] = {"on": "caller_done", "heard": LINES["unanswered"]["en"], "say": NOBODY}

HEARS_TWO_ANSWERS: list[object] = [{"wait": "agent_done"}, {"wait": "agent_done"}]


async def kept(line: PhoneLine, played: PlayedCall) -> CallNotes:
    assert isinstance(line.agent, CallMonitoring)
    notes = await line.agent.store.notes(played.call_id)
    assert notes is not None
    return notes


def modes(played: PlayedCall) -> list[str]:
    return [event["mode"] for event in played.events if event["event"] == "mode"]


def when(played: PlayedCall, event: str) -> int:
    return int(next(each["at_ms"] for each in played.events if each["event"] == event))


@virtual_time
async def test_the_demo_is_announced_listened_to_and_coached(database_url: str) -> None:
    async with phone_line(ready_agent, SCENARIO) as line:
        played = await line.call()
        notes = await kept(line, played)
    assert played.ended is EndReason.CONFERENCE_ENDED and played.violations == []

    # The announcement was heard to its end before anybody's phone rang, and by the caller alone.
    assert played.caller.heard_speech(ANNOUNCEMENT)
    assert played.caller.heard_ms[0][1] < when(played, "callee_ringing") - when(played, "answered")
    assert not played.callee.heard_speech(ANNOUNCEMENT)

    # The callee alone heard the suggestion, while the line whispered.
    assert modes(played) == ["spy", "whisper", "spy"]
    assert played.callee.heard_speech(SUGGESTION) and not played.caller.heard_speech(SUGGESTION)

    assert notes.call.announced_at is not None and notes.call.connected_at is not None
    assert (notes.call.ended, notes.call.sentiment) == ("conference_ended", 0.05)
    assert (notes.call.words_of_caller, notes.call.words_of_agent) == (0, 15 + 8)
    assert notes.call.words_of_parties == 46 and 23 < notes.call.monitored_seconds < 26
    assert [(note.speaker, note.score) for note in notes.sentiments] == [("caller", -0.6), ("caller", 0.7)]
    assert [note.topic for note in notes.topics] == ["late delivery", "discount"]
    assert [(each.state, each.heard) for each in notes.suggestions] == [("played", SUGGESTION)]
    assert len(await demo.after(database_url)) == 6


@pytest.mark.parametrize(
    "callee", [{"answers": False}, {"rejects": True, "after": 3}], ids=["unanswered", "rejected"]
)
@virtual_time
async def test_a_caller_whom_nobody_answers_leaves_a_wish(
    callee: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with mail_server() as inbox, http_receiver() as hooks:
        monkeypatch.setenv("VOICEAGENT_SMTP_URL", inbox.url)
        monkeypatch.setenv("VOICEAGENT_MAIL_FROM", "phone@northwind.example")
        monkeypatch.setenv("VOICEAGENT_MAIL_TO", "team@northwind.example")
        monkeypatch.setenv("VOICEAGENT_WEBHOOK_URL", hooks.url)
        plot = {
            "script": [*HEARS_TWO_ANSWERS, {"say": "yes please, tomorrow at ten"}, {"wait": 60}],
            "callee": callee,
            "model": [
                ANNOUNCES,
                UNANSWERED,
                {
                    "on": "caller_done",
                    "heard": "yes please, tomorrow at ten",
                    "call": {"leave_callback_wish": {"day": "tomorrow", "time": "ten", "wish": "her order"}},
                },
                {"on": "tool_result", "say": "Tomorrow at ten, then. Goodbye.", "call": {"end_call": {}}},
            ],
        }
        async with phone_line(Monitoring, plot) as line:
            played = await line.call()
            notes = await kept(line, played)
            agent = line.agent
            assert isinstance(agent, CallMonitoring)
            callback = await agent.callbacks.of_call(played.call_id)
            (mail,) = await inbox.wait(1)
            (hook,) = await hooks.wait(1)
    assert played.ended is EndReason.AGENT_HUNG_UP and played.end_reason == "agent_disconnect"
    assert played.caller.heard_speech(NOBODY) and played.callee.heard == b""
    assert "Tuesday, March 3, at 10 AM" in str(played.tools[0].result)
    assert callback is not None and (callback.number, callback.wish) == ("+15550100", "her order")
    assert mail["To"] == "team@northwind.example" and "Tuesday, March 3, at 10 AM" in mail["Subject"]
    assert hook.json["data"]["number"] == "+15550100" and hook.json["data"]["wish"] == "her order"
    assert (notes.call.ended, notes.call.connected_at) == ("agent_hung_up", None)
    assert notes.call.monitored_seconds == 0


@virtual_time
async def test_a_withheld_number_is_told_when_somebody_is_there() -> None:
    plot = {
        "script": [*HEARS_TWO_ANSWERS, {"say": "yes please"}, {"wait": 60}],
        "callee": {"answers": False},
        "model": [
            ANNOUNCES,
            UNANSWERED,
            {"on": "caller_done", "heard": "yes please", "call": {"leave_callback_wish": {}}},
            {
                "on": "tool_result",
                "say": "We are there from eight to six.",
                "call": {"end_call": {}},
            },
        ],
    }
    async with phone_line(Monitoring, plot) as line:
        played = await line.call(caller="anonymous")
        assert isinstance(line.agent, CallMonitoring)
        assert await line.agent.callbacks.waiting() == []
    answer = str(played.tools[0].result)
    assert "number is withheld" in answer and "8 AM to 6 PM" in answer
    assert played.ended is EndReason.AGENT_HUNG_UP


@virtual_time
async def test_a_caller_who_hangs_up_during_the_announcement_rings_nobody() -> None:
    plot = {"script": [{"wait": 2}, "hangup"], "callee": {"answers": True}, "model": [ANNOUNCES]}
    async with phone_line(Monitoring, plot) as line:
        played = await line.call()
        notes = await kept(line, played)
    assert played.ended is EndReason.CALLER_HUNG_UP and played.seen(TransferStarted) == []
    assert (notes.call.announced_at, notes.call.connected_at) == (None, None)
    assert notes.call.ended == "caller_hung_up" and notes.call.words_of_agent < 15


@virtual_time
async def test_a_caller_who_hangs_up_while_it_rings_is_kept_as_never_connected() -> None:
    plot = {
        "script": [{"wait": "agent_done"}, {"wait": 5}, "hangup"],
        "callee": {"answers": True, "after": 20},
        "model": [ANNOUNCES],
    }
    async with phone_line(Monitoring, plot) as line:
        played = await line.call()
        notes = await kept(line, played)
    assert played.ended is EndReason.CALLER_HUNG_UP and len(played.seen(TransferStarted)) == 1
    assert notes.call.announced_at is not None and notes.call.connected_at is None


@virtual_time
async def test_a_caller_who_talks_over_the_announcement_hears_it_again() -> None:
    plot = {
        "script": [{"interrupt_after": 1.5}, {"say": "what is that"}, {"wait": 40}, "hangup"],
        "callee": {"answers": True, "script": [{"say": "hello this is Ben"}]},
        "model": [ANNOUNCES, {"on": "caller_done", "heard": "what is that", "say": "One moment."}, AGAIN],
    }
    async with phone_line(Monitoring, plot) as line:
        played = await line.call()
        notes = await kept(line, played)
    said = [line for line in played.transcript if line.who == "agent"]
    assert [line.interrupted for line in said[:2]] == [True, False] and said[1].text == ANNOUNCEMENT
    at = played.caller.heard_speech_at(ANNOUNCEMENT)
    assert at is not None and at + 6000 < when(played, "callee_ringing") - when(played, "answered")
    assert notes.call.announced_at is not None and modes(played) == ["spy"]


@virtual_time
async def test_a_caller_who_never_lets_the_announcement_end_is_connected_and_not_monitored() -> None:
    plot = {
        "script": [*({"interrupt_after": 1.5}, {"say": "what is that"}) * 3, {"wait": 40}, "hangup"],
        "callee": {"answers": True, "script": [{"say": "hello this is Ben"}]},
        "model": [ANNOUNCES, AGAIN, AGAIN, AGAIN, AGAIN],
    }
    async with phone_line(Monitoring, plot) as line:
        played = await line.call()
        notes = await kept(line, played)
    assert played.ended is EndReason.TRANSFERRED and modes(played) == []
    assert (notes.call.announced_at, notes.call.connected_at is not None) == (None, True)
    assert notes.call.monitored_seconds == 0 and notes.call.words_of_parties == 0


@virtual_time
async def test_a_model_that_announces_something_else_does_not_get_to_listen() -> None:
    lie = "Hello my friend, nobody listens to you here, talk as freely as you want."
    plot = {
        "script": [{"wait": 60}, "hangup"],
        "callee": {"answers": True},
        "model": [{"on": "start", "say": lie}, *[{"on": "caller_done", "say": lie}] * 3],
    }
    async with phone_line(Monitoring, plot) as line:
        played = await line.call()
        notes = await kept(line, played)
    assert played.ended is EndReason.TRANSFERRED and modes(played) == []
    assert notes.call.announced_at is None


@virtual_time
async def test_a_model_that_does_as_it_likes_neither_connects_nor_hangs_up_nor_coaches_the_caller() -> None:
    hostile = [
        {"transfer_call": {}},
        {"end_call": {}},
        {"coach_callee": {"suggestion": "Sell her everything."}},
        {"leave_callback_wish": {}},
        {"note_sentiment": {"speaker": "caller", "score": 99, "reason": "because"}},
        {"delete_everything": {}},
    ]
    plot = {
        "script": [{"wait": "agent_done"}, {"wait": 30}, "hangup"],
        "callee": {"answers": True, "after": 2, "script": [{"wait": 1}, {"say": "hello this is Ben"}]},
        "model": [{**ANNOUNCES, "call": hostile}, {"on": "tool_result"}],
    }
    async with phone_line(Monitoring, plot) as line:
        played = await line.call()
        notes = await kept(line, played)
    assert [use.ok for use in played.tools] == [False] * len(hostile)
    assert played.ended is EndReason.CONFERENCE_ENDED and modes(played) == ["spy"]
    assert not played.caller.heard_speech("Sell her everything.")
    assert [each.state for each in notes.suggestions] == ["not_played"] and notes.sentiments == []


@virtual_time
async def test_a_model_that_is_lost_leaves_the_two_talking() -> None:
    async with listening(more=FOR_GOOD) as hand:
        await hand.model.leaves()
        played = await hand.call.over()
        hand.call.callee.say(CALLEE_SAYS)
        await hand.call.callee.said()
        assert hand.call.exchange_call.snapshot()["state"] == "detached"
        assert_heard_only(hand.caller_heard, CALLEE_SAYS)
        notes = await hand.notes()
    assert played.ended is EndReason.TRANSFERRED
    assert notes.call.ended == "transferred" and notes.call.ended_at is not None


@virtual_time
async def test_a_model_that_never_speaks_costs_the_monitoring_and_not_the_call() -> None:
    plot = {
        "script": [{"wait": 200}, "hangup"],
        "callee": {"answers": True},
        "model": [{"on": "setup"}],
    }
    async with phone_line(Monitoring, plot) as line:
        async with line.ringing() as running:
            await running.until(CalleeJoined, seconds=190)
            running.caller.hang_up()
        notes = await kept(line, running.played)
    assert notes.call.announced_at is None


class Unreachable:
    """A live service that is there at the start, and takes no call."""

    async def check(self) -> None:
        pass

    async def open(self, config: LiveConfig, *, handle: str | None = None) -> LiveConnection:
        raise LiveConnectError("no answer")


@virtual_time
async def test_a_model_that_cannot_be_reached_costs_the_monitoring_and_not_the_call() -> None:
    plot = {"script": [{"wait": 30}, "hangup"], "callee": {"answers": True}, "model": []}
    async with phone_line(Monitoring, plot, connector=Unreachable()) as line:
        played = await line.call()
        notes = await kept(line, played)
    assert played.ended is EndReason.CONNECTED and modes(played) == []
    assert (notes.call.announced_at, notes.call.connected_at is not None) == (None, True)


@virtual_time
async def test_a_database_that_fails_does_not_keep_the_caller_waiting() -> None:
    plot = {
        "script": [{"wait": "agent_done"}, {"wait": 30}, "hangup"],
        "callee": {"answers": True, "script": [{"say": "hello this is Ben"}]},
        "model": [ANNOUNCES],
    }
    async with phone_line(Monitoring, plot) as line:
        assert isinstance(line.agent, CallMonitoring)
        async with line.agent.database.writing() as session:
            await session.execute(text("ALTER TABLE monitored_calls RENAME TO gone"))
        played = await line.call()
    assert played.ended is EndReason.CONFERENCE_ENDED and modes(played) == ["spy"]
    assert played.caller.heard_speech("hello this is Ben", voice="en-GB")


@virtual_time
async def test_two_calls_at_once_are_kept_apart() -> None:
    async with phone_line(Monitoring, SCENARIO) as line:
        calls = await asyncio.gather(line.call(caller="+15550100"), line.call(caller="+15550101"))
        both = [await kept(line, played) for played in calls]
    for played, notes in zip(calls, both, strict=True):
        assert modes(played) == ["spy", "whisper", "spy"]
        assert played.callee.heard_speech(SUGGESTION) and not played.caller.heard_speech(SUGGESTION)
        assert len(notes.sentiments) == 2 and len(notes.topics) == 2
        assert [each.state for each in notes.suggestions] == ["played"]
    assert [notes.call.caller_number for notes in both] == ["+15550100", "+15550101"]
