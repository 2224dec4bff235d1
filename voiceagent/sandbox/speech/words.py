"""Phrases as sequences of spoken words, so that ``10:30`` and "ten thirty" are the same."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

_TOKEN = re.compile(r"\d+(?:st|nd|rd|th)\b|\d+|[^\W\d_]+(?:'[^\W\d_]+)*'?")
_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
).split()
_TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}


def words_of(text: str) -> tuple[str, ...]:
    """The words of ``text`` as they are spoken: lower case, numbers spelled out, no punctuation."""
    lowered = re.sub(r"(\d{1,2}):00\b", r"\1 o'clock", text.lower().replace("\u2019", "'"))
    lowered = re.sub(r"\b([ap])\.m\.?(?=\W|$)", r"\1 m", lowered)
    spoken: list[str] = []
    for token in _TOKEN.findall(lowered):
        if token[0].isdigit():
            digits = token.rstrip("stndrh")
            spoken += _ordinal(_number(digits)) if digits != token else _number(digits)
        else:
            spoken.append(token)
    return tuple(spoken)


def fit(said: str, phrase: str) -> float:
    """How well ``said`` matches ``phrase``: the share of words in common and in order, from 0 to 1."""
    return SequenceMatcher(None, words_of(said), words_of(phrase), autojunk=False).ratio()


def _number(digits: str) -> list[str]:
    # Long numbers and those with a leading zero are read digit by digit: telephone and account numbers.
    if len(digits) > 4 or (len(digits) > 1 and digits[0] == "0"):
        return [_SMALL[int(digit)] for digit in digits]
    return _cardinal(int(digits))


def _cardinal(number: int) -> list[str]:
    if number < 20:
        return [_SMALL[number]]
    if number < 100:
        tens, ones = divmod(number, 10)
        return [_TENS[tens], *([_SMALL[ones]] if ones else [])]
    size, name = (1000, "thousand") if number >= 1000 else (100, "hundred")
    count, rest = divmod(number, size)
    return [*_cardinal(count), name, *(_cardinal(rest) if rest else [])]


def _ordinal(cardinal: list[str]) -> list[str]:
    *front, last = cardinal
    if last in _ORDINALS:
        last = _ORDINALS[last]
    else:
        last = (last[:-1] + "ie" if last.endswith("y") else last) + "th"
    return [*front, last]
