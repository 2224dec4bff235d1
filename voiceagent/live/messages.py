"""Gemini Live messages on the fast path: prebuilt JSON out, typed decoding in.

The public client spends three to five times the CPU on the same messages, in conversions that audio does
not need. A field that is not named here is skipped, because the service adds fields at any time.
"""

from __future__ import annotations

import binascii
import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from voiceagent.live.events import (
    Audio,
    GenerationComplete,
    GoAway,
    InputTranscript,
    Interrupted,
    LiveEvent,
    OutputTranscript,
    ResumptionHandle,
    ToolCall,
    ToolCalls,
    ToolCallsCancelled,
    TurnComplete,
    Usage,
    WrittenText,
)
from voiceagent.live.models import TextInput
from voiceagent.live.session import Said

_AUDIO_PREFIX = b'{"realtime_input":{"audio":{"mime_type":"audio/pcm;rate=16000","data":"'
_AUDIO_SUFFIX = b'"}}}'


def encode_audio(pcm: bytes) -> bytes:
    """The message that carries s16le mono PCM of 16 kHz, as UTF-8 JSON."""
    return _AUDIO_PREFIX + binascii.b2a_base64(pcm, newline=False) + _AUDIO_SUFFIX


def encode_text(text: str, form: TextInput) -> str:
    """The message that says ``text`` as the user and asks for an answer."""
    if form is TextInput.REALTIME:
        return json.dumps({"realtime_input": {"text": text}})
    turn = {"role": "user", "parts": [{"text": text}]}
    return json.dumps({"client_content": {"turns": [turn], "turn_complete": True}})


def encode_said(said: Sequence[Said], answer: str | None, *, complete: bool = False) -> str:
    """The message that tells what was said before.

    Args:
        said: In order.
        answer: What the user says after it, which the model answers.
        complete: Whether this is all; with ``answer`` it is anyway.
    """
    if answer is not None:
        said = (*said, Said("user", answer))
    turns = [{"role": one.role, "parts": [{"text": one.text}]} for one in said]
    return json.dumps({"client_content": {"turns": turns, "turn_complete": complete or answer is not None}})


def retold(said: Sequence[Said]) -> str:
    """What was said before, as a text for a model that takes no turns of a conversation."""
    lines = [f"{_SPEAKERS[one.role]}: {one.text}" for one in said]
    return "\n".join(("Until now this was said, which you need not answer:", *lines))


_SPEAKERS = {"user": "The caller", "model": "You"}


def encode_tool_result(
    call_id: str, name: str, response: Mapping[str, Any], scheduling: str | None = None
) -> str:
    """The message that answers one tool call; ``scheduling`` is SILENT, WHEN_IDLE, INTERRUPT or nothing."""
    result: dict[str, Any] = {"name": name, "response": response}
    if not call_id.startswith(_NAMELESS):
        result["id"] = call_id
    if scheduling is not None:
        result["scheduling"] = scheduling
    return json.dumps({"tool_response": {"function_responses": [result]}})


_NAMELESS = "nameless-"
"""Begins the ids that we give to calls which came without one, as they may from Vertex AI."""

_numbers = itertools.count(1)


class _Camel(msgspec.Struct, rename="camel"):
    """Base of the server's messages: camelCase on the wire."""


class _Blob(_Camel):
    mime_type: str = ""
    data: bytes = b""


class _Part(_Camel):
    inline_data: _Blob | None = None
    text: str | None = None
    thought: bool = False


class _Content(_Camel):
    parts: list[_Part] = []


class _Transcription(_Camel):
    text: str = ""


class _ServerContent(_Camel):
    model_turn: _Content | None = None
    input_transcription: _Transcription | None = None
    output_transcription: _Transcription | None = None
    interrupted: bool = False
    generation_complete: bool = False
    turn_complete: bool = False


class _FunctionCall(_Camel):
    name: str
    id: str = ""
    args: dict[str, Any] | None = None


class _ToolCall(_Camel):
    function_calls: list[_FunctionCall] = []


class _Cancellation(_Camel):
    ids: list[str] = []


class _GoAway(_Camel):
    time_left: str | None = None


class _Resumption(_Camel):
    new_handle: str | None = None
    resumable: bool = False


class _UsageMetadata(_Camel):
    prompt_token_count: int = 0
    response_token_count: int = 0
    total_token_count: int = 0


class _ServerMessage(_Camel):
    server_content: _ServerContent | None = None
    tool_call: _ToolCall | None = None
    tool_call_cancellation: _Cancellation | None = None
    go_away: _GoAway | None = None
    session_resumption_update: _Resumption | None = None
    usage_metadata: _UsageMetadata | None = None


_decoder = msgspec.json.Decoder(_ServerMessage)

_MAX_REASON = 200


class MessageError(ValueError):
    """A server message that is no JSON object of the expected shape."""


def decode(raw: bytes | str) -> Iterator[LiveEvent]:
    """The events in one server message, in the order in which they matter.

    Raises:
        MessageError: it cannot be read; the session can go on without it.
    """
    message = _decode(raw)
    if any(len(pcm) % 2 for pcm in _audio(message)):
        raise MessageError("unreadable message from the live service: its audio ends in half a sample")
    return _events(message)


def _decode(raw: bytes | str) -> _ServerMessage:
    try:
        return _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        reason = str(error)[:_MAX_REASON]
    # Base64 of the URL alphabet is legal in this protocol; the fast decoder knows the standard one only.
    try:
        message = json.loads(raw)
        for part in message["serverContent"]["modelTurn"]["parts"]:
            blob = part.get("inlineData")
            if blob is not None:
                blob["data"] = blob["data"].translate(_TO_STANDARD_ALPHABET)
        # By way of bytes, which refuse half a character; a conversion of the objects lets it through.
        return _decoder.decode(msgspec.json.encode(message))
    except (msgspec.MsgspecError, ValueError, RecursionError, LookupError, AttributeError, TypeError):
        raise MessageError(f"unreadable message from the live service: {reason}") from None


_TO_STANDARD_ALPHABET = str.maketrans("-_", "+/")


def _audio(message: _ServerMessage) -> Iterator[bytes]:
    """The model's speech in a message."""
    content = message.server_content
    if content is not None and content.model_turn is not None:
        for part in content.model_turn.parts:
            if part.inline_data is not None and part.inline_data.data and not part.thought:
                yield part.inline_data.data


def _events(message: _ServerMessage) -> Iterator[LiveEvent]:
    content = message.server_content
    if content is not None:
        if content.input_transcription is not None and content.input_transcription.text:
            yield InputTranscript(content.input_transcription.text)
        if content.interrupted:
            yield Interrupted()
        if content.model_turn is not None:
            for part in content.model_turn.parts:
                if part.thought:
                    continue
                if part.inline_data is not None and part.inline_data.data:
                    yield Audio(part.inline_data.data)
                elif part.text:
                    yield WrittenText(part.text)
        if content.output_transcription is not None and content.output_transcription.text:
            yield OutputTranscript(content.output_transcription.text)
    if message.tool_call is not None:
        yield ToolCalls(
            tuple(
                ToolCall(call.id or f"{_NAMELESS}{next(_numbers)}", call.name, call.args or {})
                for call in message.tool_call.function_calls
            )
        )
    if message.tool_call_cancellation is not None:
        yield ToolCallsCancelled(tuple(message.tool_call_cancellation.ids))
    if message.usage_metadata is not None:
        usage = message.usage_metadata
        yield Usage(usage.prompt_token_count, usage.response_token_count, usage.total_token_count)
    if content is not None:
        if content.generation_complete:
            yield GenerationComplete()
        if content.turn_complete:
            yield TurnComplete()
    if message.go_away is not None:
        yield GoAway(_seconds(message.go_away.time_left))
    if message.session_resumption_update is not None:
        update = message.session_resumption_update
        if update.new_handle and update.resumable:
            yield ResumptionHandle(update.new_handle)


def _seconds(duration: str | None) -> float | None:
    """Seconds of a protobuf duration such as ``"5s"`` or ``"1.240s"``."""
    try:
        seconds = float(duration.removesuffix("s")) if duration else math.nan
    except ValueError:
        return None
    return seconds if 0 <= seconds < math.inf else None
