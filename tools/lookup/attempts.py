"""Checks callers' codes, and how often they may be wrong.

The rule: an attempt is written down before it is checked, so that neither calls side by side nor a caller who
hangs up gets one more than everybody else.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import Enum

from sqlalchemy import func, select, update

from tools.lookup.codes import code_matches
from tools.lookup.models import CodeAttempt, Customer
from tools.lookup.store import SCHEMA
from tools.storage import Database, utc_now

logger = logging.getLogger(__name__)


class Verdict(Enum):
    """What came of an attempt."""

    RIGHT = "right"
    WRONG = "wrong"
    LOCKED = "locked"
    """Too many were wrong: nothing was checked, whatever the code."""


class CodeCheck:
    """Counts and checks codes.

    Args:
        database: Where attempts are kept; opened and closed by whoever made it.
        per_call: So many may be wrong in one call.
        per_hour: So many may be wrong for one customer within an hour, whoever calls and how often.
        now: The clock, an aware moment; replaced in tests.
    """

    def __init__(
        self,
        database: Database,
        *,
        per_call: int = 3,
        per_hour: int = 5,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        database.needs(SCHEMA)
        self._database = database
        self._per_call = per_call
        self._per_hour = per_hour
        self._now = now

    async def check(self, customer: Customer, kept: str, call_id: str, code: str) -> tuple[Verdict, int]:
        """Try a code.

        Args:
            customer: Whose code it should be.
            kept: Its hash.
            call_id: The call that it was said in.
            code: The code in one spelling, as :func:`tools.lookup.codes.read_code` gives it.

        Returns:
            What came of it, and how many more attempts this call has.
        """
        attempt_id, left = await self._reserve(customer.id, call_id)
        if attempt_id is None:
            logger.warning("call %s: codes are locked", call_id)
            return Verdict.LOCKED, 0
        if not await code_matches(code, kept):
            logger.warning("call %s: a wrong code", call_id)
            return Verdict.WRONG, left
        async with self._database.writing() as session:
            await session.execute(
                update(CodeAttempt).where(CodeAttempt.id == attempt_id).values(succeeded=True)
            )
        return Verdict.RIGHT, left

    async def _reserve(self, customer_id: int, call_id: str) -> tuple[int | None, int]:
        """Write an attempt down as wrong, and count what is left after it; None where none was left."""
        now = self._now()
        wrong = (
            select(func.count())
            .select_from(CodeAttempt)
            .where(CodeAttempt.customer_id == customer_id, CodeAttempt.succeeded.is_(False))
        )
        async with self._database.writing() as session:
            # Attempts for one customer are counted one after the other, on PostgreSQL as on SQLite.
            await session.get(Customer, customer_id, with_for_update=True)
            in_call = await session.scalar(wrong.where(CodeAttempt.call_id == call_id)) or 0
            in_hour = await session.scalar(wrong.where(CodeAttempt.tried_at > now - timedelta(hours=1))) or 0
            left = min(self._per_call - in_call, self._per_hour - in_hour)
            if left <= 0:
                return None, 0
            attempt = CodeAttempt(customer_id=customer_id, call_id=call_id, tried_at=now)
            session.add(attempt)
            await session.flush()
            return attempt.id, left - 1
