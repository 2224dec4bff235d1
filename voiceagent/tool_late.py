"""What becomes of a tool that is still at work when its time is over: the way from the tool to its call.

It stands apart, because those who run tools and those who carry calls both need it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextvars import ContextVar
from typing import Any, Protocol


class Late(Protocol):
    """Keeps a tool going after its time, and tells the model of its result when it is there."""

    def start(self, work: Coroutine[Any, Any, dict[str, Any]]) -> asyncio.Task[dict[str, Any]]:
        """Run the tool's work in a task that may outlive the wait for it."""

    def leave(self, task: asyncio.Task[dict[str, Any]]) -> dict[str, Any]:
        """Let the work go on.

        Args:
            task: As :meth:`start` returned it.

        Returns:
            What the model is told meanwhile.
        """


late_of_tool: ContextVar[Late | None] = ContextVar("late_of_tool", default=None)
"""What takes over the tool that runs in this task; None where a tool that takes too long is stopped."""
