"""What is known of each model family, in one table.

Source: Google's model documentation of September 2026. A name that no row matches is taken for a model
of the newest family, as a new release most likely is.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase

DEFAULT_MODEL = "gemini-3.8-live"


class TextInput(Enum):
    """How text reaches a model in mid-session."""

    CLIENT_CONTENT = "client_content"
    REALTIME = "realtime"


@dataclass(frozen=True)
class ModelFacts:
    """One family's habits.

    Args:
        pattern: Shell pattern of the model's name, without ``models/``.
        text_input: How text is sent to it after the session began.
        tools_block: Whether it waits for a tool's result before it goes on, unless told otherwise.
    """

    pattern: str
    text_input: TextInput
    tools_block: bool


_NEWEST = ModelFacts("gemini-3.8-live*", TextInput.CLIENT_CONTENT, tools_block=False)

_MODELS = (
    _NEWEST,
    ModelFacts("gemini-3.1-*live*", TextInput.REALTIME, tools_block=True),
    ModelFacts("gemini-2.5-*", TextInput.CLIENT_CONTENT, tools_block=True),
    ModelFacts("gemini-live-2.5-*", TextInput.CLIENT_CONTENT, tools_block=True),
)


def facts_about(model: str) -> ModelFacts:
    """The row of the table that ``model`` (with or without a path before the name) belongs to."""
    name = model.rpartition("/")[2]
    return next((facts for facts in _MODELS if fnmatchcase(name, facts.pattern)), _NEWEST)
