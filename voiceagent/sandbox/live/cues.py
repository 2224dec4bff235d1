"""What happens to a conversation: each cue waits until the model can take it up."""

from __future__ import annotations

from dataclasses import dataclass

from voiceagent.sandbox.live.calls import CallGroup
from voiceagent.sandbox.live.mind import Line


@dataclass(eq=False)
class SetupCue:
    """The session is set up, and the model has something to say to that."""

    line: Line


@dataclass(eq=False)
class TextCue:
    """The client has written."""

    text: str


@dataclass(eq=False)
class CallerCue:
    """The caller has spoken; ``said`` is what was recognised, perhaps nothing."""

    said: list[str]


@dataclass(eq=False)
class ResultCue:
    """All calls of a group have been answered."""

    group: CallGroup


Cue = SetupCue | TextCue | CallerCue | ResultCue


def rank(cue: Cue) -> int:
    """What is taken up first: a caller who spoke before a result came, unless the model waited for it."""
    if not isinstance(cue, ResultCue):
        return 1
    return 0 if cue.group.blocking else 2
