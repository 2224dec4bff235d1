"""What is to happen in a call, drawn at random from its number: both processes draw the same.

A call goes like this, unless it ends while it rings: the program answers, the caller greets, and the
:class:`Body` follows, of which whoever ends the call may cut off the rest.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum

from tests.soak.audio import speech

GREETING_SECONDS = 0.2
INTERRUPTION_SECONDS = 0.2
FAREWELL_SECONDS = 0.2

UNREAD_SECONDS = 11.0
"""How long a slow reader speaks and does not read: longer than the 10 s that the SDK keeps for it."""

WARM_UP = 900_000
"""Calls with this number or a higher one are not counted."""


class Body(StrEnum):
    """What happens between the greeting and the end."""

    RINGING = "ringing"
    """Nothing: the call ends before it is answered. If its media link is dropped, it is offered again,
    answered, and closed after the greeting."""

    ANSWERING = "answering"
    """Nothing: the caller hangs up at the moment at which the program answers, give or take."""

    ECHO = "echo"
    """The program sends back what the caller says."""

    TALK = "talk"
    """The program speaks."""

    BARGE_IN = "barge-in"
    """The program speaks, is interrupted, drops the rest of what it says, and says something else."""

    SLOW_READER = "slow reader"
    """The program speaks, and reads too late what it is told."""

    HAND_OFF = "hand-off"
    """The program hands the call off, if it came to the worker who can, and whoever has it speaks."""

    THREE = "callee answers"
    """The callee joins; all speak; the program whispers, spies and barges."""

    UNANSWERED = "callee does not answer"
    """The program rings the callee in vain, and speaks."""

    REJECTED = "callee rejects"
    """The callee does not want to talk, and the program speaks."""


class Ending(StrEnum):
    """Who or what ends the call."""

    CALLER = "caller hangs up"
    CALLEE = "callee hangs up"
    CLOSE = "close"
    DISCONNECT = "disconnect"
    FORCE = "force_disconnect"
    RAISE = "handler raises"
    DROP = "media link dropped"
    RACE = "both hang up"


BY_PROGRAM = frozenset({Ending.CLOSE, Ending.DISCONNECT, Ending.FORCE, Ending.RAISE})
"""Endings that come when the program has done all of its part."""

_TALK_ENDINGS = (*BY_PROGRAM, Ending.CALLER, Ending.DROP)

_DECK: tuple[tuple[Body, Ending], ...] = tuple(
    (body, ending)
    for body, endings in {
        Body.RINGING: (*BY_PROGRAM, Ending.CALLER, Ending.CALLER, Ending.CALLER, Ending.DROP),
        Body.ANSWERING: (Ending.CALLER, Ending.CALLER, Ending.CALLER),
        Body.ECHO: (*_TALK_ENDINGS, Ending.CALLER, Ending.CALLER, Ending.RACE),
        Body.TALK: (*_TALK_ENDINGS, Ending.CALLER, Ending.CALLER, Ending.RACE),
        Body.BARGE_IN: (*_TALK_ENDINGS,),
        Body.SLOW_READER: (Ending.CALLER, Ending.CLOSE),
        Body.HAND_OFF: (Ending.CALLER, Ending.CALLER, Ending.CLOSE, Ending.DISCONNECT, Ending.DROP),
        Body.THREE: (*_TALK_ENDINGS, Ending.CALLEE, Ending.CALLEE),
        Body.UNANSWERED: (Ending.CALLER, Ending.CLOSE),
        Body.REJECTED: (Ending.CALLER, Ending.DISCONNECT),
    }.items()
    for ending in sorted(endings)
)
"""Every way a call can go, the common ones more than once. It is dealt out and shuffled again and again."""

_UNTALKED = (Body.RINGING, Body.ANSWERING)


@dataclass(frozen=True)
class Plan:
    """One call.

    Attributes:
        number: which call; the caller's telephone number tells it to the program.
        body: what happens.
        ending: what ends it.
        ring: seconds that the program lets it ring.
        seconds: how long the body speaks, all of it together.
        moment: where a party or the exchange ends the call, as a part of the whole: of the ringing, or of the
            speech that is to be heard; 1 is at the end. In a barge-in it is where the caller interrupts.
        chunk: seconds of speech that the program sends at once.
    """

    number: int
    body: Body
    ending: Ending
    ring: float
    seconds: float
    moment: float
    chunk: float

    @property
    def kind(self) -> str:
        """The name of this way for a call to go."""
        return f"{self.body}, {self.ending}"

    @property
    def talks(self) -> bool:
        """Whether it is answered and spoken on."""
        return self.body not in _UNTALKED

    @property
    def bridged(self) -> bool:
        """Whether caller and callee talk on when the program leaves."""
        return self.body is Body.THREE

    def say(self, part: str, seconds: float) -> bytes:
        """The speech of one part."""
        return speech(self.number, part, seconds)

    @property
    def greeting(self) -> bytes:
        """What the caller says first."""
        return self.say("greeting", GREETING_SECONDS)

    @property
    def interruption(self) -> bytes:
        """What the caller says to interrupt."""
        return self.say("interruption", INTERRUPTION_SECONDS)

    @property
    def farewell(self) -> bytes:
        """What the caller tells the callee when the program has left them."""
        return self.say("farewell", FAREWELL_SECONDS)

    @property
    def caller_says(self) -> bytes:
        """The caller's part of an echo, or of the talk of three."""
        return self.say("caller", self.seconds if self.body is Body.ECHO else self.seconds / 8)

    @property
    def callee_says(self) -> bytes:
        """The callee's part of the talk of three."""
        return self.say("callee", self.seconds / 8)

    @property
    def program_says(self) -> bytes:
        """The program's part of a talk; of one that is interrupted, the first half."""
        return self.say("program", UNREAD_SECONDS if self.body is Body.SLOW_READER else self.seconds)

    @property
    def program_says_then(self) -> bytes:
        """What the program says after it was interrupted."""
        return self.say("program, then", self.seconds / 4)

    def to_three(self, mode: str) -> bytes:
        """What the program says to caller and callee in one mode; the first is ``connect``."""
        return self.say(mode, self.seconds / 6)

    # What is heard when nothing is cut off ------------------------------------------------------------

    @property
    def program_hears(self) -> bytes:
        """All that the program is told."""
        match self.body:
            case Body.ECHO:
                return self.greeting + self.caller_says
            case Body.BARGE_IN:
                return self.greeting + self.interruption
            case Body.THREE:
                return self.greeting + self.caller_says + self.callee_says
        return self.greeting if self.talks or self.ending is Ending.DROP else b""

    @property
    def caller_hears(self) -> bytes:
        """All that the caller is told; of an interrupted talk, only what comes before and after."""
        match self.body:
            case Body.RINGING | Body.ANSWERING:
                return b""
            case Body.ECHO:
                return self.program_hears
            case Body.THREE:
                return self.callee_says + self.to_three("connect") + self.to_three("barge")
            case Body.BARGE_IN:
                return self.program_says + self.program_says_then
        return self.program_says

    @property
    def callee_hears(self) -> bytes:
        """All that the callee is told while the program is there."""
        if not self.bridged:
            return b""
        return self.caller_says + b"".join(map(self.to_three, ("connect", "whisper", "barge")))


class Plans:
    """The plans of a run.

    Args:
        seed: of everything random.
        at_once: the first so many calls are all answered and talk, so that they can do it at the same time.
        lasting: shortest and longest :attr:`Plan.seconds`.
    """

    def __init__(self, seed: int, at_once: int, lasting: tuple[float, float]) -> None:
        self._seed = seed
        self._at_once = at_once
        self._lasting = lasting

    def of(self, number: int) -> Plan:
        """The plan of one call."""
        deck = _DECK
        if number % WARM_UP < self._at_once:
            deck = tuple(card for card in _DECK if card[0] not in _UNTALKED)
        round_, place = divmod(number, len(deck))
        shuffled = random.Random(f"{self._seed} deck {round_}").sample(deck, len(deck))
        body, ending = shuffled[place]
        dice = random.Random(f"{self._seed} call {number}")
        return Plan(
            number=number,
            body=body,
            ending=ending,
            ring=dice.uniform(0.2, 1.5) if body in _UNTALKED else dice.choice((0, 0, 0, dice.random())),
            seconds=dice.uniform(*self._lasting),
            moment=_moment(body, ending, dice),
            chunk=dice.choice((0.02, 0.1, 0.1, 0.5)),
        )


def _moment(body: Body, ending: Ending, dice: random.Random) -> float:
    at_the_end = dice.random() < 0.5 and ending in (Ending.CALLER, Ending.CALLEE)
    if body is Body.SLOW_READER or (at_the_end and body not in (*_UNTALKED, Body.BARGE_IN)):
        return 1.0
    return dice.uniform(0.05, 0.95)


def number_of(telephone: str) -> int:
    """The number of the call that a telephone number stands for."""
    return int(telephone[-6:])


def caller_of(number: int) -> str:
    """The telephone number of the caller of a call."""
    return f"+15550{number:06}"


def callee_of(number: int) -> str:
    """The telephone number that is called."""
    return f"+15551{number:06}"
