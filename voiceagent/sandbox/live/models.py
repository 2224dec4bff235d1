"""What is known of the models by their names: one table, and the only place that looks at a name."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Behavior(StrEnum):
    """Whether a function holds up the conversation. The values are those of the protocol."""

    BLOCKING = "BLOCKING"
    NON_BLOCKING = "NON_BLOCKING"


@dataclass(frozen=True)
class ModelTraits:
    """How a family of models behaves.

    Attributes:
        tools: What a function is whose declaration does not say.
        completes_before_result: Whether a turn completes while a blocking function is still running.
    """

    tools: Behavior
    completes_before_result: bool


_FAMILIES = (
    # Function calls are NON_BLOCKING by default since 3.8 (Google's documentation of September 2026).
    ("gemini-3.8-live", ModelTraits(Behavior.NON_BLOCKING, completes_before_result=False)),
    # 3.x sends no turnComplete before it has the tool's response (a comment in google-adk 2.13's
    # gemini_llm_connection.py, which therefore runs the tools of other models only at turnComplete).
    ("gemini-3.", ModelTraits(Behavior.BLOCKING, completes_before_result=False)),
)

_OTHERS = ModelTraits(Behavior.BLOCKING, completes_before_result=True)


def traits_of(model: str) -> ModelTraits:
    """The traits of a model, named with or without ``models/`` or a longer resource path."""
    name = model.rsplit("/", 1)[-1]
    for prefix, traits in _FAMILIES:
        if name.startswith(prefix):
            return traits
    return _OTHERS
