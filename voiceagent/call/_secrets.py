"""What nobody may read in a log: keys and tokens, and the numbers of the people on the phone.

Rule: a secret of ours is a :class:`Secret` from the moment we get it, so that no repr shows it, and no report
of an error that lists the variables of its frames. What a server says goes through :func:`redacted` before it
is logged or becomes part of an error.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote, urlsplit

MASK = "***"

TEXT_LIMIT = 200
"""Characters of a server's text that are shown."""

_READ_LIMIT = 1000
"""Characters of it that are looked at: masks may be shorter than what they hide."""

_TELLING = 6
"""Characters in a row that give a secret away."""

_SHORTEST = 4
"""Shorter values hide nothing, and would hide ordinary words."""

_WORD = re.compile(r"[^\s\"'<>(){},;]+")
_NUMBER = re.compile(r"\+?\d(?:[\s()./-]{0,2}\d){2,}")
_INTERNATIONAL = re.compile(r"\+\d(?:[\s()./-]{0,2}\d){6,}")
_LOOKS_LIKE_A_NUMBER = re.compile(r"\+?\d[\d\s()./-]*")
_SAME = str.maketrans("-_", "+/")
"""The two alphabets of base64 are one here."""


class Secret(str):
    """Text that no repr shows. In everything else it is the text."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"'{MASK}'"


def fits_header(value: str) -> bool:
    """Whether a header can carry it as one word."""
    return value.isascii() and value.isprintable() and " " not in value


def shown_url(url: str, secrets: Iterable[str] = ()) -> str:
    """A URL as it may be logged: a query or user name may be a secret, and so may a part of the path."""
    parts = urlsplit(url)
    return redacted(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}", secrets)


def redacted(text: str, secrets: Iterable[str]) -> str:
    """A server's text, made safe to log: short, on one line, and without the secrets that it may echo.

    A word that has six characters in a row with a secret is masked, also where the secret is in base64, in
    hexadecimal, or escaped for a URL or for HTML; and so is a phone number, however it is spaced, and any
    number in the international form, known or not.

    Args:
        text: What the server says.
        secrets: Keys, tokens and phone numbers. None is taken for a secret that is shorter than 4 characters.
    """
    text = _INTERNATIONAL.sub(MASK, text[:_READ_LIMIT])
    known = [str(secret) for secret in secrets if len(secret) >= _SHORTEST]
    numbers = [_digits(secret) for secret in known if _LOOKS_LIKE_A_NUMBER.fullmatch(secret)]
    if numbers:
        text = _NUMBER.sub(lambda run: MASK if _shares(_digits(run[0]), numbers) else run[0], text)
    forms = [_normal(form) for secret in known for form in _forms(secret)]
    if forms:
        text = _WORD.sub(lambda word: MASK if _tells(word[0], forms) else word[0], text)
    return "".join(char if char.isprintable() else " " for char in text)[:TEXT_LIMIT].strip()


def _tells(word: str, forms: list[str]) -> bool:
    return any(_shares(_normal(reading), forms) for reading in {word, unquote(word), html.unescape(word)})


def _shares(text: str, forms: list[str]) -> bool:
    """Whether ``text`` has so much in a row with one of the forms that it gives it away."""
    for form in forms:
        length = min(_TELLING, len(form))
        if any(text[at : at + length] in form for at in range(len(text) - length + 1)):
            return True
    return False


def _forms(secret: str) -> Iterator[str]:
    data = secret.encode(errors="replace")
    yield secret
    yield data.hex()
    for before in range(3):
        # In base64 a text looks different at each of three positions; what its neighbours change is cut off.
        encoded = base64.b64encode(bytes(before) + data).decode().rstrip("=")
        yield encoded[(0, 2, 3)[before] : -1]


def _normal(text: str) -> str:
    return text.lower().translate(_SAME)


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)
