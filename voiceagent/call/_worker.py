"""The running client: its control link and the calls that come in on it, from connect to disconnect.

Rule: what happens on the control link never ends a call that has a media link; only the server's word does.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from voiceagent.call._control import ControlLink
from voiceagent.call._handlers import Handlers, run
from voiceagent.call._host import CallHost
from voiceagent.call._intake import Intake, Room
from voiceagent.call._session import CallSession
from voiceagent.call.active_call import ActiveCall
from voiceagent.call.base import EndReason
from voiceagent.call.config import CallClientConfig
from voiceagent.call.events import CONNECTION_ESTABLISHED, CONNECTION_LOST, INCOMING_CALL
from voiceagent.wire import control

SESSION_CLOSED_DELAY = 1.0
"""Seconds by which the media link, which says the same, may lag behind ``session.closed``."""

REMEMBERED_HAND_OFFS = 1000
"""Sessions of handed-off calls that are remembered, lest they are taken again; the oldest is forgotten."""


class Worker:
    """One connection of a client: :meth:`open` it, then :meth:`run` it until :meth:`stop`.

    Args:
        config: The client's.
        handlers: The client's.
        handler_ready: Set while there is a handler for incoming calls.
        room: How many calls the client takes.
        media_on_demand: Whether media links are opened only when a command needs them.
    """

    def __init__(
        self,
        config: CallClientConfig,
        handlers: Handlers,
        handler_ready: asyncio.Event,
        room: Room,
        media_on_demand: bool,
    ) -> None:
        self._log = config.logger()
        self._room = room
        self._media_on_demand = media_on_demand
        self._handlers = handlers
        self._host = CallHost(config, self._call_ended)
        self._stopping = asyncio.Event()
        self._sessions: dict[str, CallSession] = {}
        self._handed_off: OrderedDict[str, None] = OrderedDict()
        self.calls: dict[str, ActiveCall] = {}
        self.link = ControlLink(config, self)
        self._intake = Intake(self.link, handler_ready, room, self._host.start, self._take)

    async def open(self) -> None:
        """Open the control link; raises the errors of :meth:`ControlLink.open`."""
        await self.link.open()

    async def run(self) -> None:
        """Take calls until :meth:`stop`; then let the active calls end, and end those that do not."""
        try:
            async with self._host.running():
                self._host.start(self.link.run())
                await self._stopping.wait()
                self._intake.forget_all()
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
        return self._host.handles_us()

    def _emit(self, event: str, argument: object) -> None:
        async def handle(call: Callable[[], Any]) -> None:
            await run(call, self._log, event)

        for call in self._handlers.calls(event, argument):
            self._host.start_handler(handle(call))

    # What the control link tells (ControlListener) ----------------------------------------------------

    def control_established(self) -> None:
        """The link is up."""
        self._emit(CONNECTION_ESTABLISHED, {})

    def control_lost(self) -> None:
        """The link broke. Calls with a media link live on; the server takes the others back."""
        self._intake.forget_all()
        for session in tuple(self._host.sessions.values()):
            if not session.link.opened:
                # What we were told opens it no more, and nothing would tell of its end.
                session.end(EndReason.MEDIA_LOST)
        self._emit(CONNECTION_LOST, {})

    def control_message(self, message: control.ServerMessage) -> None:
        """Something happened to a session."""
        match message:
            case control.SessionNotify():
                if message.session_id in self._sessions or message.session_id in self._handed_off:
                    self._intake.notified_again(message.session_id)
                elif not self._stopping.is_set():
                    self._intake.notified(message)
            case control.CallIn():
                self._intake.call_in(message)
            case control.SessionClosed():
                self._intake.session_closed(message.session_id)
                self._handed_off.pop(message.session_id, None)
                # Taken out, so that the same news, told again and again, starts nothing again.
                session = self._sessions.pop(message.session_id, None)
                if session is not None and not session.link.opened:
                    # No media link knows better, and there is nothing left to open one for.
                    session.end(EndReason.TERMINATED)
                elif session is not None:
                    self._host.start(self._session_closed(session))

    # Calls --------------------------------------------------------------------------------------------

    def _take(self, call_in: control.CallIn, reject: bool) -> None:
        if call_in.call_id in self.calls:
            self._log.debug("call %s: it is ours already", call_in.call_id)
            self._room.leave()
            return
        session = self._host.take(
            call_in,
            on_demand=self._media_on_demand,
            announce=self._reject if reject else self._announce,
            left=self._room.leave,
        )
        self.calls[session.call_id] = ActiveCall(session)
        self._sessions[session.session_id] = session

    def _reject(self, session: CallSession) -> None:
        self._host.start(self._host.end(session))

    def _announce(self, session: CallSession) -> None:
        self._log.info("call %s: incoming", session.call_id)
        for handler in self._handlers.calls(INCOMING_CALL, self.calls[session.call_id]):
            self._host.start_handler(self._handle_call(session, handler))

    async def _handle_call(self, session: CallSession, handler: Callable[[], Any]) -> None:
        if not await run(handler, self._log, f"call {session.call_id}: {INCOMING_CALL}"):
            # Nobody is left to talk to the caller.
            await self._host.end(session)

    def _call_ended(self, session: CallSession) -> None:
        self.calls.pop(session.call_id, None)
        if self._sessions.get(session.session_id) is session:
            del self._sessions[session.session_id]
        if session.end_reason is EndReason.HANDED_OFF:
            self._handed_off[session.session_id] = None
            while len(self._handed_off) > REMEMBERED_HAND_OFFS:
                self._handed_off.popitem(last=False)

    async def _session_closed(self, session: CallSession) -> None:
        """End a call whose session is over, unless its media link, which knows better, is faster."""
        try:
            async with asyncio.timeout(SESSION_CLOSED_DELAY):
                await session.over.wait()
        except TimeoutError:
            session.end(EndReason.TERMINATED)
