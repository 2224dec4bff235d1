"""Whether a caller has heard a notice: the evidence that it was delivered.

The rule: what counts is what was played to the caller, cut where they interrupted or hung up. A notice is
heard when most of its words were. Numbers are left out of the comparison, since a transcript may write
"3 PM" or "three p.m.", and so is their share: transcripts are made by listening, and mishear a word at times.
"""

from __future__ import annotations

import re
from collections import Counter

_WORD = re.compile(r"[^\W\d_]+")


class Hearing:
    """What has been heard of one notice.

    Args:
        notice_id: Which.
        text: What is to be heard.
        share: How much of it must be heard, 0 to 1.
    """

    def __init__(self, notice_id: int, text: str, share: float) -> None:
        self.notice_id = notice_id
        self._share = share
        self._wanted = _words(text)
        self._heard: Counter[str] = Counter()
        self._answers = 0

    def hear(self, text: str) -> None:
        """Take an answer, as far as the caller has heard it. Hearing a part twice is hearing it once."""
        if text:
            self._answers += 1
            self._heard |= _words(text)

    @property
    def complete(self) -> bool:
        """Whether enough of it has been heard."""
        wanted = self._wanted.total()
        if not wanted:
            return self._answers > 0
        return self._answers > 0 and (self._wanted & self._heard).total() >= self._share * wanted


def _words(text: str) -> Counter[str]:
    return Counter(_WORD.findall(text.casefold()))
