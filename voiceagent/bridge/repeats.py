"""Tool calls that a model makes once more, because it lost the memory of the first with its connection."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, NamedTuple

from voiceagent.live import Reopened

REMEMBERED_SECONDS = 30.0
"""A call that was made longer before the connection was lost, and is made again, is meant."""

REPEATED_SECONDS = 15.0
"""So long after the connection was lost the model may go over the lost turn again."""

_MOST = 20
"""Results that are kept; the oldest go first."""

Key = tuple[str, str]
"""Name and arguments of a call."""


class _Done(NamedTuple):
    key: Key
    began: float
    result: dict[str, Any]


class Repeats:
    """Remembers what succeeded, and gives each result out once more to a model that has forgotten it."""

    def __init__(self) -> None:
        self._time = asyncio.get_running_loop().time
        # In the turn under way, and in those before: the service keeps those for its next connection.
        self._new: deque[_Done] = deque(maxlen=_MOST)
        self._settled: deque[_Done] = deque(maxlen=_MOST)
        # What is given out after a loss, and until when.
        self._lost: dict[Key, dict[str, Any]] = {}
        self._lost_at = self._until = 0.0

    def note(self, key: Key, took_ms: float, result: dict[str, Any]) -> None:
        """A call has succeeded."""
        now = self._time()
        began = now - took_ms / 1000
        if began < self._lost_at and now <= self._until:
            self._lost[key] = result
        else:
            self._new.append(_Done(key, began, result))

    def settle(self) -> None:
        """The model's turn is over."""
        self._settled += self._new
        self._new.clear()

    def reopened(self, event: Reopened) -> None:
        """The session goes on over another connection."""
        now = self._time()
        self._lost_at = now - event.gap_ms / 1000
        self._until = now + REPEATED_SECONDS
        first = self._lost_at - REMEMBERED_SECONDS
        forgotten = self._new if event.resumed else self._settled + self._new
        self._lost = {done.key: done.result for done in forgotten if done.began >= first}
        self.settle()

    def take(self, key: Key) -> dict[str, Any] | None:
        """The result of a call that is only made again because the first was forgotten; None: it is meant."""
        if self._time() > self._until:
            self._lost.clear()
        return self._lost.pop(key, None)
