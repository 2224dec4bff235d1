"""Where in a sentence somebody stopped listening, and what of it is still to be said. Pure."""

from __future__ import annotations

import re

_WORD = re.compile(r"\w+(?:['\u2019]\w+)*")

LEAST = 3
"""So many words must be the same to know a sentence by its middle."""


def words(text: str) -> list[str]:
    """The words of a text, in lower case and without punctuation."""
    return [match[0].lower().replace("\u2019", "'") for match in _WORD.finditer(text)]


def rest_after(sentence: str, heard: str, *, least: int = 1) -> str | None:
    """What follows in ``sentence`` after the words that were heard last.

    ``heard`` may begin before the sentence, or be only the last words that were heard of it; at ``least`` so
    many of its words must be the sentence's, or all of them.

    Returns:
        The rest, ``""`` if it was heard to its end; None if these words are not in it.
    """
    ends = [match.end() for match in _WORD.finditer(sentence)]
    place = _place(words(sentence), words(heard), least)
    if place is None:
        return None
    # Punctuation after the word belongs to what was said.
    return sentence[ends[place - 1] :].lstrip(" \t\n.,;:!?\u2026'\")") if place else sentence


def _place(sentence: list[str], heard: list[str], least: int) -> int | None:
    if not heard:
        return 0
    if sentence[: len(heard)] == heard:
        return len(heard)
    best, most = None, min(least, len(heard)) - 1
    for end in range(1, len(sentence) + 1):
        same = min(end, len(heard))
        if same > most and sentence[end - same : end] == heard[-same:]:
            best, most = end, same
    return best


def told(sentence: list[str], history: list[str]) -> int:
    """How many words of a sentence stand at the beginning of what was said.

    A sentence counts if it is all there, or if the history ends in the middle of it; else 0.
    """
    same = min(len(sentence), len(history))
    # Most sentences differ in their first word.
    return same if same and sentence[0] == history[0] and sentence[:same] == history[:same] else 0
