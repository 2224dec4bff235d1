"""The media link of a call: commands and audio of its agent.

Rule: every command is answered exactly once, unless a fault was ordered to keep silent, and also when the
call ends meanwhile. What is malformed is counted and dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from voiceagent.sandbox.exchange import malformed
from voiceagent.sandbox.exchange.call import CommandError, ExchangeCall
from voiceagent.sandbox.exchange.faults import Faults
from voiceagent.sandbox.exchange.mixer import Mode
from voiceagent.sandbox.exchange.socket import Socket
from voiceagent.sandbox.party import Party
from voiceagent.wire import Unknown, WireError, encode, media
from voiceagent.wire.frames import MIXED, decode_frame, encode_frame

PATH = "/v1/voice-session/{call_id}"
"""Path of the media links; agents get the whole address in ``call.in``."""

HEARTBEAT = 20.0
"""Seconds of silence after which an agent is pinged."""

_MODES = {media.BARGE: Mode.BARGE, media.WHISPER: Mode.WHISPER, media.SPY: Mode.SPY}


class MediaLink:
    """The agent of one call, as the exchange sees it."""

    def __init__(
        self, socket: Socket, call: ExchangeCall, faults: Faults, ring: Callable[[ExchangeCall], Party]
    ) -> None:
        """``ring`` tells how the callee of a call, who is rung now, reacts."""
        self._socket = socket
        self._call = call
        self._faults = faults
        self._ring = ring
        self._pending: dict[str, None] = {}

    async def serve(self) -> None:
        """Handle what the agent sends until its socket closes."""
        self._call.join(self)
        try:
            while (message := await self._socket.receive()) is not None:
                if isinstance(message, str):
                    self._handle_text(message)
                else:
                    self._handle_audio(message)
        finally:
            if self._socket.error is not None:
                self._call.violations.add(f"media link: {self._socket.error}")
            if self._socket.dropped:
                self._call.log.add("agent_did_not_read", dropped_frames=self._socket.dropped)
            self._call.lost(self)

    # From the agent -----------------------------------------------------------------------------------

    def _handle_audio(self, frame: bytes) -> None:
        try:
            channel, pcm = decode_frame(frame)
        except WireError as error:
            self._call.violations.add(str(error))
            return
        if channel != MIXED:
            self._call.violations.add(f"audio on channel {channel}; an agent speaks on channel {MIXED}")
            return
        self._call.receive_audio(pcm)

    def _handle_text(self, text: str) -> None:
        try:
            message = media.decode_client(text)
        except WireError as error:
            self._call.violations.add(str(error))
            if (asked := malformed.command_id(text)) is not None:
                self._fail(asked, media.INVALID_PAYLOAD, str(error))
            return
        if isinstance(message, Unknown):
            return
        command = message.data
        self._call.log.add("command", command=command.command)
        fault = self._faults.take(command.command)
        if fault is not None:
            self._call.log.add("fault", command=command.command, silent=fault.silent)
            if not fault.silent:
                self._fail(command.command_id, fault.error_code, fault.error_message)
            return
        try:
            self._run(command)
        except CommandError as error:
            self._fail(command.command_id, error.code, str(error))

    def _run(self, command: media.CommandData) -> None:
        call, command_id = self._call, command.command_id
        match command.command:
            case media.ANSWER:
                call.answer()
                self._succeed(command_id)
                call.request_audio()
            case media.CONNECT:
                self._connect(command)
            case media.WHISPER | media.BARGE | media.SPY:
                call.set_mode(_MODES[command.command])
                self._succeed(command_id)
            case media.INTERRUPT:
                call.interrupt()
                self._succeed(command_id)
                call.request_audio()
            case media.CLOSE:
                self._succeed(command_id)
                call.close()
            case media.DISCONNECT:
                self._succeed(command_id)
                call.disconnect()
            case unknown:
                raise CommandError(media.UNKNOWN_COMMAND, f"there is no command {unknown!r}")

    def _connect(self, command: media.CommandData) -> None:
        shortest, longest = media.RING_SECONDS
        seconds = (command.data or {}).get("ringTimeSeconds", media.DEFAULT_RING_SECONDS)
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise CommandError(media.INVALID_PAYLOAD, f"ringTimeSeconds: {seconds!r} is not a number")
        if not shortest <= seconds <= longest:
            raise CommandError(
                media.INVALID_PAYLOAD, f"ringTimeSeconds: {seconds} is not from {shortest} to {longest}"
            )

        def done(error: CommandError | None) -> None:
            self._pending.pop(command.command_id, None)
            if error is None:
                self._succeed(command.command_id)
                self._call.request_audio()
            else:
                self._fail(command.command_id, error.code, str(error))

        self._call.connect(seconds, lambda: self._ring(self._call), done)
        self._pending[command.command_id] = None

    # To the agent -------------------------------------------------------------------------------------

    def send_audio(self, pcm: bytes, channel: int) -> None:
        """Send one tick of what the parties say; dropped if the agent does not read."""
        self._socket.send_audio(encode_frame(pcm, channel))

    def request(self, size: int, frame_bytes: int) -> None:
        """Grant credit for ``size`` bytes, in frames of at least ``frame_bytes``."""
        data = media.BufferRequestData(requested_bytes=size, prefer_audio_frame_bytes=frame_bytes)
        self._socket.send_text(encode(media.BufferRequest(data=data)))

    def send_error(self, code: str, message: str) -> None:
        """Send a ``call.error`` event."""
        self._event(media.ERROR_EVENT, error_code=code, error_message=message)

    def dismiss(self) -> None:
        """Answer what is pending, say that the call is over, and close the socket."""
        for command_id in self._pending:
            self._fail(command_id, media.CALL_TERMINATED_CODE, "the call is over")
        self._pending.clear()
        self._event(media.TERMINATED_EVENT)
        self._socket.close()

    def abort(self) -> None:
        """Break the connection."""
        self._socket.abort()

    def _succeed(self, command_id: str) -> None:
        self._respond(media.CommandResponseData(command_id=command_id, success=True))

    def _fail(self, command_id: str, code: str, message: str) -> None:
        self._respond(
            media.CommandResponseData(
                command_id=command_id, success=False, error_code=code, error_message=message
            )
        )

    def _respond(self, data: media.CommandResponseData) -> None:
        self._socket.send_text(encode(media.CommandResponse(data=data)))

    def _event(self, event: str, **details: Any) -> None:
        self._socket.send_text(encode(media.CallEvent(data=media.CallEventData(event=event, **details))))
