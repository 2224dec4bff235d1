"""Takes numbers out of what was said, so that a spoken code stays out of transcripts.

The rule: rather a number too many than a code too few. Numbers of four and more digits are replaced, in
digits or in English or German words; small ones, as in "one moment", stay unless a code is being said.
"""

from __future__ import annotations

import re

from tools.lookup.codes import DIGIT_WORDS

MASK = "***"

_DIGIT = "|".join(sorted({*DIGIT_WORDS, "ein", "eine"}, key=len, reverse=True))
_TENS = (
    r"ten|eleven|twelve|\w+teen|(?:twen|thir|for|fif|six|seven|eigh|nine)ty|zehn|elf|zwölf|\w+zehn"
    r"|\w*(?:zwanzig|dreißig|dreissig|vierzig|fünfzig|sechzig|siebzig|achtzig|neunzig)"
    r"|hundred|hundert|double|doppel"
)
_LARGE = r"thousand|tausend|triple"
_TOKEN = rf"(?:\d+|{re.escape(MASK)}|(?<!\w)(?:{_DIGIT}|{_TENS}|{_LARGE})(?!\w))"
_RUN = re.compile(rf"{_TOKEN}(?:(?:[\s,.;:/\-]|(?<!\w)(?:and|und)(?!\w))*{_TOKEN})*", re.IGNORECASE)
_SINGLE = re.compile(_TOKEN, re.IGNORECASE)
_IS_TENS = re.compile(_TENS, re.IGNORECASE)
_IS_LARGE = re.compile(_LARGE, re.IGNORECASE)

_HOW_MANY = re.compile(r"[\s\-]*(?:digit|stellig)", re.IGNORECASE)
"""After a number: it says how long the code is, which is no secret."""

_LONG = 4
"""Digits from which on a number may be a code."""


def without_numbers(text: str, *, small: bool = False) -> str:
    """The text with every longer number replaced by ``***``.

    Doing it again changes nothing, also where more of the number has been added in between.

    Args:
        text: What was said, or a piece of it.
        small: Replace single digits and number words as well, since a code is being said.
    """

    def kept(run: re.Match[str]) -> str:
        if _length(run.group()) >= _LONG or (small and not _HOW_MANY.match(text, run.end())):
            return MASK
        return run.group()

    return _RUN.sub(kept, text)


def without_code(text: str, code: str) -> str:
    """The text with this code replaced, in digits and letters, however spaced, or as single number words."""
    spaced = r"[\s,.;:/_\-]*".join(map(re.escape, code))
    text = re.sub(spaced, MASK, text, flags=re.IGNORECASE)
    return _RUN.sub(lambda run: MASK if code in _digits(run.group()) else run.group(), text)


def _length(run: str) -> int:
    """About how many digits a number has."""
    return sum(map(_digits_of, _SINGLE.findall(run)))


def _digits_of(token: str) -> int:
    if token == MASK:
        return _LONG
    if token.isdigit():
        return len(token)
    if _IS_LARGE.fullmatch(token):
        return 3
    return 2 if _IS_TENS.fullmatch(token) else 1


def _digits(run: str) -> str:
    return "".join(DIGIT_WORDS.get(token, token) for token in _SINGLE.findall(run.casefold()))
