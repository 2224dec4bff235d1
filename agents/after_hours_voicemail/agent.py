"""An agent that takes messages when nobody takes the call, for a practice that does not exist.

Subclass :class:`AfterHoursVoicemail` and change the facts; the class says which.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

from sqlalchemy.exc import SQLAlchemyError

from agents.after_hours_voicemail.texts import GREETING, INSTRUCTION, LINES
from tools.callers import customer_number
from tools.hours import WEEKDAYS, OpeningHours, spoken_date, spoken_moment, spoken_time
from tools.messaging import MessagingAgent
from tools.storage import utc_now
from tools.voicemail import (
    DRAFT,
    FORGETTING,
    Draft,
    DraftState,
    Occasion,
    Patience,
    Prompts,
    VoicemailStore,
    VoicemailTools,
    folder_beside,
)
from voiceagent import CallContext, CallReport, Decision, Line, ToolError, ToolUse, Words, tool

logger = logging.getLogger(__name__)

RIVERSIDE_HOURS = OpeningHours(
    time_zone="America/New_York", hours=dict.fromkeys(WEEKDAYS[:5], "8:00-18:00"), holidays="US-NY"
)
"""When the fictional practice is open."""

_LOOKUP_SECONDS = 3.0
"""So long the caller waits for a look into the database, while the phone rings."""

_NOT_MISSED = ("connected", "transferred", "rejected")
"""How a call ends that somebody took, or did not want."""


class AfterHoursVoicemail(MessagingAgent):
    """Puts callers through in opening hours; takes a message when nobody answers, or it is closed.

    Meant to be changed in a subclass:

    * ``business``, ``hours``: its name; opening hours with time zone, holidays and closed days.
    * ``ring_seconds``: how long the phone rings in opening hours before the voicemail answers.
    * ``voice``, ``language``, ``instruction``, ``greeting``, ``lines``, ``model``: how it sounds, in English,
      German and Spanish. The lines ``closed``, ``closed_for_long`` and ``unanswered`` are what callers hear
      first; ``{business}``, ``{now}``, ``{hours}`` and ``{next_opening}`` are filled in for each call.
    * ``silence_seconds``, ``longest_message_seconds``, ``longest_call_seconds``: when a message is over.
    * ``adds_within``: a message that comes so soon after another one from the same number adds to it.
    * ``database_url`` and ``folder``: where messages and their recordings are kept; by default the recordings
      are in ``voicemails`` beside the file of the database. The environment variables
      ``VOICEAGENT_DATABASE_URL`` and ``VOICEAGENT_VOICEMAIL_FOLDER`` go before them.
    * ``mail`` and ``webhook``: where messages go, unless the environment says (``VOICEAGENT_SMTP_URL``,
      ``VOICEAGENT_WEBHOOK_URL``).
    * ``largest_attachment``: recordings of more bytes are not attached to the e-mail.
    * the hooks and tools of :class:`voiceagent.VoiceAgent`; an overridden hook calls ``super()``'s.

    Attributes:
        store: The missed calls and the messages.
        outbox: What is to be sent.

    Args:
        now: The clock, an aware moment; replaced in tests.
    """

    business: ClassVar[str] = "Riverside Dental"
    hours: ClassVar[OpeningHours] = RIVERSIDE_HOURS
    folder: ClassVar[str | None] = None
    silence_seconds: ClassVar[float] = 5.0
    longest_message_seconds: ClassVar[float] = 180.0
    longest_call_seconds: ClassVar[float] = 300.0
    adds_within: ClassVar[timedelta] = timedelta(hours=24)
    largest_attachment: ClassVar[int] = 5 * 2**20
    instruction: Words = INSTRUCTION
    greeting: Words | None = GREETING
    lines: ClassVar[Mapping[str, Words]] = LINES
    ring_seconds = 15
    # Callers speak, and the model is silent meanwhile: silences are dealt with here.
    answer_seconds = None
    idle_seconds = None
    voice = "Zephyr"
    language = "en-US"

    def __init__(self, *, now: Callable[[], datetime] = utc_now) -> None:
        super().__init__(now=now)
        self.store = VoicemailStore(
            self.database,
            self.outbox,
            folder=self._folder(),
            local=self.hours.local,
            language=self.language,
            largest_attachment=self.largest_attachment,
            now=now,
        )
        self.tools = (*self.tools, VoicemailTools())
        # Of one call: each call has a copy of the agent.
        self._draft: Draft | None = None
        self._patience: Patience | None = None

    def _folder(self) -> Path:
        folder = os.environ.get("VOICEAGENT_VOICEMAIL_FOLDER") or self.folder
        if folder is not None:
            return Path(folder)
        return folder_beside(os.environ.get("VOICEAGENT_DATABASE_URL") or self.database_url)

    # What the model is told ----------------------------------------------------------------------------

    def facts(self, call: CallContext) -> Mapping[str, object]:
        """The business, the time there, and when it opens again."""
        language, moment = call.language, self.now()
        now, opens = self.hours.local(moment), self.hours.next_opening(moment)
        facts: dict[str, object] = {
            "business": self.business,
            "now": f"{spoken_date(now.date(), language)}, {now.year}, {spoken_time(now.time(), language)}",
            "hours": self.hours.in_words(language),
            "next_opening": "" if opens is None else spoken_moment(opens, language),
        }
        recent: datetime | None = call.state.get("recent")
        if recent is None:
            facts["recent"] = ""  # In place of the line of that name.
        else:
            facts["recent_time"] = spoken_moment(self.hours.local(recent), language)
        return facts

    def build_greeting(self, call: CallContext) -> str | None:
        """What the model is told at the answer, with the fixed line that fits."""
        cue = super().build_greeting(call)
        return None if cue is None else f"{cue} {self.line(self._opening_line(), call)}"

    def _opening_line(self) -> str:
        if self._draft is not None and self._draft.occasion is Occasion.UNANSWERED:
            return "unanswered"
        return "closed" if self.hours.next_opening(self.now()) is not None else "closed_for_long"

    def tool_functions(self) -> Iterator[Any]:
        """The tools of a voicemail: to nobody who is not there a caller can be transferred."""
        return (each for each in super().tool_functions() if each != self.transfer_call)

    @tool
    async def end_call(self, call: CallContext, reason: str = "") -> str:
        """End the call. Say goodbye first, in the same answer; the caller hears it to its end.

        Call message_complete before it if the caller has left a message.

        Args:
            reason: Why the call ends, in a few words.
        """
        draft, patience = self._draft, self._patience
        if draft is not None and patience is not None and draft.state is DraftState.OPEN:
            if not draft.has_speech and not patience.asked:
                raise ToolError("The caller has had no time to speak yet. Say nothing, and wait for them.")
        return await super().end_call(call, reason)

    # The call ------------------------------------------------------------------------------------------

    async def on_startup(self) -> None:
        """Open the messages, and store what an earlier run could not."""
        await super().on_startup()
        try:
            await self.store.open()
        except BaseException:
            await self.on_shutdown()
            raise

    async def on_incoming(self, call: CallContext) -> Decision:
        """Ring the people of the business while it is open. Otherwise take a message."""
        draft = self._begin_draft(call)
        return Decision.CONNECT if draft.occasion is Occasion.UNANSWERED else Decision.ANSWER

    async def on_start(self, call: CallContext) -> None:
        """Be ready to record from the first sound on; see whether the caller has left a message before."""
        # A subclass may decide for itself what to do with a call that rings.
        draft = self._draft or self._begin_draft(call)
        draft.language = call.language
        recorder = draft.record(
            self.store.folder / f"{draft.key}.wav", call.sample_rate, self.longest_message_seconds
        )
        self._patience = Patience(
            call,
            draft,
            recorder,
            silence_seconds=self.silence_seconds,
            longest_seconds=self.longest_call_seconds,
            prompts=Prompts(*(self.line(name, call) for name in ("silent", "still_silent", "too_long"))),
        )
        call.listen(self._patience.hear)
        await self.store.begin(draft.so_far(self.now()))
        await self._look_up(call, draft)

    async def on_answered(self, call: CallContext) -> None:
        """See to it that the call comes to an end."""
        if self._patience is not None:
            await self._patience.run()

    async def on_transcript(self, call: CallContext, line: Line) -> None:
        """Write down what the caller says."""
        if line.who == "agent":
            if self._patience is not None:
                self._patience.agent_spoke()
        elif self._draft is not None:
            self._draft.understood(line.at_ms, line.text)

    async def on_tool(self, call: CallContext, use: ToolUse) -> None:
        """Forget the caller's words where a tool has forgotten the message."""
        if self._draft is not None and use.ok and use.name in FORGETTING:
            self._draft.forget_words()

    async def on_model_unavailable(self, call: CallContext) -> Decision:
        """Without a model nobody can take a message: try the people again while they may be there."""
        return Decision.CONNECT if self.hours.is_open(self.now()) else Decision.REJECT

    async def on_end(self, report: CallReport) -> None:
        """Store the call that nobody took, with the message if there is one, and tell the people of it."""
        draft = self._draft
        if draft is None:
            return
        missed = report.ended not in _NOT_MISSED
        if not missed:
            draft.delete()
        record = await asyncio.to_thread(draft.finish, self.now(), str(report.ended))
        if not missed:
            await self.store.forget(draft.key)
        elif await self.store.save(record):
            # Where the database was away before, it is back now.
            await self.store.catch_up()

    def _begin_draft(self, call: CallContext) -> Draft:
        is_open = self.hours.is_open(self.now())
        self._draft = call.state[DRAFT] = Draft(
            uuid4().hex,
            Occasion.UNANSWERED if is_open else Occasion.CLOSED,
            self.now(),
            caller_number=customer_number(call),
            callee_number=call.callee_number,
            language=call.language,
        )
        return self._draft

    async def _look_up(self, call: CallContext, draft: Draft) -> None:
        number = customer_number(call)
        if number is None:
            return
        try:
            async with asyncio.timeout(_LOOKUP_SECONDS):
                earlier = await self.store.latest_of(number, within=self.adds_within)
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            # Without the text of the error, which may have the number in it.
            logger.error("call %s: no look at earlier messages: %s", call.call_id, type(error).__name__)
            return
        if earlier is not None:
            draft.adds_to_id = earlier.id
            call.state["recent"] = earlier.call.began_at
