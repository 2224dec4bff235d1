"""What happened in one call, for whoever tests an agent: events with times."""

from __future__ import annotations

import asyncio
from typing import Any

MAX_EVENTS = 1000

MAX_TEXT = 500
"""Characters of a detail that are kept: some are what the agent sent."""


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
        kept = {
            name: value[:MAX_TEXT] if isinstance(value, str) else value for name, value in details.items()
        }
        self._events.append({"at_ms": at_ms, "event": event, **kept})

    def snapshot(self) -> list[dict[str, Any]]:
        """The events, oldest first: ``{"at_ms": int, "event": name, ...}``."""
        return list(self._events)
