"""Escalations in a database: the case, saved before anybody's phone rings, and what became of it.

The rule: an escalation is settled once, and whoever was not reached gets a callback in the same transaction.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from tools.call_control.wording import one_line
from tools.escalation.callbacks import CallbackStore
from tools.escalation.models import LONGEST_SUMMARY, SCHEMA, Callback, Escalation, EscalationState
from tools.escalation.times import NoSuchTimeError
from tools.storage import Database, utc_now

logger = logging.getLogger(__name__)

Transcript = Sequence[Mapping[str, str]]
"""What was said: ``{"who": ..., "text": ...}`` each."""

_EARLIER = 3
"""So many earlier escalations of a caller are among the facts of a case."""


class EscalationStore:
    """The escalations; one store serves all calls at once.

    Args:
        database: Where they are; it must be open before a call begins.
        callbacks: Where callbacks are booked, in the same database.
        now: The clock, an aware moment; replaced in tests.
    """

    def __init__(
        self, database: Database, callbacks: CallbackStore, *, now: Callable[[], datetime] = utc_now
    ) -> None:
        database.needs(SCHEMA)
        self.callbacks = callbacks
        self._database = database
        self._now = now

    async def open(
        self,
        call_id: str,
        number: str | None,
        *,
        reason: str,
        summary: str,
        transcript: Transcript,
        facts: Mapping[str, Any],
    ) -> Escalation:
        """Save a case; its state is ``ringing`` from now on.

        Args:
            call_id: The call.
            number: The caller's number, from the line; None if withheld.
            reason: Why a person is needed.
            summary: What they have to know.
            transcript: What has been said so far.
            facts: What else is known.
        """
        async with self._database.writing() as session:
            escalation = Escalation(
                call_id=call_id,
                caller_number=number,
                reason=reason,
                summary=one_line(summary, LONGEST_SUMMARY),
                transcript=[dict(line) for line in transcript],
                facts=dict(facts),
                state=EscalationState.RINGING,
                note="",
                created_at=self._now(),
            )
            session.add(escalation)
            await session.flush()
        logger.info("escalation %d is saved", escalation.id)
        return escalation

    async def settle(self, escalation_id: int, state: EscalationState, note: str = "") -> Escalation:
        """Say what became of an escalation, and book the callback where nobody was reached.

        Only the first word counts: a case that is settled stays as it is. A caller without a number gets no
        callback.
        """
        async with self._database.writing() as session:
            escalation = await session.get(Escalation, escalation_id, with_for_update=True)
            if escalation is None:
                raise LookupError(f"there is no escalation {escalation_id}")
            await self._settle(session, escalation, state, note)
        return escalation

    async def finish(self, call_id: str, state: EscalationState, transcript: Transcript, note: str) -> None:
        """The call is over: settle what still rings, and keep all that was said."""
        async with self._database.writing() as session:
            cases = await session.scalars(
                select(Escalation).where(Escalation.call_id == call_id).with_for_update()
            )
            for escalation in cases:
                escalation.transcript = [dict(line) for line in transcript]
                await self._settle(session, escalation, state, note)

    async def of_call(self, call_id: str) -> list[Escalation]:
        """The escalations of a call, in the order of time."""
        async with self._database.reading() as session:
            query = select(Escalation).where(Escalation.call_id == call_id).order_by(Escalation.id)
            return list(await session.scalars(query))

    async def earlier(self, number: str | None) -> list[dict[str, str]]:
        """The latest escalations of a number, for the facts of the next one; none for a withheld one."""
        if number is None:
            return []
        query = select(Escalation).where(Escalation.caller_number == number)
        async with self._database.reading() as session:
            return [
                {"reason": case.reason, "state": case.state, "at": case.created_at.isoformat()}
                for case in await session.scalars(query.order_by(Escalation.id.desc()).limit(_EARLIER))
            ]

    async def latest(self, limit: int = 100) -> list[Escalation]:
        """The latest escalations, the newest first."""
        async with self._database.reading() as session:
            query = select(Escalation).order_by(Escalation.id.desc()).limit(limit)
            return list(await session.scalars(query))

    async def _settle(
        self, session: AsyncSession, escalation: Escalation, state: EscalationState, note: str
    ) -> None:
        if escalation.state != EscalationState.RINGING:
            return
        escalation.state, escalation.note, escalation.settled_at = state, note[:80], self._now()
        if state is not EscalationState.CONNECTED and escalation.caller_number is not None:
            callback = await self._call_back(session, escalation, escalation.caller_number)
            escalation.callback_id = None if callback is None else callback.id
        logger.info("escalation %d is %s", escalation.id, state.value)

    async def _call_back(self, session: AsyncSession, escalation: Escalation, number: str) -> Callback | None:
        known = await session.scalar(select(Callback).where(Callback.call_id == escalation.call_id))
        if known is not None:
            # The caller may have chosen its time.
            return known
        try:
            due_at = self.callbacks.time()
        except NoSuchTimeError as error:
            logger.warning("escalation %d: no callback: %s", escalation.id, error)
            return None
        return await self.callbacks.book_in(
            session, escalation.call_id, number, due_at, f"{escalation.reason}: {escalation.summary}"
        )
