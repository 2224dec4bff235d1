"""The receptionist's records in a file, as the demo fills them, and calls that are made of parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

ANNA, BOB, STRANGER = "+15550100", "+15550123", "+15550999"

HELLO = "Harbor Supplies, how can I help you?"
GOODBYE = "Thank you for calling. Goodbye."


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that the agent is told to use."""
    path = tmp_path / "records.db"
    monkeypatch.setenv("VOICEAGENT_DATABASE_URL", url_of(path))
    return path


def url_of(database: Path) -> str:
    return f"sqlite+aiosqlite:///{database}"


def conversation(
    *exchanges: tuple[str, list[dict[str, Any]]], caller: str = ANNA, **parts: Any
) -> dict[str, Any]:
    """A call in which the caller says something, and the model does something, in turn; then they part.

    Args:
        exchanges: What the caller says, and the rules that answer it, without their triggers: the first one
            fires when the caller has spoken, the others when tools have returned.
        caller: Who calls.
        parts: Other parts of the scenario.
    """
    script: list[Any] = [{"wait": "agent_done"}]
    model: list[dict[str, Any]] = [{"on": "start", "say": HELLO}]
    for said, answers in exchanges:
        script += [{"say": said}, {"wait": "agent_done"}]
        for index, answer in enumerate(answers):
            trigger = {"on": "tool_result"} if index else {"on": "caller_done", "heard": said}
            model.append(trigger | answer)
    script += [{"say": "goodbye"}, {"wait": "agent_done"}]
    model.append({"on": "caller_done", "heard": "goodbye", "say": GOODBYE, "call": {"end_call": {}}})
    return {"caller": {"from": caller}, "script": script, "model": model, **parts}
