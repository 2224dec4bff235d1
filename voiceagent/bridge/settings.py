"""How an agent wants its calls to be: what the bridge is told once per call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class BargeInMode(Enum):
    """Who decides that the caller speaks over an answer."""

    MODEL = "model"
    """The model; the line is silent as soon as it says so."""

    LOCAL = "local"
    """The answer pauses at once when somebody makes a sound, and resumes unless the model confirms it."""

    OFF = "off"
    """Nobody: every answer is heard to its end, and what the caller says meanwhile is heard, too."""


@dataclass(frozen=True)
class Idle:
    """What happens to a caller who says nothing.

    Attributes:
        seconds: So long may nobody say anything.
        prompts: What the caller is asked, one line each time.
        goodbye: What they hear before the call ends.
    """

    seconds: float
    prompts: Sequence[str]
    goodbye: str


@dataclass(frozen=True)
class Settings:
    """How calls are to be.

    Attributes:
        barge_in: Who decides that the caller speaks over an answer.
        opening_interruptible: Whether the caller can interrupt the first answer.
        tell_heard: Whether the model is told where it was interrupted.
        answer_seconds: So long may the model owe an answer before it is asked for it; None never asks.
        idle: What happens to a caller who says nothing; None waits for ever.
        longest_seconds: After so long the call is ended with a goodbye; None never.
        longest_goodbye: What the caller hears then.
        goodbye: What the caller hears where the model ends the call without a word.
        hold: What the caller hears while the callee's phone rings: s16le mono PCM at the call's rate, played
            again and again; empty is silence.
    """

    barge_in: BargeInMode = BargeInMode.MODEL
    opening_interruptible: bool = True
    tell_heard: bool = False
    answer_seconds: float | None = 6.0
    idle: Idle | None = None
    longest_seconds: float | None = None
    longest_goodbye: str = "We have to end our call here. Goodbye."
    goodbye: str = "Goodbye."
    hold: bytes = b""
