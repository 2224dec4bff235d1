"""``voiceagent demo``: a sandbox, a ready agent and a scripted caller, and the call as it happens."""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from rich.console import Console

from voiceagent.agent import VoiceAgent
from voiceagent.call import CallClientConfig
from voiceagent.cli import CommandError
from voiceagent.cli.display import CallDisplay, summary
from voiceagent.cli.scripts import CallScript, read_call_script
from voiceagent.live import LiveError
from voiceagent.live.genai import KEYS, LIVE_URL, GenaiConnector
from voiceagent.report import CallReport, EndReason
from voiceagent.sandbox.operator import Operator, OperatorError
from voiceagent.service import EXPECTED_ERRORS, Service

_START_SECONDS = 30.0
"""The sandbox is ready within so long, also on a slow machine."""

_CALL_SECONDS = 180.0
"""No demo call takes longer."""

_WELL_ENDED = (EndReason.AGENT_HUNG_UP, EndReason.TRANSFERRED, EndReason.CALLER_HUNG_UP)


def run_demo(name: str, output: Path) -> None:
    """Run the demo of the agent called ``name``; exit code 1 where the call did not end well."""
    console = Console()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    folder = output / f"demo-{datetime.now():%Y%m%d-%H%M%S}"
    scenario, agent = _find(name, folder)
    try:
        report = asyncio.run(_demo(console, scenario, agent, folder))
    except (*EXPECTED_ERRORS, OperatorError) as error:
        raise CommandError(error) from None
    console.print()
    console.print(summary(report))
    console.print(f"report     {folder / report.call_id / 'report.json'}", soft_wrap=True)
    if report.audio is not None:
        console.print(
            f"recording  {folder / report.call_id / report.audio}  (caller left, agent right)", soft_wrap=True
        )
    if report.ended not in _WELL_ENDED or not report.transcript:
        raise SystemExit(1)


def _find(name: str, folder: Path) -> tuple[Path, type[VoiceAgent]]:
    """The scenario file and the class of a ready agent."""
    home = _home_of_agents()
    names = sorted(file.parent.name for file in (home / "agents").glob("*/scenario.yaml"))
    if name not in names:
        raise CommandError(f"there is no ready agent {name!r}; there is {', '.join(names)}")
    folder.mkdir(parents=True, exist_ok=True)
    # Each demo begins with an empty database, so that it goes the same way every time.
    os.environ["BOOKING_DATABASE_URL"] = f"sqlite+aiosqlite:///{folder / 'bookings.db'}"
    sys.path.insert(0, str(home))
    agent = importlib.import_module(f"agents.{name}").agent
    return home / "agents" / name / "scenario.yaml", agent


def _home_of_agents() -> Path:
    """The folder with ``agents`` and ``tools``: inside the installed package, or the source checkout."""
    package = Path(__file__).parents[1]
    templates = package / "_templates"
    return templates if templates.is_dir() else package.parent


async def _demo(console: Console, scenario: Path, agent: type[VoiceAgent], folder: Path) -> CallReport:
    script = read_call_script(scenario)
    real = any(os.environ.get(key) for key in KEYS)
    async with _sandbox(scenario) as ready:
        if real:
            os.environ.pop(LIVE_URL, None)
            console.print("A Gemini API key is set: the real service answers this call.\n")
        connector = GenaiConnector(live_url=None if real else ready["live_url"])
        calls: asyncio.Queue[CallReport] = asyncio.Queue()
        display = CallDisplay(console)
        service = Service(
            agent,
            config=CallClientConfig.sandbox(
                ready["api_key"], ready["connector_uuid"], base_url=ready["call_url"]
            ),
            connector=connector,
            reports=folder,
            observer=lambda _, moment: display.show(moment),
            on_report=calls.put_nowait,
        )
        try:
            async with asyncio.TaskGroup() as tasks:
                serving = asyncio.Event()
                tasks.create_task(service.serve(ready=serving.set), name="service")
                await serving.wait()
                report = await _place(console, script, ready["operator_url"], calls)
                service.stop()
        except BaseExceptionGroup as failed:
            error = failed.exceptions[0]
            if real and isinstance(error, LiveError):
                raise CommandError(f"{error}; without {' and '.join(KEYS)} the sandbox answers") from None
            raise error from None
    return report


async def _place(
    console: Console, script: CallScript, operator_url: str, calls: asyncio.Queue[CallReport]
) -> CallReport:
    numbers = script.numbers
    console.print(f"{numbers.caller} phones {numbers.callee}\n", highlight=False)
    async with Operator(operator_url) as operator:
        await operator.phone(numbers.caller, numbers.callee, script=script.steps)
        try:
            async with asyncio.timeout(_CALL_SECONDS):
                return await calls.get()
        except TimeoutError:
            raise CommandError(f"the call did not end within {_CALL_SECONDS:g} s") from None


@asynccontextmanager
async def _sandbox(scenario: Path) -> AsyncIterator[dict[str, str]]:
    """A sandbox in a process of its own, so that the agent's timing is the agent's alone."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "voiceagent", "sandbox", "--port", "0", "--live-port", "0", "--json"),
        *("--scenario", str(scenario)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        try:
            async with asyncio.timeout(_START_SECONDS):
                line = await process.stdout.readline()
        except TimeoutError:
            raise CommandError(f"the sandbox was not ready within {_START_SECONDS:g} s") from None
        if not line:
            raise CommandError("the sandbox did not start; it says why above")
        yield json.loads(line)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
