"""What a live session reports, one small value per thing that happened."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Audio:
    """A piece of the model's speech: s16le mono PCM at 24 kHz."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The caller spoke over the answer: nothing more of it is to be heard."""


@dataclass(frozen=True, slots=True)
class InputTranscript:
    """A piece of what the model understood of the caller."""

    text: str


@dataclass(frozen=True, slots=True)
class OutputTranscript:
    """A piece of what the model says, at about the time of its audio."""

    text: str


@dataclass(frozen=True, slots=True)
class WrittenText:
    """Text that the model wrote where speech was asked for: nobody hears it."""

    text: str


@dataclass(frozen=True, slots=True)
class GenerationComplete:
    """The answer is generated to its end, and still being played."""


@dataclass(frozen=True, slots=True)
class TurnComplete:
    """The model's turn is over; it listens."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model asks for a tool, with arguments that nobody has checked yet."""

    id: str
    name: str
    args: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ToolCalls:
    """Tool calls that the model made at once."""

    calls: tuple[ToolCall, ...]


@dataclass(frozen=True, slots=True)
class ToolCallsCancelled:
    """The model no longer wants the results of these calls."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GoAway:
    """The connection will be closed by the service in ``seconds_left``; None if it does not say."""

    seconds_left: float | None


@dataclass(frozen=True, slots=True)
class ResumptionHandle:
    """With this handle another connection can go on where this one is; a secret of the session."""

    handle: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of a turn, as the service counts them."""

    prompt_tokens: int
    response_tokens: int
    total_tokens: int


@dataclass(frozen=True, slots=True)
class Reopened:
    """The session goes on over another connection; an answer that was being made was cut off by it.

    Attributes:
        cause: Why, in a few words, such as ``goAway`` or ``closed with code 1011``.
        gap_ms: Milliseconds without a connection; 0 where the next one was open before.
        resumed: Whether the service remembers the conversation by itself; else it was told what was said.
        unfinished: Whether an answer was being made.
    """

    cause: str
    gap_ms: float
    resumed: bool
    unfinished: bool


LiveEvent = (
    Audio
    | Interrupted
    | InputTranscript
    | OutputTranscript
    | WrittenText
    | GenerationComplete
    | TurnComplete
    | ToolCalls
    | ToolCallsCancelled
    | GoAway
    | ResumptionHandle
    | Reopened
    | Usage
)
