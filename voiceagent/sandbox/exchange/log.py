"""What happened in one call, for whoever tests an agent: events with times, and the client's mistakes."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

logger = logging.getLogger(__name__)

MAX_EVENTS = 1000
MAX_VIOLATIONS = 100


class Violations:
    """Protocol errors of one client, as text. All are counted, the first ones kept, the first one logged."""

    def __init__(self, where: str) -> None:
        """``where`` names the link or the call in the log."""
        self._where = where
        self._count = 0
        self._kept: list[str] = []

    def add(self, text: str) -> None:
        """Count a protocol error."""
        self._count += 1
        if self._count == 1:
            logger.warning("%s: the client broke the protocol: %s", self._where, text)
        if len(self._kept) < MAX_VIOLATIONS:
            self._kept.append(text)

    def snapshot(self) -> list[str]:
        """The texts, and how many more there were."""
        more = self._count - len(self._kept)
        return [*self._kept, f"and {more} more"] if more else list(self._kept)


class EventLog:
    """What happened, with milliseconds since the call began. The newest are kept."""

    def __init__(self) -> None:
        """Starts the call's clock."""
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._events: list[dict[str, Any]] = []

    def add(self, event: str, **details: Any) -> None:
        """Note an event."""
        if len(self._events) >= MAX_EVENTS:
            del self._events[: MAX_EVENTS // 10]
        at_ms = round((self._loop.time() - self._began) * 1000)
        self._events.append({"at_ms": at_ms, "event": event, **details})

    def snapshot(self) -> list[dict[str, Any]]:
        """The events, oldest first: ``{"at_ms": int, "event": name, ...}``."""
        return list(self._events)
