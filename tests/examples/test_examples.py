"""Every example is short, can be imported, and plays its call in the sandbox to a good end."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import pytest

from tests.project.pages import ROOT
from voiceagent import ToolUse, VoiceAgent
from voiceagent.report import EndReason
from voiceagent.testing import Phone

MOST_LINES = 40
EXAMPLES = sorted(path.stem for path in (ROOT / "examples").glob("[!_]*.py"))
READY = sorted(path.parent.name for path in (ROOT / "agents").glob("*/agent.py"))
ENDED_WELL = {
    EndReason.AGENT_HUNG_UP,
    EndReason.CALLER_HUNG_UP,
    EndReason.CONFERENCE_ENDED,
    EndReason.CONNECTED,
    EndReason.TRANSFERRED,
}


def agent_of(example: str) -> type[VoiceAgent]:
    """The agent that an example declares."""
    module = importlib.import_module(f"examples.{example}")
    (agent,) = (
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, VoiceAgent) and value.__module__ == module.__name__
    )
    return agent


def broke(use: ToolUse) -> bool:
    """Whether a tool raised, or does not exist. One that refuses has done its work."""
    error = (use.result or {}).get("error", "")
    return use.result is None or "cannot be used right now" in error or error.startswith("there is no tool")


@pytest.fixture(autouse=True)
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database of the call's own."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'voiceagent.db'}"
    monkeypatch.setenv("VOICEAGENT_DATABASE_URL", url)
    return url


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_short_and_says_how_to_run_it(example: str) -> None:
    source = (ROOT / "examples" / f"{example}.py").read_text(encoding="utf-8")

    assert len(source.splitlines()) <= MOST_LINES
    assert f"examples.{example}:{agent_of(example).__name__}" in source
    assert f"examples/{example}.yaml" in source
    assert f"    run({agent_of(example).__name__})\n" in source


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_call_of_an_example_comes_to_a_good_end(example: str, phone: Phone) -> None:
    played = phone.call(agent_of(example), ROOT / "examples" / f"{example}.yaml")

    assert played.ended in ENDED_WELL
    assert [use for use in played.tools if broke(use)] == []
    assert played.caller.heard_ms
    assert played.violations == []


@pytest.mark.parametrize("name", READY)
def test_each_ready_agent_has_an_example_that_subclasses_it(name: str) -> None:
    ready = importlib.import_module(f"agents.{name}").agent
    made_of_it = [example for example in EXAMPLES if issubclass(agent_of(example), ready)]

    assert made_of_it
    assert inspect.getdoc(ready)


def test_there_are_six_ready_agents() -> None:
    assert len(READY) == 6


def test_the_german_reception_speaks_german_and_with_others_english(phone: Phone) -> None:
    empfang, scenario = agent_of("german_reception"), ROOT / "examples" / "german_reception.yaml"

    german = phone.call(empfang, scenario)
    assert german.tools[0].result == {"result": "montags bis freitags, acht bis siebzehn Uhr"}
    assert german.caller.heard_speech("Ja, auch am Freitag.", voice="de-DE")
    assert not german.caller.heard_speech("Ja, auch am Freitag.")
    assert german.report.barge_ins == 1

    foreign = phone.call(empfang, scenario, caller="+15550100")
    assert foreign.tools[0].result == {"result": "on weekdays, eight to five"}
