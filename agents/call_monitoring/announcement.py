"""The announcement of a call: whether the caller has heard it, in its words and to its end.

The rule: what counts is what was heard, and not what the model was asked to say.
"""

from __future__ import annotations

import asyncio

from tools.call_control.wording import words_of
from voiceagent import Line

LINE_SECONDS = 30.0
"""The model gets so long to say it."""

_HEARD_SHARE = 0.8
"""Share of its words that must have been heard: a transcript spells some words differently."""


class Announcement:
    """What the agent has to say before anybody is monitored.

    Args:
        text: The announcement.
    """

    def __init__(self, text: str) -> None:
        self._words = words_of(text)
        self._lines: asyncio.Queue[Line] = asyncio.Queue()

    def heard(self, line: Line) -> None:
        """Take what was heard of the agent."""
        self._lines.put_nowait(line)

    async def complete(self) -> bool:
        """Wait for the agent's next answer; returns whether it was the announcement, heard to its end."""
        try:
            async with asyncio.timeout(LINE_SECONDS):
                line = await self._lines.get()
        except TimeoutError:
            return False
        said = set(words_of(line.text))
        share = sum(word in said for word in self._words) / len(self._words)
        return not line.interrupted and share >= _HEARD_SHARE
