"""ADK's own commands work on every ready agent, as text, with the sandbox for a model."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.adk.evalsets import in_file
from tests.adk.served import (
    AGENTS,
    BIN,
    ROOT,
    Sandbox,
    ServedChat,
    Server,
    conversation,
    database_of,
    demo,
    running_sandbox,
    running_server,
)

LEFT_BEHIND = {
    "appointment_booking": "Anna Miller",
    "call_monitoring": "topic: late delivery",
    "database_lookup": "a code was tried, and was right",
    "human_escalation": "callback: billing",
    "interactive_notifications": "flagged: Your parcel waits",
}
"""What a chat through the scenario leaves in the database, as each agent's demo tells it.

A voicemail is a recording; of a chat there is none.
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the agents, as a user has one: ADK writes into it."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("agents", "tools"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".adk"))
    return folder


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def server(sandbox: Sandbox, project: Path) -> Iterator[Server]:
    with running_server(sandbox, project) as server:
        yield server


def text_of(turn: dict[str, Any], who: str) -> str:
    return str(turn[who]["parts"][0]["text"])


def left_behind(agent: str, database: str) -> str:
    return "\n".join(asyncio.run(demo(agent).after(database)))


@pytest.mark.parametrize("agent", AGENTS)
def test_the_eval_set_is_the_scenario(agent: str) -> None:
    file = ROOT / "agents" / agent / "text.evalset.json"

    assert file.read_text(encoding="utf-8") == in_file(agent), "write it anew: python -m tests.adk.evalsets"


def test_the_server_lists_every_agent(server: Server) -> None:
    assert sorted(server.http.get("/list-apps").raise_for_status().json()) == AGENTS


@pytest.mark.parametrize("agent", AGENTS)
def test_a_chat_over_adks_server(agent: str, server: Server, sandbox: Sandbox) -> None:
    sandbox.play(agent)
    asyncio.run(demo(agent).before(server.database))
    state, turns = conversation(agent)
    chat = ServedChat(server, agent, state)

    for turn in turns:
        parts = chat.say(text_of(turn, "user_content"))
        called = [part["functionCall"] for part in parts if "functionCall" in part]
        texts = [part["text"] for part in parts if "text" in part]
        assert [{"name": call["name"], "args": call["args"]} for call in called] == (
            turn["intermediate_data"]["tool_uses"]
        )
        assert texts[-1] == text_of(turn, "final_response")

    assert LEFT_BEHIND.get(agent, "") in left_behind(agent, server.database)


def test_a_chat_on_standard_input(sandbox: Sandbox, project: Path) -> None:
    sandbox.play("appointment_booking")
    database = database_of(project, "run")
    state, turns = conversation("appointment_booking")

    ran = subprocess.run(
        [BIN / "adk", "run", "--state", json.dumps(state), "agents/appointment_booking"],
        cwd=project,
        env=sandbox.settings(project, database),
        input="\n".join([*(text_of(turn, "user_content") for turn in turns), "exit\n"]),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert "You are booked for tomorrow at eleven, Anna." in ran.stdout
    assert "Anna Miller" in left_behind("appointment_booking", database)


@pytest.fixture(scope="module")
def evaluations(sandbox: Sandbox, project: Path) -> dict[str, dict[str, Any]]:
    for agent in AGENTS:
        asyncio.run(demo(agent).before(database_of(project, agent)))
    ran = subprocess.run(
        [sys.executable, "-m", "tests.adk.evaluate", sandbox.live_url, project, *AGENTS],
        cwd=project,
        env=sandbox.settings(project, database_of(project, "none")),
        stdout=subprocess.PIPE,
        text=True,
        timeout=100,
        check=True,
    )
    return {line["agent"]: line for line in map(json.loads, ran.stdout.splitlines())}


@pytest.mark.parametrize("agent", AGENTS)
def test_the_eval_set_passes(agent: str, evaluations: dict[str, dict[str, Any]], project: Path) -> None:
    evaluation = evaluations[agent]

    assert evaluation["code"] == 0, evaluation["output"]
    assert "Tests passed: 1" in evaluation["output"]
    assert "Tests failed: 0" in evaluation["output"]
    assert LEFT_BEHIND.get(agent, "") in left_behind(agent, database_of(project, agent))
