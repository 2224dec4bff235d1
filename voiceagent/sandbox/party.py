"""The party that is called: whether and after how long they pick up, and what they do then."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voiceagent.sandbox.script import Script


class Behaviour(StrEnum):
    """What a party does when its telephone rings. The value is the word that the operator API uses."""

    ANSWER = "answer"
    NOANSWER = "noanswer"
    REJECT = "reject"


DEFAULT_AFTER_MS = 300
"""How long a party lets it ring before it answers or rejects, when nothing else was said."""


@dataclass(frozen=True)
class Party:
    """A party's behaviour.

    Attributes:
        behaviour: What it does when it rings.
        after_ms: How long it lets it ring first; None for ever, with ``NOANSWER``.
        script: What it does once it has picked up; None is a person who listens and says nothing.
    """

    behaviour: Behaviour = Behaviour.ANSWER
    after_ms: int | None = DEFAULT_AFTER_MS
    script: Script | None = field(default=None, repr=False)
