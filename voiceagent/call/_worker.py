"""The running client: its control link, its calls and all of their tasks, from connect to disconnect.

Rule: every task of the client lives in one task group here, and none outlives :meth:`Worker.run`.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from voiceagent.call._control import ControlLink
from voiceagent.call._handlers import Handlers, run
from voiceagent.call._intake import Intake, Room
from voiceagent.call._session import CallSession, EndReason
from voiceagent.call.active_call import ActiveCall
from voiceagent.call.config import CallClientConfig
from voiceagent.call.events import CONNECTION_ESTABLISHED, CONNECTION_LOST, INCOMING_CALL
from voiceagent.call.exceptions import WSSError, WSSMediaError
from voiceagent.wire import control

END_TIMEOUT = 2.0
"""Seconds that ending a call may take when the client closes, before it is torn down."""

SESSION_CLOSED_DELAY = 1.0
"""Seconds by which the media link, which says the same, may lag behind ``session.closed``."""

logger = logging.getLogger(__name__)

_handled_by: contextvars.ContextVar[Worker | None] = contextvars.ContextVar("handled_by", default=None)
"""The worker whose handler runs. Tasks that a handler starts inherit it."""


class Worker:
    """One connection of a client: :meth:`open` it, then :meth:`run` it until :meth:`stop`."""

    def __init__(
        self, config: CallClientConfig, handlers: Handlers, handler_ready: asyncio.Event, room: Room
    ) -> None:
        self._config = config
        self._room = room
        self._handlers = handlers
        self._tasks = asyncio.TaskGroup()
        self._running: set[asyncio.Task[None]] = set()
        self._call_tasks: dict[ActiveCall, asyncio.Task[None]] = {}
        self._handler_tasks: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._sessions: dict[str, CallSession] = {}
        self.calls: dict[str, ActiveCall] = {}
        self.link = ControlLink(config, self)
        self._intake = Intake(self.link, handler_ready, room, self._start, self._take)

    async def open(self) -> None:
        """Open the control link; raises the errors of :meth:`ControlLink.open`."""
        await self.link.open()

    async def run(self) -> None:
        """Take calls until :meth:`stop`; then let the active calls end, and end those that do not."""
        try:
            async with self._tasks:
                self._start(self.link.run())
                await self._stopping.wait()
                self._intake.forget_all()
                await self._wind_down()
                for task in self._running:
                    task.cancel()
        finally:
            await self.link.close()

    def stop(self) -> None:
        """Take no more calls, and finish."""
        self._stopping.set()

    @property
    def stopping(self) -> bool:
        """Whether it is about to finish."""
        return self._stopping.is_set()

    def waits_for_us(self) -> bool:
        """Whether this is a handler's task, or one that a handler started and may wait for."""
        return _handled_by.get() is self

    async def _wind_down(self) -> None:
        grace = self._config.grace_period
        if self._call_tasks:
            logger.info("closing: %d calls have %g s to end", len(self._call_tasks), grace)
            await asyncio.wait(tuple(self._call_tasks.values()), timeout=grace)
        if self._call_tasks:
            for call in tuple(self._call_tasks):
                self._start(self._end_call(call))
            await asyncio.wait(tuple(self._call_tasks.values()), timeout=2 * END_TIMEOUT)
        if self._handler_tasks:
            # What programs do after a call (save a message, write a log) has the same time once more.
            await asyncio.wait(tuple(self._handler_tasks), timeout=grace)

    async def _end_call(self, call: ActiveCall) -> None:
        try:
            async with asyncio.timeout(END_TIMEOUT):
                await call.close()
        except (TimeoutError, WSSError) as error:
            logger.warning("call %s: torn down, because it cannot be closed: %r", call.call_id, error)
            await call.force_disconnect()

    # Tasks --------------------------------------------------------------------------------------------

    def _start(
        self, work: Coroutine[Any, Any, None], context: contextvars.Context | None = None
    ) -> asyncio.Task[None]:
        task = self._tasks.create_task(work, context=context)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    def _start_handler(self, work: Coroutine[Any, Any, None]) -> None:
        context = contextvars.copy_context()
        context.run(_handled_by.set, self)
        try:
            task = self._start(work, context)
        except RuntimeError:
            # The client has closed: a handler that is registered so late has nothing to wait for it.
            work.close()
            return
        self._handler_tasks.add(task)
        task.add_done_callback(self._handler_tasks.discard)

    def _emit(self, event: str, argument: object) -> None:
        async def handle(call: Callable[[], Any]) -> None:
            await run(call, logger, event)

        for call in self._handlers.calls(event, argument):
            self._start_handler(handle(call))

    # What the control link tells (ControlListener) ----------------------------------------------------

    def control_established(self) -> None:
        """The link is up."""
        self._emit(CONNECTION_ESTABLISHED, {})

    def control_lost(self) -> None:
        """The link broke. Calls with a media link live on; the others are offered again."""
        self._intake.forget_all()
        self._emit(CONNECTION_LOST, {})

    def control_message(self, message: control.ServerMessage) -> None:
        """Something happened to a session."""
        match message:
            case control.SessionNotify():
                if message.session_id in self._sessions:
                    self._intake.notified_again(message.session_id)
                elif not self._stopping.is_set():
                    self._intake.notified(message)
            case control.CallIn():
                self._intake.call_in(message)
            case control.SessionClosed():
                self._intake.session_closed(message.session_id)
                session = self._sessions.get(message.session_id)
                if session is not None:
                    self._start(self._session_closed(session))

    # Calls --------------------------------------------------------------------------------------------

    def _take(self, call_in: control.CallIn, reject: bool) -> None:
        if call_in.call_id in self.calls:
            logger.debug("call %s: it is ours already", call_in.call_id)
            self._room.leave()
            return
        session = CallSession(call_in, self._config, self._start_handler, self._call_ended)
        call = ActiveCall(session)
        self.calls[session.call_id] = call
        self._sessions[session.session_id] = session
        self._call_tasks[call] = self._start(self._serve(session, call, reject))

    async def _serve(self, session: CallSession, call: ActiveCall, reject: bool) -> None:
        """The call's own task."""
        try:
            await session.link.open()
            if reject:
                self._start(self._end_call(call))
            elif not session.over.is_set():
                logger.info("call %s: incoming", call.call_id)
                for handler in self._handlers.calls(INCOMING_CALL, call):
                    self._start_handler(self._handle_call(call, handler))
            await session.run()
        except WSSMediaError as error:
            logger.error("call %s: the media link cannot be opened: %s", call.call_id, error)
        except Exception:
            # A defect that shows in one call must not end the others through the task group.
            logger.exception("call %s: internal error", call.call_id)
        finally:
            session.end(EndReason.MEDIA_LOST)
            del self._call_tasks[call]
            self._room.leave()

    async def _handle_call(self, call: ActiveCall, handler: Callable[[], Any]) -> None:
        if await run(handler, logger, f"call {call.call_id}: {INCOMING_CALL}"):
            return
        # Nobody is left to talk to the caller. After connect() the parties talk on without the agent.
        await self._end_call(call)

    def _call_ended(self, session: CallSession) -> None:
        call = self.calls.pop(session.call_id, None)
        self._sessions.pop(session.session_id, None)
        task = self._call_tasks.get(call) if call is not None else None
        if task is not None and task is not asyncio.current_task() and not session.link.opened:
            # Nobody needs the link any more; opening it may take long.
            task.cancel()

    async def _session_closed(self, session: CallSession) -> None:
        """End a call whose session is over, unless its media link, which knows better, is faster."""
        try:
            async with asyncio.timeout(SESSION_CLOSED_DELAY):
                await session.over.wait()
        except TimeoutError:
            session.end(EndReason.TERMINATED)
