"""What the model knows of the conversation, and so what it says next. Pure: no clock, no sockets.

The rules of the scenario say what it does. Beyond them it follows texts that ask for a sentence
(:mod:`.requests`), and believes what it is told of the conversation before it: what it has said already it
does not say again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from voiceagent.sandbox.live.requests import (
    AnswerNow,
    AwaitResult,
    GoOn,
    SayThis,
    UseResult,
    read_quotes,
    read_request,
)
from voiceagent.sandbox.live.rest import LEAST, rest_after, told, words
from voiceagent.sandbox.live.rules import NEUTRAL, Place, RuleBook
from voiceagent.sandbox.scenario import FunctionCall

MAX_TURNS = 500
"""Turns of a history that are looked at, the latest ones."""

MAX_WORDS = 400
"""Words of such a turn that are looked at."""

MAX_UNANSWERED = 20
"""Things that the caller has said, and that wait for an answer; the latest are kept."""

MAX_CHARACTERS = 4000
"""Of such a thing the beginning is kept."""


@dataclass(frozen=True)
class Line:
    """Something for the model to do in one go.

    Attributes:
        text: What it says; may be empty.
        rule: The rule that this is of, or the rest of.
        heard: What the caller is understood to have said.
        calls: The functions that it calls at the end.
    """

    text: str
    rule: int | None = None
    heard: str | None = None
    calls: tuple[FunctionCall, ...] = ()


@dataclass(frozen=True)
class MindState:
    """All that a mind knows, at one moment."""

    place: Place
    finished: frozenset[int]
    answered: frozenset[int]
    owed: Line | None
    last: Line | None
    begun: bool


class Mind:
    """What one conversation has come to.

    Args:
        rules: What the model does.

    Attributes:
        begun: Whether the model was given its cue: the next text is none.
    """

    def __init__(self, rules: RuleBook) -> None:
        self.begun = False
        self._rules = rules
        # Rules that were played to their end, and those whose calls were answered.
        self._finished: set[int] = set()
        self._answered: set[int] = set()
        # Of which the trigger came, and which was not said, or not to its end.
        self._owed: Line | None = None
        # What was said last, or was to be.
        self._last: Line | None = None
        self._words: dict[int, list[str]] = {}
        # Calls of lost connections are of rules from here on.
        self._since = 0
        # Whether it took another agent's place, whose words it was told.
        self._replaces = False
        # What the caller said in the history since the model's last turn there.
        self._unanswered: deque[str] = deque(maxlen=MAX_UNANSWERED)

    # Another connection -------------------------------------------------------------------------------

    def state(self) -> MindState:
        """What is known now."""
        return MindState(
            self._rules.place(),
            frozenset(self._finished),
            frozenset(self._answered),
            self._owed,
            self._last,
            self.begun,
        )

    def go_on_from(self, state: MindState, speaking: Line | None) -> None:
        """Know what was known at another moment.

        Args:
            state: What was known.
            speaking: What the model was saying since then when its connection was lost: that is owed.
        """
        self._rules.go_to(state.place)
        self._since = state.place.cursor
        self._finished, self._answered = set(state.finished), set(state.answered)
        self._owed, self._last, self.begun = state.owed, state.last, state.begun
        if speaking is not None:
            # What the caller had said was transcribed already.
            self._last, self.begun = replace(speaking, heard=None), True
            if speaking.rule is not None:
                self._owed = self._last

    def learn(self, turns: Sequence[tuple[str, str]]) -> None:
        """Take in turns of the conversation, each a role and a text."""
        for role, text in turns[-MAX_TURNS:]:
            if role == "model":
                self.begun = True
                self._unanswered.clear()
                self._recognise(words(text))
            else:
                self._learn_of_caller(text)

    def learn_quotes(self, text: str) -> None:
        """Take in what a text quotes of another agent, in whose place this one is now."""
        for quoted in read_quotes(text):
            self._replaces = True
            if quoted.called:
                self._called(quoted.called)
            else:
                self._recognise(words(quoted.said))

    def _learn_of_caller(self, text: str) -> None:
        self.learn_quotes(text)
        match read_request(text):
            case AwaitResult(function):
                self._called(function)
            case UseResult(function, result):
                caller = self._called(function)
                if caller is not None and (line := self._result_of(caller, result)) is not None:
                    self.pass_over(line)
                    self._last = line
            case _ if text:
                self._unanswered.append(text[:MAX_CHARACTERS])

    def _called(self, function: str) -> int | None:
        """A lost connection called a function, so it is not to be called again; returns the rule."""
        caller = self._rules.caller_of(function, answered=self._answered, since=self._since)
        if caller is not None:
            self._rules.fire(caller)
            self._finished.add(caller)
        return caller

    def _result_of(self, caller: int, result: str) -> Line | None:
        """What is still to be said to the result of such a call."""
        if not self._rules.told_result(caller):
            return self.result(caller, result)
        self._answered.add(caller)
        return None

    def _recognise(self, said: list[str]) -> None:
        """Find the rules that a turn of the model was made of, and use them up."""
        del said[MAX_WORDS:]
        at, least = 0, 1
        while at < len(said):
            same = self._told_on(said[at:]) or self._told_next(said[at:], least)
            # Amid words that are of no rule, a word or two that a rule begins with are chance.
            least = 1 if same else LEAST
            at += max(same, 1)

    def _told_on(self, said: list[str]) -> int:
        """How many of these words go on with what was said last."""
        last = self._last
        if last is None or last.rule is None or last.rule in self._finished:
            return 0
        same = told(words(last.text), said) if self._rules.fired(last.rule) else 0
        if same:
            self._heard(last, said[:same])
        return same

    def _told_next(self, said: list[str], least: int) -> int:
        """How many of these words are of a rule that is still to come; it then has fired."""
        most, found = least - 1, None
        for index in self._rules.to_come():
            same = told(self._words_of(index), said)
            if same > most:
                most, found = same, index
        if found is None:
            return 0
        self._rules.fire(found)
        self._heard(self._line(found), said[:most])
        return most

    def _words_of(self, index: int) -> list[str]:
        if index not in self._words:
            self._words[index] = words(self._rules[index].say or "")
        return self._words[index]

    def _heard(self, line: Line, heard: list[str]) -> None:
        """The model has said so much of a line."""
        rest = Line(rest_after(line.text, " ".join(heard)) or "", line.rule, calls=line.calls)
        owes = self._owed is not None and self._owed.rule == line.rule
        self._last = rest
        self._owed = rest if owes and (rest.text or rest.calls) else None
        if line.rule is not None and not rest.text and not owes:
            # What it has said to the end it has also done to the end.
            self._finished.add(line.rule)

    # What comes next ----------------------------------------------------------------------------------

    def setup(self) -> list[Line]:
        """What is said as soon as a conversation begins."""
        return [self._line(index) for index in self._rules.setup()]

    def caller_done(self, said: list[str]) -> Line:
        """What is said to a turn of the caller."""
        return self._line_or_neutral(self._rules.caller_done(said))

    def result(self, caller: int, results: str) -> Line | None:
        """What is said to the results, as JSON, of the calls of the rule ``caller``; None: nothing."""
        self._answered.add(caller)
        index = self._rules.tool_result(caller, results)
        return None if index is None else self._line(index)

    def quiet(self, *, calls_pending: bool) -> tuple[Line, float] | None:
        """What is said after so many seconds without anything."""
        rule = self._rules.quiet(calls_pending=calls_pending)
        return None if rule is None else (self._line(rule[0]), rule[1])

    def text(self, text: str) -> Line | None:
        """What is said to a text; None: nothing."""
        request = read_request(text) if self._rules.fitting(text) is None else None
        match request:
            case SayThis(sentence):
                return Line(sentence)
            case GoOn(heard):
                self.begun = True
                return self._rest(heard)
            case UseResult(function, result):
                self.begun = True
                return self._answer_result(function, result)
            case AnswerNow() if self._owed is not None or self._unanswered:
                return self._owed or self.caller_done(list(self._unanswered))
        return self._cue(text)

    def _cue(self, text: str) -> Line | None:
        first, self.begun = not self.begun, True
        if first:
            index = self._rules.start(text)
            if index is None and self._replaces:
                index = self._rules.text(text)
                return self._line_or_neutral(index)
            return None if index is None and not self._rules.empty else self._line_or_neutral(index)
        index = self._rules.fitting(text)
        if index is None and self._owed is not None:
            # A text after a silent turn asks for that turn's answer, whatever it says.
            return self._owed
        return self._line_or_neutral(self._rules.text(text))

    def _rest(self, heard: str) -> Line:
        if not heard.strip():
            if self._owed is None and self._unanswered:
                return self.caller_done(list(self._unanswered))
            again = self._owed or self._last or Line("")
            return self._still_to_do(again, again.text)
        for least in (LEAST, 1):
            for line in (self._owed, self._last):
                if line is None:
                    continue
                whole = line if line.rule is None else self._line(line.rule)
                for candidate in (line, whole):
                    rest = rest_after(candidate.text, heard, least=least)
                    if rest is not None:
                        return self._still_to_do(line, rest)
        return self._rest_of_any(heard)

    def _rest_of_any(self, heard: str) -> Line:
        """The rest of the rule in which these words are, of whatever connection said them."""
        for index in self._rules.all() if len(words(heard)) >= LEAST else ():
            line = self._line(index)
            rest = rest_after(line.text, heard, least=LEAST)
            if rest is not None:
                return self._still_to_do(line, rest)
        return Line("")

    def _still_to_do(self, line: Line, rest: str) -> Line:
        done = line.rule is not None and line.rule in self._finished
        return Line(rest, line.rule, calls=() if done else line.calls)

    def _answer_result(self, function: str, result: str) -> Line:
        if not self._rules.calls(function):
            return Line(NEUTRAL)
        caller = self._called(function)
        return (None if caller is None else self._result_of(caller, result)) or Line("")

    # What was done ------------------------------------------------------------------------------------

    def begin(self, line: Line) -> None:
        """The model begins with a line."""
        self._owed = None
        self._unanswered.clear()
        self._last = line
        if line.rule is not None:
            self._rules.fire(line.rule)

    def finish(self, line: Line) -> None:
        """The model is through with a line."""
        if line.rule is not None:
            self._finished.add(line.rule)

    def owe(self, line: Line) -> None:
        """The trigger came and the model stayed silent: the line is still to come."""
        if line.rule is not None:
            self._owed = line
        self._last = line

    def pass_over(self, line: Line) -> None:
        """A line is used up without being said."""
        if line.rule is not None:
            self._rules.fire(line.rule)

    def needs_understanding(self) -> bool:
        """Whether it matters which words the caller says now."""
        return self._rules.needs_understanding()

    def _line(self, index: int) -> Line:
        rule = self._rules[index]
        return Line(rule.say or "", index, rule.heard, rule.calls)

    def _line_or_neutral(self, index: int | None) -> Line:
        return Line(NEUTRAL) if index is None else self._line(index)
