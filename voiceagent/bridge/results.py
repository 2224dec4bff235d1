"""Results of tools, cut to a size that a model can use."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

_NOTICE = "cut"
"""Key under which a cut result says so."""

_STEP = 0.8
"""How much is left over from one attempt to the next."""

_FEW_ITEMS = 5
"""Lists are shortened to so many items before texts are shortened as well: a whole item is worth more."""

_FEW_KEYS = 20
"""So many keys are left to an object in any case: each means something else."""

_FEW_CHARACTERS = 8
"""Characters of a text below which it is no use to go on."""


def fit(response: dict[str, Any], most: int) -> tuple[dict[str, Any], int | None]:
    """A result of a tool, with long texts and lists in it shortened until it is not too long.

    Args:
        response: The result: JSON.
        most: Characters of JSON that it may have.

    Returns:
        The result, and how many characters it had if it was cut, otherwise None. A cut one is a valid result
        of the same form with a notice for the model under ``cut``.
    """
    size = _size(response)
    if size <= most:
        return response, None
    notice = (
        f"This is not all: the result has {size} characters and was cut. Go by what is here,"
        " or ask the tool for less."
    )
    for items, characters in _limits(most):
        shorter = {**_shortened(response, items, characters), _NOTICE: notice}
        if _size(shorter) <= most:
            return shorter, size
    # So deep, or with such names, that nothing of its form can be kept.
    room = max(0, most - _size({"result": "", _NOTICE: notice}))
    # A character of JSON may become two in a string.
    return {"result": json.dumps(response)[: room // 2], _NOTICE: notice}, size


def _size(value: object) -> int:
    return len(json.dumps(value, ensure_ascii=False))


def _limits(most: int) -> Iterator[tuple[int, int]]:
    """Items of lists and characters of texts, from many to few."""
    items, characters = most // 2, int(most * 0.9)
    while items > _FEW_ITEMS:
        yield items, characters
        items = int(items * _STEP)
    while characters > _FEW_CHARACTERS:
        yield _FEW_ITEMS, characters
        characters = int(characters * _STEP)


def _shortened(value: Any, items: int, characters: int) -> Any:
    if isinstance(value, str):
        return value if len(value) <= characters else value[: characters - 1] + "…"
    if isinstance(value, list):
        return [_shortened(item, items, characters) for item in value[:items]]
    if isinstance(value, dict):
        kept = list(value.items())[: max(items, _FEW_KEYS)]
        return {key: _shortened(item, items, characters) for key, item in kept}
    return value
