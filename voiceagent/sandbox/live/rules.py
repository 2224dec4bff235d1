"""Which rule of a scenario fires next. Pure: no clock, no sockets.

A session walks down the rules. A cursor stands behind the last rule that fired; what it passes is
spent. Tool results look only below the rule that called, so they find their rule also when the conversation
has gone on meanwhile.
"""

from __future__ import annotations

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
        self._owed: int | None = None
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

    def text(self, text: str) -> int | None:
        """The rule for a later text. Text is exact: one that fits no ``heard`` is no other line.

        A text after a silent turn asks for that turn's answer, whatever it says.
        """
        candidates = self._candidates()
        best = self._best([text], candidates)
        if best is not None:
            return best
        if self._owed is not None:
            return self._owed
        return self._without_heard(candidates)

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
        self._owed = None
        return self._rules[index]

    def owe(self, index: int) -> None:
        """The rule's trigger came and the model stayed silent: the rule is still to come."""
        self._owed = index

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
