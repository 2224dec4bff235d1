"""A client's mistakes. Rule: what is malformed is counted, logged once per client, and survived."""

from __future__ import annotations

import logging

logger = logging.getLogger(__name__)

MAX_VIOLATIONS = 100
"""Mistakes of one client whose text is kept."""


MAX_TEXT = 500
"""Characters of a text that are kept: the client wrote part of some."""


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
        text = text[:MAX_TEXT]
        if self._count == 1:
            logger.warning("%s: the client broke the protocol: %s", self._where, text)
        if len(self._kept) < MAX_VIOLATIONS:
            self._kept.append(text)

    def snapshot(self) -> list[str]:
        """The texts, and how many more there were."""
        more = self._count - len(self._kept)
        return [*self._kept, f"and {more} more"] if more else list(self._kept)
