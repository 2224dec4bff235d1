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
from typing import Any

from voiceagent.sandbox.live.models import Behavior

OUTPUT_RATE = 24_000
"""Sample rate of the model's speech in Hz; fixed by the protocol."""

INPUT_RATE = 16_000
"""Sample rate in Hz of caller audio whose mime type names none."""

INPUT_RATES = (8000, 48_000)
"""Least and most sample rate of caller audio in Hz."""


MAX_DEPTH = 100
"""Most objects and lists that stand inside each other in a message."""

MAX_REASON = 200
"""Characters of the longest error text: the client wrote part of it."""


class ProtocolError(ValueError):
    """The client sent what the protocol forbids. The text is fit for a close reason."""

    def __init__(self, reason: str) -> None:
        """``reason`` may hold what the client sent, also half a character, which cannot be sent back."""
        super().__init__(reason[:MAX_REASON].encode(errors="replace").decode())


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
class Context:
    """Turns of a conversation for the model to know; it answers later."""

    text: str


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


Input = AudioInput | TextInput | Context | ActivityStart | ActivityEnd | AudioStreamEnd | ToolResponses


class Fields:
    """A JSON object whose keys may be in snake or camel case; ``name`` is where it stands in the message."""

    def __init__(self, value: Any, name: str) -> None:
        if not isinstance(value, dict):
            raise ProtocolError(f"{name} must be an object, not {_type(value)}")
        self.raw: dict[str, Any] = value
        self._name = name
        self._by_key = {key.replace("_", "").lower(): item for key, item in value.items()}

    def has(self, key: str) -> bool:
        """Whether the field is there and not null."""
        return self._by_key.get(key.lower()) is not None

    def get(self, key: str, kind: type | tuple[type, ...]) -> Any:
        """The field, checked to be of ``kind``; None if it is not there or null."""
        value = self._by_key.get(key.lower())
        if value is None:
            return None
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
            wanted = kind if isinstance(kind, type) else kind[0]
            raise ProtocolError(f"{self._name}.{key} must be {_KINDS[wanted]}, not {_type(value)}")
        if kind is int and isinstance(value, int) and not -(1 << 31) <= value < 1 << 31:
            raise ProtocolError(f"{self._name}.{key} must be an integer of 32 bits")
        return value

    def object(self, key: str) -> Fields:
        """A nested object; an empty one if it is not there."""
        value = self.get(key, dict)
        return Fields({} if value is None else value, f"{self._name}.{key}")

    def objects(self, key: str) -> list[Fields]:
        """A list of objects; empty if it is not there."""
        items = self.get(key, list) or []
        return [Fields(item, f"{self._name}.{key}[{index}]") for index, item in enumerate(items)]


_KINDS = {str: "a string", int: "an integer", bool: "true or false", list: "a list", dict: "an object"}


def _type(value: Any) -> str:
    if isinstance(value, float):
        return "a number"
    return "null" if value is None else _KINDS[type(value)]


def decode(frame: str | bytes) -> Fields:
    """Parse a frame.

    Raises:
        ProtocolError: it is no JSON object.
    """
    try:
        value = json.loads(frame)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("Invalid JSON payload received") from error
    if _openings(frame) > MAX_DEPTH and _too_deep(value):
        raise ProtocolError("Invalid JSON payload received: it is nested too deep")
    return Fields(value, "message")


def _openings(frame: str | bytes) -> int:
    """How deep a message can be at most."""
    return (
        frame.count("{") + frame.count("[")
        if isinstance(frame, str)
        else frame.count(b"{") + frame.count(b"[")
    )


def _too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        inside = (
            each.values() if isinstance(each, dict) else each
            for each in level
            if isinstance(each, dict | list)
        )
        level = [item for items in inside for item in items]
        if not level:
            return False
    return True


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
    for name in ("inputAudioTranscription", "outputAudioTranscription", "sessionResumption"):
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


_STANDARD_ALPHABET = str.maketrans("-_", "+/")


def _audio(blob: Fields) -> AudioInput | None:
    mime = blob.get("mimeType", str) or "audio/pcm"
    if not mime.startswith("audio/"):
        return None
    if not mime.startswith("audio/pcm"):
        raise ProtocolError(f"audio must be audio/pcm, not {mime[:40]}")
    rate = re.search(r"rate=(\d{1,9})", mime)
    hertz = int(rate[1]) if rate else INPUT_RATE
    if not INPUT_RATES[0] <= hertz <= INPUT_RATES[1]:
        raise ProtocolError(f"audio rate must be {INPUT_RATES[0]} to {INPUT_RATES[1]}, not {hertz}")
    data = (blob.get("data", str) or "").translate(_STANDARD_ALPHABET)
    try:
        pcm = binascii.a2b_base64(data + "=" * (-len(data) % 4), strict_mode=True) if data else b""
    except ValueError as error:
        raise ProtocolError("audio data is not base64") from error
    return AudioInput(pcm[: len(pcm) // 2 * 2], hertz)


def _content(fields: Fields) -> TextInput | Context:
    texts = [
        part.get("text", str) or ""
        for turn in fields.objects("turns")
        for part in turn.objects("parts")
        if part.has("text")
    ]
    text = "\n".join(texts)
    return TextInput(text, interrupts=True) if fields.get("turnComplete", bool) else Context(text)


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
