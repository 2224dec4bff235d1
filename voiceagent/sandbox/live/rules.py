"""Which rule of a scenario fires next. Pure: no clock, no sockets.

A session walks down the rules. A cursor stands behind the last rule that fired; what it passes is
spent. Tool results look only below the rule that called, so they find their rule also when the conversation
has gone on meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from voiceagent.sandbox.scenario import Rule, Scenario, Trigger
from voiceagent.sandbox.speech import fit

GOOD_FIT = 0.6
"""From this share of common words on, what was said is taken for a rule's ``heard``."""

NEUTRAL = "I am listening. Please go on."
"""The answer to a caller's turn for which no rule is left."""


def expected_phrases(scenario: Scenario) -> list[str]:
    """What the caller may say, for the recogniser: the ``heard`` of rules that wait for the caller."""
    return _phrases(scenario.model)


def _phrases(rules: tuple[Rule, ...]) -> list[str]:
    return [rule.heard for rule in rules if rule.on is Trigger.CALLER_DONE and rule.heard is not None]


@dataclass(frozen=True)
class Place:
    """How far a session has come with its rules."""

    cursor: int
    fired: frozenset[int]


class RuleBook:
    """The rules of one session and how far it has come with them.

    Args:
        rules: Of the scenario.
        understands: Whether the words of the session's language can be recognised; else the caller's turns
            fire the rules in their order.
    """

    def __init__(self, rules: tuple[Rule, ...], *, understands: bool = True) -> None:
        self._rules = rules
        self._cursor = 0
        self._fired: set[int] = set()
        # One phrase alone needs no understanding: whatever the caller says must be it.
        self.understands = understands and len(_phrases(rules)) > 1

    def __getitem__(self, index: int) -> Rule:
        """The rule at a place in the file."""
        return self._rules[index]

    @property
    def empty(self) -> bool:
        """Whether there are no rules at all: everything gets the neutral answer."""
        return not self._rules

    def needs_understanding(self) -> bool:
        """Whether the next caller turn must be recognised to know which rule it fires."""
        candidates = self._candidates()
        return self.understands and len(candidates) > 1 and any(self._rules[i].heard for i in candidates)

    def setup(self) -> list[int]:
        """The rules that fire when the session is set up."""
        return [index for index, rule in enumerate(self._rules) if rule.on is Trigger.SETUP]

    def start(self, text: str) -> int | None:
        """The rule for the first text of a session: a start rule, or one that expects this very text."""
        for index, rule in enumerate(self._rules):
            if rule.on is Trigger.START and index not in self._fired:
                return index
        return self._best([text], self._candidates())

    def fitting(self, text: str) -> int | None:
        """The rule that expects this very text of the caller."""
        return self._best([text], self._candidates())

    def text(self, text: str) -> int | None:
        """The rule for a later text. Text is exact: one that fits no ``heard`` is no other line."""
        candidates = self._candidates()
        best = self._best([text], candidates)
        return self._without_heard(candidates) if best is None else best

    def caller_done(self, said: list[str]) -> int | None:
        """The rule for a caller's turn; ``said`` is what was recognised, perhaps nothing."""
        candidates = self._candidates()
        if not candidates:
            return None
        if said:
            best = self._best(said, candidates)
            if best is not None:
                return best
        if self.understands:
            open_one = self._without_heard(candidates)
            if open_one is not None:
                return open_one
        return candidates[0]

    def tool_result(self, caller: int, results: str) -> int | None:
        """The rule for the results, as JSON, of calls that the rule ``caller`` made."""
        for index in range(caller + 1, len(self._rules)):
            rule = self._rules[index]
            if rule.on is Trigger.TOOL_RESULT and index not in self._fired:
                if rule.result is None or rule.result.casefold() in results.casefold():
                    return index
        return None

    def quiet(self, *, calls_pending: bool) -> tuple[int, float] | None:
        """The rule that fires after so many seconds without anything; it must be the next in line."""
        for index in range(self._cursor, len(self._rules)):
            rule = self._rules[index]
            if index in self._fired or (rule.on is Trigger.TOOL_RESULT and not calls_pending):
                continue
            return (index, rule.after) if rule.on is Trigger.AFTER else None
        return None

    def fire(self, index: int) -> Rule:
        """Use a rule up, and those that are passed over."""
        self._fired.add(index)
        self._cursor = max(self._cursor, index + 1)
        return self._rules[index]

    def fired(self, index: int) -> bool:
        """Whether a rule has been used up by itself, and not only passed over."""
        return index in self._fired

    def all(self) -> range:
        """The places of all rules."""
        return range(len(self._rules))

    def to_come(self) -> list[int]:
        """The rules that have not fired: first those that are in line, then those passed over."""
        waiting = [index for index in self.all() if index not in self._fired]
        return sorted(waiting, key=lambda index: (index < self._cursor, index))

    def caller_of(self, function: str, *, answered: Collection[int], since: int) -> int | None:
        """The rule of which a call of a function may be.

        The latest that fired and is not ``answered``, else the first from ``since`` on that is not.
        """
        callers = [index for index in self.all() if self._calls(index, function)]
        waiting = [index for index in callers if index not in answered]
        fired = [index for index in waiting if index in self._fired]
        if fired:
            return fired[-1]
        return next((index for index in waiting if index >= since), None)

    def calls(self, function: str) -> bool:
        """Whether any rule calls a function."""
        return any(self._calls(index, function) for index in self.all())

    def told_result(self, caller: int) -> bool:
        """Whether a rule for the results of ``caller`` has fired, before the next rule that calls."""
        for index in range(caller + 1, len(self._rules)):
            if self._rules[index].on is Trigger.TOOL_RESULT and index in self._fired:
                return True
            if self._rules[index].calls:
                break
        return False

    def place(self) -> Place:
        """How far the session has come."""
        return Place(self._cursor, frozenset(self._fired))

    def go_to(self, place: Place) -> None:
        """Stand where another session stood."""
        self._cursor, self._fired = place.cursor, set(place.fired)

    def _calls(self, index: int, function: str) -> bool:
        return any(call.name == function for call in self._rules[index].calls)

    def _candidates(self) -> list[int]:
        return [
            index
            for index in range(self._cursor, len(self._rules))
            if self._rules[index].on is Trigger.CALLER_DONE and index not in self._fired
        ]

    def _best(self, said: list[str], candidates: list[int]) -> int | None:
        best, best_fit = None, 0.0
        for index in candidates:
            heard = self._rules[index].heard
            if heard is None:
                continue
            quality = max(fit(text, heard) for text in said)
            if quality > best_fit:
                best, best_fit = index, quality
        return best if best_fit >= GOOD_FIT else None

    def _without_heard(self, candidates: list[int]) -> int | None:
        return next((index for index in candidates if self._rules[index].heard is None), None)
