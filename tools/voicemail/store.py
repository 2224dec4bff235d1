"""Where missed calls and voicemails are kept: rows in the database, recordings in a folder beside it.

The rule: neither side can lose what the other has. A recording is finished first, then the call is noted
beside it, then row and notice are stored in one transaction, and only then the note goes. What breaks off in
between is done at the next call, or when the program starts again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import make_url, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from tools.messaging import Outbox
from tools.storage import Database, utc_now
from tools.voicemail.draft import CallRecord, LeftMessage
from tools.voicemail.models import SCHEMA, MissedCall, Voicemail
from tools.voicemail.notice import notice_of
from tools.voicemail.spool import Spool

logger = logging.getLogger(__name__)

LARGEST_ATTACHMENT = 5 * 2**20
"""Bytes of a recording that is sent along: mail servers often refuse more than ten megabytes."""


def folder_beside(database_url: str) -> Path:
    """Where recordings are unless somebody says otherwise: ``voicemails``, beside the file of the database.

    Args:
        database_url: SQLAlchemy URL; a database that is no file leaves the folder where the program runs.
    """
    url = make_url(database_url)
    is_file = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
    return (Path(url.database).parent if is_file and url.database else Path()) / "voicemails"


class VoicemailStore:
    """Missed calls and voicemails; one store serves all calls at once.

    Args:
        database: Where the rows are.
        outbox: Tells the people of the business. It must be of the same database.
        folder: Where the recordings are; made if it is not there.
        local: Turns a moment into the wall clock of the business.
        language: In which the notices are written; None is English.
        largest_attachment: Recordings of more bytes stay in the folder.
        now: The clock, an aware moment.
    """

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        *,
        folder: Path,
        local: Callable[[datetime], datetime] = lambda moment: moment.astimezone(UTC),
        language: str | None = None,
        largest_attachment: int = LARGEST_ATTACHMENT,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        database.needs(SCHEMA)
        self.folder = folder
        self._database = database
        self._outbox = outbox
        self._spool = Spool(folder)
        self._local = local
        self._language = language
        self._largest_attachment = largest_attachment
        self._now = now

    async def open(self) -> None:
        """Make the folder, and store what an earlier program could not; the database must be open.

        Raises:
            OSError: the folder cannot be made.
        """
        await asyncio.to_thread(self.folder.mkdir, parents=True, exist_ok=True)
        await self.catch_up()

    # Writing ---------------------------------------------------------------------------------------------

    async def begin(self, record: CallRecord) -> None:
        """Note a call whose recording begins: if the program dies in it, the next one finds the recording."""
        await self._note(record)

    async def save(self, record: CallRecord) -> bool:
        """Store a call that is over, and the notice of its message, in one transaction.

        Storing the same call again changes nothing.

        Returns:
            Whether it is stored. If not, the database is away: the call waits in the folder.
        """
        await self._note(record)
        return await self._store(record)

    async def _store(self, record: CallRecord) -> bool:
        """Store a call that is noted, and drop the note."""
        try:
            try:
                await self._insert(record)
            except IntegrityError:
                # Somebody else stores this call at the same moment: a second look sees it.
                await self._insert(record)
        except (SQLAlchemyError, OSError) as error:
            # Without the text of the error, which quotes what is stored.
            logger.error(
                "voicemail %s cannot be stored now (%s); it waits in %s",
                *(record.key, type(error).__name__, self.folder),
            )
            return False
        await asyncio.to_thread(self._spool.remove, record.key)
        return True

    async def forget(self, key: str) -> None:
        """Drop the note of a call that somebody took after all."""
        await asyncio.to_thread(self._spool.remove, key)

    async def catch_up(self) -> int:
        """Store the calls that wait in the folder; how many it were."""
        waiting = await asyncio.to_thread(self._spool.waiting, self._now())
        stored = 0
        for record in waiting:
            stored += await self._store(record)
        if stored:
            logger.info("%d calls were stored belatedly", stored)
        return stored

    async def _note(self, record: CallRecord) -> None:
        try:
            await asyncio.to_thread(self._spool.put, record)
        except OSError as error:
            # The database may have it yet.
            logger.error("voicemail %s cannot be noted in %s: %s", record.key, self.folder, error)

    async def _insert(self, record: CallRecord) -> None:
        message = record.message
        wav = None if message is None else await asyncio.to_thread(self._attachable, message)
        async with self._database.writing() as session:
            if await session.scalar(select(MissedCall.id).where(MissedCall.key == record.key)) is not None:
                return
            call = MissedCall(
                key=record.key,
                caller_number=record.caller_number,
                callee_number=record.callee_number,
                occasion=record.occasion.value,
                began_at=record.began_at,
                ended_at=record.ended_at,
                ended=record.ended,
            )
            session.add(call)
            if message is None:
                return
            adds_to = message.adds_to_id
            if adds_to is not None and await session.get(Voicemail, adds_to) is None:
                adds_to = None  # It has been deleted since.
            voicemail = Voicemail(
                call=call,
                caller_name=message.caller_name,
                callback_number=message.callback_number,
                urgency=message.urgency.value,
                summary=message.summary,
                transcript=message.transcript,
                recording=message.recording,
                seconds=message.seconds,
                complete=message.complete,
                adds_to_id=adds_to,
            )
            session.add(voicemail)
            await session.flush()
            await self._outbox.add(
                session,
                notice_of(record, message, voicemail.id, wav=wav, local=self._local, language=self._language),
            )

    def _attachable(self, message: LeftMessage) -> bytes | None:
        if message.recording is None:
            return None
        path = self.folder / message.recording
        try:
            return path.read_bytes() if path.stat().st_size <= self._largest_attachment else None
        except OSError as error:
            logger.error("%s cannot be attached: %s", path, error)
            return None

    # Reading ---------------------------------------------------------------------------------------------

    async def latest_of(self, number: str, *, within: timedelta) -> Voicemail | None:
        """The newest message from a phone number, if it is not older than ``within``."""
        query = (
            select(Voicemail)
            .join(Voicemail.call)
            .where(MissedCall.caller_number == number, MissedCall.began_at >= self._now() - within)
            .order_by(MissedCall.began_at.desc(), Voicemail.id.desc())
            .limit(1)
        )
        async with self._database.reading() as session:
            return (await session.scalars(query)).first()

    async def voicemails(self, *, limit: int = 100) -> list[Voicemail]:
        """The messages, newest first."""
        query = select(Voicemail).order_by(Voicemail.id.desc()).limit(limit)
        async with self._database.reading() as session:
            return list(await session.scalars(query))

    async def missed_calls(self, *, limit: int = 100) -> list[MissedCall]:
        """The calls that nobody took, newest first, with a message or without."""
        query = select(MissedCall).order_by(MissedCall.id.desc()).limit(limit)
        async with self._database.reading() as session:
            return list(await session.scalars(query))

    def path_of(self, voicemail: Voicemail) -> Path | None:
        """The recording of a message; None where there is none."""
        return None if voicemail.recording is None else self.folder / voicemail.recording
