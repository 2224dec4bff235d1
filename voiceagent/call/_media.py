"""The media link of one call: a WebSocket that carries its commands, its events and its audio.

It never reconnects: when it is gone, the call is over for this agent. Messages are written in the step in
which they are given, so their order on the wire is the order of the program.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK

from voiceagent.call._secrets import Secret, fits_header, redacted, shown_url
from voiceagent.call._websocket import open_websocket, write
from voiceagent.call.config import CallClientConfig, check_url
from voiceagent.call.exceptions import (
    WSSAuthenticationError,
    WSSCallClosedError,
    WSSCallCommandError,
    WSSCallCommandTimeoutError,
    WSSCallError,
    WSSConnectionError,
    WSSMediaError,
)
from voiceagent.wire import Unknown, WireError, control, encode, frames, media

PING_INTERVAL = 20.0
PING_TIMEOUT = 20.0

OPEN_ATTEMPTS = 3
"""A media link that cannot be opened is tried again: the token outlives a failed attempt."""

RETRY_DELAY = 0.25
"""Seconds before the second attempt; the third waits twice as long."""

WRITE_LIMIT = 1 << 16
"""Bytes that may wait in the socket's own buffer before audio stays in the queue, where it can be cleared."""


class MediaListener(Protocol):
    """The call that a media link belongs to. Called on the event loop; must not block."""

    def audio_received(self, pcm: bytes) -> None:
        """The parties said something."""

    def audio_requested(self, size: int) -> None:
        """The server asks for ``size`` bytes of audio."""

    def command_answered(self, command: str, error: WSSCallError | None) -> None:
        """The server did what a command says, or refused it. Comes before the command's waiter goes on."""

    def event_received(self, event: media.CallEventData) -> None:
        """The server reports an event."""


class Pending(NamedTuple):
    """A command that was sent. ``deadline`` is the loop's time until which its answer is waited for."""

    command: str
    deadline: float
    answered: asyncio.Future[None]


class MediaLink:
    """One call's media link. :meth:`open` it, then :meth:`run` it until it is closed."""

    def __init__(self, call_in: control.CallIn, config: CallClientConfig, listener: MediaListener) -> None:
        self._call_id = call_in.call_id
        # Also the URL: a server may put its token into the query.
        self._url = Secret(call_in.url)
        self._token = Secret(call_in.token)
        self._private = [self._token, Secret(call_in.from_), Secret(call_in.to)]
        self._config = config
        self._log = config.logger("media_connection")
        self._listener = listener
        self._socket: ClientConnection | None = None
        self._commands: dict[str, Pending] = {}
        self._take_audio: Callable[[bytes], None] = listener.audio_received
        self.malformed = 0
        self.foreign_frames = 0
        self.late_frames = 0
        self.late_answers = 0

    async def open(self) -> None:
        """Connect.

        Raises:
            WSSMediaError: the link cannot be opened.
        """
        try:
            check_url(self._url, name="the media URL", allow_insecure=self._config.allow_insecure)
        except ValueError as error:
            raise WSSMediaError(str(error)) from None
        if not fits_header(self._token):
            raise WSSMediaError("the token of the call holds characters that a header cannot carry")
        for attempt in range(1, OPEN_ATTEMPTS + 1):
            try:
                self._socket = await self._connect()
                break
            except WSSAuthenticationError as error:
                raise WSSMediaError(f"{error} (any more, if the call was offered again meanwhile)") from None
            except WSSConnectionError as error:
                if attempt == OPEN_ATTEMPTS:
                    raise WSSMediaError(str(error)) from None
                self._log.warning("call %s: the media link cannot be opened yet: %s", self._call_id, error)
            await asyncio.sleep(RETRY_DELAY * attempt)
        if self._log.isEnabledFor(logging.INFO):
            address = shown_url(self._url, self._private)
            self._log.info("call %s: the media link is open: %s", self._call_id, address)

    async def run(self) -> bool:
        """Read until the link is closed. Tells whether it was closed in order, and did not break."""
        socket = self._socket
        assert socket is not None, "open() comes first"
        try:
            while True:
                message = await socket.recv()
                if isinstance(message, str):
                    self._text_received(message)
                else:
                    self._frame_received(message)
        except ConnectionClosedOK:
            return True
        except ConnectionClosed as closed:
            self._log.error("call %s: the media link broke: %s", self._call_id, self._redacted(str(closed)))
            return False
        finally:
            await socket.close()

    @property
    def opened(self) -> bool:
        """Whether :meth:`open` has succeeded."""
        return self._socket is not None

    async def close(self) -> None:
        """Close the link."""
        if self._socket is not None:
            await self._socket.close()

    @property
    def congested(self) -> bool:
        """Whether the network takes less than we give it."""
        socket = self._socket
        return socket is not None and socket.transport.get_write_buffer_size() > WRITE_LIMIT

    def send_frame(self, frame: bytes) -> None:
        """Send an audio frame."""
        if self._socket is not None:
            write(self._socket, frame)

    def start(
        self, command: str, *, timeout_ms: int = media.COMMAND_TIMEOUT_MS, data: dict[str, Any] | None = None
    ) -> Pending:
        """Send a command, in this very step. Nobody need wait for its :meth:`answer`."""
        command_id = str(uuid.uuid4())
        message = media.Command(
            data=media.CommandData(command_id=command_id, command=command, timeout_ms=timeout_ms, data=data)
        )
        self._log.debug("call %s: sent %s", self._call_id, command)
        if self._socket is not None:
            write(self._socket, encode(message))
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_ms / 1000 + media.COMMAND_GRACE
        pending = self._commands[command_id] = Pending(command, deadline, loop.create_future())
        return pending

    async def answer(self, pending: Pending) -> None:
        """Wait until the server has done what it was told.

        An answer that comes after its waiter gave up still reaches the listener: it changed the call.

        Raises:
            WSSCallCommandError: the server refuses.
            WSSCallCommandTimeoutError: it does not answer in time.
            WSSCallClosedError: the call ended first.
            WSSMediaError: the link broke first.
        """
        timeout = pending.deadline - asyncio.get_running_loop().time()
        done, _ = await asyncio.wait((pending.answered,), timeout=max(0, timeout))
        if not done:
            error = WSSCallCommandTimeoutError(f"the call server does not answer {pending.command}")
            _fail(pending.answered, error)
            self._listener.command_answered(pending.command, error)
        pending.answered.result()

    async def command(
        self, command: str, *, timeout_ms: int = media.COMMAND_TIMEOUT_MS, data: dict[str, Any] | None = None
    ) -> None:
        """Send a command and wait until the server has done it; raises the errors of :meth:`answer`."""
        await self.answer(self.start(command, timeout_ms=timeout_ms, data=data))

    def fail_commands(self, error: type[WSSCallClosedError] | type[WSSMediaError], text: str) -> None:
        """The call is over, and nothing more will be answered: whoever waits gets the error."""
        self._take_audio = self._count_late_audio
        for pending in self._commands.values():
            _fail(pending.answered, error(text))
        self._commands.clear()

    async def _connect(self) -> ClientConnection:
        return await open_websocket(
            self._url,
            {
                "Authorization": Secret(f"Bearer {self._token}"),
                control.VERSION_HEADER: control.SDK_VERSION,
            },
            self._config,
            ping_interval=PING_INTERVAL,
            ping_timeout=PING_TIMEOUT,
            logger=self._log,
        )

    def _frame_received(self, frame: bytes) -> None:
        try:
            channel, pcm = frames.decode_frame(frame)
        except WireError as error:
            self._malformed(error)
            return
        if channel == frames.MIXED:
            self._take_audio(bytes(pcm))
        else:
            self.foreign_frames += 1

    def _count_late_audio(self, pcm: bytes) -> None:
        self.late_frames += 1

    def _text_received(self, text: str) -> None:
        try:
            message = media.decode_server(text)
        except WireError as error:
            self._malformed(error)
            return
        match message:
            case media.BufferRequest(data=request):
                if request.channel_id == frames.MIXED:
                    self._listener.audio_requested(request.requested_bytes)
            case media.CommandResponse(data=response):
                self._log.debug("call %s: received command_response", self._call_id)
                self._command_answered(response)
            case media.CallEvent(data=event):
                self._log.debug("call %s: received call_event", self._call_id)
                self._listener.event_received(self._readable(event))
            case Unknown(type=kind):
                if self._log.isEnabledFor(logging.DEBUG):
                    kind = self._redacted(kind)
                    self._log.debug("call %s: skipped a message of type %s", self._call_id, kind)

    def _command_answered(self, response: media.CommandResponseData) -> None:
        pending = self._commands.pop(response.command_id, None)
        if pending is None:
            return
        if pending.answered.done():
            self.late_answers += 1
        error = None if response.success else self._error(pending.command, response)
        self._listener.command_answered(pending.command, error)
        if error is not None:
            _fail(pending.answered, error)
        elif not pending.answered.done():
            pending.answered.set_result(None)

    def _malformed(self, error: WireError) -> None:
        self.malformed += 1
        if self.malformed == 1:
            self._log.error(
                "call %s: dropped a malformed message; further ones are only counted: %s",
                self._call_id,
                error,
            )

    def _error(self, command: str, response: media.CommandResponseData) -> WSSCallError:
        code = self._code(response.error_code) or "UNKNOWN"
        text = self._redacted(response.error_message)
        if code == media.TIMEOUT:
            return WSSCallCommandTimeoutError(f"{command}: {text or 'the server ran out of time'}")
        if code == media.CALL_TERMINATED_CODE:
            return WSSCallClosedError(f"{command}: {text or 'the call has ended'}")
        return WSSCallCommandError(code, text)

    def _readable(self, event: media.CallEventData) -> media.CallEventData:
        """An event whose texts may be logged, by us and by the program that gets them."""
        if event.error_code is None and event.error_message is None:
            return event
        return msgspec.structs.replace(
            event,
            error_code=self._code(event.error_code) or None,
            error_message=self._redacted(event.error_message) or None,
        )

    def _code(self, code: str | None) -> str:
        """A known code is for programs to compare with, whatever it has in common with somebody's address."""
        return code if code in media.ERROR_CODES else self._redacted(code)

    def _redacted(self, text: str | None) -> str:
        return redacted(text or "", self._private)


def _fail(answered: asyncio.Future[None], error: WSSCallError | WSSMediaError) -> None:
    if not answered.done():
        answered.set_exception(error)
        # Whoever sent the command may have stopped waiting; then nobody is left to retrieve the error.
        answered.exception()
