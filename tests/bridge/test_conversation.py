"""Calls as their callers hear them: greeting, barge-in, goodbye, and what the report says of it."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import numpy as np

from tests.phone import audible_ms, loud_ms, phone_system
from tests.virtual_time import virtual_time
from voiceagent import CallContext, CallReport, Line, VoiceAgent, tool
from voiceagent.report import BargeIn, EndReason, FirstAudio, TurnEnded
from voiceagent.sandbox.speech import speak

GREETING = "Riverside Dental, how can I help you?"
LONG = (
    "We are open on Monday, Tuesday, Wednesday, Thursday and Friday from eight in the morning to five in the"
    " afternoon, and on the first Saturday of every month from nine to noon, except in July and August."
)
GOODBYE = "You are welcome. Thank you for calling Riverside Dental, and goodbye."
RATE = 24000


class Reception(VoiceAgent):
    instruction = "You answer for Riverside Dental."

    def __init__(self) -> None:
        self.seen: list[Line] = []
        self.ended: list[CallReport] = []

    @tool
    async def opening_hours(self, call: CallContext) -> str:
        """When the practice is open."""
        return "every day"

    async def on_transcript(self, call: CallContext, line: Line) -> None:
        self.seen.append(line)

    async def on_end(self, report: CallReport) -> None:
        self.ended.append(report)


WHOLE_CALL = {
    "script": [
        {"wait": "agent_done"},
        {"say": "when are you open"},
        {"interrupt_after": 2.0},
        {"say": "oh, I see, thank you"},
        {"wait": "agent_done"},
    ],
    "model": [
        {"on": "start", "say": GREETING},
        {"on": "caller_done", "heard": "when are you open", "call": {"opening_hours": {}}},
        {"on": "tool_result", "say": LONG},
        {"on": "caller_done", "heard": "oh, I see, thank you", "say": GOODBYE, "call": {"end_call": {}}},
    ],
}


@virtual_time
async def test_a_whole_call(tmp_path: Path) -> None:
    agent = Reception()
    async with phone_system(agent, WHOLE_CALL, reports=tmp_path) as phone:
        call, report = await phone.call()
        heard = call.leg("caller").heard()

    assert report.ended is EndReason.AGENT_HUNG_UP
    assert [use.name for use in report.tools] == ["opening_hours", "end_call"]
    assert all(use.ok for use in report.tools)
    assert call.snapshot()["violations"] == []

    greeting, long, goodbye = loud_ms(heard, RATE)
    assert abs((greeting[1] - greeting[0]) - audible_ms(GREETING)) <= 40
    assert 2000 <= long[1] - long[0] < 4500, (
        "the long answer was cut after two seconds and the caller's words"
    )
    assert abs((goodbye[1] - goodbye[0]) - audible_ms(GOODBYE)) <= 40

    (barge_in,) = phone.seen(BargeIn)
    assert barge_in.turn == 2
    second = next(turn for turn in phone.seen(TurnEnded) if turn.turn == 2)
    assert second.interrupted
    assert LONG.startswith(second.text)
    assert 0 < len(second.text) < len(LONG) / 2
    assert [line.text for line in report.transcript if line.who == "caller"] == [
        "when are you open",
        "oh, I see, thank you",
    ]
    assert report.transcript[0].text == GREETING
    assert report.transcript[-1].text == GOODBYE

    assert [line.text for line in agent.seen] == [line.text for line in report.transcript]
    assert agent.ended == [report]
    saved = json.loads((tmp_path / report.call_id / "report.json").read_text())
    assert saved["ended"] == "agent_hung_up"
    assert saved["transcript"][1]["text"] == "when are you open"


@virtual_time
async def test_the_recording_is_what_was_heard(tmp_path: Path) -> None:
    async with phone_system(Reception(), WHOLE_CALL, reports=tmp_path) as phone:
        call, report = await phone.call()
        heard = call.leg("caller").heard()
        (barge_in,) = phone.seen(BargeIn)
    with wave.open(str(tmp_path / report.call_id / "call.wav")) as file:
        assert file.getframerate() == RATE
        both = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2)
    caller, agent = both[:, 0].tobytes(), both[:, 1].tobytes()

    on_the_line = loud_ms(heard, RATE)
    recorded = loud_ms(agent, RATE)
    assert len(recorded) == len(on_the_line) == 3
    for there, here in zip(on_the_line, recorded, strict=True):
        assert abs((there[1] - there[0]) - (here[1] - here[0])) <= 40
        assert abs(there[0] - here[0]) <= 200

    # After the barge-in the agent is silent, and stays so until its next answer.
    answered_ms = report.answered_ms or 0.0
    cut = recorded[1][1]
    assert abs(cut - (barge_in.at_ms - answered_ms)) < 200
    silent = np.frombuffer(agent, dtype="<i2")[cut * RATE // 1000 : recorded[2][0] * RATE // 1000]
    assert np.abs(silent).max() <= 200

    # The goodbye is there to its last word.
    goodbye = np.frombuffer(speak(GOODBYE, sample_rate=RATE), dtype="<i2").astype(float)
    spoken = np.flatnonzero(np.abs(goodbye) > 200)
    last_words = goodbye[spoken[-1] - RATE * 3 // 10 : spoken[-1]]
    tail = np.frombuffer(agent, dtype="<i2").astype(float)[-RATE * 2 :]
    match = np.correlate(tail, last_words, mode="valid").max() / np.dot(last_words, last_words)
    assert match > 0.95

    assert len(loud_ms(caller, RATE)) == 2


@virtual_time
async def test_latency_counts_from_the_end_of_the_callers_speech() -> None:
    async with phone_system(Reception(), WHOLE_CALL) as phone:
        _, report = await phone.call()
        first = phone.seen(FirstAudio)
    assert first[0].latency_ms is None, "nobody asked for the greeting"
    assert len(report.latencies_ms) == 2
    # The live server waits for about half a second of silence, and then answers at once.
    assert all(300 < latency < 1200 for latency in report.latencies_ms)


@virtual_time
async def test_an_8_khz_call_is_heard_as_well() -> None:
    async with phone_system(Reception(), WHOLE_CALL, sample_rate=8000) as phone:
        call, report = await phone.call()
        heard = call.leg("caller").heard()
    assert report.ended is EndReason.AGENT_HUNG_UP
    assert call.sample_rate == 8000
    greeting, _, goodbye = loud_ms(heard, 8000)
    assert abs((greeting[1] - greeting[0]) - audible_ms(GREETING)) <= 40
    assert abs((goodbye[1] - goodbye[0]) - audible_ms(GOODBYE)) <= 40


@virtual_time
async def test_an_answer_longer_than_the_lines_buffer_is_heard_whole() -> None:
    endless = " ".join([LONG] * 6)
    scenario = {
        "script": [{"wait": "agent_done"}, "hangup"],
        "model": [{"on": "start", "say": endless}],
    }
    async with phone_system(Reception(), scenario) as phone:
        call, report = await phone.call(300)
        heard = call.leg("caller").heard()
    spans = loud_ms(heard, RATE)
    assert audible_ms(endless) > 60_000
    assert abs((spans[-1][1] - spans[0][0]) - audible_ms(endless)) <= 40
    assert report.ended is EndReason.CALLER_HUNG_UP
    assert not report.turns[0].interrupted


@virtual_time
async def test_an_early_hangup_ends_everything_and_is_reported(tmp_path: Path) -> None:
    scenario = {"script": [{"wait": 0.5}, "hangup"], "model": [{"on": "start", "say": LONG}]}
    agent = Reception()
    async with phone_system(agent, scenario, reports=tmp_path) as phone:
        _, report = await phone.call()
        assert phone.service.active_calls == 0
    assert report.ended is EndReason.CALLER_HUNG_UP
    assert agent.ended == [report]
    assert report.transcript[0].text != LONG, "what was not heard is not in the transcript"
    assert (tmp_path / report.call_id / "call.wav").exists()
