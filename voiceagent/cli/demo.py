"""``voiceagent demo``: a sandbox, a ready agent and a scripted caller, and the call as it happens.

A ready agent may have a module ``demo`` with ``async def before(url)``, which fills the empty database before
the call, and ``async def after(url)``, whose lines say what is in it afterwards.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.console import Console

from voiceagent.agent import VoiceAgent
from voiceagent.call import CallClientConfig
from voiceagent.cli import CommandError
from voiceagent.cli.display import CallDisplay, summary
from voiceagent.cli.loading import load
from voiceagent.cli.ready import ReadyAgent, agents_here, agents_in, bundled_agents
from voiceagent.cli.scripts import CallScript, read_call_script
from voiceagent.live import LiveError
from voiceagent.live.genai import KEYS, LIVE_URL, GenaiConnector
from voiceagent.report import CallReport, EndReason
from voiceagent.report.page import PAGE
from voiceagent.sandbox.operator import Operator, OperatorError
from voiceagent.service import EXPECTED_ERRORS, Service

_START_SECONDS = 30.0
"""The sandbox is ready within so long, also on a slow machine."""

_CALL_SECONDS = 180.0
"""No demo call takes longer."""

_WELL_ENDED = (
    EndReason.AGENT_HUNG_UP,
    EndReason.CALLER_HUNG_UP,
    EndReason.CONFERENCE_ENDED,
    EndReason.CONNECTED,
    EndReason.TRANSFERRED,
)

_DEFAULT = "appointment_booking"


def list_demos() -> None:
    """Print the agents that can be played, one line each: those of the project, then those of voiceagent."""
    console = Console()
    here = agents_here()
    own = {agent.name for agent in here}
    agents = [*here, *(agent for agent in bundled_agents() if agent.name not in own)]
    width = max(len(agent.name) for agent in agents)
    for agent in agents:
        console.print(
            f"{agent.name:<{width}}  {agent.summary}", highlight=False, markup=False, soft_wrap=True
        )


def run_demo(name: str | None, output: Path) -> None:
    """Run the demo of the agent called ``name``; exit code 1 where the call did not end well."""
    console = Console()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    ready = _find(name)
    folder = (output / f"demo-{datetime.now():%Y%m%d-%H%M%S}").resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"the call cannot be kept in {output}: {error.strerror}; see --output") from None
    # Each demo begins with an empty database, so that it goes the same way every time.
    url = f"sqlite+aiosqlite:///{folder / 'voiceagent.db'}"
    os.environ["VOICEAGENT_DATABASE_URL"] = url
    agent = ready.load()
    notes = _notes_of(ready)
    try:
        report = asyncio.run(_demo(console, ready.scenario, agent, folder, notes, url))
    except (*EXPECTED_ERRORS, OperatorError) as error:
        raise CommandError(error) from None
    kept = output / folder.name / report.call_id
    console.print(f"report     {kept / 'report.json'}", soft_wrap=True)
    if (folder / report.call_id / PAGE).exists():
        console.print(f"page       {kept / PAGE}  (open it in a browser)", soft_wrap=True)
    if report.audio is not None:
        heard = "caller, then both parties" if report.ended is EndReason.CONFERENCE_ENDED else "caller"
        console.print(f"recording  {kept / report.audio}  ({heard} left, agent right)", soft_wrap=True)
    if report.ended not in _WELL_ENDED or not (report.transcript or report.ended is EndReason.CONNECTED):
        raise SystemExit(1)


def _find(name: str | None) -> ReadyAgent:
    """The agent of that name; of the project first, then of voiceagent."""
    own = agents_in(Path.cwd())
    found = {agent.name: agent for agent in (*bundled_agents(), *own)}
    if name is None:
        if not own and Path("pyproject.toml").exists() and Path("agents").is_dir():
            raise CommandError(
                "no agent of this project has a scenario to play: write agents/NAME/scenario.yaml,"
                " or name one of voiceagent's own (voiceagent demo --list)"
            )
        return own[0] if len(own) == 1 else found[_DEFAULT]
    if name not in found:
        raise CommandError(f"there is no ready agent {name!r}; there is {', '.join(sorted(found))}")
    return found[name]


def _notes_of(ready: ReadyAgent) -> Any:
    """The module with what happens before and after the call; None where the agent needs none."""
    name = f"agents.{ready.name}.demo"
    return load(name) if find_spec(name) is not None else None


async def _demo(
    console: Console, scenario: Path, agent: type[VoiceAgent], folder: Path, notes: Any, url: str
) -> CallReport:
    script = read_call_script(scenario)
    if notes is not None:
        await notes.before(url)
    report = await _play(console, scenario, script, agent, folder)
    console.print()
    console.print(summary(report))
    if notes is not None:
        console.print("\nIn the database:")
        for line in await notes.after(url):
            console.print(f"  {line}", highlight=False, markup=False, soft_wrap=True)
        console.print()
    return report


async def _play(
    console: Console, scenario: Path, script: CallScript, agent: type[VoiceAgent], folder: Path
) -> CallReport:
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
        await operator.phone(numbers.caller, numbers.callee, script=script.steps, callee=script.party)
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
