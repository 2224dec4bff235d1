"""Connections end, conversations do not: what both sides hear when the live service breaks or leaves."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tests.bridge.model import Listener
from tests.phone import Phone, audible_ms, loud_ms, phone_system
from tests.virtual_time import virtual_time
from voiceagent import CallReport, VoiceAgent, tool
from voiceagent.report import EndReason, ModelReopened
from voiceagent.sandbox.exchange.call import ExchangeCall

GREETING = "Riverside Dental, how can I help you?"
HOURS = (
    "We are open on every weekday from eight in the morning to five in the afternoon, "
    "and on Saturdays from nine to noon."
)
WELCOME = "You are welcome."
CONVERSATION: dict[str, Any] = {
    "script": [
        {"wait": "agent_done"},
        {"say": "when are you open"},
        {"wait": "agent_done"},
        {"say": "thank you"},
        {"wait": "agent_done"},
        "hangup",
    ],
    "model": [
        {"on": "start", "say": GREETING},
        {"on": "caller_done", "heard": "when are you open", "say": HOURS},
        {"on": "caller_done", "heard": "thank you", "say": WELCOME},
    ],
}
MID_ANSWER = 6.0
"""Seconds: the answer about the hours has begun at 5.1, and is generated until 6.8."""


class Agent(VoiceAgent):
    instruction = "You answer."
    idle_seconds = None


def plot(*faults: dict[str, object]) -> dict[str, Any]:
    return {**CONVERSATION, "faults": list(faults)}


def said(report: CallReport, who: str = "agent") -> str:
    return " ".join(line.text for line in report.transcript if line.who == who)


def spoken_ms(call: ExchangeCall) -> int:
    return sum(end - start for start, end in loud_ms(call.caller.heard()))


def assert_heard_all(call: ExchangeCall, report: CallReport, *, extra_ms: int = 400) -> None:
    """The caller has heard each sentence once, and the pauses between them were no longer than people's."""
    assert said(report) == f"{GREETING} {HOURS} {WELCOME}"
    expected = sum(audible_ms(text) for text in (GREETING, HOURS, WELCOME))
    assert spoken_ms(call) == pytest.approx(expected, abs=extra_ms), "nothing is cut off, nothing repeated"
    assert report.ended is EndReason.CALLER_HUNG_UP


@pytest.mark.parametrize(
    "fault",
    [{"close": 1000}, {"close": 1001}, {"drop": True}, {"close": 1007}, {"close": 1008}, {"close": 1011}],
    ids=str,
)
@virtual_time
async def test_an_answer_goes_on_after_its_connection_ended(fault: dict[str, object]) -> None:
    async with phone_system(Agent, plot({"at": MID_ANSWER, **fault, "session": 1})) as phone:
        call, report = await phone.call()
        (reopened,) = phone.seen(ModelReopened)
        told = list(phone.live.records[1].texts)
    assert_heard_all(call, report)
    assert reopened.gap_ms < 1000
    assert reopened.resumed is (fault != {"close": 1007}), "what the service refused is not brought back"
    (answer,) = [span for span in loud_ms(call.caller.heard(), pause_ms=1000) if span[1] - span[0] > 4000]
    assert answer[1] - answer[0] == pytest.approx(audible_ms(HOURS), abs=700), "one sentence, without a hole"
    assert "Go on from there" in told[0]


@virtual_time
async def test_a_connection_that_will_be_closed_is_left_between_two_turns() -> None:
    async with phone_system(Agent, plot({"at": 5.5, "go_away": "50s"})) as phone:
        call, report = await phone.call()
        first, second = phone.live.records
        (reopened,) = phone.seen(ModelReopened)
    assert_heard_all(call, report, extra_ms=100)
    assert (reopened.cause, reopened.gap_ms, reopened.resumed) == ("goAway", 0, True)
    turns = [event["at_ms"] for event in first.events if event["event"] == "turn_complete"]
    (closed,) = [event["at_ms"] for event in first.events if event["event"] == "closed"]
    assert 0 <= closed - turns[1] < 700, "as soon as the answer was over, and nobody spoke"
    assert (first.close_code, second.resumed) == (1000, first.session_id)
    assert list(second.texts) == [], "it knows everything by itself, and is not asked to greet"


@virtual_time
async def test_a_connection_that_closes_too_soon_is_left_in_mid_answer() -> None:
    async with phone_system(Agent, plot({"at": 5.3, "go_away": "1s"})) as phone:
        call, report = await phone.call()
        (reopened,) = phone.seen(ModelReopened)
    assert_heard_all(call, report)
    assert (reopened.cause, reopened.gap_ms) == ("goAway", 0)


@virtual_time
async def test_without_a_handle_the_model_is_told_what_the_caller_heard() -> None:
    faults = [{"at": 0, "no_handle": True}, {"at": MID_ANSWER, "drop": True, "session": 1}]
    async with phone_system(Agent, plot(*faults)) as phone:
        call, report = await phone.call()
        (reopened,) = phone.seen(ModelReopened)
        second = phone.live.records[1]
    assert_heard_all(call, report)
    assert not reopened.resumed
    assert [turn["role"] for turn in second.turns] == ["model", "user", "model", "user"]
    assert second.turns[0]["text"] == GREETING
    heard = second.turns[2]["text"]
    assert HOURS.startswith(heard)
    assert heard != HOURS, "only what was generated, and so lies on the line"


@virtual_time
async def test_a_question_is_answered_though_the_connection_broke_while_it_was_asked() -> None:
    async with phone_system(Agent, plot({"at": 4.5, "drop": True})) as phone:
        call, report = await phone.call()
    assert_heard_all(call, report, extra_ms=100)
    assert said(report, "caller") == "when are you open thank you"


@virtual_time
async def test_a_greeting_that_was_lost_is_asked_for_again() -> None:
    async with phone_system(Agent, plot({"at": 0.0, "drop": True, "session": 1})) as phone:
        call, report = await phone.call()
    assert_heard_all(call, report)


@virtual_time
async def test_a_service_that_is_down_for_three_seconds_is_waited_for() -> None:
    faults = [{"at": 4.5, "drop": True}, {"refuse": 503, "session": 2, "times": 4}]
    async with phone_system(Agent, plot(*faults)) as phone:
        call, report = await phone.call()
        (reopened,) = phone.seen(ModelReopened)
    assert 1500 < reopened.gap_ms < 4000
    assert said(report, "caller") == "when are you open thank you", "what was asked meanwhile was kept"
    assert_heard_all(call, report)


@virtual_time
async def test_a_caller_is_put_through_when_the_service_stays_away() -> None:
    faults = [{"at": MID_ANSWER, "drop": True}, {"refuse": 503, "session": 2, "times": 100}]
    async with phone_system(Agent, plot(*faults)) as phone:
        call, report = await phone.call()
        snapshot = call.snapshot()
        assert phone.live.refused > 5
    assert report.ended is EndReason.CONNECTED
    assert snapshot["state"] == "detached", "caller and callee talk, the agent has left"
    (left,) = [event["at_ms"] for event in snapshot["events"] if event["event"] == "detached"]
    assert left - 1000 * MID_ANSWER < 12_000


class Booking(VoiceAgent):
    instruction = "You book."

    def __init__(self) -> None:
        self.booked: list[str] = []

    @tool
    async def book(self, day: str) -> str:
        """Book a day."""
        self.booked.append(day)
        await asyncio.sleep(3)
        return "booked"


BOOKING: dict[str, Any] = {
    "script": [
        {"wait": "agent_done"},
        {"say": "please book tomorrow"},
        {"wait": 14},
        "hangup",
    ],
    "model": [
        {"on": "start", "say": GREETING},
        {"on": "caller_done", "heard": "please book tomorrow", "call": {"book": {"day": "tomorrow"}}},
        {"on": "tool_result", "say": "It is booked, see you tomorrow."},
    ],
}


@pytest.mark.parametrize(
    "faults",
    [
        [{"close_on_tool_call": 1008}],
        [{"close_on_tool_call": 1011}, {"refuse": 503, "session": 2, "times": 6}],
        [{"close_on_tool_call": 1008}, {"no_handle": True}],
    ],
    ids=["the result comes later", "the result comes into the gap", "the service has forgotten everything"],
)
@virtual_time
async def test_a_tool_whose_connection_ended_runs_once_and_its_result_is_told(
    faults: list[dict[str, object]],
) -> None:
    agent = Booking()
    async with phone_system(agent, {**BOOKING, "faults": faults}) as phone:
        call, report = await phone.call()
        told = [text for record in phone.live.records[1:] for text in record.texts]
    assert agent.booked == ["tomorrow"]
    assert said(report) == f"{GREETING} It is booked, see you tomorrow."
    assert spoken_ms(call) == pytest.approx(
        audible_ms(GREETING) + audible_ms("It is booked, see you tomorrow."), abs=200
    )
    assert any("The tool book that you called has this result:" in text for text in told)


def counted(seconds: float, amplitude: int) -> bytes:
    """A signal of which any piece of some samples is found at one place only."""
    noise = np.random.default_rng(5).integers(-amplitude, amplitude, int(16_000 * seconds))
    return noise.astype("<i2").tobytes()


async def play(phone: Phone, signal: bytes) -> list[bytes]:
    """Send a signal from the caller's leg; returns what each connection was sent."""
    call = phone.ring()
    await call.caller.answered()
    await asyncio.sleep(0.5)
    call.caller.say(signal)
    await call.caller.said()
    await asyncio.sleep(0.5)
    heard = [record.audio for record in phone.live.records]
    call.caller.hang_up()
    await phone.reports.get()
    return heard


@virtual_time
async def test_all_that_the_line_sends_arrives_once_and_in_order_while_the_connection_changes() -> None:
    signal = counted(6.0, amplitude=20)
    quiet = {"script": [], "model": [], "faults": [{"at": 2.0, "go_away": "50s"}]}
    async with phone_system(Listener, quiet, sample_rate=16_000) as phone:
        first, second = await play(phone, signal)
    assert (first + second).count(signal) == 1


@pytest.mark.parametrize("refused", [0, 5])
@virtual_time
async def test_nothing_of_the_caller_is_missing_after_a_drop(refused: int) -> None:
    signal = counted(9.0, amplitude=8000)
    faults: list[dict[str, object]] = [{"at": 3.0, "drop": True}]
    if refused:
        faults.append({"refuse": 503, "session": 2, "times": refused})
    plot = {"script": [], "model": [], "faults": faults}
    async with phone_system(Listener, plot, sample_rate=16_000) as phone:
        first, second = await play(phone, signal)
    begin = first.index(signal[:640])
    before = len(first) - begin
    assert 16_000 < before < len(signal) - 16_000
    assert first[begin:] == signal[:before], "in order"
    # The second connection hears it from some moment before the drop on, without a hole.
    again = second.index(signal[before : before + 640])
    start = max(0, again - before)
    assert second[start:].startswith(signal[before - (again - start) :]), "in order, to the end"
    assert again - start > 0, "also what was on its way when the connection broke"


@pytest.mark.timeout(400)
@virtual_time
async def test_a_long_call_goes_over_four_connections_and_remembers() -> None:
    minutes = 35
    lines = [("monday", "On Monday at nine."), ("tuesday", "On Tuesday at ten."), ("friday", "On Friday.")]
    script: list[object] = [{"wait": "agent_done"}]
    for heard, _ in lines:
        script += [{"wait": minutes * 60 / 4}, {"say": f"what about {heard}"}, {"wait": "agent_done"}]
    script += [{"wait": minutes * 60 / 4}, "hangup"]
    model: list[object] = [{"on": "start", "say": GREETING}]
    model += [{"on": "caller_done", "heard": f"what about {heard}", "say": say} for heard, say in lines]
    faults = [{"at": 540 * number, "go_away": "60s"} for number in (1, 2, 3)]
    long = {"script": script, "model": model, "faults": faults}
    async with phone_system(Agent, long, sample_rate=16_000) as phone:
        call, report = await phone.call(seconds=3600)
        records = phone.live.records
        reopened = phone.seen(ModelReopened)
    assert report.ended is EndReason.CALLER_HUNG_UP
    assert call.snapshot()["events"][-1]["at_ms"] > minutes * 60_000
    assert said(report) == " ".join([GREETING, *(say for _, say in lines)])
    assert [record.resumed for record in records[1:]] == [record.session_id for record in records[:-1]]
    assert len(records) == 4
    assert all(moment.gap_ms == 0 and moment.resumed for moment in reopened)
    # The exchange keeps the last 30 minutes of what a party heard: all but the greeting.
    spans = loud_ms(call.caller.heard(), 16_000, pause_ms=5000)
    assert len(spans) == 3
    assert all(later[0] - earlier[1] > 60_000 for earlier, later in pairwise(spans))
