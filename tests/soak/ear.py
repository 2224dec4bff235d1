"""What one party of a call heard, while it hears it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tests.soak.audio import spoken
from voiceagent.sandbox.leg import Leg, LegState


class Ear:
    """Listens to what a leg hears.

    Attributes:
        heard: all speech, without silence.
        began: the loop's time at which the first of it came, or None.
    """

    def __init__(self, leg: Leg) -> None:
        self.heard = bytearray()
        self.began: float | None = None
        self._leg = leg
        self._enough: Callable[[], bool] | None = None
        self._reached = asyncio.Event()
        self._unsubscribe = leg.listen(self._listen)

    def close(self) -> None:
        """Listen no longer."""
        self._unsubscribe()

    async def until(self, enough: Callable[[], bool]) -> bool:
        """Return when ``enough()``, which is asked whenever something came, or the leg has ended.

        Returns:
            Whether it was enough, and not the end.
        """
        if enough():
            return True
        if self._leg.state is LegState.ENDED:
            return False
        self._enough = enough
        self._reached.clear()
        waits = [asyncio.create_task(self._reached.wait()), asyncio.create_task(self._leg.ended())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._enough = None
            for wait in waits:
                wait.cancel()
        return enough()

    async def until_heard(self, size: float) -> bool:
        """Return when so many bytes of speech were heard, or the leg has ended; see :meth:`until`."""
        return await self.until(lambda: len(self.heard) >= size)

    def _listen(self, pcm: bytes) -> None:
        heard = spoken(pcm)
        if heard:
            if self.began is None:
                self.began = asyncio.get_running_loop().time()
            self.heard += heard
        if self._enough is not None and self._enough():
            self._reached.set()
