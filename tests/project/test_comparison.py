"""docs/comparison.md: fifteen rows, and each one that promises something names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = [
    [cell.strip() for cell in line.strip("|\n ").split(" | ")]
    for line in (ROOT / "docs/comparison.md").read_text(encoding="utf-8").splitlines()
    if re.match(r"\| \d+ \|", line)
]


def test_there_are_fifteen_rows() -> None:
    assert [int(row[0]) for row in ROWS] == list(range(1, 16))


@pytest.mark.parametrize("row", ROWS, ids=[row[1][:40] for row in ROWS])
def test_a_row_is_shown_by_tests_or_says_no(row: list[str]) -> None:
    ours = row[2]
    named = re.findall(r"`((?:tests/|make )[^`]+)`", row[-1]) if len(row) == 5 else []
    assert named or ours.startswith("no"), "what no test shows is not promised"
    for name in named:
        assert name == "make test" or (ROOT / name).exists(), f"{name} does not exist"
