"""A whole telephone system around an agent, in one event loop: exchange, live server, service and people.

Rule: nothing of it reaches beyond this machine, whatever keys and addresses the environment holds.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Self, TypeGuard

from voiceagent import CallContext, CallReport, Service, VoiceAgent
from voiceagent.call import CallClientConfig
from voiceagent.call.config import DEFAULT_BUFFER_SIZE
from voiceagent.conversation import CallObserver
from voiceagent.live import LiveConnector
from voiceagent.live.genai import GenaiConnector
from voiceagent.report import Moment
from voiceagent.sandbox.exchange import Exchange, ExchangeCall
from voiceagent.sandbox.exchange.faults import Fault
from voiceagent.sandbox.exchange.operator import COMMANDS
from voiceagent.sandbox.live import LiveServer
from voiceagent.sandbox.scenario import Scenario, build_scenario, load_scenario, parse_scenario
from voiceagent.testing.played import PlayedCall
from voiceagent.testing.running import RunningCall

ScenarioSource = str | os.PathLike[str] | Mapping[str, object] | Scenario
"""A scenario: the path of its file, its YAML text, its parts as data, or read already."""

CALL_SECONDS = 600.0
"""A call that takes longer than this has gone wrong."""


class PhoneLine:
    """An agent that takes calls, and everything that it takes to phone it. Made by :func:`phone_line`.

    Attributes:
        exchange: The telephone exchange: its parties, faults and calls.
        live: The live server: its sessions and what they were sent.
        scenario: What caller, callee and model do, unless a call is given another one.
        service: What runs the agent.
        config: How another service reaches the same exchange.
    """

    def __init__(
        self,
        exchange: Exchange,
        live: LiveServer,
        scenario: Scenario,
        reports: Path | None,
        observer: CallObserver | None,
        on_report: Callable[[CallReport], None] | None,
    ) -> None:
        self.exchange = exchange
        self.live = live
        self.scenario = scenario
        self.config: CallClientConfig
        self.service: Service
        self._reports = reports
        self._observer = observer
        self._on_report = on_report
        self._calls: dict[str, RunningCall] = {}
        self._watchers = asyncio.TaskGroup()

    @property
    def agent(self) -> VoiceAgent:
        """The agent that takes the calls; each call has a copy of its own."""
        return self.service.agent

    async def __aenter__(self) -> Self:
        """Take note of the calls."""
        await self._watchers.__aenter__()
        return self

    async def __aexit__(self, *failed: object) -> None:
        """Hang up on calls that are still going on."""
        self.exchange.reset()
        await self._watchers.__aexit__(None, None, None)

    async def call(
        self,
        scenario: ScenarioSource | None = None,
        *,
        caller: str | None = None,
        to: str | None = None,
        seconds: float = CALL_SECONDS,
    ) -> PlayedCall:
        """Somebody phones and does what the scenario's script says; returns when the call is over.

        Several may run at once, with :func:`asyncio.gather`; they share the scenario's model.

        Args:
            scenario: Another one than the line's, from this call on.
            caller: Who phones; by default the scenario's ``caller.from``.
            to: The number they call; by default the scenario's ``caller.to``.
            seconds: How long it may take at most.

        Raises:
            TimeoutError: the call did not end in time; the text says what was going on.
        """
        __tracebackhide__ = True
        running = await self.ring(scenario, caller=caller, to=to)
        return await running.over(seconds)

    async def calls(self, callers: Iterable[str], *, seconds: float = CALL_SECONDS) -> list[PlayedCall]:
        """Several people phone at the same moment; returns their calls, in the order of ``callers``.

        Raises:
            TimeoutError: as :meth:`call`, for the first call of which it is true.
        """
        __tracebackhide__ = True
        try:
            async with asyncio.TaskGroup() as tasks:
                placed = [tasks.create_task(self.call(caller=one, seconds=seconds)) for one in callers]
        except ExceptionGroup as group:
            raise group.exceptions[0] from None
        return [task.result() for task in placed]

    @asynccontextmanager
    async def ringing(
        self,
        scenario: ScenarioSource | None = None,
        *,
        caller: str | None = None,
        to: str | None = None,
        seconds: float = CALL_SECONDS,
    ) -> AsyncIterator[RunningCall]:
        """As :meth:`call`, with the test's own doings meanwhile. The block ends with the call.

        For example::

            async with line.ringing() as running:
                await running.until(ToolStarted)
                running.caller.hang_up()
            assert running.played.ended == "caller_hung_up"
        """
        __tracebackhide__ = True
        running = await self.ring(scenario, caller=caller, to=to)
        yield running
        await running.over(seconds)

    async def ring(
        self,
        scenario: ScenarioSource | None = None,
        *,
        caller: str | None = None,
        to: str | None = None,
    ) -> RunningCall:
        """Somebody phones; returns at once."""
        if scenario is not None:
            await self._play(read_scenario(scenario))
        plot = self.scenario
        call = self.exchange.phone(
            caller or plot.numbers.caller, to or plot.numbers.callee, plot.script, plot.callee
        )
        running = RunningCall(self.exchange, call, self._folder(call))
        self._calls[call.call_id] = running
        self._watchers.create_task(self._watch(running))
        return running

    async def _play(self, scenario: Scenario) -> None:
        if self.service.active_calls:
            raise ValueError("calls at once share one scenario; give another one when the others are over")
        self.scenario = scenario
        self.live.set_scenario(scenario)
        await self.live.prepare()

    def _folder(self, call: ExchangeCall) -> Path | None:
        return None if self._reports is None else self._reports / call.call_id

    async def _watch(self, running: RunningCall) -> None:
        await running.caller.ended()
        running.note()

    def observe(self, context: CallContext, moment: Moment) -> None:
        """The service reports a moment of a call."""
        if running := self._calls.get(context.call_id):
            running.context = context
            running.moments.append(moment)
            running.note()
        if self._observer is not None:
            self._observer(context, moment)

    def take_report(self, report: CallReport) -> None:
        """The service reports a call that is over."""
        if running := self._calls.get(report.call_id):
            running.reports.append(report)
            running.note()
        if self._on_report is not None:
            self._on_report(report)


@asynccontextmanager
async def phone_line(
    agent: VoiceAgent | type[VoiceAgent],
    scenario: ScenarioSource,
    *,
    reports: str | os.PathLike[str] | None = None,
    sample_rate: int = 24000,
    connector: LiveConnector | None = None,
    max_calls: int | None = None,
    buffer_size: int = DEFAULT_BUFFER_SIZE,
    faults: Mapping[str, str | Fault] | None = None,
    observer: CallObserver | None = None,
    on_report: Callable[[CallReport], None] | None = None,
) -> AsyncIterator[PhoneLine]:
    """Run an agent in a telephone system of its own.

    Args:
        agent: The agent; a class is instantiated.
        scenario: What caller, callee and model do.
        reports: Folder for reports and recordings; None keeps none.
        sample_rate: Of the line, in Hz.
        connector: Opens live sessions; by default to the sandbox's live server, which plays the scenario.
        max_calls: Calls that the agent takes at once; None takes all.
        buffer_size: Bytes that the line's client buffers in each direction.
        faults: Commands to the line that fail: ``{"call.connect": "CALL_UNANSWERED"}`` lets the next one
            fail with this code; a :class:`Fault` says more, such as how often.
        observer: Told of every moment of every call.
        on_report: Given the report of each call.

    Raises:
        ScenarioError: the scenario is malformed.
        StartupError: the agent's ``on_startup`` failed.
        TypeError: a tool or a hook of the agent cannot be used.
        ValueError: a fault is for a command that there is not.
    """
    plot = read_scenario(scenario)
    folder = None if reports is None else Path(reports)
    async with Exchange() as exchange, LiveServer(scenario=plot) as live:
        line = PhoneLine(exchange, live, plot, folder, observer, on_report)
        for command, fault in (faults or {}).items():
            if command not in COMMANDS:
                raise ValueError(f"faults: {command!r} is none of {', '.join(COMMANDS)}")
            exchange.faults.order(command, Fault(fault) if isinstance(fault, str) else replace(fault))
        line.config = CallClientConfig.sandbox(
            exchange.api_key,
            exchange.connector_uuid,
            sample_rate,
            base_url=exchange.url,
            buffer_size=buffer_size,
        )
        line.service = Service(
            agent,
            config=line.config,
            connector=connector or GenaiConnector(live_url=live.url),
            reports=folder,
            max_calls=max_calls,
            observer=line.observe,
            on_report=line.take_report,
        )
        async with serving(line.service), line:
            yield line


@asynccontextmanager
async def serving(service: Service) -> AsyncIterator[None]:
    """Run a service; at the end it stops in order, or at once if something failed.

    An error of the block comes out as it is, and not in the group that a task group makes of it.
    """
    failed: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as tasks:
            ready = asyncio.Event()
            task = tasks.create_task(service.serve(ready=ready.set))
            await ready.wait()
            try:
                yield
                service.stop()
            except BaseException as error:
                # Where the service failed, the task group cancels the block.
                failed = None if isinstance(error, asyncio.CancelledError) else error
                task.cancel()
                raise
    except BaseExceptionGroup as group:
        raise failed or group.exceptions[0] from None


def is_path(scenario: ScenarioSource) -> TypeGuard[str | os.PathLike[str]]:
    """Whether a scenario is given as the path of its file: a text of one line is one."""
    return isinstance(scenario, os.PathLike) or (isinstance(scenario, str) and "\n" not in scenario)


def read_scenario(scenario: ScenarioSource) -> Scenario:
    """Read a scenario, however it is given.

    Raises:
        ScenarioError: it is malformed.
        TypeError: it is none.
    """
    if is_path(scenario):
        return load_scenario(Path(scenario))
    match scenario:
        case Scenario():
            return scenario
        case str():
            return parse_scenario(scenario, "scenario")
        case Mapping():
            return build_scenario(scenario)
        case _:
            raise TypeError(f"a scenario is a path, YAML text or a mapping, not {type(scenario).__name__}")
