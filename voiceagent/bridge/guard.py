"""Answers that have to be heard to their end, such as a legal notice.

The rule: while such an answer is made and heard, the model is given silence, since it would stop for anything
else; what the caller says meanwhile is kept, and the model hears it afterwards.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from voiceagent.audio import SpeechMeter
from voiceagent.bridge.answers import Answers
from voiceagent.live import INPUT_RATE
from voiceagent.turn import Turn
from voiceagent.wire.frames import ms_to_bytes

_BEGINS_MS = 10_000.0
"""An answer that has not begun after so long is not waited for."""

_LONGEST_MS = 60_000.0
"""An answer that lasts longer can be interrupted: a caller must be able to get through."""

_MOST_HELD = ms_to_bytes(15_000, INPUT_RATE)
"""Bytes of the caller that are kept; the oldest go first."""


class Guard:
    """Keeps one answer at a time from being interrupted.

    Args:
        answers: Of the conversation.
        played: How far the line has played, in milliseconds.
        clock: Milliseconds since the agent took the call.
        meter: Hears the caller.
    """

    def __init__(
        self,
        answers: Answers,
        played: Callable[[], float],
        clock: Callable[[], float],
        meter: SpeechMeter,
    ) -> None:
        self._answers = answers
        self._played = played
        self._clock = clock
        self._meter = meter
        # Since when an answer is guarded; None where none is.
        self._since: float | None = None
        # The answers that are guarded come after this one, and up to that one.
        self._after = self._last = 0
        self._spoke = 0
        self._held: deque[bytes] = deque()
        self._held_bytes = 0

    def begin(self) -> None:
        """Guard the next answer that begins; one that is guarded stays so."""
        last = self._answers.last
        number = 0 if last is None else last.number
        if self._since is None:
            self._after, self._spoke = number, self._meter.spoke
        self._since, self._last = self._clock(), number + 1

    def holds(self, turn: Turn) -> bool:
        """Whether this answer may not be interrupted."""
        self._go_on()
        return self._since is not None and self._after < turn.number <= self._last

    def pass_on(self, pcm: bytes) -> bytes:
        """What the model is given of the caller: the audio, or silence instead, or more where some was kept.

        Args:
            pcm: The next chunk, s16le mono PCM at 16 kHz.
        """
        if self._since is None:
            return pcm
        self._held.append(pcm)
        self._held_bytes += len(pcm)
        while self._held_bytes > _MOST_HELD:
            self._held_bytes -= len(self._held.popleft())
        if not self._over():
            return bytes(len(pcm))
        self._since = None
        spoken = self._meter.spoke != self._spoke or self._meter.speaking
        kept = b"".join(self._held) if spoken else pcm
        self._held.clear()
        self._held_bytes = 0
        return kept

    def _go_on(self) -> None:
        """What was broken off and goes on in another turn is one answer."""
        last = self._answers.last
        if last is not None and last.goes_on and last.number == self._last + 1:
            self._last += 1

    def _over(self) -> bool:
        assert self._since is not None
        self._go_on()
        lasted, last = self._clock() - self._since, self._answers.last
        if last is None or last.number < self._last:
            return lasted >= _BEGINS_MS
        if last.number > self._last or lasted >= _LONGEST_MS:
            return True
        return (last.complete or last.late) and last.heard_out(self._played())
