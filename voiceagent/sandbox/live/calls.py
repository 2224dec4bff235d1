"""The function calls that a session has made and that are not answered yet."""

from __future__ import annotations

from dataclasses import dataclass, field

from voiceagent.sandbox.live.models import Behavior, ModelTraits
from voiceagent.sandbox.live.protocol import FunctionResponse, Setup


@dataclass(eq=False)
class CallGroup:
    """The calls of one rule. They are answered together.

    Attributes:
        rule: The rule that called.
        blocking: Whether the model waits for the results before it answers anything else.
        open: Ids of the calls that are not answered.
        results: What was answered, as JSON, one result after the other.
        scheduling: How the last response wants to be told: WHEN_IDLE, INTERRUPT or SILENT.
    """

    rule: int
    blocking: bool
    open: set[str] = field(default_factory=set)
    results: str = ""
    scheduling: str = "WHEN_IDLE"


class CallLedger:
    """All groups of a session that wait for results."""

    def __init__(self, setup: Setup, traits: ModelTraits, *, prefix: str) -> None:
        """``prefix`` makes the ids of this session's calls unlike those of any other."""
        self._prefix = prefix
        self._functions = setup.functions
        self._default = traits.tools
        self._groups: list[CallGroup] = []
        self._made = 0

    @property
    def pending(self) -> bool:
        """Whether any result is outstanding."""
        return bool(self._groups)

    @property
    def blocking(self) -> bool:
        """Whether a result is outstanding that the model waits for."""
        return any(group.blocking for group in self._groups)

    def declared(self, name: str) -> bool:
        """Whether the client declared the function in its setup."""
        return name in self._functions

    def open_group(self, rule: int, names: list[str]) -> tuple[CallGroup, list[str]]:
        """Make ids for the calls of a rule; returns the group and the ids, in the order of ``names``."""
        ids = []
        for _ in names:
            self._made += 1
            ids.append(f"{self._prefix}-{self._made}")
        behaviors = [self._functions.get(name) or self._default for name in names]
        group = CallGroup(rule, blocking=Behavior.BLOCKING in behaviors, open=set(ids))
        self._groups.append(group)
        return group, ids

    def answer(self, response: FunctionResponse) -> CallGroup | None:
        """Take a response; returns its group if that was the last one outstanding.

        Raises:
            LookupError: no call with this id waits for a result.
        """
        for group in self._groups:
            if response.call_id in group.open:
                break
        else:
            raise LookupError(f"no function call {response.call_id!r} waits for a result")
        if response.will_continue:
            return None
        group.open.remove(response.call_id)
        group.scheduling = response.scheduling
        group.results += response.result
        if group.open:
            return None
        self._groups.remove(group)
        return group

    def cancel(self, group: CallGroup) -> None:
        """Forget a group; late results are of no use any more."""
        self._groups.remove(group)
        group.open.clear()
