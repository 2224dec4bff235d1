"""A sandbox and a customer's program, each a process of its own, as on the customer's own machine.

The program gets no more than PATH, HOME and the six variables that its customer sets. It must end by itself
on a signal, and leave nothing behind in its log that would worry anybody. On failure the error carries what
both processes wrote; they are killed whatever happens.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.pcm import spoken
from voiceagent.sandbox.document import read_yaml
from voiceagent.sandbox.operator import LiveOperator, Operator
from voiceagent.sandbox.speech import speak

HERE = Path(__file__).parent
DEADLINE = 45.0
"""Seconds for whatever has to happen; a loaded machine is slow."""

RATE = 24_000
GEMINI_KEY = "gemini-key-of-the-customer"
CALLER = "+15550100"
CALLEE = "+15550199"

VARIABLES = {
    "VOICEAGENT_CALL_URL",
    "GOOGLE_GEMINI_BASE_URL",
    "SSL_CERT_FILE",
    "WSS_API_KEY",
    "WSS_CONNECTOR_UUID",
    "GEMINI_API_KEY",
}

BAD_SIGNS = ("Traceback", "Task was destroyed", "never retrieved", "never awaited", "ResourceWarning")
"""What an asyncio program writes when something was left undone."""


def renamed(source: str) -> str:
    """The same program for the other name of the SDK."""
    return source.replace("telcoflow_sdk", "agentao_sdk").replace("Telcoflow", "AgenTao")


def agent_says(text: str) -> bytes:
    """The samples of what the model says, without silence."""
    return spoken(speak(text, sample_rate=RATE, voice="en-US"))


def caller_says(text: str) -> bytes:
    """PCM of a party's speech."""
    return speak(text, sample_rate=RATE, voice="en-GB")


@dataclass
class Stage:
    """A running program and the sandbox around it.

    Attributes:
        operator: What happens outside the program.
        live: What the model heard and was told.
        program: The program's process.
        folder: Its working directory, with ``stdout`` and ``stderr``.
        secrets: What must be in neither.
        steps: What the scenario's caller does.
    """

    operator: Operator
    live: LiveOperator
    program: Process
    folder: Path
    secrets: tuple[str, ...]
    steps: list[Any]

    def reports(self, event: str | None = None, call_id: str | None = None) -> list[dict[str, Any]]:
        """The JSON lines that the program printed, of one kind and one call if that is given."""
        return [
            line
            for line in _json_lines((self.folder / "stdout").read_text())
            if event in (None, line["event"]) and call_id in (None, line.get("call_id"))
        ]

    async def reported(self, event: str, call_id: str | None = None) -> dict[str, Any]:
        """Wait until the program has printed a line of this kind."""
        await self.until(lambda: self.reports(event, call_id), f"the program did not report {event!r}")
        return self.reports(event, call_id)[0]

    async def phone(self, *, from_: str = CALLER, to: str = CALLEE, script: list[Any] | None = None) -> str:
        """Somebody calls, as in the scenario, or doing what ``script`` says."""
        return await self.operator.phone(from_, to, script=self.steps if script is None else script)

    async def ended(self, call_id: str) -> dict[str, Any]:
        """The call, once it is over."""
        return await self.operator.wait_for(call_id, "ended", timeout=DEADLINE)

    async def heard(self, call_id: str, leg: str = "caller") -> bytes:
        """The sound that a party has heard."""
        return spoken(await self.operator.heard(call_id, leg=leg))

    async def sessions(self, count: int) -> list[dict[str, Any]]:
        """The live sessions, all of them closed: the program gave its connections back."""

        async def closed() -> bool:
            sessions = await self.live.sessions()
            return len(sessions) == count and all(session["closed"] for session in sessions)

        await self.until(closed, f"there are not {count} closed live sessions")
        sessions = await self.live.sessions()
        for session in sessions:
            assert session["violations"] == []
            assert session["audio_bytes"] > 0
        return sessions

    async def until(self, condition: Callable[[], Any], complaint: str) -> None:
        """Wait until ``condition`` holds."""
        try:
            async with asyncio.timeout(DEADLINE):
                while not await _truth(condition()):
                    assert self.program.returncode in (None, 0), "the program has failed"
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(complaint) from None

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """The customer stops the program, which ends without complaint."""
        assert self.program.returncode is None, "the program has ended by itself"
        self.program.send_signal(number)
        async with asyncio.timeout(DEADLINE):
            await self.program.wait()
        assert self.program.returncode == 0
        log, output = (self.folder / "stderr").read_text(), (self.folder / "stdout").read_text()
        for sign in BAD_SIGNS:
            assert sign not in log
        for secret in self.secrets:
            assert secret not in log + output
        # The program may print whose call it is; the SDK's log does not.
        assert CALLER not in log


@asynccontextmanager
async def stage(program: str, folder: Path, *, other_name: bool) -> AsyncIterator[Stage]:
    """Run a program of this folder with its scenario, under the first name of the SDK or the other."""
    scenario = HERE / f"{program}.yaml"
    file = _lay_out(program, folder, other_name=other_name)
    script = read_yaml(scenario.read_text(), scenario.name).mapping().get("script")
    base = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    sandbox = (
        "-m",
        "voiceagent",
        "sandbox",
        "--port",
        "0",
        "--live-port",
        "0",
        "--json",
        "--scenario",
        scenario,
    )
    box = folder / "sandbox"
    async with _process(sandbox, box, base, stdout=PIPE) as exchange:
        ready = await _ready_line(exchange)
        variables = {
            "VOICEAGENT_CALL_URL": ready["call_url"],
            "GOOGLE_GEMINI_BASE_URL": ready["live_tls_url"],
            "SSL_CERT_FILE": ready["ca_file"],
            "WSS_API_KEY": ready["api_key"],
            "WSS_CONNECTOR_UUID": ready["connector_uuid"],
            "GEMINI_API_KEY": GEMINI_KEY,
        }
        assert variables.keys() == VARIABLES
        live_url = ready["live_url"].replace("ws://", "http://") + "/operator"
        with _explained(folder):
            async with (
                _process((file,), folder, base | variables) as process,
                Operator(ready["operator_url"]) as operator,
                LiveOperator(live_url) as live,
            ):
                running = Stage(
                    operator,
                    live,
                    process,
                    folder,
                    secrets=(ready["api_key"], GEMINI_KEY),
                    steps=[] if script is None else script.plain(),
                )
                await running.until(operator.controls, "the program has not connected")
                yield running
                for call in await operator.calls():
                    assert call["violations"] == []
        exchange.terminate()
        async with asyncio.timeout(DEADLINE):
            assert await exchange.wait() == 0
        assert "Traceback" not in (box / "stderr").read_text()


def _lay_out(program: str, folder: Path, *, other_name: bool) -> Path:
    """Make the working directories of both processes; returns the program's file."""
    (folder / "sandbox").mkdir(parents=True)
    file = HERE / f"{program}.py"
    if not other_name:
        return file
    copy = folder / file.name
    copy.write_text(renamed(file.read_text()))
    return copy


@asynccontextmanager
async def _process(
    arguments: tuple[Any, ...], folder: Path, environment: dict[str, str], stdout: int | None = None
) -> AsyncIterator[Process]:
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *map(str, arguments),
            cwd=folder,
            env=environment,
            stdout=out if stdout is None else stdout,
            stderr=err,
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def _ready_line(sandbox: Process) -> dict[str, str]:
    assert sandbox.stdout is not None
    async with asyncio.timeout(DEADLINE):
        ready: dict[str, str] = json.loads(await sandbox.stdout.readline())
    return ready


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Add to an error what the processes wrote."""
    try:
        yield
    except Exception as error:
        for name in ("stdout", "stderr", "sandbox/stderr"):
            error.add_note(f"---- {folder.name}/{name}\n{(folder / name).read_text()}")
        raise


def _json_lines(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines(keepends=True):
        if line.startswith("{") and line.endswith("\n"):
            yield json.loads(line)


async def _truth(value: Any) -> Any:
    return await value if isinstance(value, Awaitable) else value
