"""The options of ``@tool``: what can be said of a tool, and what it means in a call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from voiceagent.live import Scheduling, ToolDeclaration
from voiceagent.tool_policy import FILLER_AFTER, MAX_RESULT, ToolPolicy
from voiceagent.words import Words

DEFAULT_TIMEOUT = 30.0
"""Seconds a tool may take unless it says otherwise: longer silences lose callers."""

LEAST_RESULT = 500
"""Characters: less room would not even hold the notice that something is missing."""

Ability = Literal["transfer", "whisper", "dtmf"]
"""What a line may or may not be able to do; see :class:`voiceagent.call.base.Capabilities`."""

LateResult = Literal["drop", "tell"]
"""What becomes of a result that comes after the timeout."""

When = Literal["when_idle", "interrupt", "silent"]
"""When the model speaks of a result."""


@dataclass(frozen=True)
class ToolOptions:
    """What ``@tool`` was told; see there.

    Raises:
        TypeError: an option is of the wrong kind.
        ValueError: an option has a value that makes no sense.
    """

    name: str | None = None
    timeout: float = DEFAULT_TIMEOUT
    late: LateResult = "drop"
    requires: Ability | None = None
    secret: tuple[str, ...] = ()
    cancel_on_interruption: bool = False
    blocking: bool | None = None
    scheduling: When | None = None
    filler: Words | None = None
    filler_after: float = FILLER_AFTER
    max_result: int = MAX_RESULT

    def __post_init__(self) -> None:
        if isinstance(self.secret, str):
            raise TypeError(f"secret is a list of parameter names, such as [{self.secret!r}]")
        object.__setattr__(self, "secret", tuple(self.secret))
        _positive("timeout", self.timeout)
        _positive("filler_after", self.filler_after)
        _one_of("late", self.late, get_args(LateResult))
        if self.requires is not None:
            _one_of("requires", self.requires, get_args(Ability))
        if self.scheduling is not None:
            _one_of("scheduling", self.scheduling, get_args(When))
            if self.blocking:
                raise ValueError(
                    "scheduling has no effect on a tool that the model waits for: leave out one of the two"
                )
        if self.blocking not in (None, True, False):
            raise TypeError(f"blocking must be True, False or None, not {self.blocking!r}")
        if self.filler is not None and not (self.filler and isinstance(self.filler, str | Mapping)):
            raise TypeError(f"filler must be a text, or a text for each language, not {self.filler!r}")
        if isinstance(self.max_result, bool) or not self.max_result >= LEAST_RESULT:
            raise ValueError(f"max_result must be at least {LEAST_RESULT} characters, not {self.max_result}")

    def policy(self, waits: bool, words: Callable[[Words], str]) -> ToolPolicy:
        """What they mean in a call.

        Args:
            waits: Whether the model says nothing before it has the result.
            words: Gives a text in the language of the call.
        """
        # A model that waits would say the line after the result; :meth:`declared` lets it say it before.
        filler = "" if self.filler is None or waits else words(self.filler)
        return ToolPolicy(
            tell_late=self.late == "tell",
            cancel_on_interruption=self.cancel_on_interruption,
            scheduling=None if self.scheduling is None else Scheduling[self.scheduling.upper()],
            filler=filler,
            filler_after=self.filler_after,
            max_result=self.max_result,
        )

    def declared(
        self, declaration: ToolDeclaration, waits: bool, words: Callable[[Words], str]
    ) -> ToolDeclaration:
        """The tool as the model of a call sees it; the arguments are those of :meth:`policy`."""
        if self.filler is None or not waits:
            return declaration
        first = f'Before you call it, say in the language you speak with the caller: "{words(self.filler)}"'
        return replace(declaration, description=f"{declaration.description}\n{first}")


def _positive(option: str, seconds: Any) -> None:
    if isinstance(seconds, bool) or not seconds > 0:
        raise ValueError(f"{option} must be a positive number of seconds, not {seconds}")


def _one_of(option: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{option} must be one of {', '.join(map(repr, choices))}, not {value!r}")
