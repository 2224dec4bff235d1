"""The Gemini Live protocol as data, without sockets: client messages decoded, server messages encoded.

Clients mix snake and camel case and both kinds of base64; all of it is accepted. Server messages are
camelCase JSON, as bytes, for binary frames. Unknown fields are skipped; a field of the wrong type is an error
that names it.
"""

from __future__ import annotations

import binascii
import json
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from voiceagent.sandbox.live.fields import Fields, ProtocolError
from voiceagent.sandbox.live.models import Behavior

OUTPUT_RATE = 24_000
"""Sample rate of the model's speech in Hz; fixed by the protocol."""

INPUT_RATE = 16_000
"""Sample rate in Hz of caller audio whose mime type names none."""

INPUT_RATES = (8000, 48_000)
"""Least and most sample rate of caller audio in Hz."""


MAX_MIME = 200
"""Characters of a mime type that are looked at."""


@dataclass(frozen=True)
class Setup:
    """The first message: what the session is to be.

    Attributes:
        raw: The setup as received.
        model: The model's name as sent.
        voice: The prebuilt voice, or None.
        language: Of the conversation, as a BCP-47 code, if the client says.
        functions: Declared functions, and how each behaves if its declaration says.
        transcribes_input: Whether the client wants to read what the caller says.
        transcribes_output: Whether it wants to read what the model says.
        detects_activity: False if the client itself marks where the caller's speech begins and ends.
        end_silence_ms: Silence that ends the caller's speech, if the client says.
        min_speech_ms: Speech that begins it, if the client says.
        interruptible: Whether the caller's speech interrupts the model.
        resumes: Whether the client wants handles to go on with over another connection.
        handle: Where it goes on; None begins a session.
        history_first: Whether the first content is history only, also if it is complete.
    """

    raw: dict[str, Any]
    model: str
    voice: str | None = None
    language: str | None = None
    functions: dict[str, Behavior | None] = field(default_factory=dict)
    transcribes_input: bool = False
    transcribes_output: bool = False
    detects_activity: bool = True
    end_silence_ms: int | None = None
    min_speech_ms: int | None = None
    interruptible: bool = True
    resumes: bool = False
    handle: str | None = None
    history_first: bool = False


@dataclass(frozen=True)
class AudioInput:
    """Caller audio: mono s16le PCM at ``rate`` Hz."""

    pcm: bytes
    rate: int


@dataclass(frozen=True)
class TextInput:
    """Text to answer. ``interrupts`` says whether it cuts off what the model is saying."""

    text: str
    interrupts: bool = False


@dataclass(frozen=True)
class Content:
    """Turns of a conversation, each a role (``user`` or ``model``) and a text.

    ``complete`` says whether they are to be answered; else the model is to know them.
    """

    turns: tuple[tuple[str, str], ...]
    complete: bool

    @property
    def text(self) -> str:
        """All of it."""
        return "\n".join(text for _, text in self.turns)


@dataclass(frozen=True)
class ActivityStart:
    """The caller begins to speak, says the client."""


@dataclass(frozen=True)
class ActivityEnd:
    """The caller has stopped, says the client."""


@dataclass(frozen=True)
class AudioStreamEnd:
    """The caller's audio pauses."""


@dataclass(frozen=True)
class FunctionResponse:
    """The result of a call, as received in ``raw``; ``result`` is the response alone, as JSON."""

    raw: dict[str, Any]
    result: str
    call_id: str | None
    name: str
    scheduling: str
    will_continue: bool


@dataclass(frozen=True)
class ToolResponses:
    """Results of function calls."""

    responses: tuple[FunctionResponse, ...]


Input = AudioInput | TextInput | Content | ActivityStart | ActivityEnd | AudioStreamEnd | ToolResponses


def decode_setup(message: Fields) -> Setup:
    """The setup of a session's first message.

    Raises:
        ProtocolError: it is none, or a field of it has the wrong type.
    """
    if not message.has("setup"):
        sent = ", ".join(message.raw) or "an empty object"
        raise ProtocolError(f"setup must be the first message, got {sent}")
    setup = Fields(message.get("setup", dict), "setup")
    model = setup.get("model", str)
    if not model:
        raise ProtocolError("setup.model is missing")
    generation = setup.object("generationConfig")
    generation.get("responseModalities", list)
    speech = generation.object("speechConfig")
    voice = speech.object("voiceConfig").object("prebuiltVoiceConfig")
    setup.get("systemInstruction", (dict, str))
    realtime = setup.object("realtimeInputConfig")
    detection = realtime.object("automaticActivityDetection")
    for name in ("inputAudioTranscription", "outputAudioTranscription"):
        setup.object(name)
    return Setup(
        raw=setup.raw,
        model=model,
        voice=voice.get("voiceName", str),
        language=speech.get("languageCode", str),
        functions=_functions(setup),
        transcribes_input=setup.has("inputAudioTranscription"),
        transcribes_output=setup.has("outputAudioTranscription"),
        detects_activity=not detection.get("disabled", bool),
        end_silence_ms=detection.get("silenceDurationMs", int),
        min_speech_ms=detection.get("prefixPaddingMs", int),
        interruptible=realtime.get("activityHandling", str) != "NO_INTERRUPTION",
        resumes=setup.has("sessionResumption"),
        handle=setup.object("sessionResumption").get("handle", str) or None,
        history_first=bool(setup.object("historyConfig").get("initialHistoryInClientContent", bool)),
    )


def _functions(setup: Fields) -> dict[str, Behavior | None]:
    functions: dict[str, Behavior | None] = {}
    for tool in setup.objects("tools"):
        for declaration in tool.objects("functionDeclarations"):
            name = declaration.get("name", str)
            if not name:
                raise ProtocolError("setup.tools: a function declaration has no name")
            behavior = declaration.get("behavior", str)
            functions[name] = Behavior(behavior) if behavior in list(Behavior) else None
    return functions


def decode_inputs(message: Fields) -> list[Input]:
    """What a message after the setup brings, in order. Unknown keys bring nothing.

    Raises:
        ProtocolError: a field has the wrong type, or it is a second setup.
    """
    audio = _plain_audio(message.raw)
    if audio is not None:
        return [audio]
    if message.has("setup"):
        raise ProtocolError("setup may be sent only once")
    inputs: list[Input] = []
    if message.has("realtimeInput"):
        inputs += _realtime(message.object("realtimeInput"))
    if message.has("clientContent"):
        inputs.append(_content(message.object("clientContent")))
    if message.has("toolResponse"):
        responses = message.object("toolResponse").objects("functionResponses")
        inputs.append(ToolResponses(tuple(_response(item) for item in responses)))
    return inputs


def _realtime(fields: Fields) -> list[Input]:
    inputs: list[Input] = []
    if fields.has("activityStart"):
        inputs.append(ActivityStart())
    blobs = [fields.object("audio")] if fields.has("audio") else []
    for blob in blobs + fields.objects("mediaChunks"):
        audio = _audio(blob)
        if audio is not None:
            inputs.append(audio)
    text = fields.get("text", str)
    if text:
        inputs.append(TextInput(text))
    if fields.has("activityEnd"):
        inputs.append(ActivityEnd())
    if fields.get("audioStreamEnd", bool):
        inputs.append(AudioStreamEnd())
    return inputs


@lru_cache
def _rate(mime: str) -> int | None:
    """The sample rate that a mime type names; None if it is not audio. Each chunk brings the same one."""
    if not mime.startswith("audio/"):
        return None
    if not mime.startswith("audio/pcm"):
        raise ProtocolError(f"audio must be audio/pcm, not {mime[:40]}")
    rate = re.search(r"rate=(\d{1,9})", mime)
    hertz = int(rate[1]) if rate else INPUT_RATE
    if not INPUT_RATES[0] <= hertz <= INPUT_RATES[1]:
        raise ProtocolError(f"audio rate must be {INPUT_RATES[0]} to {INPUT_RATES[1]}, not {hertz}")
    return hertz


def _plain_audio(message: dict[str, Any]) -> AudioInput | None:
    """The audio of a message that holds nothing else; None: it is to be read field by field.

    Fifty messages a second are of this kind, for which that would be most of the server's work.
    """
    realtime = message.get("realtime_input") or message.get("realtimeInput")
    if len(message) != 1 or type(realtime) is not dict or len(realtime) != 1:
        return None
    blob = realtime.get("audio")
    if type(blob) is not dict or len(blob) != 2:
        return None
    data, mime = blob.get("data"), blob.get("mime_type") or blob.get("mimeType")
    return _decoded(data, mime) if type(data) is str and type(mime) is str else None


def _audio(blob: Fields) -> AudioInput | None:
    return _decoded(blob.get("data", str) or "", blob.get("mimeType", str) or "audio/pcm")


def _decoded(data: str, mime: str) -> AudioInput | None:
    hertz = _rate(mime[:MAX_MIME])
    if hertz is None:
        return None
    # Both alphabets of base64 (RFC 4648) are in use.
    data = data.replace("-", "+").replace("_", "/")
    try:
        pcm = binascii.a2b_base64(data + "=" * (-len(data) % 4), strict_mode=True) if data else b""
    except ValueError as error:
        raise ProtocolError("audio data is not base64") from error
    return AudioInput(pcm[: len(pcm) // 2 * 2], hertz)


def _content(fields: Fields) -> Content:
    turns = [
        (turn.get("role", str) or "user", part.get("text", str) or "")
        for turn in fields.objects("turns")
        for part in turn.objects("parts")
        if part.has("text")
    ]
    return Content(tuple(turns), bool(fields.get("turnComplete", bool)))


def _response(fields: Fields) -> FunctionResponse:
    response = fields.get("response", dict)
    # A generator function in Google's documentation names its scheduling inside the response.
    inner = response.get("scheduling") if response else None
    scheduling = fields.get("scheduling", str) or (inner if isinstance(inner, str) else None)
    return FunctionResponse(
        raw=fields.raw,
        result=json.dumps(response, ensure_ascii=False),
        call_id=fields.get("id", str),
        name=fields.get("name", str) or "",
        scheduling=scheduling or "WHEN_IDLE",
        will_continue=bool(fields.get("willContinue", bool)),
    )


def encode(message: dict[str, Any]) -> bytes:
    """A server message."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def content(**fields: Any) -> bytes:
    """A ``serverContent`` message with these fields."""
    return encode({"serverContent": fields})


_AUDIO_HEAD = (
    b'{"serverContent":{"modelTurn":{"role":"model","parts":[{"inlineData":{"mimeType":"audio/pcm;rate=24000",'
    b'"data":"'
)
_AUDIO_TAIL = b'"}}]}}}'


def encode_audio(pcm: bytes) -> bytes:
    """A message with 24 kHz s16le PCM of the model."""
    return _AUDIO_HEAD + binascii.b2a_base64(pcm, newline=False) + _AUDIO_TAIL


def encode_tool_call(calls: list[dict[str, Any]]) -> bytes:
    """A message that calls functions, each ``{id, name, args}``."""
    return encode({"toolCall": {"functionCalls": calls}})


def encode_duration(seconds: float) -> str:
    """Seconds in the JSON form of a protobuf Duration: ``5s``, ``2.500s``."""
    return f"{seconds:.0f}s" if seconds == int(seconds) else f"{seconds:.3f}s"
