"""What the model is told of the program's own accord: one thing after the other, holding up nobody."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import NamedTuple

logger = logging.getLogger(__name__)

_MOST = 100
"""Remarks that wait to be sent; beyond it the newest are left out, and logged."""


class RemarkKind(Enum):
    """What is to come of a remark."""

    ANSWERED = "answered"
    """The model answers it aloud."""
    GUARDED = "guarded"
    """The model answers it aloud, and nobody can interrupt that."""
    REMINDER = "reminder"
    """The model answers it aloud. It asks for what the model owes anyway, and is told once."""
    NOTED = "noted"
    """The model knows it, and says nothing."""


class Remark(NamedTuple):
    """Something that the model is told."""

    text: str
    kind: RemarkKind


class Remarks:
    """The remarks of one conversation. They may be added from any thread.

    Args:
        call_id: For the log.
        send: Sends one to the model.
    """

    def __init__(self, call_id: str, send: Callable[[Remark], Awaitable[None]]) -> None:
        self._call_id = call_id
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Remark] = asyncio.Queue(_MOST)

    def add(self, text: str, kind: RemarkKind = RemarkKind.ANSWERED) -> None:
        """Tell the model something, without waiting."""
        # Sync tools run in threads.
        self._loop.call_soon_threadsafe(self._put, Remark(text, kind))

    def _put(self, remark: Remark) -> None:
        try:
            self._queue.put_nowait(remark)
        except asyncio.QueueFull:
            logger.warning("call %s: too much for the model at once, one was left out", self._call_id)

    async def run(self, first: Remark | None) -> None:
        """Send remarks until cancelled; ``first`` goes before all others."""
        if first is not None:
            await self._send(first)
        while True:
            await self._send(await self._queue.get())
