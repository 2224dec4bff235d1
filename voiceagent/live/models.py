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


class History(Enum):
    """When a model can be told what was said before it came."""

    ANY_TIME = "any time"
    AT_START = "at the start"
    """Only as the first thing on a connection, which must be announced in its setup; later content of this
    kind closes it with code 1007."""


class ToolBehavior(Enum):
    """Whether a tool's declaration may say that the model is to wait for it, or not to."""

    DECLARED = "declared"
    FIXED = "fixed"
    """The model refuses the field, or takes no notice of it."""


@dataclass(frozen=True)
class ModelFacts:
    """One family's habits.

    Args:
        pattern: Shell pattern of the model's name, without ``models/``.
        text_input: How text is sent to it after the session began.
        history: When it can be told what was said before.
        tools_block: Whether it waits for a tool's result before it goes on, unless told otherwise.
        tool_behavior: Whether it can be told otherwise.
    """

    pattern: str
    text_input: TextInput
    history: History
    tools_block: bool
    tool_behavior: ToolBehavior

    def waits(self, blocking: bool | None) -> bool:
        """Whether the model waits for the result of a tool that is declared so; None: that does not say."""
        return self.tools_block if blocking is None or self.tool_behavior is ToolBehavior.FIXED else blocking


_NEWEST = ModelFacts(
    "gemini-3.8-live*",
    TextInput.CLIENT_CONTENT,
    History.ANY_TIME,
    tools_block=False,
    tool_behavior=ToolBehavior.DECLARED,
)

_MODELS = (
    _NEWEST,
    ModelFacts(
        "gemini-3.1-*live*",
        TextInput.REALTIME,
        History.AT_START,
        tools_block=True,
        tool_behavior=ToolBehavior.FIXED,
    ),
    *(
        ModelFacts(
            pattern,
            TextInput.CLIENT_CONTENT,
            History.ANY_TIME,
            tools_block=True,
            tool_behavior=ToolBehavior.DECLARED,
        )
        for pattern in ("gemini-2.5-*", "gemini-live-2.5-*")
    ),
)


def facts_about(model: str) -> ModelFacts:
    """The row of the table that ``model`` (with or without a path before the name) belongs to."""
    name = model.rpartition("/")[2]
    return next((facts for facts in _MODELS if fnmatchcase(name, facts.pattern)), _NEWEST)
