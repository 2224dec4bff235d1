"""Scripted callers on a real leg: the test is the exchange, and moves the audio every 20 ms."""

from __future__ import annotations

import asyncio
import logging
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.virtual_time import virtual_time
from voiceagent.sandbox.caller import AGENT_DONE_SECONDS, play
from voiceagent.sandbox.leg import TICK_SECONDS, Leg, LegState
from voiceagent.sandbox.scenario import parse_script
from voiceagent.sandbox.speech import speak

RATE = 8000
TICK_BYTES = int(2 * RATE * TICK_SECONDS)


class Line:
    """The far end of a leg: plays what the agent says, and writes down when the caller is heard."""

    def __init__(self, leg: Leg) -> None:
        self.leg = leg
        self.agent = bytearray()
        self.caller = bytearray()
        self.began = asyncio.get_running_loop().time()
        self.ended: float | None = None

    async def run(self) -> None:
        while self.leg.state is LegState.UP:
            chunk = bytes(self.agent[:TICK_BYTES]).ljust(TICK_BYTES, b"\0")
            del self.agent[:TICK_BYTES]
            self.leg.hear(chunk)
            self.caller += self.leg.speak(TICK_BYTES) or bytes(TICK_BYTES)
            await asyncio.sleep(TICK_SECONDS)
        self.ended = self.now()

    def now(self) -> float:
        return asyncio.get_running_loop().time() - self.began

    def starts(self) -> list[float]:
        """Seconds at which the caller begins to speak after at least half a second of digital silence."""
        loud = np.frombuffer(bytes(self.caller), dtype=np.int16) != 0
        ticks = loud.reshape(-1, TICK_BYTES // 2).any(axis=1)
        starts = []
        quiet = 25
        for index, tick in enumerate(ticks):
            if tick and quiet >= 25:
                starts.append(index * TICK_SECONDS)
            quiet = 0 if tick else quiet + 1
        return starts


def agent_speech(seconds: float) -> bytes:
    """A steady sound of the agent."""
    samples = (8000 * np.sin(np.arange(int(RATE * seconds)) * 0.3)).astype(np.int16)
    return bytes(samples.tobytes())


@asynccontextmanager
async def call(*steps: Any) -> AsyncIterator[Line]:
    leg = Leg("+15550100", sample_rate=RATE)
    line = Line(leg)
    async with asyncio.timeout(300), asyncio.TaskGroup() as tasks:
        caller = tasks.create_task(play(parse_script(list(steps)), leg))
        leg.ring()
        leg.pick_up()
        tasks.create_task(line.run())
        yield line
        await caller
        leg.end()


@virtual_time
async def test_the_caller_waits_until_the_agent_has_spoken_and_stopped() -> None:
    async with call({"wait": "agent_done"}, {"say": "hello"}) as line:
        await asyncio.sleep(3)
        # A pause between two words is no end.
        line.agent += agent_speech(1) + bytes(2 * RATE // 2) + agent_speech(1)
    assert line.starts() == [pytest.approx(3 + 2.5 + AGENT_DONE_SECONDS, abs=0.06)]
    said = speak("hello", sample_rate=RATE, voice="en-GB")
    assert bytes(line.caller).strip(b"\0") in said


@virtual_time
async def test_each_wait_takes_speech_that_came_after_the_callers_last_line() -> None:
    steps = [{"wait": "agent_done"}, {"say": "one"}, {"wait": "agent_done"}, {"say": "two"}]
    async with call(*steps) as line:
        line.agent += agent_speech(1)
        await asyncio.sleep(10)
        assert len(line.starts()) == 1
        line.agent += agent_speech(2)
        spoke = line.now()
    assert line.starts()[1] == pytest.approx(spoke + 2 + AGENT_DONE_SECONDS, abs=0.06)


@virtual_time
async def test_the_caller_barges_in_after_so_much_agent_speech() -> None:
    steps = [{"wait": "agent_done"}, {"say": "one"}, {"interrupt_after": 1.2}, {"say": "wait"}, "hangup"]
    async with call(*steps) as line:
        line.agent += agent_speech(2)
        await asyncio.sleep(5)
        line.agent += agent_speech(10)
        spoke = line.now()
        await line.leg.ended()
    assert line.starts()[1] == pytest.approx(spoke + 1.2, abs=0.06)
    assert line.ended is not None
    length = len(speak("wait", sample_rate=RATE, voice="en-GB")) / (2 * RATE)
    assert line.ended == pytest.approx(line.starts()[1] + length, abs=0.15), "hangs up when the line is said"


@virtual_time
async def test_a_wait_in_seconds_is_a_pause() -> None:
    async with call({"wait": 4}, {"say": "hello"}) as line:
        pass
    assert line.starts() == [pytest.approx(4, abs=0.06)]


@virtual_time
async def test_a_silent_agent_is_hung_up_on_after_thirty_seconds(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        async with call({"wait": "agent_done"}, {"say": "never said"}) as line:
            await line.leg.ended()
    assert line.ended == pytest.approx(30, abs=0.1)
    assert line.starts() == []
    assert "nothing was heard for 30 s" in caplog.text
    assert "555" not in caplog.text


@virtual_time
@pytest.mark.parametrize("step", [{"wait": "agent_done"}, {"wait": 60}, {"say": "a very long story " * 20}])
async def test_a_call_that_ends_ends_the_script_quietly(step: Any) -> None:
    async with call(step, {"say": "never said"}) as line:
        await asyncio.sleep(2)
        line.leg.end()
    assert line.now() < 3


@virtual_time
async def test_a_leg_that_never_comes_up_plays_nothing() -> None:
    leg = Leg("+15550100", sample_rate=RATE)
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        tasks.create_task(play(parse_script([{"say": "hello"}]), leg))
        await asyncio.sleep(1)
        leg.end()


@virtual_time
async def test_a_recording_is_played_at_the_rate_of_the_line(tmp_path: Path) -> None:
    path = tmp_path / "tone.wav"
    tone = (8000 * np.sin(np.arange(16_000) * 2 * np.pi * 440 / 16_000)).astype(np.int16)
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, 16_000, 0, "NONE", ""))
        file.writeframes(np.repeat(tone, 2).tobytes())
    async with call({"play": str(path)}) as line:
        pass
    heard = np.frombuffer(bytes(line.caller), dtype=np.int16)
    spectrum = np.abs(np.fft.rfft(heard[:RATE]))
    assert int(np.argmax(spectrum)) == 440
    assert np.count_nonzero(np.abs(heard) > 500) == pytest.approx(0.96 * RATE, rel=0.04)


@virtual_time
async def test_keys_are_tones_of_100_ms_with_pauses_of_100_ms() -> None:
    async with call({"wait": 1}, {"dtmf": "1#D"}, {"say": "hello"}) as line:
        pass
    samples = np.frombuffer(bytes(line.caller), dtype=np.int16)
    begin = round(line.starts()[0] * RATE)
    tenth = RATE // 10
    for number, tones in enumerate([(697, 1209), (941, 1477), (941, 1633)]):
        pressed = samples[begin + 2 * number * tenth :][:tenth]
        # Bins of 1 Hz.
        spectrum = np.abs(np.fft.rfft(pressed, RATE))
        low, high = int(np.argmax(spectrum[:1075])), 1075 + int(np.argmax(spectrum[1075:]))
        assert [low, high] == pytest.approx(tones, abs=2)
        assert not samples[begin + (2 * number + 1) * tenth :][:tenth].any()
    assert samples[begin + 6 * tenth :].any(), "then they go on"
