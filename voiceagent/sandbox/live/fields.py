"""A client's JSON, field by field: names in snake or camel case, types checked, errors that name them."""

from __future__ import annotations

import json
from typing import Any

MAX_DEPTH = 100
"""Most objects and lists that stand inside each other in a message."""

MAX_REASON = 200
"""Characters of the longest error text: the client wrote part of it."""


class ProtocolError(ValueError):
    """The client sent what the protocol forbids. The text is fit for a close reason."""

    def __init__(self, reason: str) -> None:
        """``reason`` may hold what the client sent, also half a character, which cannot be sent back."""
        super().__init__(reason[:MAX_REASON].encode(errors="replace").decode())


class Fields:
    """A JSON object whose keys may be in snake or camel case; ``name`` is where it stands in the message."""

    def __init__(self, value: Any, name: str) -> None:
        if not isinstance(value, dict):
            raise ProtocolError(f"{name} must be an object, not {_type(value)}")
        self.raw: dict[str, Any] = value
        self._name = name
        self._by_key = {key.replace("_", "").lower(): item for key, item in value.items()}

    def has(self, key: str) -> bool:
        """Whether the field is there and not null."""
        return self._by_key.get(key.lower()) is not None

    def get(self, key: str, kind: type | tuple[type, ...]) -> Any:
        """The field, checked to be of ``kind``; None if it is not there or null."""
        value = self._by_key.get(key.lower())
        if value is None:
            return None
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
            wanted = kind if isinstance(kind, type) else kind[0]
            raise ProtocolError(f"{self._name}.{key} must be {_KINDS[wanted]}, not {_type(value)}")
        if kind is int and isinstance(value, int) and not -(1 << 31) <= value < 1 << 31:
            raise ProtocolError(f"{self._name}.{key} must be an integer of 32 bits")
        return value

    def object(self, key: str) -> Fields:
        """A nested object; an empty one if it is not there."""
        value = self.get(key, dict)
        return Fields({} if value is None else value, f"{self._name}.{key}")

    def objects(self, key: str) -> list[Fields]:
        """A list of objects; empty if it is not there."""
        items = self.get(key, list) or []
        return [Fields(item, f"{self._name}.{key}[{index}]") for index, item in enumerate(items)]


_KINDS = {str: "a string", int: "an integer", bool: "true or false", list: "a list", dict: "an object"}


def _type(value: Any) -> str:
    if isinstance(value, float):
        return "a number"
    return "null" if value is None else _KINDS[type(value)]


def decode(frame: str | bytes) -> Fields:
    """Parse a frame.

    Raises:
        ProtocolError: it is no JSON object.
    """
    try:
        value = json.loads(frame)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("Invalid JSON payload received") from error
    if _openings(frame) > MAX_DEPTH and _too_deep(value):
        raise ProtocolError("Invalid JSON payload received: it is nested too deep")
    return Fields(value, "message")


def _openings(frame: str | bytes) -> int:
    """How deep a message can be at most."""
    return (
        frame.count("{") + frame.count("[")
        if isinstance(frame, str)
        else frame.count(b"{") + frame.count(b"[")
    )


def _too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        inside = (
            each.values() if isinstance(each, dict) else each
            for each in level
            if isinstance(each, dict | list)
        )
        level = [item for items in inside for item in items]
        if not level:
            return False
    return True
