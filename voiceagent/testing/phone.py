"""The fixture ``phone``: whole calls in tests that are not async."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from voiceagent import VoiceAgent
from voiceagent.sandbox.document import ScenarioError
from voiceagent.sandbox.exchange.faults import Fault
from voiceagent.testing.clock import VirtualTimeLoop
from voiceagent.testing.line import CALL_SECONDS, ScenarioSource, is_path, phone_line
from voiceagent.testing.played import PlayedCall
from voiceagent.testing.running import RunningCall

_Result = TypeVar("_Result")


class Phone:
    """Phones agents, each time in a telephone system of its own.

    Args:
        reports: Folder for reports and recordings.
        beside: Folder in which scenarios are looked for first: that of the test.
        real_clock: Let calls take as long as they would on a telephone.
    """

    def __init__(self, reports: Path, *, beside: Path, real_clock: bool = False) -> None:
        self.reports = reports
        self._beside = beside
        self._real_clock = real_clock

    def call(
        self,
        agent: VoiceAgent | type[VoiceAgent],
        scenario: ScenarioSource,
        *,
        caller: str | None = None,
        to: str | None = None,
        meanwhile: Callable[[RunningCall], Awaitable[None]] | None = None,
        faults: Mapping[str, str | Fault] | None = None,
        sample_rate: int = 24000,
        seconds: float = CALL_SECONDS,
    ) -> PlayedCall:
        """Phone an agent; returns when the call is over.

        Args:
            agent: The agent; a class is instantiated.
            scenario: What caller, callee and model do: a file (beside the test, or where pytest was
                started), YAML text, or the same as data.
            caller: Who phones; by default the scenario's ``caller.from``.
            to: The number they call; by default the scenario's ``caller.to``.
            meanwhile: An async function that gets the running call, and does what no script can.
            faults: Commands to the line that fail; see :func:`phone_line`.
            sample_rate: Of the line, in Hz.
            seconds: How long the call may take at most.

        Raises:
            ScenarioError: the scenario is malformed.
            StartupError: the agent's ``on_startup`` failed.
            TimeoutError: the call did not end in time; the text says what was going on.
            RuntimeError: it is called in an async test, or a script could not be played.
        """
        __tracebackhide__ = True

        async def play() -> PlayedCall:
            __tracebackhide__ = True
            async with (
                phone_line(
                    agent, self._found(scenario), reports=self.reports, sample_rate=sample_rate, faults=faults
                ) as line,
                line.ringing(caller=caller, to=to, seconds=seconds) as running,
            ):
                if meanwhile is not None:
                    await meanwhile(running)
            return running.played

        return self._run(play)

    def calls(
        self,
        agent: VoiceAgent | type[VoiceAgent],
        scenario: ScenarioSource,
        callers: Iterable[str],
        *,
        seconds: float = CALL_SECONDS,
    ) -> list[PlayedCall]:
        """Several people phone the same agent at the same moment, all with the same scenario.

        Args:
            agent: The agent; a class is instantiated.
            scenario: As for :meth:`call`.
            callers: Their numbers.
            seconds: How long each call may take at most.

        Returns:
            Their calls, in the order of ``callers``.

        Raises:
            TimeoutError: a call did not end in time; and as :meth:`call` does.
        """
        __tracebackhide__ = True

        async def play() -> list[PlayedCall]:
            __tracebackhide__ = True
            async with phone_line(agent, self._found(scenario), reports=self.reports) as line:
                return await line.calls(callers, seconds=seconds)

        return self._run(play)

    def _found(self, scenario: ScenarioSource) -> ScenarioSource:
        """A relative path is that of a file beside the test, if there is one."""
        if is_path(scenario) and (path := self._beside / scenario).exists():
            return path
        return scenario

    def _run(self, play: Callable[[], Coroutine[Any, Any, _Result]]) -> _Result:
        __tracebackhide__ = True
        if _loop_runs():
            raise RuntimeError(
                "the fixture 'phone' runs a loop of its own, so it cannot be used in an async test: "
                "use 'async with phone_line(agent, scenario) as line' there"
            )
        try:
            with asyncio.Runner(loop_factory=None if self._real_clock else VirtualTimeLoop) as runner:
                return runner.run(play())
        except ScenarioError as error:
            # The text says where the mistake is; where it was found is no matter of the test.
            raise error.with_traceback(None) from None


def _loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
