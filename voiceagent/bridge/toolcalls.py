"""Tool calls of the model, each in its own task, so that no tool ever holds up audio."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

from voiceagent.bridge.floor import Floor
from voiceagent.bridge.repeats import Key, Repeats
from voiceagent.bridge.results import fit
from voiceagent.bridge.toolrun import ToolRun, late_result, still_at_work
from voiceagent.live import LiveClosedError, LiveSession, Reopened, Scheduling, ToolCall
from voiceagent.report import Observer, ToolFinished, ToolStarted
from voiceagent.tool_late import late_of_tool
from voiceagent.tool_policy import ToolPolicy

logger = logging.getLogger(__name__)

_T = TypeVar("_T")

ToolRunner = Callable[[ToolCall], Awaitable[dict[str, Any]]]
"""Runs one tool call and never raises: its response for the model is JSON, with ``error`` where it failed."""

_FINISH_SECONDS = 5.0
"""When the call ends, running tools get so long to finish: a booking is not torn apart."""

LATE_SECONDS = 300.0
"""A tool that goes on after its timeout gets so long: later nobody remembers what it was for."""

_QUIET_SECONDS = 1.0
"""So long nobody has to have spoken before the model is told of a late result."""

_TAKEN_BACK_SECONDS = 0.5
"""A service that was interrupted may take its calls back by itself, in the next moment."""

_MOST_IDS = 100
"""Ids of calls that have been answered; a service repeats a message at once or never."""


class ToolCalls:
    """Runs the model's tool calls and sends their results.

    A tool goes on through barge-in unless its policy says otherwise. A call that the model cancels is
    cancelled, and no result is sent. A call with the name and arguments of one that is still running waits
    for that one's result instead of running again, so that nothing is booked twice; nor is it when a model
    that lost its memory with a connection goes over the lost turn again.

    Args:
        session: Where results go.
        run: Runs one call.
        observe: Is told of every start and end.
        clock: Milliseconds since the call began.
        silent: Whether the model is to say nothing about results at the moment.
        shown: The arguments of a call, as observers may see them.
        tasks: The call's task group.
        policy: How a call is handled.
        floor: Says when the agent can speak.
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
        *,
        policy: Callable[[ToolCall], ToolPolicy],
        floor: Floor,
    ) -> None:
        self._session = session
        self._run = run
        self._observe = observe
        self._clock = clock
        self._silent = silent
        self._shown = shown
        self._tasks = tasks
        self._policy = policy
        self._floor = floor
        self._changed: Callable[[int], None] = lambda running: None
        self.spoken_results = 0
        """How many results the model was given of which it is to speak."""
        # Calls that have no result yet, and every task that has to end before the call is over.
        self._open: set[asyncio.Task[None]] = set()
        self._all: set[asyncio.Task[Any]] = set()
        # Of this connection: ids of another one may be the same and mean others.
        self._by_id: dict[str, asyncio.Task[None]] = {}
        self._answered: deque[tuple[str, Key]] = deque(maxlen=_MOST_IDS)
        self._connection = 0
        self._runs: dict[Key, ToolRun] = {}
        self._late: set[Key] = set()
        self._repeats = Repeats()
        self._over = False

    def watch(self, changed: Callable[[int], None]) -> None:
        """Tell somebody how many calls run, each time that changes."""
        self._changed = changed

    def start(self, call: ToolCall) -> None:
        """Begin a call; a repeated id is the same call, and is skipped."""
        key = _key(call)
        if call.id in self._by_id or (call.id, key) in self._answered:
            logger.warning("the model repeated tool call %s of %s; it runs once", call.id, call.name)
            return
        task = self._by_id[call.id] = self._spawn(self._one(call, key), f"tool {call.name}")
        self._open.add(task)
        self._changed(len(self._open))
        task.add_done_callback(partial(self._closed, call.id, key))

    def cancel(self, call_id: str) -> None:
        """The model no longer wants the result; an id that is not running is ignored."""
        task = self._by_id.get(call_id)
        if task is not None:
            task.cancel()

    def interrupted(self) -> None:
        """The caller spoke over an answer: stop what is of no use any more then."""
        for run in list(self._runs.values()):
            if run.policy.cancel_on_interruption and not run.stopped:
                name = run.call.name
                logger.info("tool %s is stopped, because the caller interrupted", name)
                run.stop(f"{name} was stopped, because the caller spoke. Listen to them first.")

    def reopened(self, event: Reopened) -> None:
        """The session goes on over another connection."""
        self._connection += 1
        self._by_id.clear()
        self._answered.clear()
        self._repeats.reopened(event)

    def turn_complete(self) -> None:
        """The model's turn is over."""
        self._repeats.settle()

    @property
    def running(self) -> int:
        """How many calls have no result yet."""
        return len(self._open)

    @property
    def late(self) -> int:
        """How many tools go on after their time; the model is told of their results later."""
        return len(self._late)

    async def finish(self) -> None:
        """Let running tools come to their end, for a while; then cancel them."""
        try:
            async with asyncio.timeout(_FINISH_SECONDS):
                # One that ends may leave work behind that goes on.
                while self._all:
                    await asyncio.wait(self._all)
        except TimeoutError:
            self._over = True
            for task in self._all:
                task.cancel()

    def _spawn(self, work: Coroutine[Any, Any, _T], name: str) -> asyncio.Task[_T]:
        task = self._tasks.create_task(work, name=name)
        self._all.add(task)
        task.add_done_callback(self._all.discard)
        return task

    def _closed(self, call_id: str, key: Key, task: asyncio.Task[None]) -> None:
        self._open.discard(task)
        if self._by_id.get(call_id) is task:
            del self._by_id[call_id]
            self._answered.append((call_id, key))
        self._changed(len(self._open))

    # One call of the model -----------------------------------------------------------------------------

    async def _one(self, call: ToolCall, key: Key) -> None:
        policy = self._policy_of(call)
        scheduling = policy.scheduling
        result = self._repeats.take(key)
        if result is not None:
            logger.warning("tool %s was called again after a lost connection; it runs once", call.name)
        elif key in self._late:
            result = still_at_work(call.name)
        else:
            run = self._runs.get(key)
            if run is None:
                run = self._begin(call, key, policy)
            else:
                logger.warning("tool %s was called again alike; both calls get one result", call.name)
            result = await run.result(self._connection)
            if run.stopped:
                scheduling = Scheduling.SILENT
                await asyncio.sleep(_TAKEN_BACK_SECONDS)
        if self._silent():
            scheduling = Scheduling.SILENT
        try:
            await self._session.send_tool_result(call.id, call.name, result, scheduling=scheduling)
            self.spoken_results += scheduling is not Scheduling.SILENT
        except LiveClosedError as closed:
            logger.warning("the result of tool %s came too late: %s", call.name, closed)
        self._floor.touch()

    # One run of a tool ---------------------------------------------------------------------------------

    def _begin(self, call: ToolCall, key: Key, policy: ToolPolicy) -> ToolRun:
        run = self._runs[key] = ToolRun(call, key, policy, self._clock(), self._tasks)
        self._observe(ToolStarted(run.began_ms, call.id, call.name, self._shown(call)))
        run.task = self._spawn(self._work(run), f"run of {call.name}")
        run.task.add_done_callback(partial(self._ended, run))
        if policy.filler:
            run.filler = self._tasks.create_task(self._fill(run), name=f"filler of {call.name}")
        return run

    async def _work(self, run: ToolRun) -> dict[str, Any]:
        if run.policy.tell_late:
            late_of_tool.set(run)
        name = run.call.name
        try:
            return self._fitting(run, await self._run(run.call))
        except Exception:
            # A tool of another kind may break the rule that none raises.
            logger.exception("tool %s failed", name)
            return {"error": f"{name} failed; it cannot be used right now"}

    def _ended(self, run: ToolRun, task: asyncio.Task[dict[str, Any]]) -> None:
        # Not in the task itself, which does nothing at all where it is cancelled before it begins.
        result = {"error": run.stopped or "cancelled"} if task.cancelled() else task.result()
        del self._runs[run.key]
        if run.late is None:
            self._finished(run, result)
        elif self._over:
            run.late.cancel()
        else:
            self._late.add(run.key)
            self._spawn(self._wait_longer(run, run.late), f"late {run.call.name}")
        run.end(result)

    async def _wait_longer(self, run: ToolRun, work: asyncio.Task[dict[str, Any]]) -> None:
        name = run.call.name
        result: dict[str, Any] = {"error": "cancelled"}
        try:
            async with asyncio.timeout(LATE_SECONDS):
                result = self._fitting(run, await work)
        except TimeoutError:
            logger.warning("tool %s was stopped %g s after its time", name, LATE_SECONDS)
            result = {"error": f"{name} took too long and was stopped"}
        finally:
            self._late.discard(run.key)
            self._finished(run, result)
        text = late_result(name, result)
        match run.policy.scheduling:
            case _ if self._floor.gone:
                logger.info("the result of tool %s came too late: nobody is told", name)
            case Scheduling.SILENT:
                self._floor.note(text)
            case Scheduling.INTERRUPT:
                self._floor.tell(text)
            case _ if await self._floor.quiet(_QUIET_SECONDS):
                self._floor.tell(text)

    def _policy_of(self, call: ToolCall) -> ToolPolicy:
        try:
            return self._policy(call)
        except Exception:
            # The texts of an agent are made by its own code.
            logger.exception("the options of tool %s cannot be had", call.name)
            return ToolPolicy()

    async def _fill(self, run: ToolRun) -> None:
        if await self._floor.quiet(run.policy.filler_after):
            # One line is enough for all that run now.
            for other in self._runs.values():
                if other is not run and other.filler is not None:
                    other.filler.cancel()
            self._floor.say(run.policy.filler)

    def _fitting(self, run: ToolRun, result: dict[str, Any]) -> dict[str, Any]:
        result, size = fit(result, run.policy.max_result)
        if size is not None:
            logger.warning(
                "the result of tool %s has %d characters; the model is given %d at most",
                run.call.name,
                size,
                run.policy.max_result,
            )
        return result

    def _finished(self, run: ToolRun, result: dict[str, Any]) -> None:
        now, ok = self._clock(), "error" not in result
        took_ms = now - run.began_ms
        if ok and self._floor.talking:
            # What moves the call, such as its end, may be meant again.
            self._repeats.note(run.key, took_ms, result)
        self._observe(ToolFinished(now, run.call.id, run.call.name, ok, took_ms, result))


def _key(call: ToolCall) -> Key:
    return call.name, json.dumps(call.args, sort_keys=True, default=str)
