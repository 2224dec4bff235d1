"""What a call does about one of its tools: the options of ``@tool``, worked out for the call."""

from __future__ import annotations

from dataclasses import dataclass

from voiceagent.live import Scheduling

MAX_RESULT = 16_000
"""Characters of JSON: some four thousand tokens, which is more than anybody wants to hear."""

FILLER_AFTER = 1.5
"""Seconds of silence after which a caller begins to wonder."""


@dataclass(frozen=True)
class ToolPolicy:
    """How the calls of one tool are handled.

    Attributes:
        tell_late: Whether the tool goes on after its timeout, and the model is told of the result later.
        cancel_on_interruption: Whether a caller who interrupts an answer stops it.
        scheduling: When the model speaks of the result; None leaves it to the model.
        filler: What the caller hears while they wait for it; empty is nothing.
        filler_after: Seconds of silence before that.
        max_result: Characters of JSON that the model is given at most.
    """

    tell_late: bool = False
    cancel_on_interruption: bool = False
    scheduling: Scheduling | None = None
    filler: str = ""
    filler_after: float = FILLER_AFTER
    max_result: int = MAX_RESULT
