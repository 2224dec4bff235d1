"""An agent that solves what it can and finds a person for the rest, for a plumber who does not exist.

Subclass :class:`HumanEscalation` and change the facts; the class says which.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from agents.human_escalation.texts import GREETING, INSTRUCTION, URGENT_WORDS
from tools.escalation import (
    Article,
    CallbackStore,
    CallbackTools,
    EscalationStore,
    EscalationTools,
    KnowledgeBase,
    KnowledgeTools,
)
from tools.hours import WEEKDAYS, OpeningHours, spoken_moment
from tools.messaging import MessagingAgent
from tools.storage import utc_now
from voiceagent import CallContext, CallReport, Line, Words

LAKESIDE_HELP = (
    Article(
        "Opening hours",
        "We are open Monday to Friday from eight to six, and on Saturday from nine to one.",
        words="open close hours when saturday sunday weekend",
    ),
    Article(
        "Prices of a visit",
        "A visit costs sixty dollars with the first half hour included, and thirty for each further one.",
        words="cost price charge expensive fee much pay",
    ),
    Article(
        "Dripping tap",
        "Close the valve below the sink, and the dripping stops until we come. A new seal takes ten minutes.",
        words="drips leak tap faucet sink washer",
    ),
    Article(
        "No hot water",
        "Look whether the display of the boiler shows a number. If not, switch it off and on once, and wait"
        " ten minutes.",
        words="cold boiler heater heating warm shower",
    ),
    Article(
        "Guarantee",
        "Our work is guaranteed for two years. You need only the number of the invoice.",
        words="warranty again broken repair invoice",
    ),
)
"""What the fictional plumber's office can say by itself."""

LAKESIDE_HOURS = OpeningHours(
    time_zone="America/New_York",
    hours={**dict.fromkeys(WEEKDAYS[:5], "8:00-18:00"), "saturday": "9:00-13:00"},
    holidays="US",
)
"""When the fictional plumber's office calls back."""


class HumanEscalation(MessagingAgent):
    """Answers what is written down, puts callers through with a briefing, and books a callback otherwise.

    The case is saved before anybody's phone rings, and it is settled whatever the model does: a person has
    taken over, or a callback is booked and the team is told.

    Meant to be changed in a subclass:

    * ``business``, ``hours``: its name, and when somebody calls back.
    * ``articles``: what the agent may answer by itself.
    * ``urgent_words``: what makes it call a person at once.
    * ``ring_seconds``: how long the callee's phone rings.
    * ``voice``, ``language``, ``instruction``, ``greeting``, ``model``: how it sounds and behaves, in English
      and German. ``{business}``, ``{now}`` and ``{hours}`` are filled in for each call.
    * ``database_url``, ``mail``, ``webhook``: where cases are kept, and where the team is told of callbacks.
      The environment goes before them.
    * the hooks and tools of :class:`voiceagent.VoiceAgent`; an overridden hook calls ``super()``'s.

    Attributes:
        store: The cases.
        callbacks: The callbacks that were promised.

    Args:
        now: The clock, an aware moment; replaced in tests.
    """

    business: ClassVar[str] = "Lakeside Plumbing"
    hours: ClassVar[OpeningHours] = LAKESIDE_HOURS
    articles: ClassVar[Sequence[Article]] = LAKESIDE_HELP
    urgent_words: ClassVar[Sequence[str]] = URGENT_WORDS
    instruction: Words = INSTRUCTION
    greeting: Words | None = GREETING
    ring_seconds = 30
    voice = "Zephyr"
    language = "en-US"

    def __init__(self, *, now: Callable[[], datetime] = utc_now) -> None:
        super().__init__(now=now)
        self.callbacks = CallbackStore(self.database, hours=self.hours, outbox=self.outbox, now=now)
        self.store = EscalationStore(self.database, self.callbacks, now=now)
        self._escalation = EscalationTools(self.store, urgent_words=self.urgent_words)
        self.tools = (
            *self.tools,
            KnowledgeTools(KnowledgeBase(self.articles)),
            self._escalation,
            CallbackTools(self.callbacks),
        )

    def facts(self, call: CallContext) -> Mapping[str, object]:
        """The business, the time there, and its hours."""
        now = self.hours.local(self.now())
        return {
            "business": self.business,
            "now": f"{spoken_moment(now, call.language)}, {now.year}",
            "hours": self.hours.in_words(call.language),
        }

    async def transfer_call(self, call: CallContext, reason: str = "") -> str:
        """No tool here: ``escalate_to_human`` saves the case first."""
        return await call.transfer(note=reason)

    async def on_answered(self, call: CallContext) -> None:
        """Escalate as soon as the caller says an urgent word, whatever the model does."""
        await self._escalation.watch(call)

    async def on_transcript(self, call: CallContext, line: Line) -> None:
        """Keep what is said with the case."""
        await self._escalation.heard(call, line)

    async def on_end(self, report: CallReport) -> None:
        """Settle what the call left open."""
        await self._escalation.finish(report)
