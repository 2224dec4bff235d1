"""An agent that reads waiting notices to callers, for a business that does not exist.

Subclass :class:`InteractiveNotifications` and change the facts; the class says which.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum
from typing import ClassVar

from agents.interactive_notifications.texts import GREETING, INSTRUCTION, LINES
from tools.callers import customer_number
from tools.messaging import MessagingAgent
from tools.notifications import NoticeStore, NotificationTools, Urgency
from tools.storage import utc_now
from voiceagent import CallContext, CallReport, Line, Words


class Waiting(Enum):
    """What waits for a caller; the values are in the names of the lines that tell the model."""

    SOME = "some"
    NONE = "none"
    WITHHELD = "withheld"
    UNAVAILABLE = "unavailable"
    """The notices could not be read."""


class InteractiveNotifications(MessagingAgent):
    """Reads waiting notices one by one; each is confirmed or flagged by the caller, and delivered once.

    Meant to be changed in a subclass:

    * ``business``: its name, as it is said.
    * ``heard_share``: how much of a notice the caller must have heard before it can be settled.
    * ``voice``, ``language``, ``instruction``, ``greeting``, ``lines``, ``ring_seconds``, ``model``: how it
      sounds and behaves. ``{business}``, ``{count}``, ``{urgent}``, ``{waiting}`` and ``{welcome}`` in the
      texts are filled in for each call.
    * ``database_url``: where notices are, SQLite or PostgreSQL. The environment variable
      ``VOICEAGENT_DATABASE_URL`` goes before it.
    * ``mail``, ``webhook``: how the team is told of flagged notices. The environment
      (``VOICEAGENT_SMTP_URL``, ``VOICEAGENT_MAIL_TO``, ``VOICEAGENT_WEBHOOK_URL``) goes before them.
    * the hooks and tools of :class:`voiceagent.VoiceAgent`: add ``@tool`` methods for what else it can do.

    Attributes:
        store: The notices; ``await agent.store.add(number, text)`` leaves one.
        outbox: What the team is to be told.

    Args:
        now: The clock, an aware moment; replaced in tests.
    """

    business: ClassVar[str] = "Harbor Supplies"
    heard_share: ClassVar[float] = 0.8
    instruction: Words = INSTRUCTION
    greeting: Words | None = GREETING
    lines: ClassVar[Mapping[str, Words]] = LINES
    voice = "Kore"
    language = "en-US"

    def __init__(self, *, now: Callable[[], datetime] = utc_now) -> None:
        super().__init__(now=now)
        self.store = NoticeStore(self.database, self.outbox, now=now)
        self.notices = NotificationTools(self.store, share=self.heard_share)
        self.tools = (*self.tools, self.notices)

    async def on_start(self, call: CallContext) -> None:
        """Count what waits for the caller, for the greeting."""
        call.state["waiting"] = Waiting.UNAVAILABLE
        notices = await self.notices.waiting(call)
        call.state["count"] = len(notices)
        call.state["urgent"] = sum(notice.urgency == Urgency.URGENT for notice in notices)
        if customer_number(call) is None:
            call.state["waiting"] = Waiting.WITHHELD
        else:
            call.state["waiting"] = Waiting.SOME if notices else Waiting.NONE

    def facts(self, call: CallContext) -> Mapping[str, object]:
        """The business, and what waits for the caller."""
        waiting = call.state.get("waiting", Waiting.UNAVAILABLE).value
        facts = {
            "business": self.business,
            "count": call.state.get("count", 0),
            "urgent": call.state.get("urgent", 0),
        }
        for fact in ("waiting", "welcome"):
            facts[fact] = self.line(f"{fact}_{waiting}", call, facts)
        return facts

    async def on_answered(self, call: CallContext) -> None:
        """Keep what is being read out from other calls, however long this one lasts."""
        await self.notices.keep_claims(call)

    async def on_transcript(self, call: CallContext, line: Line) -> None:
        """Note what the caller has heard, since only what was heard is delivered."""
        self.notices.heard(call, line)

    async def on_end(self, report: CallReport) -> None:
        """Let what was not settled wait for the next call."""
        await self.notices.release(report.call_id)
