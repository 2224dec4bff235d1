"""Scenario files, as the commands hand them to the exchange and the live server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voiceagent.cli import CommandError
from voiceagent.sandbox.document import read_yaml
from voiceagent.sandbox.scenario import Numbers, ScenarioError, load_scenario


@dataclass(frozen=True)
class CallScript:
    """A scenario's call, as JSON for the exchange.

    Attributes:
        numbers: Who calls whom.
        steps: What the caller does.
        party: Who is reached at the number that was called; None leaves it to the exchange.
        text: The file's whole text, for the live server.
    """

    numbers: Numbers
    steps: list[Any]
    party: dict[str, Any] | None
    text: str


def read_call_script(path: Path) -> CallScript:
    """Read and check a scenario file.

    Raises:
        CommandError: it is malformed; the text names file, line and field.
    """
    try:
        scenario = load_scenario(path)
    except ScenarioError as error:
        raise CommandError(error) from None
    text = path.read_text(encoding="utf-8")
    # Not a plain YAML load: a scenario's `say: yes` is a word, not a truth value.
    parts = read_yaml(text, str(path)).mapping()
    script, callee = (
        None if part is None or part.is_null else part.plain()
        for part in (parts.get("script"), parts.get("callee"))
    )
    steps = _found_from_anywhere(script or [], path.parent)
    if callee and callee.get("script"):
        callee["script"] = _found_from_anywhere(callee["script"], path.parent)
    return CallScript(scenario.numbers, steps, callee, text)


def _found_from_anywhere(steps: list[Any], folder: Path) -> list[Any]:
    """The steps with whole paths: the exchange may run in another folder than the file's paths start from."""
    return [
        {**step, "play": str((folder / step["play"]).resolve())}
        if isinstance(step, dict) and "play" in step
        else step
        for step in steps
    ]
