"""Tool calls of the model, each in its own task, so that no tool ever holds up audio."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from voiceagent.live import LiveClosedError, LiveSession, Scheduling, ToolCall
from voiceagent.report import Observer, ToolFinished, ToolStarted

logger = logging.getLogger(__name__)

ToolRunner = Callable[[ToolCall], Awaitable[dict[str, Any]]]
"""Runs one tool call and never raises: its response for the model is JSON, with ``error`` where it failed."""

_FINISH_SECONDS = 5.0
"""When the call ends, running tools get so long to finish: a booking is not torn apart."""


class ToolCalls:
    """Runs the model's tool calls and sends their results.

    A tool goes on through barge-in. A call that the model cancels is cancelled, and no result is sent. A
    call with the name and arguments of one that is still running waits for that one's result instead of
    running again, so that nothing is booked twice.

    Args:
        session: Where results go.
        run: Runs one call.
        observe: Is told of every start and end.
        clock: Milliseconds since the call began.
        silent: Whether the model is to say nothing about results at the moment.
        shown: The arguments of a call, as observers may see them.
        tasks: The call's task group.
    """

    def __init__(
        self,
        session: LiveSession,
        run: ToolRunner,
        observe: Observer,
        clock: Callable[[], float],
        silent: Callable[[], bool],
        shown: Callable[[ToolCall], dict[str, Any]],
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._session = session
        self._run = run
        self._observe = observe
        self._clock = clock
        self._silent = silent
        self._shown = shown
        self._tasks = tasks
        self._calls: dict[str, asyncio.Task[None]] = {}
        self._running: dict[tuple[str, str], asyncio.Future[dict[str, Any]]] = {}

    def start(self, call: ToolCall) -> None:
        """Begin a call; a repeated id of a call that still runs is the same call, and is skipped."""
        if call.id in self._calls:
            logger.warning("the model repeated tool call %s of %s; it runs once", call.id, call.name)
            return
        task = self._tasks.create_task(self._one(call), name=f"tool {call.name}")
        self._calls[call.id] = task
        task.add_done_callback(lambda _: self._calls.pop(call.id, None))

    def cancel(self, call_id: str) -> None:
        """The model no longer wants the result; an id that is not running is ignored."""
        task = self._calls.get(call_id)
        if task is not None:
            task.cancel()

    def interrupted(self) -> None:
        """The caller spoke over an answer."""

    @property
    def running(self) -> int:
        """How many calls run."""
        return len(self._calls)

    async def finish(self) -> None:
        """Let running tools come to their end, for a while; then cancel them."""
        running = list(self._calls.values())
        if running:
            _, late = await asyncio.wait(running, timeout=_FINISH_SECONDS)
            for task in late:
                task.cancel()

    async def _one(self, call: ToolCall) -> None:
        key = (call.name, json.dumps(call.args, sort_keys=True, default=str))
        first = self._running.get(key)
        if first is not None:
            logger.warning("tool %s was called again with the same arguments; both get one result", call.name)
            result = await asyncio.shield(first)
        else:
            result = await self._first(call, key)
        try:
            scheduling = Scheduling.SILENT if self._silent() else None
            await self._session.send_tool_result(call.id, call.name, result, scheduling=scheduling)
        except LiveClosedError as closed:
            logger.warning("the result of tool %s came too late: %s", call.name, closed)

    async def _first(self, call: ToolCall, key: tuple[str, str]) -> dict[str, Any]:
        outcome: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._running[key] = outcome
        began = self._clock()
        self._observe(ToolStarted(began, call.id, call.name, self._shown(call)))
        result: dict[str, Any] = {"error": "cancelled"}
        try:
            result = await self._run(call)
        finally:
            del self._running[key]
            outcome.set_result(result)
            now = self._clock()
            self._observe(ToolFinished(now, call.id, call.name, "error" not in result, now - began, result))
        return result
