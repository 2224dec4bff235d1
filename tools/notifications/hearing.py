"""Whether a caller has heard a notice: the evidence that it was delivered.

The rule: what counts is what was played to the caller, cut where they interrupted or hung up. A notice is
heard when most of its words were. Numbers are left out of the comparison, in digits as in English and German
words, since a transcript may write "3:30 PM" or "half past three"; and so are the shortest words.
"""

from __future__ import annotations

import re
from collections import Counter

_SHORTEST = 3
"""Letters of a word that counts: shorter ones are in every sentence, or what is left of "3rd" and "p.m."."""

_WORD = re.compile(rf"[^\W\d_]{{{_SHORTEST},}}")

_ENGLISH = (
    r"zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|hundred|thousand"
    r"|(?:twen|thir|for|fif|six|seven|eigh|nine)t(?:y|ieth)"
    r"|first|second|third|(?:four|fif|six|seven|eigh|nin|ten|eleven|twelf|\w+teen)th"
    r"|half|quarter|past|noon|midnight|clock"
)
_GERMAN = (
    r"(?:null|eins|zwei|zwo|drei|vier|fünf|sechs|sieben|acht|neun|zehn|elf|zwölf|\w+zehn|hundert|tausend"
    r"|\w*(?:zwanzig|dreißig|dreissig|vierzig|fünfzig|sechzig|siebzig|achtzig|neunzig))(?:s?te[nrms]?)?"
    r"|erste[nrms]?|dritte[nrms]?|siebte[nrms]?|halb|viertel|uhr"
)
_NUMBER = re.compile(f"{_ENGLISH}|{_GERMAN}")


class Hearing:
    """What has been heard of one notice.

    Args:
        notice_id: Which.
        text: What is to be heard.
        share: How much of it must be heard, 0 to 1. Below 1, one word of three and more may be missing from
            what was read to its end: transcripts are made by listening, and mishear a word at times.
    """

    def __init__(self, notice_id: int, text: str, share: float) -> None:
        self.notice_id = notice_id
        self._share = share
        self._wanted = _words(text)
        self._heard: Counter[str] = Counter()
        self._answers = 0
        self._to_its_end = False

    def hear(self, text: str, *, interrupted: bool) -> None:
        """Take an answer, as far as the caller has heard it. Hearing a part twice is hearing it once."""
        if text:
            self._answers += 1
            self._heard |= _words(text)
            self._to_its_end = self._to_its_end or not interrupted

    @property
    def complete(self) -> bool:
        """Whether enough of it has been heard."""
        wanted = self._wanted.total()
        needed = self._share * wanted
        if self._to_its_end and self._share < 1 and wanted >= 3:
            needed = min(needed, wanted - 1)
        return self._answers > 0 and (self._wanted & self._heard).total() >= needed


def _words(text: str) -> Counter[str]:
    return Counter(word for word in _WORD.findall(text.casefold()) if not _NUMBER.fullmatch(word))
