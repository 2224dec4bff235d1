"""The outbox: a message is written in the transaction that it tells of, and sent afterwards.

The rule: what was stored is told, and what was not stored is not told. A message therefore waits in the
database until a channel has taken it: at least once, each attempt under the same id, and never by two workers
at the same time.
"""

from __future__ import annotations

import asyncio
import logging
import random
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol

from pydantic_core import to_jsonable_python
from sqlalchemy import delete, event, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from tools.messaging.mail import MailServer
from tools.messaging.message import Attachment, DeliveryError, Letter, Message
from tools.messaging.models import SCHEMA, DeliveryState, OutboxAttachment, OutboxDelivery, OutboxMessage
from tools.messaging.webhook import Webhook
from tools.storage import Database, utc_now

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 14
"""After so many, about a day and a quarter, a message is given up."""

FIRST_DELAY = timedelta(seconds=30)
"""Before the second attempt; each further one waits twice as long, up to :data:`LONGEST_DELAY`."""

LONGEST_DELAY = timedelta(hours=6)
LEASE = timedelta(minutes=2)
"""So long an attempt has a message for itself. The channels give up earlier."""

KEEP = timedelta(days=30)
"""Messages that were sent are deleted after so long; those given up are kept."""

AT_ONCE = 4
PERIOD_S = 30.0
"""How often a running outbox looks for messages whose time has come, in seconds."""

FAREWELL_S = 10.0
"""How long :meth:`Outbox.stop` waits for what is just being sent, in seconds."""


class Channel(Protocol):
    """A way to send messages."""

    @property
    def name(self) -> str:
        """What its deliveries are stored under."""

    def takes(self, message: Message) -> bool:
        """Whether it can carry this message."""

    async def send(self, letter: Letter) -> None:
        """Send it, or raise :class:`DeliveryError`, within less than :data:`LEASE`."""


@dataclass(frozen=True)
class _Claim:
    """A delivery that is ours until its lease ends."""

    delivery_id: int
    attempt: int
    channel: str
    letter: Letter


class Outbox:
    """Messages that wait in a database, and the channels that they leave by.

    Args:
        database: Where they wait; opened and closed by whoever made it.
        mail: Sends messages to e-mail addresses, and those to the business.
        webhook: Is told of every message.
        now: The clock, an aware moment; replaced in tests.
    """

    def __init__(
        self,
        database: Database,
        *,
        mail: MailServer | None = None,
        webhook: Webhook | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        database.needs(SCHEMA)
        self._database = database
        channels: tuple[Channel | None, ...] = (mail, webhook)
        self._channels = {channel.name: channel for channel in channels if channel is not None}
        self._now = now
        self._wake = asyncio.Event()
        self._courier: asyncio.Task[None] | None = None
        self._stopping = False

    async def add(self, session: AsyncSession, message: Message) -> None:
        """Write a message down; it leaves once the transaction of ``session`` is committed.

        Args:
            session: Of :meth:`Database.writing`, the one that stores what the message tells of.
            message: What to send. A channel that is not set up, or has no address for it, does not get it.

        Raises:
            ValueError: ``data`` holds something that JSON cannot.
        """
        if message.key is not None and await session.scalar(
            select(exists().where(OutboxMessage.key == message.key))
        ):
            return
        row = OutboxMessage(
            uid=str(uuid.uuid4()),
            key=message.key,
            kind=message.kind,
            subject=message.subject,
            text=message.text,
            recipient=message.to,
            data=to_jsonable_python(dict(message.data), inf_nan_mode="null"),
            created_at=self._now(),
        )
        session.add(row)
        await session.flush()
        session.add_all(
            OutboxAttachment(message_id=row.id, name=a.name, content_type=a.content_type, content=a.content)
            for a in message.attachments
        )
        takers = [name for name, channel in self._channels.items() if channel.takes(message)]
        session.add_all(
            OutboxDelivery(
                message_id=row.id,
                channel=name,
                state=DeliveryState.WAITING,
                attempts=0,
                next_attempt_at=row.created_at,
                error="",
            )
            for name in takers
        )
        if not takers:
            logger.info("message %s (%s) is kept and not sent: no channel for it", row.uid, row.kind)
        if self._wake not in session.info:
            # At every commit: that of a savepoint comes first, and nobody else can see the message then.
            session.info[self._wake] = True
            event.listen(session.sync_session, "after_commit", lambda _: self._wake.set())

    async def deliver(self) -> int:
        """Send what waits and whose time has come; what fails stays for later.

        Returns:
            How many messages were taken by their receivers, each channel counted.
        """
        sent = 0
        while claims := await self._claim():
            async with asyncio.TaskGroup() as tasks:
                attempts = [tasks.create_task(self._attempt(claim), name="delivery") for claim in claims]
            sent += sum(attempt.result() for attempt in attempts)
        return sent

    def start(self) -> None:
        """Deliver from now on: at once, after each commit of a message, and what is due again."""
        if self._courier is None:
            self._stopping = False
            self._courier = asyncio.create_task(self._run(), name="outbox")

    async def stop(self) -> None:
        """Stop that: what is due is sent within :data:`FAREWELL_S`, the rest waits for the next start."""
        courier, self._courier = self._courier, None
        if courier is None:
            return
        self._stopping = True
        self._wake.set()
        try:
            await asyncio.wait([courier], timeout=FAREWELL_S)
        finally:
            courier.cancel()
            await asyncio.wait([courier])
        if not courier.cancelled():
            courier.result()

    async def forget(self, before: datetime) -> None:
        """Delete the messages written before a moment, except those that wait or were given up."""
        unfinished = exists().where(
            OutboxDelivery.message_id == OutboxMessage.id, OutboxDelivery.state != DeliveryState.SENT
        )
        async with self._database.writing() as session:
            await session.execute(delete(OutboxMessage).where(OutboxMessage.created_at < before, ~unfinished))

    async def counts(self) -> dict[DeliveryState, int]:
        """How many deliveries wait, were sent, and were given up."""
        query = select(OutboxDelivery.state, func.count()).group_by(OutboxDelivery.state)
        async with self._database.reading() as session:
            found = {state: count for state, count in await session.execute(query)}
        return {state: found.get(state, 0) for state in DeliveryState}

    async def given_up(self) -> list[str]:
        """What was given up, a line each, oldest first: id, kind, channel and the last error."""
        query = (
            select(OutboxMessage.uid, OutboxMessage.kind, OutboxDelivery.channel, OutboxDelivery.error)
            .join(OutboxDelivery, OutboxDelivery.message_id == OutboxMessage.id)
            .where(OutboxDelivery.state == DeliveryState.DEAD)
            .order_by(OutboxDelivery.id)
        )
        async with self._database.reading() as session:
            rows = (await session.execute(query)).all()
        return [f"message {uid} ({kind}) by {channel}: {error}" for uid, kind, channel, error in rows]

    async def revive(self) -> int:
        """Try the messages that were given up once more, from the first attempt on; returns how many."""
        given_up = update(OutboxDelivery).where(OutboxDelivery.state == DeliveryState.DEAD)
        async with self._database.writing() as session:
            revived = await session.scalars(
                given_up.values(
                    state=DeliveryState.WAITING, attempts=0, next_attempt_at=self._now(), finished_at=None
                ).returning(OutboxDelivery.id)
            )
            count = len(revived.all())
        self._wake.set()
        return count

    async def _run(self) -> None:
        forgotten_on: date | None = None
        while not self._stopping or self._wake.is_set():
            self._wake.clear()
            try:
                await self.deliver()
                if forgotten_on != self._now().date():
                    await self.forget(self._now() - KEEP)
                    forgotten_on = self._now().date()
            except Exception:
                # The database is away: what waits there will still wait when it is back.
                logger.exception("the outbox could not be looked through; again in %d s", PERIOD_S)
            if not self._stopping:
                with suppress(TimeoutError):
                    async with asyncio.timeout(PERIOD_S):
                        await self._wake.wait()

    async def _claim(self) -> list[_Claim]:
        """Take some messages whose time has come, for the time of the lease."""
        now = self._now()
        due = (
            select(OutboxDelivery)
            .where(
                OutboxDelivery.state == DeliveryState.WAITING,
                OutboxDelivery.next_attempt_at <= now,
                OutboxDelivery.channel.in_(self._channels),
            )
            .order_by(OutboxDelivery.next_attempt_at, OutboxDelivery.id)
            .limit(AT_ONCE)
        )
        # Most of the time nothing is due, and looking disturbs no writer.
        async with self._database.reading() as session:
            if await session.scalar(due.limit(1)) is None:
                return []
        claims: list[_Claim] = []
        async with self._database.writing() as session:
            for delivery in await session.scalars(due.with_for_update(skip_locked=True)):
                if delivery.attempts >= MAX_ATTEMPTS:
                    delivery.state, delivery.finished_at = DeliveryState.DEAD, now
                    delivery.error = "the program ended during the last attempt"
                    continue
                delivery.attempts += 1
                delivery.next_attempt_at = now + LEASE
                letter = await _letter(session, delivery.message_id)
                claims.append(_Claim(delivery.id, delivery.attempts, delivery.channel, letter))
        return claims

    async def _attempt(self, claim: _Claim) -> bool:
        try:
            await self._channels[claim.channel].send(claim.letter)
        except DeliveryError as error:
            await self._failed(claim, error)
            return False
        except Exception as error:
            # Without its text, which may name somebody. One message must not keep the others from leaving.
            await self._failed(claim, DeliveryError(f"unexpected {type(error).__name__}"))
            return False
        logger.info("message %s (%s) sent by %s", claim.letter.uid, claim.letter.message.kind, claim.channel)
        await self._settle(claim, state=DeliveryState.SENT, error="", finished_at=self._now())
        return True

    async def _failed(self, claim: _Claim, error: DeliveryError) -> None:
        what = (claim.letter.uid, claim.letter.message.kind, claim.channel, error)
        if error.permanent or claim.attempt >= MAX_ATTEMPTS:
            logger.error("message %s (%s) is given up: %s: %s", *what)
            await self._settle(claim, state=DeliveryState.DEAD, error=str(error), finished_at=self._now())
            return
        delay = max(_backoff(claim.attempt), min(timedelta(seconds=error.retry_after), LONGEST_DELAY))
        logger.warning("message %s (%s) waits: %s: %s; again in %d s", *what, delay.total_seconds())
        await self._settle(claim, next_attempt_at=self._now() + delay, error=str(error))

    async def _settle(self, claim: _Claim, **outcome: object) -> None:
        """Store how an attempt ended, unless its lease has ended and somebody else has tried since."""
        async with self._database.writing() as session:
            await session.execute(
                update(OutboxDelivery)
                .where(OutboxDelivery.id == claim.delivery_id, OutboxDelivery.attempts == claim.attempt)
                .values(**outcome)
            )


async def _letter(session: AsyncSession, message_id: int) -> Letter:
    row = await session.get_one(OutboxMessage, message_id)
    files = await session.scalars(
        select(OutboxAttachment)
        .where(OutboxAttachment.message_id == message_id)
        .order_by(OutboxAttachment.id)
    )
    attachments = tuple(Attachment(file.name, file.content_type, file.content) for file in files)
    message = Message(row.kind, row.subject, row.text, row.recipient, row.data, attachments, row.key)
    return Letter(row.uid, row.created_at, message)


def _backoff(attempt: int) -> timedelta:
    """How long to wait after an attempt, a quarter more or less, so that workers do not march in step."""
    delay = min(FIRST_DELAY * 2.0 ** (attempt - 1), LONGEST_DELAY)
    return delay * random.uniform(0.75, 1.25)
