"""The second factor: a code that the caller knows, such as a PIN.

The rule: a code is never stored, compared or logged in the clear. What is kept is a salted scrypt hash, and
comparing takes as long for a wrong code as for a right one.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import re
import secrets

_N, _R, _P = 2**14, 8, 1
"""Cost of scrypt: 16 MiB and about 50 ms per code."""

_SALT_BYTES = 16
_SHORTEST, _LONGEST = 4, 40

DIGIT_WORDS = {
    word: str(digit)
    for digit, words in enumerate(
        (
            "zero oh o null",
            "one eins",
            "two zwei zwo",
            "three drei",
            "four vier",
            "five fünf",
            "six sechs",
            "seven sieben",
            "eight acht",
            "nine neun",
        )
    )
    for word in words.split()
}
"""Digits as callers say them."""


class UnreadableCodeError(ValueError):
    """A text that cannot be a code. The message is a sentence for the model, without the text."""


def read_code(text: str) -> str:
    """A code in one spelling: ``4 2-7 1`` and ``four two seven one`` are ``4271``.

    Letters count too, in any case, so that a code may be a postcode and a date of birth.

    Raises:
        UnreadableCodeError: It is no code: too short, too long, or not of letters and digits.
    """
    words = re.split(r"[\s,.;:/_\-]+", text.casefold().strip())
    code = "".join(DIGIT_WORDS.get(word, word) for word in words)
    if not (code.isascii() and code.isalnum() and _SHORTEST <= len(code) <= _LONGEST):
        raise UnreadableCodeError(
            f"That is no code: give the {_SHORTEST} or more digits or letters that the caller said."
        )
    return code


async def hash_code(text: str) -> str:
    """Hash a code for keeping, with a salt of its own.

    Raises:
        UnreadableCodeError: It is no code.
    """
    salt = secrets.token_bytes(_SALT_BYTES)
    key = await asyncio.to_thread(_derive, read_code(text), salt, _N, _R, _P)
    return "$".join(("scrypt", str(_N), str(_R), str(_P), _text(salt), _text(key)))


async def code_matches(code: str, kept: str) -> bool:
    """Whether a code, as :func:`read_code` gives it, is the one that was hashed.

    Raises:
        ValueError: ``kept`` is no hash of :func:`hash_code`.
    """
    try:
        scheme, n, r, p, salt, expected = kept.split("$")
        if scheme != "scrypt":
            raise ValueError(scheme)
        cost = int(n), int(r), int(p)
        wanted = base64.b64decode(expected, validate=True)
        key = await asyncio.to_thread(_derive, code, base64.b64decode(salt, validate=True), *cost)
    except ValueError:
        raise ValueError("a stored code is no scrypt hash: store what hash_code returns") from None
    return hmac.compare_digest(key, wanted)


def _derive(code: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(code.encode(), salt=salt, n=n, r=r, p=p, dklen=32, maxmem=256 * n * r)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
