"""Reading the fields of a JSON request body, with errors that name the field."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any, TypeVar

from aiohttp import web

_Word = TypeVar("_Word", bound=StrEnum)


MOST = 2**31 - 1
"""Largest whole number in a request: no time in milliseconds that is meant is longer (24 days)."""


class Fields:
    """The fields of a JSON object. Every method raises ``ValueError`` that names the field."""

    def __init__(self, values: dict[str, Any]) -> None:
        """Read from ``values``."""
        self._values = values

    @classmethod
    async def of(cls, request: web.Request) -> Fields:
        """The fields of a request's body; an empty body has none.

        Raises:
            ValueError: the body is not a JSON object.
        """
        body = await request.read()
        if not body.strip():
            return cls({})
        try:
            values = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"the body is not JSON: {error}") from None
        if not isinstance(values, dict):
            raise ValueError("the body is not a JSON object")
        return cls(values)

    def get(self, name: str) -> Any:
        """The raw value; None if it is missing."""
        return self._values.get(name)

    def text(self, name: str, default: str | None = None) -> str:
        """A string; without a default it must be there and not be empty."""
        value = self._values.get(name, default)
        if not isinstance(value, str):
            raise ValueError(f"{name}: a string is needed, not {value!r}")
        if not value and default is None:
            raise ValueError(f"{name}: must not be empty")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError(f"{name}: {value!a} holds half a character") from None
        return value

    def one_of(self, name: str, words: type[_Word]) -> _Word:
        """One of the words of an enum."""
        value = self.text(name)
        if value not in list(words):
            raise ValueError(f"{name}: {value!r} is none of {', '.join(words)}")
        return words(value)

    def integer(self, name: str, default: int, *, least: int) -> int:
        """A whole number from ``least`` to :data:`MOST`."""
        value = self._values.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= MOST:
            raise ValueError(f"{name}: a whole number from {least} to {MOST} is needed, not {value!r}")
        return value

    def optional_integer(self, name: str, default: int | None, *, least: int) -> int | None:
        """A whole number from ``least`` to :data:`MOST`, or null."""
        if self._values.get(name, default) is None:
            return None
        return self.integer(name, 0 if default is None else default, least=least)

    def flag(self, name: str) -> bool:
        """True or false; false if it is missing."""
        value = self._values.get(name, False)
        if not isinstance(value, bool):
            raise ValueError(f"{name}: true or false is needed, not {value!r}")
        return value
