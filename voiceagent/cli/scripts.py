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
    """Who calls whom, what the caller does (as JSON for the exchange), and the file's whole text."""

    numbers: Numbers
    steps: list[Any]
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
    script = read_yaml(text, str(path)).mapping().get("script")
    steps = [] if script is None or script.is_null else script.plain()
    for step in steps:
        if isinstance(step, dict) and "play" in step:
            # The exchange may run in another folder than the one that the file's paths are relative to.
            step["play"] = str((path.parent / step["play"]).resolve())
    return CallScript(scenario.numbers, steps, text)
