"""The ready agents in processes of their own: the sandbox for a model, and ADK's server."""

from __future__ import annotations

import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.adk.chat import environment

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
AGENTS = sorted(path.parent.name for path in ROOT.glob("agents/*/agent.py"))

START_SECONDS, STOP_SECONDS = 60.0, 15.0


@contextmanager
def running(command: list[str | Path], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A process, which is stopped at the end, and had better stop."""
    with subprocess.Popen(command, text=True, **options) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


@dataclass
class Sandbox:
    """The sandbox in a process of its own."""

    live_url: str

    def play(self, agent: str) -> None:
        """Let the model play an agent's scenario from now on."""
        scenario = (ROOT / "agents" / agent / "scenario.yaml").read_bytes()
        url = f"{self.live_url.replace('ws:', 'http:')}/operator/scenario"
        httpx.post(url, content=scenario, timeout=30).raise_for_status()

    def settings(self, project: Path, database: str) -> dict[str, str]:
        """The environment for ADK's commands in a project."""
        mine = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("VOICEAGENT_", "GOOGLE_"))
        }
        return {
            **mine,
            **environment(self.live_url),
            "VOICEAGENT_DATABASE_URL": database,
            "PYTHONPATH": os.pathsep.join((str(project), str(ROOT))),
        }


@contextmanager
def running_sandbox() -> Iterator[Sandbox]:
    command = [sys.executable, "-m", "voiceagent", "sandbox", "--port", "0", "--live-port", "0", "--json"]
    with running(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield Sandbox(json.loads(process.stdout.readline())["live_url"])


@dataclass
class Server:
    """ADK's server with all agents."""

    http: httpx.Client
    database: str
    log: list[str]


class ServedChat:
    """A session on ADK's server."""

    def __init__(self, server: Server, agent: str, state: dict[str, Any]) -> None:
        self._server = server
        self._agent = agent
        made = server.http.post(f"/apps/{agent}/users/u/sessions", json={"state": state})
        self._id = made.raise_for_status().json()["id"]

    def say(self, text: str) -> list[dict[str, Any]]:
        """Say something; the parts of all that comes back."""
        message = {"role": "user", "parts": [{"text": text}]}
        body = {"appName": self._agent, "userId": "u", "sessionId": self._id, "newMessage": message}
        answered = self._server.http.post("/run", json=body)
        assert answered.status_code == 200, answered.text + "".join(self._server.log)
        return [part for event in answered.json() for part in event["content"]["parts"]]


@contextmanager
def running_server(sandbox: Sandbox, project: Path) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    database = database_of(project, "served")
    command = [BIN / "adk", "web", "--port", str(port), "--session_service_uri", "memory://", "agents"]
    options = {"cwd": project, "env": sandbox.settings(project, database)}
    with running(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options) as process:
        log = _Log(process)
        try:
            log.wait_for("Uvicorn running on")
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
                yield Server(client, database, log.lines)
        finally:
            process.send_signal(signal.SIGINT)
            log.thread.join(STOP_SECONDS)


class _Log:
    """What a process prints, read as it comes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.lines: list[str] = []
        self._output = process.stdout
        self._found = threading.Event()
        self._wanted = ""
        self.thread = threading.Thread(target=self._read)

    def wait_for(self, text: str) -> None:
        """Begin to read; returns when ``text`` has been printed."""
        self._wanted = text
        self.thread.start()
        assert self._found.wait(START_SECONDS), "".join(self.lines)
        assert any(text in line for line in self.lines), "".join(self.lines)

    def _read(self) -> None:
        assert self._output is not None
        for line in self._output:
            self.lines.append(line)
            if self._wanted in line:
                self._found.set()
        self._found.set()


def database_of(folder: str | Path, name: str) -> str:
    """The address of a database in a project."""
    return f"sqlite+aiosqlite:///{Path(folder) / f'eval_{name}.db'}"


def conversation(agent: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The state and the turns of an agent's only eval case."""
    (case,) = json.loads((ROOT / "agents" / agent / "text.evalset.json").read_text())["eval_cases"]
    return case["session_input"]["state"], case["conversation"]


def demo(agent: str) -> Any:
    """What fills an agent's database before a demo, and tells of it afterwards."""
    return importlib.import_module(f"agents.{agent}.demo")
