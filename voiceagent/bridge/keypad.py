"""The keys that the caller presses: whom they are for, and what may be known of them.

Its rule: a key is told once. While a tool waits for keys, they are its; otherwise keys are gathered until the
caller pauses, and told then. The caller's audio is the clock, so that nothing here needs a timer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from voiceagent.audio import DtmfDetector
from voiceagent.report import KeysPressed, Observer
from voiceagent.wire.frames import bytes_to_ms

logger = logging.getLogger(__name__)

PAUSE_MS = 1500
"""After such a pause the caller has pressed what they wanted to press."""

END_KEY = "#"
"""And this key says so at once."""

HIDDEN = "•"
"""Stands for each key that nobody is to read."""

_TRAILING_MS = 3000
"""So long after the last key that a tool asked for its end key may come, and means nothing any more."""

_REST_MS = 3000
"""So long after a secret the keys that follow are the rest of it, which was longer than the tool wanted. When
the agent has said something, they answer that."""

_UNFINISHED_REST_MS = 10_000
"""The same where the caller stopped in the middle of it: they may only have looked for the rest."""

_LONGEST_SECONDS = 300.0
"""A tool waits no longer, whatever is said meanwhile, also on a line on which no audio comes any more."""


@dataclass(frozen=True)
class Wanted:
    """The keys that a tool waits for.

    Attributes:
        most: So many end the waiting.
        end: A key that ends it and is not among the digits; empty for none.
        timeout_ms: So long may nobody speak or press a key before the first.
        between_ms: And so long between two.
        secret: Whether nobody is to know them but the tool.
    """

    most: int
    end: str
    timeout_ms: float
    between_ms: float
    secret: bool


class _Collecting:
    """A tool that waits."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.digits = ""
        self.began_ms = 0.0
        self.left_ms = wanted.timeout_ms
        self.done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def take(self, key: str, at_ms: float) -> None:
        """A key was pressed."""
        if not self.digits:
            self.began_ms = at_ms
        if key == self.wanted.end:
            self.finish(True)
            return
        self.digits += key
        self.left_ms = self.wanted.between_ms
        if len(self.digits) >= self.wanted.most:
            self.finish(True)

    def finish(self, complete: bool) -> None:
        """No more is waited for."""
        if not self.done.done():
            self.done.set_result(complete)


class Keypad:
    """The keys of one call.

    Args:
        sample_rate: Of the call, in Hz.
        observe: Told of keys, a group at a time.
        clock: Milliseconds since the agent took the call.
        quiet: Whether neither side is speaking.
    """

    def __init__(
        self,
        sample_rate: int,
        observe: Observer,
        clock: Callable[[], float],
        quiet: Callable[[], bool],
    ) -> None:
        self._detector = DtmfDetector(sample_rate)
        self._rate = sample_rate
        self._observe = observe
        self._clock = clock
        self._quiet = quiet
        self._collecting: _Collecting | None = None
        # Pressed and not told yet: since when, what, and how long ago the last one was.
        self._began_ms = 0.0
        self._gathered = ""
        self._since_ms = 0.0
        # The end key of a tool that had enough without it, and how long it may still come.
        self._trailing: tuple[str, float] | None = None
        self._private = False
        # How long what is pressed still is the rest of a secret; whether what is not told yet belongs to one.
        self._rest_ms = 0.0
        self._secret = False
        # Whether the end of what the agent says ends that, and whether it speaks.
        self._whole = self._spoken = False
        self._closed = False

    @property
    def collecting(self) -> bool:
        """Whether a tool waits for keys."""
        return self._collecting is not None

    @property
    def private(self) -> bool:
        """Whether what the caller sends now is in no recording, since a secret is being typed."""
        return self._private

    def hear(self, pcm: bytes) -> bytes:
        """Take the next chunk of the caller: s16le mono PCM, about 20 ms.

        Returns:
            What the model is to hear of it: silence while a key is held. It could not tell a tone from noise,
            or from somebody who begins to speak. A key is recognised late, so it hears 60 ms of it at most.
        """
        pressed = self._detector.hear(pcm)
        for key in pressed:
            self._press(key, self._clock())
        held = bool(self._detector.key)
        if not (pressed or held):
            self._pass(bytes_to_ms(len(pcm), self._rate))
        if self._private and not held:
            wanted = None if self._collecting is None else self._collecting.wanted
            self._private = self._rest_ms > 0 if wanted is None else wanted.secret
        return bytes(len(pcm)) if held else pcm

    async def collect(self, wanted: Wanted) -> tuple[str, bool] | None:
        """Wait for keys; those that were pressed just before, and told nobody yet, count.

        Returns:
            The digits, and whether they are all that was asked for: false where the caller stopped pressing
            keys, or the call has ended. None where another tool waits already.
        """
        if self._collecting is not None:
            return None
        collecting = _Collecting(wanted)
        if self._closed:
            return "", False
        self._collecting = collecting
        self._private = self._private or wanted.secret
        self._trailing = None
        self._rest_ms, self._secret = 0.0, False
        before, self._gathered = self._gathered, ""
        for key in before:
            self._press(key, self._began_ms)
        complete = False
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LONGEST_SECONDS):
                    complete = await collecting.done
            return collecting.digits, complete
        finally:
            self._release(collecting)

    def close(self) -> None:
        """The conversation is over: nobody waits for keys any more."""
        self._closed = True
        if self._collecting is not None:
            self._release(self._collecting)
        self._tell()

    def _press(self, key: str, at_ms: float) -> None:
        collecting = self._collecting
        if collecting is None:
            self._gather(key, at_ms)
            return
        collecting.take(key, at_ms)
        if collecting.done.done():
            self._release(collecting)

    def _release(self, collecting: _Collecting) -> None:
        """Nobody waits from now on; whoever did has what was pressed until now."""
        if self._collecting is not collecting:
            return
        self._collecting = None
        wanted = collecting.wanted
        collecting.finish(False)
        if collecting.digits:
            digits = HIDDEN * len(collecting.digits) if wanted.secret else collecting.digits
            self._observe(KeysPressed(collecting.began_ms, digits, collected=True))
        if wanted.secret:
            self._whole = not collecting.done.cancelled() and collecting.done.result()
            self._rest_ms, self._spoken = _REST_MS if self._whole else _UNFINISHED_REST_MS, False
        if wanted.end and len(collecting.digits) >= wanted.most:
            self._trailing = wanted.end, _TRAILING_MS

    def _gather(self, key: str, at_ms: float) -> None:
        trailing, self._trailing = self._trailing, None
        if trailing is not None and key == trailing[0]:
            return
        if not self._gathered:
            self._began_ms = at_ms
        if self._rest_ms > 0:
            self._secret, self._rest_ms = True, max(self._rest_ms, _REST_MS)
        self._gathered += key
        self._since_ms = 0.0
        if key == END_KEY:
            self._tell()

    def _tell(self) -> None:
        gathered, self._gathered = self._gathered, ""
        secret, self._secret = self._secret, False
        if gathered:
            digits = HIDDEN * len(gathered) if secret else gathered
            self._observe(KeysPressed(self._began_ms, digits, collected=secret))

    def _pass(self, ms: float) -> None:
        """Time goes by in which no key is pressed."""
        if self._rest_ms > 0:
            spoken, self._spoken = self._spoken, not self._quiet()
            over = self._whole and spoken and not self._spoken
            self._rest_ms = 0.0 if over else max(0.0, self._rest_ms - ms)
        if self._collecting is not None:
            if self._quiet():
                self._collecting.left_ms -= ms
                if self._collecting.left_ms <= 0:
                    self._release(self._collecting)
        elif self._gathered:
            self._since_ms += ms
            if self._since_ms >= PAUSE_MS:
                self._tell()
        if self._trailing is not None:
            self._trailing = (self._trailing[0], self._trailing[1] - ms) if self._trailing[1] > ms else None
