"""Checks the ``text`` blocks of the pages: what they show is there. One that nobody checks is a mistake."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Callable

import pytest

from tests.project.pages import ROOT, Block
from voiceagent.call import exceptions
from voiceagent.sandbox.scenario import ScenarioError, parse_scenario


def check_text(block: Block) -> None:
    """Compare the block with what it speaks of."""
    page = str(block.page.relative_to(ROOT))
    for name, begins_with, check in _CHECKS:
        if (page, block.code.split(maxsplit=1)[0]) == (name, begins_with):
            return check(block.code)
    raise AssertionError(f"{block.where}: no check in texts.py is for this block")


def _map_of_the_code(code: str) -> None:
    """Every path in it exists."""
    folders: list[str] = []
    for line in code.splitlines():
        match = re.match(r"( *)(\S+?/?)(?:\s{2,}\S|$)", line)
        if match is None or len(match[1]) > 4:
            continue  # The second line of a description.
        depth = len(match[1]) // 2
        folders[depth:] = [match[2]]
        path = ROOT.joinpath(*folders)
        assert path.is_dir() if match[2].endswith("/") else path.is_file(), f"there is no {path}"


def _layers(code: str) -> None:
    """It shows the layers that ``make layers`` holds."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    there = {path.stem for path in (ROOT / "voiceagent").iterdir()}
    assert [set(re.findall(r"\w+", line)) for line in code.splitlines()] == [
        set(re.findall(r"\w+", layer)) & there for layer in layers
    ]


def _tree_of_exceptions(code: str) -> None:
    """Each stands under its base."""
    above: list[type] = [Exception]
    for line in code.splitlines():
        match = re.match(r"[│├└─\s]*", line)
        assert match is not None
        error = getattr(exceptions, line[match.end() :].split()[0])
        above[1 + match.end() // 4 :] = [error]
        assert issubclass(error, above[-2]), line


def _messages(code: str) -> None:
    """The wire knows a message of each name."""
    known = {
        node.value
        for path in (ROOT / "voiceagent" / "wire").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    lines = re.findall(r"^\w*\s+[<>]+ (.*?)(?:  |$)", code, re.MULTILINE)
    sent = [name for line in lines for name in line.split()]
    assert set(sent) - known - {"audio"} == set()


def _error_of_a_scenario(code: str) -> None:
    """The error reads so."""
    with pytest.raises(ScenarioError, match=re.escape(code.strip())):
        parse_scenario("script:\n  - wait: agent_don\n", "lunch.yaml")


_CHECKS: list[tuple[str, str, Callable[[str], None]]] = [
    ("CONTRIBUTING.md", "voiceagent/", _map_of_the_code),
    ("CONTRIBUTING.md", "cli", _layers),
    ("docs/sdk/errors.md", "WSSError", _tree_of_exceptions),
    ("docs/protocol.md", "control", _messages),
    ("docs/guide/scenarios.md", "lunch.yaml:2:", _error_of_a_scenario),
]
"""The page, the block's first word, and its check."""
