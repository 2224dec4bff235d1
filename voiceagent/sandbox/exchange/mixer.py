"""Who hears whom in one call, one tick at a time.

Rule: bit-exact. What one party says alone reaches the others unchanged; only where two speak at once are
samples added, and clipped to 16 bits. Silence is digital zero and costs nothing: it is None until it has to
be delivered.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

import numpy as np

from voiceagent.sandbox.exchange.playout import Playout
from voiceagent.sandbox.leg import TICK_SECONDS, Leg, LegState
from voiceagent.wire.frames import CALLEE, CALLER, MIXED, ms_to_bytes


class Mode(StrEnum):
    """Who hears the agent once caller and callee are connected."""

    BARGE = "barge"
    """Both."""

    WHISPER = "whisper"
    """Only the callee: the subscriber whom the agent works for."""

    SPY = "spy"
    """Nobody."""


def mix(one: bytes | None, other: bytes | None) -> bytes | None:
    """The sum of two pieces of s16le PCM of equal length, clipped; None is silence."""
    if one is None:
        return other
    if other is None:
        return one
    total = np.frombuffer(one, "<i2").astype(np.int32) + np.frombuffer(other, "<i2")
    clipped: bytes = np.clip(total, -32768, 32767).astype("<i2").tobytes()
    return clipped


class Mixer:
    """Routes audio between the two legs and the agent of one call.

    Attributes:
        mode: who hears the agent; None before the callee is connected (then it is the caller).
        to_agent: called with PCM and its channel for each tick; None when the agent is not there.
        isolated: send the agent each party on a channel of its own, too.
    """

    def __init__(self, caller: Leg, callee: Leg) -> None:
        """Connect the two legs; the agent comes with ``to_agent``."""
        self._caller = caller
        self._callee = callee
        self.playout = Playout(caller.sample_rate)
        self.mode: Mode | None = None
        self.to_agent: Callable[[bytes, int], None] | None = None
        self.isolated = False
        self.retune(caller.sample_rate)

    def retune(self, sample_rate: int) -> None:
        """Set the sample rate of everything in the call, in Hz. Buffered agent audio is dropped."""
        self._caller.sample_rate = self._callee.sample_rate = sample_rate
        self._silence = bytes(ms_to_bytes(TICK_SECONDS * 1000, sample_rate))
        self.playout = Playout(sample_rate)

    def tick(self) -> None:
        """Move one tick of audio."""
        caller, callee, silence = self._caller, self._callee, self._silence
        size = len(silence)
        caller_up, callee_up = caller.state is LegState.UP, callee.state is LegState.UP
        caller_says = caller.speak(size) if caller_up else None
        callee_says = callee.speak(size) if callee_up else None
        agent_says = self.playout.pull(size) if self.to_agent is not None else None

        if caller_up:
            audible = self.mode is None or self.mode is Mode.BARGE
            caller.hear(mix(callee_says, agent_says if audible else None) or silence)
        if callee_up:
            audible = self.mode is Mode.BARGE or self.mode is Mode.WHISPER
            callee.hear(mix(caller_says, agent_says if audible else None) or silence)
        if self.to_agent is not None:
            self.to_agent(mix(caller_says, callee_says) or silence, MIXED)
            if self.isolated:
                self.to_agent(caller_says or silence, CALLER)
                self.to_agent(callee_says or silence, CALLEE)
