"""Texts of an agent: in the language of the call, with the facts of the call filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping

Words = str | Mapping[str, str]
"""A text, or one for each language: BCP-47 codes such as ``en`` and ``pt-BR``. The first is the default."""

_PLACE = re.compile(r"\{([A-Za-z_]\w*)\}")


def in_language(words: Words, language: str | None) -> str:
    """The text for a language.

    The exact code counts most, then the language without its region, then the same language in another
    region; without any of them the first text is taken.

    Raises:
        ValueError: there is no text at all.
    """
    if isinstance(words, str):
        return words
    if not words:
        raise ValueError("the text is given in no language: give at least one, such as {'en': 'Hello'}")
    if language is not None:
        wanted = language.casefold()
        known = {code.casefold(): text for code, text in words.items()}
        primary = wanted.partition("-")[0]
        for code in (wanted, primary):
            if code in known:
                return known[code]
        for code, text in known.items():
            if code.partition("-")[0] == primary:
                return text
    return next(iter(words.values()))


def fill(text: str, facts: Mapping[str, object]) -> str:
    """The text with ``{name}`` replaced by the fact of that name; other braces stay as they are."""
    if not facts:
        return text
    return _PLACE.sub(lambda place: str(facts.get(place[1], place[0])), text)
