"""An agent that announces, connects, listens, and whispers to the callee, for a shop that does not exist.

Subclass :class:`CallMonitoring` and change the facts; the class says which.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from enum import Enum
from typing import ClassVar

from sqlalchemy.exc import SQLAlchemyError

from agents.call_monitoring.announcement import Announcement
from agents.call_monitoring.texts import GREETING, INSTRUCTION, LINES
from tools.call_control.wording import words_of
from tools.callers import customer_number
from tools.coaching import CoachingStore, CoachingTools, Ending
from tools.escalation import CallbackStore, CallbackTools
from tools.hours import WEEKDAYS, OpeningHours, spoken_moment
from tools.messaging import MessagingAgent
from tools.storage import utc_now
from voiceagent import CallContext, CallReport, Line, ToolError, Words, tool

logger = logging.getLogger(__name__)

NORTHWIND_HOURS = OpeningHours(time_zone="America/New_York", hours=dict.fromkeys(WEEKDAYS, "8:00-18:00"))
"""When the fictional shop calls back: every day, so that whoever tries this out need not wait for Monday."""

ANNOUNCEMENTS = 3
"""How often the announcement is tried. Who talks over all of them is connected, and not monitored."""


class Part(Enum):
    """Where the agent is in its work."""

    ANNOUNCING = "announcing"
    """The caller hears the announcement, or the callee's phone rings."""

    LISTENING = "listening"
    """Caller and callee talk."""

    UNANSWERED = "unanswered"
    """The callee has not picked up, and the caller may leave a wish."""


class CallMonitoring(MessagingAgent):
    """Announces that a call may be monitored, connects it, listens, and coaches the callee.

    What happens to the line does not depend on the model: the announcement is repeated until the caller has
    heard all of it, and nobody is monitored who has not. Moods, topics and suggestions are kept; the caller
    never hears a suggestion.

    Meant to be changed in a subclass:

    * ``business`` and ``hours``: its name, and when it can call back.
    * ``lines``: ``announcement`` is what callers hear; ``coaching`` is what is worth a suggestion. Keep the
      other two, and their ``{announcement}``.
    * ``seconds_between``: least time from one suggestion to the next.
    * ``ring_seconds``: how long the callee's phone rings.
    * ``voice``, ``language``, ``instruction``, ``model``: how it sounds and behaves, in English and German.
    * ``database_url``: where everything is kept, SQLite or PostgreSQL; ``mail`` and ``webhook``: where
      callback wishes go. The environment goes before them.
    * the hooks and tools of :class:`voiceagent.VoiceAgent`; an overridden hook calls ``super()``'s.

    Attributes:
        store: The monitored calls.
        callbacks: The callbacks of callers whom nobody answered.

    Args:
        now: The clock, an aware moment; replaced in tests.
    """

    business: ClassVar[str] = "Northwind Bicycles"
    hours: ClassVar[OpeningHours] = NORTHWIND_HOURS
    seconds_between: ClassVar[float] = 20.0
    instruction: Words = INSTRUCTION
    greeting: Words | None = GREETING
    lines: ClassVar[Mapping[str, Words]] = LINES
    ring_seconds = 30
    voice = "Zephyr"
    language = "en-US"

    def __init__(self, *, now: Callable[[], datetime] = utc_now) -> None:
        super().__init__(now=now)
        self.store = CoachingStore(self.database, now=now)
        self.callbacks = CallbackStore(self.database, hours=self.hours, outbox=self.outbox, now=now)
        self._coach = CoachingTools(self.store, seconds_between=self.seconds_between)
        self._wishes = CallbackTools(self.callbacks)
        self.tools = (*self.tools, self._coach)
        # Of one call: each call has a copy of the agent.
        self._part = Part.ANNOUNCING
        self._announcement: Announcement | None = None
        self._answered_at = 0.0
        self._joined_at: float | None = None

    # What the model is told ----------------------------------------------------------------------------

    def facts(self, call: CallContext) -> Mapping[str, object]:
        """The business, and the time there."""
        now = self.hours.local(self.now())
        return {"business": self.business, "now": f"{spoken_moment(now, call.language)}, {now.year}"}

    async def transfer_call(self, call: CallContext, reason: str = "") -> str:
        """No tool here: who is connected, and when, is not up to the model."""
        return await call.transfer(note=reason)

    @tool
    async def leave_callback_wish(
        self, call: CallContext, day: str = "", time: str = "", wish: str = ""
    ) -> str:
        """Note that the caller wants to be called back, when nobody has answered.

        The number is known from the line: never ask for it. Read back the day and time that come back.

        Args:
            day: The day that they wish: 'today', 'tomorrow', a weekday, or YYYY-MM-DD. Leave it out for the
                first that suits.
            time: The time that they wish, such as '14:30'. Leave it out for as early as possible.
            wish: What it is about, in one short sentence.
        """
        if self._part is not Part.UNANSWERED:
            raise ToolError("The caller is being connected: no callback is needed.")
        return await self._wishes.book_callback(call, day, time, wish)

    @tool
    async def end_call(self, call: CallContext, reason: str = "") -> str:
        """Leave the call. Where nobody has answered, say goodbye first, in the same answer.

        While you listen to the two, they talk on without you.

        Args:
            reason: Why, in a few words.
        """
        if self._part is Part.ANNOUNCING:
            raise ToolError("The caller is being connected. Say only what you were told to say.")
        return await call.end(reason)

    # The call ------------------------------------------------------------------------------------------

    async def on_start(self, call: CallContext) -> None:
        """Keep the call, from its beginning."""
        self._announcement = Announcement(self.line("announcement", call))
        await self.store.begin(call.call_id, caller=customer_number(call), callee=call.callee_number)

    async def on_answered(self, call: CallContext) -> None:
        """Announce, connect, and listen; a caller whom nobody answers may leave a wish."""
        loop = asyncio.get_running_loop()
        self._answered_at = loop.time()
        announced = await self._announce(call)
        result = await call.transfer(note="announced" if announced else "not announced", stay=announced)
        if result.connected:
            self._part, self._joined_at = Part.LISTENING, loop.time()
            await _kept(self.store.connected(call.call_id), call)
        elif result.code != "CALL_ENDED":
            self._part = Part.UNANSWERED
            call.tell(self.line("unanswered", call))

    async def _announce(self, call: CallContext) -> bool:
        """Have the announcement said until all of it has been heard; false where that cannot be had."""
        announcement = self._announcement
        if announcement is None:
            return False
        for attempt in range(ANNOUNCEMENTS):
            if attempt:
                call.tell(self.line("again", call))
            if await announcement.complete():
                await _kept(self.store.announced(call.call_id), call)
                return True
        return False

    async def on_transcript(self, call: CallContext, line: Line) -> None:
        """Follow what was heard of the agent: the announcement, then suggestions."""
        if line.who != "agent":
            return
        if self._part is Part.ANNOUNCING and self._announcement is not None:
            self._announcement.heard(line)
        await self._coach.heard(call, line)

    async def on_end(self, report: CallReport) -> None:
        """Write the summary of the call."""
        words = dict.fromkeys(("caller", "agent", "parties"), 0)
        for line in report.transcript:
            words[line.who] += len(words_of(line.text))
        monitored = 0.0
        if self._joined_at is not None and report.answered_ms is not None:
            answered_seconds = (report.duration_ms - report.answered_ms) / 1000
            monitored = max(0.0, answered_seconds - (self._joined_at - self._answered_at))
        await self.store.finish(
            report.call_id,
            Ending(
                ended=str(report.ended),
                connected=self._joined_at is not None or report.ended in _CONNECTED,
                monitored_seconds=round(monitored, 1),
                words_of_caller=words["caller"],
                words_of_agent=words["agent"],
                words_of_parties=words["parties"],
            ),
        )


_CONNECTED = ("connected", "transferred", "conference_ended")


async def _kept(writing: Awaitable[None], call: CallContext) -> None:
    """Write something down; a database that fails is logged, and does not keep the caller waiting."""
    try:
        await writing
    except (SQLAlchemyError, OSError):
        logger.exception("call %s: its row could not be written", call.call_id)
