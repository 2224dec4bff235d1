"""A script: what one party of a call does, step by step, as written in a scenario.

Rule: what is accepted here can be played. Whatever cannot be is refused with a :class:`ScenarioError`
that names file, line and field.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from voiceagent.sandbox.document import Value, wrap
from voiceagent.sandbox.recording import RecordingError, check_recording
from voiceagent.sandbox.tones import KEYS

VOICES = ("en-US", "en-GB", "de-DE", "es-ES", "fr-FR", "it-IT")
"""The voices that a caller may have (those of the package py-nanotts)."""

DEFAULT_CALLER_VOICE = "en-GB"
"""A caller's voice: another one than the agent's, so that a recording tells them apart."""


@dataclass(frozen=True)
class WaitForAgent:
    """``wait: agent_done``: until the agent has spoken since the last step and stopped."""


@dataclass(frozen=True)
class Pause:
    """``wait: 2.5``: so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Say:
    """``say: text``: speak a sentence. ``speed`` and ``pitch`` are factors, 1 is as usual."""

    text: str
    voice: str = DEFAULT_CALLER_VOICE
    speed: float = 1.0
    pitch: float = 1.0


@dataclass(frozen=True)
class Play:
    """``play: file.wav``: speak a recording (16-bit PCM, any rate; channels are averaged)."""

    path: Path


@dataclass(frozen=True)
class PressKeys:
    """``dtmf: "123#"``: press keys of the telephone, 100 ms each, with pauses of 100 ms."""

    keys: str


@dataclass(frozen=True)
class InterruptAfter:
    """``interrupt_after: 1.2``: so many seconds of agent speech, then the next line barges in."""

    seconds: float


@dataclass(frozen=True)
class HangUp:
    """``hangup``: end the call."""


Step = WaitForAgent | Pause | Say | Play | PressKeys | InterruptAfter | HangUp


@dataclass(frozen=True)
class Script:
    """What a caller does, in order."""

    steps: tuple[Step, ...] = ()


NO_SCRIPT = Script()
"""Whoever has it listens, and says nothing."""


def in_words(step: Step) -> str:
    """A step as a scenario has it, on one line."""
    match step:
        case WaitForAgent():
            return "wait: agent_done"
        case Pause(seconds):
            return f"wait: {seconds:g}"
        case Say(text):
            return f"say: {text}"
        case Play(path):
            return f"play: {path.name}"
        case PressKeys(keys):
            return f'dtmf: "{keys}"'
        case InterruptAfter(seconds):
            return f"interrupt_after: {seconds:g}"
        case HangUp():
            return "hangup"


def parse_script(raw: object, *, source: str = "script", folder: Path | None = None) -> Script:
    """Read a caller's script as decoded from JSON: the list that ``script:`` of a file holds.

    Args:
        raw: The list of steps.
        source: What to call it in errors.
        folder: What ``play:`` paths are relative to; the working directory by default.

    Raises:
        ScenarioError: it is malformed.
    """
    return read_script(wrap(raw, source), folder or Path())


def read_script(value: Value, folder: Path) -> Script:
    """The script in a document. ``play:`` paths are relative to ``folder``."""
    return Script(tuple(_step(item, folder) for item in value.items()))


_STEPS = ("wait", "say", "play", "dtmf", "interrupt_after", "hangup")


def _step(value: Value, folder: Path) -> Step:
    if isinstance(value.content, str):
        if value.text == "hangup":
            return HangUp()
        raise value.error(f"unknown step {value.text!r}; use one of {', '.join(_STEPS)}")
    fields = value.mapping(_STEPS)
    if len(fields) != 1:
        raise value.error(f"a step has one key of {', '.join(_STEPS)}, got {len(fields)}")
    ((name, setting),) = fields.items()
    match name:
        case "wait":
            if isinstance(setting.content, str) and setting.text == "agent_done":
                return WaitForAgent()
            if isinstance(setting.content, str) and not setting.text[:1].isdigit():
                raise setting.error(f"expected agent_done or seconds, got {setting.text!r}")
            return Pause(setting.seconds())
        case "say":
            return _say(setting)
        case "play":
            path = folder / setting.string()
            try:
                check_recording(path)
            except RecordingError as error:
                raise setting.error(str(error)) from error
            return Play(path)
        case "dtmf":
            return _press_keys(setting)
        case "interrupt_after":
            return InterruptAfter(setting.seconds())
        case _:
            if not setting.is_null:
                setting.true()
            return HangUp()


def _press_keys(value: Value) -> PressKeys:
    keys = value.string()
    for key in keys:
        if key not in KEYS:
            raise value.error(f"a telephone has no key {key!r}; it has {KEYS}")
    return PressKeys(keys)


def _say(value: Value) -> Say:
    if not isinstance(value.content, dict):
        return Say(value.string())
    fields = value.mapping(("text", "voice", "speed", "pitch"))
    if "text" not in fields:
        raise value.error("text is missing")
    voice = fields["voice"].string() if "voice" in fields else DEFAULT_CALLER_VOICE
    if voice not in VOICES:
        raise fields["voice"].error(f"unknown voice {voice!r}; use one of {', '.join(VOICES)}")
    return Say(
        text=fields["text"].string(),
        voice=voice,
        speed=fields["speed"].number(0.2, 5.0) if "speed" in fields else 1.0,
        pitch=fields["pitch"].number(0.5, 2.0) if "pitch" in fields else 1.0,
    )
