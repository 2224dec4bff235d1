"""Notices the moment between two turns in which nobody would hear that the connection changes."""

from __future__ import annotations

import asyncio

from voiceagent.live.session import Memory
from voiceagent.live.unanswered import Unanswered

_HANDLE_SECONDS = 0.5
"""A handle comes right after a turn; so long is waited for one that has the whole turn."""


class QuietMoment:
    """Waits until nobody is in the middle of anything.

    Nothing tells when that is so, and a timer that looks again and again would cost something. So whoever
    comes by anyway, with each piece of audio and each event, calls :meth:`look` while it is waited for.

    Args:
        memory: Knows of caller and agent.
        unanswered: Knows what is open between caller and model.
    """

    def __init__(self, memory: Memory, unanswered: Unanswered) -> None:
        self._memory = memory
        self._unanswered = unanswered
        self._seen: asyncio.Future[None] | None = None

    @property
    def is_now(self) -> bool:
        """Whether it is quiet."""
        return self._unanswered.settled and self._memory.quiet()

    def look(self) -> None:
        """See whether it is quiet, for :meth:`wait`."""
        if self._seen is not None and not self._seen.done() and self.is_now:
            self._seen.set_result(None)

    async def wait(self, deadline: float) -> bool:
        """Return true when it is quiet and a handle has all that was said, or false at the deadline.

        Args:
            deadline: On the event loop's clock, in seconds.
        """
        try:
            async with asyncio.timeout_at(deadline):
                while True:
                    self._seen = asyncio.get_running_loop().create_future()
                    self.look()
                    await self._seen
                    if self._unanswered.uncovered:
                        await asyncio.sleep(_HANDLE_SECONDS)
                    if self.is_now:
                        return True
        except TimeoutError:
            return False
        finally:
            self._seen = None
