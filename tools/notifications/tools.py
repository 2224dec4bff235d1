"""Notices as the model sees them: one at a time, each to be settled before the next.

The rule: identity comes from the line, and delivery is proved, not claimed. The model gets only the notice
that is in turn, and cannot settle one that the caller has not heard.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, StringConstraints

from tools.call_control.wording import one_line
from tools.callers import customer_number
from tools.notifications.hearing import Hearing
from tools.notifications.models import Notice, NoticeState, Urgency
from tools.notifications.store import LEASE, NotClaimedError, NoticeStore
from voiceagent import CallContext, Line, ToolError, tool

_LONGEST_COMMENT = 500
_LARGEST_ID = 2**31 - 1

Id = Annotated[int, Field(ge=1, le=_LARGEST_ID)]
Comment = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=_LONGEST_COMMENT)]


@dataclass(frozen=True)
class NoticeToRead:
    """The notice that is in turn.

    Attributes:
        notice_id: What the other tools refer to it by; not for the caller.
        urgency: urgent, normal or low.
        text: What to read out, word for word.
        then: What to do afterwards.
    """

    notice_id: int
    urgency: str
    text: str
    then: str = (
        "Read the text out word for word, then ask the caller to confirm it. When they do, call"
        " acknowledge_notice; if they object, ask or need anything, call flag_notice with what they said."
    )


@dataclass(frozen=True)
class NoNotice:
    """There is nothing to read out.

    Attributes:
        result: What to tell the caller.
    """

    result: str


class NotificationTools:
    """The toolset; give an instance to an agent's ``tools``. One serves all calls.

    The agent has to pass on what is said, so that the tools know what was heard, and that the call goes on:

        async def on_transcript(self, call: CallContext, line: Line) -> None:
            self.notices.heard(call, line)

        async def on_answered(self, call: CallContext) -> None:
            await self.notices.keep_claims(call)

    Args:
        store: The notices; their database is opened and closed by whoever made it.
        share: How much of a notice the caller must have heard, 0 to 1, before it can be settled. It is below
            1, since transcripts mishear words.
    """

    def __init__(self, store: NoticeStore, *, share: float = 0.8) -> None:
        if not 0 <= share <= 1:
            raise ValueError(f"share is how much of a notice must be heard, 0 to 1, not {share}")
        self._store = store
        self._share = share

    @tool
    async def next_notice(self, call: CallContext) -> NoticeToRead | NoNotice:
        """The notice to read to the caller now. Until it is settled, this gives the same one again."""
        notice = await self._store.claim(self._number(call), call.call_id)
        if notice is None:
            return NoNotice("There are no more messages for this caller. Say so, and ask if that is all.")
        hearing = _hearing(call)
        if hearing is None or hearing.notice_id != notice.id:
            call.state["notice"] = Hearing(notice.id, notice.text, self._share)
        return NoticeToRead(notice.id, Urgency(notice.urgency).name.lower(), notice.text)

    @tool
    async def acknowledge_notice(self, call: CallContext, notice_id: Id) -> str:
        """Keep that the caller has heard a notice and confirmed it. Then call next_notice.

        Args:
            notice_id: The notice_id of next_notice.
        """
        number = self._number(call)
        if await self._settled(call, number, notice_id):
            return "That notice is settled already. Call next_notice."
        try:
            await self._store.acknowledge(number, call.call_id, notice_id)
        except NotClaimedError as error:
            raise _not_yours() from error
        return "Confirmed. Call next_notice."

    @tool
    async def flag_notice(self, call: CallContext, notice_id: Id, comment: Comment) -> str:
        """Keep that the caller has heard a notice and needs a follow-up: the team is told what they said.

        Afterwards tell the caller that somebody will get back to them, and call next_notice.

        Args:
            notice_id: The notice_id of next_notice.
            comment: What the caller said about it, in one or two sentences.
        """
        number = self._number(call)
        if await self._settled(call, number, notice_id):
            return "That notice is settled already. Call next_notice."
        try:
            await self._store.flag(number, call.call_id, notice_id, one_line(comment, _LONGEST_COMMENT))
        except NotClaimedError as error:
            raise _not_yours() from error
        return "The team has been told. Call next_notice."

    def heard(self, call: CallContext, line: Line) -> None:
        """Something was said in a call: for an agent's ``on_transcript``."""
        hearing = _hearing(call)
        if line.who == "agent" and hearing is not None:
            hearing.hear(line.text, interrupted=line.interrupted)

    async def waiting(self, call: CallContext) -> list[Notice]:
        """What waits for the caller, in the order in which it is to be told; nothing for withheld numbers."""
        number = customer_number(call)
        return [] if number is None else await self._store.waiting(number, call.call_id)

    async def keep_claims(self, call: CallContext) -> None:
        """Renew what the call has claimed, until cancelled: for an agent's ``on_answered``."""
        while True:
            await asyncio.sleep(LEASE.total_seconds() / 3)
            await self._store.renew(call.call_id)

    async def release(self, call_id: str) -> None:
        """The call is over: for an agent's ``on_end``."""
        await self._store.release(call_id)

    async def _settled(self, call: CallContext, number: str, notice_id: int) -> bool:
        """Whether this call has settled the notice before.

        Raises:
            ToolError: It is not this call's to settle, or not yet.
        """
        # Taken before anything is waited for: what is said meanwhile proves nothing about this notice.
        hearing, on_the_phone = _hearing(call), call.controls is not None
        notice = await self._store.held(number, call.call_id, notice_id)
        if notice is None:
            raise _not_yours()
        if notice.state != NoticeState.PENDING:
            return True
        if hearing is None or hearing.notice_id != notice_id:
            raise ToolError("Call next_notice first, and read out what it gives you.")
        if on_the_phone and not hearing.complete:
            raise ToolError(
                "The caller has not heard this notice to its end. Read it out word for word, wait for their"
                " answer, then call this again."
            )
        return False

    def _number(self, call: CallContext) -> str:
        number = customer_number(call)
        if number is None:
            raise ToolError(
                "The caller's number is withheld, so that no messages can be found for them. Say so, and"
                " offer to connect them to a person (transfer_call)."
            )
        return number


def _hearing(call: CallContext) -> Hearing | None:
    hearing = call.state.get("notice")
    return hearing if isinstance(hearing, Hearing) else None


def _not_yours() -> ToolError:
    return ToolError(
        "That is not the notice that is in turn. Call next_notice, and use the notice_id it gives."
    )
