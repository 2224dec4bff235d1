"""What a client asks of the model in a text of its own, as far as this model takes its words literally.

A real model follows such a text because it reads. This one knows the forms that clients use who hand it a
sentence, lose a connection in the middle of an answer, or bring the result of a function that a lost
connection called. Every other text is the scenario's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class SayThis:
    """Say this, word for word."""

    line: str


@dataclass(frozen=True)
class GoOn:
    """Go on with the answer after the words that were heard last; with none, say it again."""

    heard: str


@dataclass(frozen=True)
class AnswerNow:
    """Answer what was not answered."""


@dataclass(frozen=True)
class UseResult:
    """Go on with what a function returned."""

    function: str
    result: str


@dataclass(frozen=True)
class AwaitResult:
    """A function was called already; its result comes later."""

    function: str


Request = SayThis | GoOn | AnswerNow | UseResult | AwaitResult

MAX_REQUEST = 10_000
"""A longer text, in characters, asks for no sentence."""

_SAY = re.compile(r'(?:nothing else|Say it aloud): "(.*)"\s*\Z', re.DOTALL)
_GO_ON = re.compile(r'heard you up to: "(.*)" Go on from there', re.DOTALL)
_AGAIN = "heard nothing of your answer. Say it again"
_ANSWER = "The caller has spoken and heard no answer"
_RESULT = re.compile(r"The tool (\S+) that you called has this result: (.*)\Z", re.DOTALL)

_RUNNING = re.compile(r"You have called the tool (\S+) and its result is still to come")


def read_request(text: str) -> Request | None:
    """What a text asks for; None where that is for the scenario to say."""
    if len(text) <= MAX_REQUEST:
        if said := _SAY.search(text):
            return SayThis(said[1])
        if heard := _GO_ON.search(text):
            return GoOn(heard[1])
    if _AGAIN in text:
        return GoOn("")
    if result := _RESULT.search(text):
        return UseResult(result[1], result[2])
    if running := _RUNNING.search(text):
        return AwaitResult(running[1])
    return AnswerNow() if _ANSWER in text else None


@dataclass(frozen=True)
class Quoted:
    """What another agent said or called, as google-adk quotes it to the next one in a turn of the user."""

    said: str
    called: str


_BEGIN, _END = "<<<BEGIN_QUOTED_AGENT_CONTENT>>>", "<<<END_QUOTED_AGENT_CONTENT>>>"
_CALLED = re.compile(r"`(\w+)` tool returned result")


def read_quotes(text: str) -> list[Quoted]:
    """What a text quotes of other agents, in order; exactly one of ``said`` and ``called`` is not empty."""
    between, *quotes = text.split(_BEGIN)
    quoted = _calls(between)
    for quote in quotes:
        said, end, between = quote.partition(_END)
        if end:
            quoted += [Quoted(said.strip(), ""), *_calls(between)]
    return quoted


def _calls(text: str) -> list[Quoted]:
    return [Quoted("", match[1]) for match in _CALLED.finditer(text)]
