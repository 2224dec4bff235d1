"""Calls an agent's hooks for what happens in a call, in order, beside the audio.

A hook may take its time: it runs in a task of its own and holds up nobody. One that raises is logged.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from voiceagent.agent import VoiceAgent
from voiceagent.context import is_own_cancellation
from voiceagent.report import (
    AgentText,
    CallerText,
    CallReport,
    Ended,
    Line,
    Moment,
    ToolFinished,
    ToolStarted,
    TurnEnded,
    lines_of,
)
from voiceagent.tool import CallContext

logger = logging.getLogger(__name__)

_MOST_WAITING = 1000
"""Hooks that wait for slower ones; beyond it the newest are left out, and logged."""

_SETTLE_SECONDS = 5.0


class Hooks:
    """An observer that calls ``on_transcript`` and ``on_tool``; ``on_dtmf`` has a way of its own.

    Args:
        agent: Whose hooks.
        context: What they are given.
        report: The report, which an observer before this one keeps up to date.
    """

    def __init__(self, agent: VoiceAgent, context: CallContext, report: CallReport) -> None:
        self._agent = agent
        self._context = context
        self._report = report
        self._waiting: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue(_MOST_WAITING)
        self._caller_line: Line | None = None

    def __call__(self, moment: Moment) -> None:
        """Queue the hooks that this moment is for."""
        match moment:
            case CallerText():
                self._caller_line = self._report.transcript[-1]
            case AgentText() | ToolStarted() | Ended():
                # From here on the report puts what the caller says into a new line.
                self._finish_caller_line()
            case TurnEnded():
                if self._caller_line is not None and self._caller_line.who == "parties":
                    self._finish_caller_line()
                for line in lines_of(self._report, moment.turn):
                    self._add(partial(self._agent.on_transcript, self._context, line))
            case ToolFinished():
                self._finish_caller_line()
                for use in reversed(self._report.tools):
                    if use.id == moment.id:
                        self._add(partial(self._agent.on_tool, self._context, use))
                        break

    def keys(self, digits: str) -> None:
        """Queue ``on_dtmf``: it gets what was pressed, as the model does, and not what observers may read."""
        self._add(partial(self._agent.on_dtmf, self._context, digits))

    def _finish_caller_line(self) -> None:
        if self._caller_line is not None:
            self._add(partial(self._agent.on_transcript, self._context, self._caller_line))
            self._caller_line = None

    def _add(self, hook: Callable[[], Awaitable[None]]) -> None:
        try:
            self._waiting.put_nowait(hook)
        except asyncio.QueueFull:
            logger.warning("call %s: its hooks are too slow, one was left out", self._context.call_id)

    async def run(self) -> None:
        """Run hooks until cancelled."""
        while True:
            hook = await self._waiting.get()
            try:
                await hook()
            except (Exception, asyncio.CancelledError) as error:
                if is_own_cancellation(error):
                    raise
                logger.exception("call %s: a hook failed", self._context.call_id)
            finally:
                self._waiting.task_done()

    async def settle(self) -> None:
        """Let the hooks that wait run, for a while."""
        try:
            async with asyncio.timeout(_SETTLE_SECONDS):
                await self._waiting.join()
        except TimeoutError:
            logger.warning("call %s: its hooks did not finish in time", self._context.call_id)
