"""The receptionist's records in a file, as the demo fills them, and calls that are made of parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.agents_.conversations import Exchange, scenario_of

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


def conversation(*exchanges: Exchange, caller: str = ANNA, **parts: Any) -> dict[str, Any]:
    """A call of these exchanges, from hello to goodbye."""
    return scenario_of(*exchanges, caller=caller, hello=HELLO, parting="goodbye", goodbye=GOODBYE, **parts)
