"""Texts from the model, made fit to be stored and to be spoken.

The rule: a text is cut, never refused for its length, and always at the end of a word.
"""

from __future__ import annotations


def one_line(text: str, longest: int) -> str:
    """The text on one line, without what cannot be printed, cut to ``longest`` characters."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    line = " ".join(printable.split())
    if len(line) <= longest:
        return line
    cut = line[: longest - 1]
    # In the middle of a word, unless the text has no words.
    if not line[longest - 1].isspace() and " " in cut:
        cut = cut[: cut.rindex(" ")]
    return cut.rstrip(" ,;:-") + "…"


def same_words(one: str, other: str) -> bool:
    """Whether two texts say the same, whatever their case and punctuation."""
    return words_of(one) == words_of(other)


def words_of(text: str) -> list[str]:
    """The words of a text, casefolded, without punctuation."""
    letters = "".join(letter if letter.isalnum() or letter == "'" else " " for letter in text.casefold())
    return letters.replace("'", "").split()
