"""One party's telephone in the sandbox: what it says, what it hears, and whether it is off the hook.

A :class:`Leg` has two sides. The party (a scripted caller, a test, the operator API) uses ``say``,
``listen``, ``heard`` and ``hang_up``. The line (the exchange) uses ``ring``, ``pick_up``, ``end``,
``speak`` and ``hear``. Rule: a leg is bit-exact. It never changes a sample, and its silence is digital zero.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import StrEnum

TICK_SECONDS = 0.02
"""The exchange moves audio in steps of this length."""

MAX_HEARD_SECONDS = 30 * 60
"""A leg remembers this much of what it heard; the oldest goes first."""

BYTES_PER_SAMPLE = 2

Listener = Callable[[bytes], None]


class LegState(StrEnum):
    """Where a telephone is in its call. The value is the word that the operator API uses."""

    IDLE = "idle"
    """Not part of the call (a callee that nobody rang yet, or that did not answer)."""

    RINGING = "ringing"
    """The caller hears ringing, or the callee's telephone rings. No audio yet."""

    UP = "up"
    """Talking: it is heard, and it hears."""

    ENDED = "ended"
    """Hung up. Final."""


class Leg:
    """The telephone of one party of one call.

    PCM is mono, signed 16-bit little-endian at ``sample_rate``.

    Attributes:
        address: the party's number.
        sample_rate: in Hz. It is the rate of the agent that claims the call, so it is certain only once
            the leg is up (see :meth:`answered`).
        state: see :class:`LegState`.
    """

    def __init__(
        self, address: str, *, sample_rate: int, on_hang_up: Callable[[Leg], None] | None = None
    ) -> None:
        """Make an idle leg; ``on_hang_up`` is called with the leg when its party hangs up."""
        self.address = address
        self.sample_rate = sample_rate
        self.state = LegState.IDLE
        self._on_hang_up = on_hang_up
        self._speech = bytearray()
        self._heard = bytearray()
        self._listeners: tuple[Listener, ...] = ()
        self._silent = asyncio.Event()
        self._silent.set()
        self._answered = asyncio.Event()
        self._ended = asyncio.Event()

    def __repr__(self) -> str:
        """Without the address, which is a telephone number."""
        return f"<Leg {self.state} {self.sample_rate} Hz>"

    # The party's side ---------------------------------------------------------------------------------

    def say(self, pcm: bytes) -> None:
        """Speak ``pcm`` in real time, after what is still to be said. It waits while the leg is not up.

        Raises:
            ValueError: ``pcm`` ends in half a sample, or the leg has ended.
        """
        if len(pcm) % BYTES_PER_SAMPLE:
            raise ValueError(f"speech of {len(pcm)} bytes ends in half a sample; send s16le PCM")
        if self.state is LegState.ENDED:
            raise ValueError("the leg has ended; nobody hears it any more")
        if pcm:
            self._speech += pcm
            self._silent.clear()

    async def said(self) -> None:
        """Return when everything queued by :meth:`say` has been spoken, or the leg has ended."""
        await self._silent.wait()

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` with what the party hears, 20 ms at a time while the leg is up.

        Returns:
            A function that ends the listening.
        """
        self._listeners += (listener,)

        def unsubscribe() -> None:
            self._listeners = tuple(other for other in self._listeners if other is not listener)

        return unsubscribe

    def heard(self) -> bytes:
        """All PCM that the party heard since the leg came up or :meth:`clear_heard`, silence included.

        At most :data:`MAX_HEARD_SECONDS`, the latest.
        """
        return bytes(self._heard)

    def clear_heard(self) -> None:
        """Forget what was heard so far."""
        self._heard = bytearray()

    @property
    def heard_bytes(self) -> int:
        """How many bytes :meth:`heard` would return."""
        return len(self._heard)

    def hang_up(self) -> None:
        """Leave the call. A leg that is idle or has ended stays as it is."""
        if self.state in (LegState.IDLE, LegState.ENDED):
            return
        if self._on_hang_up is not None:
            self._on_hang_up(self)
        else:
            self.end()

    async def answered(self) -> None:
        """Return when the leg is up, or has ended without ever being so."""
        await self._answered.wait()

    async def ended(self) -> None:
        """Return when the leg has ended."""
        await self._ended.wait()

    # The line's side ----------------------------------------------------------------------------------

    def ring(self) -> None:
        """The call is under way and not answered yet."""
        self.state = LegState.RINGING

    def stop_ringing(self) -> None:
        """A callee that did not answer is out of the call again, and can be rung again."""
        self.state = LegState.IDLE

    def pick_up(self) -> None:
        """The leg is up: from the next tick on it is heard and hears."""
        self.state = LegState.UP
        self._answered.set()

    def end(self) -> None:
        """The leg is over; speech that was not spoken yet is dropped."""
        self.state = LegState.ENDED
        self._speech.clear()
        self._silent.set()
        self._answered.set()
        self._ended.set()

    def speak(self, size: int) -> bytes | None:
        """Take the next ``size`` bytes of speech, or None for silence. A short last piece ends in zeros."""
        speech = self._speech
        if not speech:
            return None
        pcm = bytes(speech[:size])
        del speech[:size]
        if not speech:
            self._silent.set()
            if len(pcm) < size:
                return pcm + bytes(size - len(pcm))
        return pcm

    def hear(self, pcm: bytes) -> None:
        """Deliver one tick of audio to the party."""
        heard = self._heard
        heard += pcm
        excess = len(heard) - MAX_HEARD_SECONDS * BYTES_PER_SAMPLE * self.sample_rate
        if excess > 0:
            del heard[:excess]
        for listener in self._listeners:
            listener(pcm)
