"""Every fuzz target with a few inputs, the same each time; the long run is ``python -m tests.fuzz``."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.fuzz import __main__ as command
from tests.fuzz.hunt import Result, Target, Unprepared, hunt
from tests.fuzz.targets import TARGETS

SEED = 20_000
INPUTS = {"scenario": 10, "call-client": 20, "exchange": 12, "exchange-http": 60, "live-server": 15}
"""Inputs of the slower targets; the others get 100."""


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_few_attacks_find_nothing(target: Target) -> None:
    result = Result(target.name)
    hunt(target, SEED, result, until=time.monotonic() + 60, examples=INPUTS.get(target.name, 100))
    assert not result.findings, "\n".join(map(str, result.findings))
    assert result.inputs >= INPUTS.get(target.name, 100) // 2, "the inputs were made"
    assert result.tally, "and something came of them"


class Flawed(Unprepared):
    """A target that cannot stand a word with an x."""

    name = "flawed"
    share = 1.0
    examples = 300

    def inputs(self) -> SearchStrategy[Any]:
        return st.lists(st.text(alphabet="abx", max_size=20), max_size=5)

    def check(self, value: list[str], tally: Counter[str]) -> None:
        tally["words"] += len(value)
        if any("x" in word for word in value):
            raise KeyError("an x")


def test_a_finding_is_shrunk_kept_and_replayed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "TARGETS", (Flawed(),))
    monkeypatch.setattr(command, "ARTIFACTS", tmp_path)
    assert command.main(["--seconds", "5", "--seed", "1"]) == 1
    told = capsys.readouterr().out
    assert "input: ['x']" in told and "KeyError" in told
    assert told.splitlines()[-1].startswith("fuzz: 1 findings in") and told.endswith("seed 1\n")
    (kept,) = tmp_path.iterdir()
    assert kept.read_text() == "['x']"
    with pytest.raises(KeyError):
        command.main(["--only", "flawed", "--replay", str(kept)])


class Slow(Flawed):
    """A target that finds nothing and takes its time."""

    def check(self, value: list[str], tally: Counter[str]) -> None:
        tally["checked"] += 1
        time.sleep(0.01)


def test_a_run_keeps_to_its_time(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(command, "TARGETS", (Slow(),))
    began = time.monotonic()
    assert command.main(["--seconds", "0.5", "--seed", "1"]) == 0
    assert time.monotonic() - began < 5
    assert "fuzz: nothing found" in capsys.readouterr().out
