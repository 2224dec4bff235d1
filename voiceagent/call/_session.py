"""One call on the inside: its state, and what its media link, its queues and its handlers do to each other.

Rule: the state changes when the server's word arrives, in that very step, and ``DISCONNECTED`` is final.
:class:`~voiceagent.call.ActiveCall` is the outside of it.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable
from typing import Any

from voiceagent.call._handlers import Handler, Handlers, Spawn, run
from voiceagent.call._incoming import IncomingAudio
from voiceagent.call._media import MediaLink, Pending
from voiceagent.call._outgoing import OutgoingAudio
from voiceagent.call.base import EndReason
from voiceagent.call.config import CallClientConfig
from voiceagent.call.events import CallEvent
from voiceagent.call.exceptions import (
    WSSCallClosedError,
    WSSCallCommandError,
    WSSCallError,
    WSSMediaError,
)
from voiceagent.wire import control, encode, handoff, media

CONGESTION_DELAY = 0.02
"""Seconds after which a network that was too slow is tried again."""

WORTH_TELLING_MS = 100
"""The playback position lags by a request: less than this may well have been played."""


class CallState(enum.StrEnum):
    """Where a call is, as the agent sees it."""

    PENDING = "PENDING"
    """It rings. The agent may answer it, connect it, or reject it by ending it."""

    ANSWERED = "ANSWERED"
    """Caller and agent talk."""

    CONNECTED = "CONNECTED"
    """Caller, callee and agent talk."""

    DISCONNECTED = "DISCONNECTED"
    """The call is over for the agent. Final."""


_ALLOWED: dict[str, frozenset[CallState]] = {
    media.ANSWER: frozenset({CallState.PENDING}),
    media.CONNECT: frozenset({CallState.PENDING, CallState.ANSWERED}),
    media.WHISPER: frozenset({CallState.CONNECTED}),
    media.BARGE: frozenset({CallState.CONNECTED}),
    media.SPY: frozenset({CallState.CONNECTED}),
}

_FAILED = {media.ANSWER: CallEvent.CALL_ANSWER_FAILED, media.CONNECT: CallEvent.CALL_CONNECT_FAILED}

_ENDS = {media.CLOSE: EndReason.CLOSED, media.DISCONNECT: EndReason.DISCONNECTED}

_OURS = frozenset({*_ENDS.values(), EndReason.FORCED})


class CallSession:
    """State, media link, audio queues and handlers of one call."""

    def __init__(
        self,
        call_in: control.CallIn,
        config: CallClientConfig,
        spawn: Spawn,
        ended: Callable[[CallSession], None],
    ) -> None:
        self.call_id = call_in.call_id
        self.session_id = call_in.session_id
        self.caller_number = call_in.from_ or None
        self.callee_number = call_in.to or None
        self.sample_rate = config.sample_rate
        self._call_in = call_in
        self._log = config.logger()
        self.state = CallState.PENDING
        self.end_reason: EndReason | None = None
        self.over = asyncio.Event()
        self.outgoing = OutgoingAudio(config.buffer_size, config.sample_rate, asyncio.get_running_loop().time)
        self.incoming = IncomingAudio(config.sample_rate)
        self.link = MediaLink(call_in, config, self)
        self._handlers = Handlers(CallEvent, "call")
        self._spawn = spawn
        self._ended = ended
        self._leaving: EndReason | None = None
        self._link_wanted = asyncio.Event()
        self._link_settled = asyncio.Event()
        self._link_failure = ""
        self._interruption: Pending | None = None
        self._retry: asyncio.TimerHandle | None = None

    # The life of the call -----------------------------------------------------------------------------

    async def open(self) -> None:
        """Open the media link. Raises the errors of :meth:`MediaLink.open`, and then the call is over."""
        self._link_wanted.set()
        try:
            await self.link.open()
        except WSSMediaError as error:
            self._link_failure = str(error)
            self.end(EndReason.MEDIA_LOST)
            raise
        if self.end_reason is EndReason.FORCED:
            self.link.start(media.DISCONNECT)
        self._link_settled.set()

    async def ensure_link(self) -> None:
        """Wait until the media link is open; have it opened, if nobody wanted it so far.

        Raises:
            WSSMediaError: it cannot be opened.
            WSSCallClosedError: the call ended meanwhile.
        """
        if self.link.opened:
            return
        self._link_wanted.set()
        await self._link_settled.wait()
        if self.end_reason is EndReason.MEDIA_LOST:
            raise WSSMediaError(self._link_failure or "the call was lost before its media link was open")
        if self.end_reason is not None:
            raise WSSCallClosedError("the call ended while its media link opened")

    async def run(self) -> None:
        """Live until the media link is closed. It is opened here as soon as it is wanted."""
        try:
            if not self.link.opened:
                await self._link_wanted.wait()
                await self.open()
            async with asyncio.TaskGroup() as tasks:
                closing = tasks.create_task(self._close_link_when_over())
                in_order = await self.link.run()
                self.end(EndReason.TERMINATED if in_order else EndReason.MEDIA_LOST)
                closing.cancel()
        finally:
            self.end(EndReason.ABANDONED)

    async def _close_link_when_over(self) -> None:
        await self.over.wait()
        await self.link.close()

    def end(self, reason: EndReason) -> None:
        """The call is over for the agent. Only the first reason counts."""
        if self.state is CallState.DISCONNECTED:
            return
        if reason is EndReason.TERMINATED and self._leaving is not None:
            # A server may say that the call is over before it says that our command, which ended it, is done.
            reason = self._leaving
        playback = self.outgoing.playback
        unheard_ms = playback.queued_ms - playback.played_ms
        if reason in _OURS and unheard_ms > WORTH_TELLING_MS:
            text = "call %s: over: %s; %d ms of its audio were not played: drained() waits for that"
            self._log.info(text, self.call_id, reason, unheard_ms)
        else:
            self._log.info("call %s: over: %s", self.call_id, reason)
        self.state = CallState.DISCONNECTED
        self.end_reason = reason
        if self._retry is not None:
            self._retry.cancel()
        self.outgoing.close()
        self.incoming.close()
        if reason is EndReason.MEDIA_LOST:
            self.link.fail_commands(WSSMediaError, "the media link broke")
        else:
            self.link.fail_commands(WSSCallClosedError, "the call has ended")
        self.over.set()
        self._link_settled.set()
        self._emit(CallEvent.CALL_TERMINATED, {"reason": reason.value})
        self._ended(self)

    # Handlers -----------------------------------------------------------------------------------------

    def check_event(self, event: str) -> None:
        """Refuse what is no event of a call."""
        self._handlers.check(event)

    def add_handler(self, event: str, handler: Handler) -> None:
        """Register a handler. One that is late for the end of the call is called for it all the same."""
        self._handlers.add(event, handler)
        if event == CallEvent.CALL_TERMINATED and self.end_reason is not None:
            late = self._handlers.calls(event, {"reason": self.end_reason.value})[-1]
            self._spawn_handler(event, late)

    def _emit(self, event: CallEvent, details: dict[str, Any]) -> None:
        for call in self._handlers.calls(event, details):
            self._spawn_handler(event, call)

    def _spawn_handler(self, event: str, call: Callable[[], Any]) -> None:
        async def handle() -> None:
            await run(call, self._log, f"call {self.call_id}: {event}")

        self._spawn(handle())

    # Commands -----------------------------------------------------------------------------------------

    async def command(
        self, name: str, *, timeout_ms: int = media.COMMAND_TIMEOUT_MS, data: dict[str, Any] | None = None
    ) -> None:
        """Give a command that the state allows, and wait until it is done."""
        if self.state is CallState.DISCONNECTED:
            raise WSSCallClosedError(f"{name}: the call has ended")
        if self.state not in _ALLOWED[name]:
            allowed = " or ".join(sorted(_ALLOWED[name]))
            raise WSSCallCommandError(
                media.INVALID_STATE, f"{name}: the call is {self.state}, but must be {allowed}"
            )
        await self.ensure_link()
        await self.link.command(name, timeout_ms=timeout_ms, data=data)

    async def finish(self, name: str) -> None:
        """Give a command that ends the call. That the call ends by itself meanwhile is no error."""
        if self.state is CallState.DISCONNECTED:
            return
        self._leaving = _ENDS[name]
        try:
            await self.ensure_link()
            await self.link.command(name)
        except (WSSCallClosedError, WSSMediaError):
            self._log.debug("call %s: it was over before %s was done", self.call_id, name)
        finally:
            self._leaving = None

    async def leave(self) -> None:
        """Leave the call: connected parties talk on, an answered call ends, a pending one is rejected."""
        await self.finish(media.DISCONNECT if self.state is CallState.PENDING else media.CLOSE)

    def force_end(self) -> None:
        """End the call here at once; the server is told, and nobody waits for what it says."""
        if self.state is not CallState.DISCONNECTED:
            if self.link.opened:
                self.link.start(media.DISCONNECT)
            else:
                # Otherwise the call would ring on: the server is told as soon as the link is open.
                self._link_wanted.set()
            self.end(EndReason.FORCED)

    def hand_off(self) -> str:
        """The JSON with which another process takes the call; here it is over."""
        if self.state is CallState.DISCONNECTED:
            raise WSSCallClosedError("to_json: the call has ended")
        if self._link_wanted.is_set():
            raise WSSCallCommandError(
                media.INVALID_STATE,
                "to_json: this process has opened the media link, and there can be only one. Hand a call off "
                "before the first command, from a client made with CallClient(config, media_on_demand=True)",
            )
        call_in = self._call_in
        self.end(EndReason.HANDED_OFF)
        return encode(
            handoff.HandOff(
                channel="TELCO",
                id=call_in.call_id,
                caller=call_in.from_,
                callee=call_in.to,
                session_url=call_in.url,
                session_token=call_in.token,
                sample_rate=self.sample_rate,
            )
        )

    # Outgoing audio -----------------------------------------------------------------------------------

    async def queue_all(self, pcm: bytes) -> None:
        """Queue a chunk of any length, waiting for room as often as it takes."""
        await self.outgoing.put_when_room(pcm, self.pump)

    def pump(self) -> None:
        """Send what is queued, as far as the server asked for it and the network takes it."""
        link, outgoing = self.link, self.outgoing
        while not link.congested:
            frame = outgoing.take()
            if frame is None:
                return
            link.send_frame(frame)
        if self._retry is None and self.state is not CallState.DISCONNECTED:
            self._retry = asyncio.get_running_loop().call_later(CONGESTION_DELAY, self._try_again)

    def _try_again(self) -> None:
        self._retry = None
        self.pump()

    def clear(self) -> None:
        """Empty the queue, and tell the server to drop what it may hold."""
        if self.outgoing.held_by_server and self.state is not CallState.DISCONNECTED:
            self._interruption = self.link.start(media.INTERRUPT)
        self.outgoing.clear()

    async def cleared(self) -> None:
        """Wait until the server has dropped what it was told to drop. The end of the call does that, too."""
        if self._interruption is None or self._interruption.answered.done():
            return
        try:
            await self.link.answer(self._interruption)
        except (WSSCallClosedError, WSSMediaError):
            self._log.debug("call %s: it was over before the line was silent", self.call_id)

    # What the media link tells (MediaListener) --------------------------------------------------------

    def audio_received(self, pcm: bytes) -> None:
        """The parties said something."""
        dropped = self.incoming.dropped_bytes
        self.incoming.put(pcm)
        if not dropped and self.incoming.dropped_bytes:
            self._log.warning(
                "call %s: the program is slow to read audio_stream(); the oldest audio is dropped",
                self.call_id,
            )

    def audio_requested(self, size: int) -> None:
        """The server asks for audio."""
        self.outgoing.grant(size)
        self.pump()

    def command_answered(self, command: str, error: WSSCallError | None) -> None:
        """The server did what a command says, or refused it."""
        if self.state is CallState.DISCONNECTED:
            return
        if isinstance(error, WSSCallClosedError):
            self.end(EndReason.TERMINATED)
        elif error is not None:
            self._command_failed(command, error)
        elif command in _ENDS:
            self.end(_ENDS[command])
        elif command == media.ANSWER and self.state is CallState.PENDING:
            self._go(CallState.ANSWERED, CallEvent.CALL_ANSWERED)
        elif command == media.CONNECT and self.state is not CallState.CONNECTED:
            self._go(CallState.CONNECTED, CallEvent.CALL_CONNECTED)

    def event_received(self, event: media.CallEventData) -> None:
        """The server reports an event. Those that this version does not know are skipped."""
        if event.event == media.TERMINATED_EVENT:
            self.end(EndReason.TERMINATED)
        elif event.event == media.ERROR_EVENT and self.state is not CallState.DISCONNECTED:
            self._log.warning("call %s: the server reports an error: %s", self.call_id, event.error_code)
            self._emit(
                CallEvent.CALL_ERROR,
                {"error_code": event.error_code, "error_message": event.error_message},
            )

    def _go(self, state: CallState, event: CallEvent) -> None:
        self._log.info("call %s: %s", self.call_id, state)
        if self.state is CallState.PENDING:
            self.outgoing.open()
        self.state = state
        self._emit(event, {})

    def _command_failed(self, command: str, error: WSSCallError) -> None:
        self._log.info("call %s: %s failed: %s", self.call_id, command, error)
        event = _FAILED.get(command)
        if event is not None:
            code = error.error_code if isinstance(error, WSSCallCommandError) else media.TIMEOUT
            text = error.error_message if isinstance(error, WSSCallCommandError) else str(error)
            self._emit(event, {"error_code": code, "error_message": text})
