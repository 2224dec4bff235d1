"""A scripted person on the telephone: waits for the other side, speaks, barges in, hangs up.

They know of the other side (the agent, and once connected the other party too) only what their leg hears, as
a person does, and their ear is simple: sound is speech, unless it is the ringing tone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import numpy as np

from voiceagent.sandbox.leg import BYTES_PER_SAMPLE, Leg, LegState
from voiceagent.sandbox.recording import read_recording
from voiceagent.sandbox.ringing import is_ringing
from voiceagent.sandbox.scenario import HangUp, InterruptAfter, Pause, Play, Say, Script, Step, WaitForAgent
from voiceagent.sandbox.script import PressKeys
from voiceagent.sandbox.speech import speak
from voiceagent.sandbox.tones import key_tones

logger = logging.getLogger(__name__)

AGENT_DONE_SECONDS = 1.0
"""The agent has stopped when it has been quiet for so long."""

PATIENCE_SECONDS = 30.0
"""A caller who waits for the agent hangs up after so much silence."""

LOUD_RMS = 150.0
"""Sound from this RMS of s16 samples on (-47 dBFS) is the agent speaking."""


class _AgentSilent(Exception):
    """The agent has said nothing for :data:`PATIENCE_SECONDS`."""


async def play(script: Script, leg: Leg, on_step: Callable[[Step], None] | None = None) -> None:
    """Do what the script says, from the moment the leg is up until the script or the call is over.

    Speech is spoken at the leg's sample rate. A script without ``hangup`` stays on the line. ``on_step`` is
    told of each step as it begins.

    Raises:
        RecordingError: a recording of the script cannot be played.
        ImportError: the extra ``sandbox`` is not installed.
    """
    await leg.answered()
    if leg.state is LegState.ENDED:
        return
    async with asyncio.TaskGroup() as tasks:
        performance = tasks.create_task(_perform(script, leg, on_step))
        call = tasks.create_task(leg.ended())
        await asyncio.wait((performance, call), return_when=asyncio.FIRST_COMPLETED)
        performance.cancel()
        call.cancel()


async def _perform(script: Script, leg: Leg, on_step: Callable[[Step], None] | None) -> None:
    ear = _Ear(leg.sample_rate)
    stop_listening = leg.listen(ear.hear)
    try:
        # Rendered ahead, so that barging in is a matter of the clock only.
        lines = await asyncio.to_thread(_render, script, leg.sample_rate)
        for number, step in enumerate(script.steps):
            if leg.state is LegState.ENDED:
                return
            if on_step is not None:
                on_step(step)
            await _take(step, lines.get(number, b""), leg, ear)
    except _AgentSilent:
        logger.warning("nothing was heard for %g s: the scripted party hangs up", PATIENCE_SECONDS)
        leg.hang_up()
    finally:
        stop_listening()


async def _take(step: Step, line: bytes, leg: Leg, ear: _Ear) -> None:
    match step:
        case WaitForAgent():
            await ear.until(lambda: ear.spoken > 0 and ear.quiet >= AGENT_DONE_SECONDS)
            ear.forget()
        case Pause(seconds):
            await asyncio.sleep(seconds)
        case InterruptAfter(seconds):
            await ear.until(lambda: ear.spoken > 0 and ear.spoken >= seconds)
        case Say() | Play() | PressKeys():
            leg.say(line)
            await leg.said()
            ear.forget()
        case HangUp():
            leg.hang_up()


def _render(script: Script, sample_rate: int) -> dict[int, bytes]:
    lines = {}
    for number, step in enumerate(script.steps):
        match step:
            case Say(text, voice, speed, pitch):
                lines[number] = speak(text, sample_rate=sample_rate, voice=voice, pitch=pitch, speed=speed)
            case Play(path):
                lines[number] = read_recording(path, sample_rate)
            case PressKeys(keys):
                lines[number] = key_tones(keys, sample_rate)
            case _:
                pass
    return lines


class _Ear:
    """Follows the agent's speech on a leg.

    Attributes:
        spoken: Seconds of agent speech, with its short pauses, since :meth:`forget`.
        quiet: Seconds since the agent was last heard, or since :meth:`forget`.
        waited: Seconds since anything was heard, the ringing tone included: who hears it ring, waits.
    """

    def __init__(self, sample_rate: int) -> None:
        self.spoken = 0.0
        self.quiet = 0.0
        self.waited = 0.0
        self._sample_rate = sample_rate
        self._seconds_per_byte = 1 / (BYTES_PER_SAMPLE * sample_rate)
        self._expected: Callable[[], bool] | None = None
        self._met: asyncio.Future[None] | None = None

    def forget(self) -> None:
        """What was heard so far is done with: only what comes now counts."""
        self.spoken = 0.0
        self.quiet = 0.0
        self.waited = 0.0

    async def until(self, expected: Callable[[], bool]) -> None:
        """Return as soon as ``expected`` holds, looked at with every chunk that is heard.

        Raises:
            _AgentSilent: the agent says nothing for too long.
        """
        if expected():
            return
        self._expected = expected
        self._met = asyncio.get_running_loop().create_future()
        try:
            await self._met
        finally:
            self._expected = self._met = None

    def hear(self, pcm: bytes) -> None:
        """Take what the leg hears, about 20 ms at a time."""
        seconds = len(pcm) * self._seconds_per_byte
        loud = _rms(pcm) >= LOUD_RMS
        self.waited = 0.0 if loud else self.waited + seconds
        if loud and not is_ringing(pcm, self._sample_rate):
            # A pause between words belongs to the speech, a pause between sentences does not.
            pause = self.quiet if self.spoken and self.quiet < AGENT_DONE_SECONDS else 0.0
            self.spoken += pause + seconds
            self.quiet = 0.0
        else:
            self.quiet += seconds
        if self._met is None or self._met.done():
            return
        if self._expected is not None and self._expected():
            self._met.set_result(None)
        elif self.waited >= PATIENCE_SECONDS:
            self._met.set_exception(_AgentSilent())


def _rms(pcm: bytes) -> float:
    samples = np.frombuffer(pcm, dtype=np.int16).astype(np.float32)
    return float(np.sqrt(np.dot(samples, samples) / len(samples))) if len(samples) else 0.0
