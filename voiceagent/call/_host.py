"""Calls and all of their tasks: what a client and a process that takes one handed-off call have in common.

Rule: every task that belongs to a call, also those of its handlers, lives in the task group here, and none
outlives :meth:`CallHost.running`.
"""

from __future__ import annotations

import asyncio
import contextvars
import enum
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from voiceagent.call._handlers import comes_of_the_end
from voiceagent.call._session import CallSession
from voiceagent.call.base import EndReason
from voiceagent.call.config import CallClientConfig
from voiceagent.call.exceptions import WSSError, WSSMediaError
from voiceagent.wire import control

END_TIMEOUT = 2.0
"""Seconds that ending a call may take when nobody is left to wait longer, before it is torn down."""

_handled_by: contextvars.ContextVar[CallHost | None] = contextvars.ContextVar("handled_by", default=None)
"""The host whose handler runs. Tasks that a handler starts inherit it."""


class _Phase(enum.Enum):
    """Where a host is with its tasks."""

    RUNNING = enum.auto()
    """They live in the task group."""

    CLOSING = enum.auto()
    """The group is cancelled and takes no more; handlers of what ends thereby have one step each."""

    CLOSED = enum.auto()
    """Nothing is left, and nothing begins."""


class CallHost:
    """Runs calls.

    Args:
        config: How their media links are opened.
        ended: Called when a call is over for this agent, with everything of it still in place.
    """

    def __init__(self, config: CallClientConfig, ended: Callable[[CallSession], None]) -> None:
        self._config = config
        self._log = config.logger()
        self._ended = ended
        self._tasks = asyncio.TaskGroup()
        self._running: set[asyncio.Task[None]] = set()
        self._call_tasks: dict[CallSession, asyncio.Task[None]] = {}
        self._handler_tasks: set[asyncio.Task[None]] = set()
        self._late_handlers: set[asyncio.Task[None]] = set()
        self._phase = _Phase.RUNNING
        self.sessions: dict[str, CallSession] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The time in which calls live. At its end they may end by themselves, then they are ended."""
        try:
            async with self._tasks:
                try:
                    yield
                    await self._wind_down()
                finally:
                    self._phase = _Phase.CLOSING
                    for task in self._running:
                        task.cancel()
        finally:
            await self._cut_off_late_handlers()

    def handles_us(self) -> bool:
        """Whether this is a handler's task, or one that a handler started and may wait for."""
        return _handled_by.get() is self

    def take(
        self,
        call_in: control.CallIn,
        *,
        on_demand: bool,
        announce: Callable[[CallSession], None] | None = None,
        left: Callable[[], None] | None = None,
    ) -> CallSession:
        """Begin to serve a call.

        Args:
            call_in: Its media link.
            on_demand: Whether the media link is opened only when a command needs it.
            announce: Called when the program may have the call.
            left: Called when nothing of the call is left.
        """
        session = CallSession(call_in, self._config, self.start_handler, self._call_ended)
        self.sessions[session.call_id] = session
        task = self._call_tasks[session] = self.start(self._serve(session, on_demand, announce))

        def done(_: asyncio.Task[None]) -> None:
            # Not in the task itself: one that is cancelled before its first step does nothing at all.
            session.end(EndReason.ABANDONED)
            del self._call_tasks[session]
            if left is not None:
                left()

        task.add_done_callback(done)
        return session

    async def end(self, session: CallSession) -> None:
        """End a call that nobody serves any longer. After connect() the parties talk on without the agent."""
        try:
            async with asyncio.timeout(END_TIMEOUT):
                await session.leave()
        except (TimeoutError, WSSError) as error:
            self._log.warning("call %s: torn down, because it cannot be closed: %r", session.call_id, error)
            session.force_end()

    def start(
        self, work: Coroutine[Any, Any, None], context: contextvars.Context | None = None
    ) -> asyncio.Task[None]:
        """Start a task that is cancelled at the end, after the calls."""
        task = self._tasks.create_task(work, context=context)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    def start_handler(self, work: Coroutine[Any, Any, None]) -> None:
        """Start a handler of the program, which has some time to finish at the end.

        Where the end is a cancellation, the handlers of what it ends have no more than their first step.
        """
        context = contextvars.copy_context()
        context.run(_handled_by.set, self)
        match self._phase:
            case _Phase.RUNNING:
                task = self.start(work, context)
                self._handler_tasks.add(task)
                task.add_done_callback(self._handler_tasks.discard)
            case _Phase.CLOSING:
                self._late_handlers.add(asyncio.get_running_loop().create_task(work, context=context))
            case _Phase.CLOSED:
                # Nothing is left that could wait for it.
                work.close()
                self._log.warning("a handler is not called: it was registered after the end")

    async def _cut_off_late_handlers(self) -> None:
        try:
            await asyncio.sleep(0)
        finally:
            self._phase = _Phase.CLOSED
            for task in self._late_handlers:
                task.cancel()
        if self._late_handlers:
            await asyncio.wait(self._late_handlers)

    async def _serve(
        self,
        session: CallSession,
        on_demand: bool,
        announce: Callable[[CallSession], None] | None,
    ) -> None:
        """The call's own task."""
        try:
            if not on_demand:
                await session.open()
            if announce is not None and not session.over.is_set():
                announce(session)
            await session.run()
        except WSSMediaError as error:
            self._log.error("call %s: the media link cannot be opened: %s", session.call_id, error)
        except Exception:
            # A defect that shows in one call must not end the others through the task group.
            self._log.exception("call %s: internal error", session.call_id)

    def _call_ended(self, session: CallSession) -> None:
        self.sessions.pop(session.call_id, None)
        self._ended(session)
        task = self._call_tasks.get(session)
        needed = session.link.opened or session.end_reason is EndReason.FORCED
        if task is not None and task is not asyncio.current_task() and not needed:
            # Nobody needs the link any more; opening it may take long.
            task.cancel()

    async def _wind_down(self) -> None:
        grace = self._config.grace_period
        going_on = [task for session, task in self._call_tasks.items() if not session.over.is_set()]
        if going_on:
            self._log.info("closing: calls that go on: %d; they have %g s to end", len(going_on), grace)
            await asyncio.wait(going_on, timeout=grace)
        if self._call_tasks:
            for session in tuple(self._call_tasks):
                self.start(self.end(session))
            await asyncio.wait(tuple(self._call_tasks.values()), timeout=2 * END_TIMEOUT)
        if self._handler_tasks:
            # What programs do after a call (save a message, write a log) has the same time once more.
            await asyncio.wait(tuple(self._handler_tasks), timeout=grace)


@asynccontextmanager
async def served(call_in: control.CallIn, config: CallClientConfig) -> AsyncIterator[CallSession]:
    """Serve one call without a client: open its media link, and end the call at the end of the block.

    A block that fails because the call has ended under it just ends.

    Raises:
        WSSMediaError: the media link cannot be opened.
    """
    failure: BaseException | None = None
    host = CallHost(config, ended=lambda session: None)
    async with host.running():
        session = host.take(call_in, on_demand=True)
        try:
            try:
                await session.ensure_link()
            except BaseException:
                # Not ours yet: the server offers it again, and does not have to be told.
                session.end(EndReason.ABANDONED)
                raise
            try:
                yield session
            except Exception as error:
                if not (session.over.is_set() and comes_of_the_end(error)):
                    raise
                config.logger().info("call %s: its program ended with it: %s", session.call_id, error)
        except BaseException as error:
            # Raised again below: in the task group it would cancel the call's tasks before the call is ended.
            failure = error
        await host.end(session)
    if failure is not None:
        raise failure
