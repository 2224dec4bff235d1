"""Text messages of the media link: the commands of one call, their answers, events, and flow control.

Audio towards the caller is *pulled*: the server grants credit with :class:`BufferRequest`, and the client
sends binary frames until the credit is used. Credit never expires, also not by ``agent.interrupt``.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from voiceagent.wire._codec import _Decoder

DEFAULT_FRAME_BYTES = 960
"""Least size of an audio frame in bytes when a request does not ask for larger ones."""

COMMAND_TIMEOUT_MS = 10_000
"""Deadline of every command except ``call.connect``, whose deadline is its ring time."""

COMMAND_GRACE = 5.0
"""Seconds beyond a command's deadline after which a client stops waiting for the answer."""

RING_SECONDS = (1, 120)
"""Shortest and longest ring time of ``call.connect``."""

DEFAULT_RING_SECONDS = 60

ANSWER = "call.answer"
CONNECT = "call.connect"
DISCONNECT = "call.disconnect"
CLOSE = "call.close"
WHISPER = "agent.whisper"
BARGE = "agent.barge"
SPY = "agent.spy"
INTERRUPT = "agent.interrupt"

CommandName = Literal[
    "call.answer",
    "call.connect",
    "call.disconnect",
    "call.close",
    "agent.whisper",
    "agent.barge",
    "agent.spy",
    "agent.interrupt",
]

CALL_UNANSWERED = "CALL_UNANSWERED"
CALL_TERMINATED_CODE = "CALL_TERMINATED"
INVALID_STATE = "INVALID_STATE"
INVALID_PAYLOAD = "INVALID_PAYLOAD"
UNKNOWN_COMMAND = "UNKNOWN_COMMAND"
TIMEOUT = "TIMEOUT"
INTERNAL_ERROR = "INTERNAL_ERROR"
TTS_SESSION_ERROR = "TTS_SESSION_ERROR"

ERROR_CODES = frozenset(
    {
        *(CALL_UNANSWERED, CALL_TERMINATED_CODE, INVALID_STATE, INVALID_PAYLOAD, UNKNOWN_COMMAND, TIMEOUT),
        *(INTERNAL_ERROR, TTS_SESSION_ERROR),
    }
)
"""The codes that are known on a media link. A server may send others."""

TERMINATED_EVENT = "call.terminated"
ERROR_EVENT = "call.error"


class _Message(msgspec.Struct, kw_only=True, tag_field="type"):
    """Base of the media messages: an envelope ``{type, data}``."""


class CommandData(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """One command. ``command`` is one of ``CommandName``; ``timeout_ms`` is the sender's deadline."""

    command_id: str
    command: str
    timeout_ms: int
    data: dict[str, Any] | None = None


class Command(_Message, tag="command"):
    """Client to server: do something with the call."""

    data: CommandData


class CommandResponseData(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """How a command went: ``result`` on success, ``error_code`` and ``error_message`` otherwise."""

    command_id: str
    success: bool
    result: Any = None
    error_code: str | None = None
    error_message: str | None = None


class CommandResponse(_Message, tag="command_response"):
    """Server to client: answers the command with the same ``command_id``."""

    data: CommandResponseData


class CallEventData(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """What happened to the call. Only ``event`` is always there."""

    event: str
    error_code: str | None = None
    error_message: str | None = None
    reason: str | None = None


class CallEvent(_Message, tag="call_event"):
    """Server to client: ``call.terminated``, ``call.error``, or an event that a client skips."""

    data: CallEventData


class BufferRequestData(msgspec.Struct, kw_only=True, frozen=True, rename={"channel_id": "channelId"}):
    """``requested_bytes`` of credit, to be sent in frames of at least ``prefer_audio_frame_bytes``."""

    requested_bytes: int
    prefer_audio_frame_bytes: int = DEFAULT_FRAME_BYTES
    channel_id: int = 0


class BufferRequest(_Message, tag="buffer_request"):
    """Server to client: send this much audio. Requests are served in order, each one whole."""

    data: BufferRequestData


ClientMessage = Command
ServerMessage = CommandResponse | CallEvent | BufferRequest

decode_client: _Decoder[Command] = _Decoder(Command)
"""Decode what a client sent: returns a ``Command`` or ``Unknown``, raises ``WireError``."""

decode_server: _Decoder[ServerMessage] = _Decoder(ServerMessage)
"""Decode what a server sent: returns a ``ServerMessage`` or ``Unknown``, raises ``WireError``."""
