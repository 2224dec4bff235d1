"""Results that are too long for a model: what is left of them is valid, of their form, and short enough."""

from __future__ import annotations

import json
from typing import Any

import pytest

from voiceagent.bridge.results import fit

DEEP: Any = "end"
for _ in range(60):
    DEEP = {"a key that is rather long for what it holds": DEEP}


def size(result: object) -> int:
    return len(json.dumps(result, ensure_ascii=False))


def test_what_fits_is_left_as_it_is() -> None:
    response = {"result": "x" * 900}
    assert fit(response, 1000) == (response, None)


@pytest.mark.parametrize(
    "response",
    [
        {"result": "words " * 10_000},
        {"result": list(range(10_000))},
        {"rows": [{"name": f"row {n}", "text": "long " * 50} for n in range(300)]},
        {"a": ["x" * 5000] * 50, "b": {"c": ["y" * 300] * 30}},
        {f"key {n}": n for n in range(5000)},
        {"result": [[[1] * 50] * 50] * 50},
        {"result": "é" * 9000},
        {"result": '"' * 9000},
        {"k" * 5000: 1},
        {"result": [DEEP] * 20},
        {"error": "no " * 5000},
    ],
)
@pytest.mark.parametrize("most", [500, 1000, 16_000])
def test_a_long_result_is_cut_to_size_and_says_so(response: dict[str, Any], most: int) -> None:
    before = size(response)
    if before <= most:
        assert fit(response, most) == (response, None)
        return
    cut, was = fit(response, most)
    assert was == before
    assert size(cut) <= most
    assert f"{before} characters" in cut["cut"]
    assert json.loads(json.dumps(cut)) == cut


def test_as_much_as_fits_is_kept() -> None:
    cut, _ = fit({"result": "words " * 10_000}, 16_000)
    assert size(cut) > 12_000
    cut, _ = fit({"result": [{"n": n} for n in range(10_000)]}, 16_000)
    assert size(cut) > 12_000


def test_items_of_a_list_are_whole_as_long_as_some_fit() -> None:
    rows = [{"name": f"row {n}", "text": "long " * 20} for n in range(300)]
    cut, _ = fit({"rows": rows}, 2000)
    assert len(cut["rows"]) > 5
    assert cut["rows"] == rows[: len(cut["rows"])]


def test_an_error_stays_one() -> None:
    cut, _ = fit({"error": "no " * 5000}, 1000)
    assert cut["error"].startswith("no no")
