"""What happened in one call or session, for whoever tests an agent: events with times."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from voiceagent.sandbox.violations import MAX_TEXT


class EventLog:
    """What happened, in milliseconds since it began. The newest are kept, of long texts the beginning."""

    def __init__(self, most: int) -> None:
        """Start the clock; ``most`` events are kept."""
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._events: deque[dict[str, Any]] = deque(maxlen=most)

    def add(self, event: str, **details: Any) -> None:
        """Note an event."""
        at_ms = round((self._loop.time() - self._began) * 1000)
        kept = {
            name: value[:MAX_TEXT] if isinstance(value, str) else value for name, value in details.items()
        }
        self._events.append({"at_ms": at_ms, "event": event, **kept})

    def snapshot(self) -> list[dict[str, Any]]:
        """The events, oldest first: ``{"at_ms": int, "event": name, ...}``."""
        return list(self._events)
