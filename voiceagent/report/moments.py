"""What happens in a call, one small value per thing, with its time.

``at_ms`` counts milliseconds since the agent took the call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class EndReason(StrEnum):
    """How a call ended, as the agent saw it."""

    CALLER_HUNG_UP = "caller_hung_up"
    LINE_LOST = "line_lost"
    """The connection to the call server broke."""
    AGENT_HUNG_UP = "agent_hung_up"
    TRANSFERRED = "transferred"
    CALLER_IDLE = "caller_idle"
    """The caller said nothing for long, was asked, and said nothing again."""
    TOO_LONG = "too_long"
    """The call reached the longest duration that the agent allows."""
    CONFERENCE_ENDED = "conference_ended"
    """A party hung up while the agent listened to caller and callee."""
    CONNECTED = "connected"
    """Put through without the agent answering."""
    REJECTED = "rejected"
    MODEL_UNAVAILABLE = "model_unavailable"
    SHUTDOWN = "shutdown"
    FAILED = "failed"
    """A defect of the agent's code; the log has the traceback."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Base: something happened ``at_ms``."""

    at_ms: float


@dataclass(frozen=True, slots=True)
class Answered(Moment):
    """The agent answered."""


@dataclass(frozen=True, slots=True)
class CallerText(Moment):
    """A piece of what the model understood of the caller."""

    text: str


@dataclass(frozen=True, slots=True)
class FirstAudio(Moment):
    """The first audio of an answer went onto the line.

    ``latency_ms`` counts from the end of the caller's speech; None where the agent spoke unasked.
    """

    turn: int
    latency_ms: float | None


@dataclass(frozen=True, slots=True)
class AgentText(Moment):
    """A piece of what the agent says.

    ``part`` counts from 0, and goes up where a tool parts the answer. ``offset_ms`` is where in the answer's
    audio the piece begins.
    """

    turn: int
    text: str
    part: int = 0
    offset_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class BargeIn(Moment):
    """The caller spoke over an answer; the line is silent from here on."""

    turn: int
    heard_ms: float


@dataclass(frozen=True, slots=True)
class TurnEnded(Moment):
    """An answer is over. ``text`` is what the caller heard of it.

    Of ``generated_ms`` of audio ``sent_ms`` went onto the line, and ``heard_ms`` came out of it.
    ``parts`` has the text as tools part it: one string for each :attr:`AgentText.part`.
    """

    turn: int
    text: str
    generated_ms: float
    heard_ms: float
    interrupted: bool
    sent_ms: float = 0.0
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlaybackPaused(Moment):
    """Somebody made a sound, and the answer stopped until it is known whether they want to speak."""

    turn: int


@dataclass(frozen=True, slots=True)
class PlaybackResumed(Moment):
    """They did not: the answer goes on where it stopped."""

    turn: int


@dataclass(frozen=True, slots=True)
class ModelReopened(Moment):
    """The live session went on over another connection. ``gap_ms`` is the time without one."""

    cause: str
    gap_ms: float
    resumed: bool


@dataclass(frozen=True, slots=True)
class Nudged(Moment):
    """The model owed an answer and was asked for it; ``why`` in a few words, such as ``silent turn``."""

    why: str


@dataclass(frozen=True, slots=True)
class IdlePrompted(Moment):
    """The caller has said nothing for long, and is asked whether they are there; ``count`` from 1."""

    count: int


@dataclass(frozen=True, slots=True)
class KeysPressed(Moment):
    """The caller pressed keys of the telephone: ``0`` to ``9``, ``*``, ``#``, ``A`` to ``D``.

    ``at_ms`` is when they began. ``collected`` says that a tool asked for them; a secret has ``•`` for each.
    """

    digits: str
    collected: bool = False


@dataclass(frozen=True, slots=True)
class ToolStarted(Moment):
    """The model called a tool."""

    id: str
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ToolFinished(Moment):
    """A tool is done; ``result`` is what the model was told, ``ok`` whether it was no error."""

    id: str
    name: str
    ok: bool
    took_ms: float
    result: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TransferStarted(Moment):
    """The callee's phone rings. ``note`` is why, if the tool said so."""

    note: str = ""


@dataclass(frozen=True, slots=True)
class TransferFailed(Moment):
    """Nobody answered there; the conversation goes on."""

    error_code: str


@dataclass(frozen=True, slots=True)
class CalleeJoined(Moment):
    """The callee has picked up: caller and callee talk from here on."""


@dataclass(frozen=True, slots=True)
class Whispered(Moment):
    """What was said to the callee alone has been played."""


@dataclass(frozen=True, slots=True)
class UsageCounted(Moment):
    """Tokens of one turn, as the service counts them."""

    prompt_tokens: int
    response_tokens: int


@dataclass(frozen=True, slots=True)
class Ended(Moment):
    """The call is over for the agent. ``note`` is what it gave as a reason, or the class of what failed."""

    reason: EndReason
    note: str = ""


Observer = Callable[[Moment], None]
"""Called on the event loop with each moment; must return at once and must not raise."""
