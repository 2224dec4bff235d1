"""A store of voicemails with a real database and a folder, and a clock that is set by hand."""

from __future__ import annotations

import io
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import select

from tests.tools_.conftest import Clock
from tools.messaging import MailServer, Outbox
from tools.messaging.models import OutboxMessage
from tools.storage import Database
from tools.voicemail import CallRecord, LeftMessage, Occasion, VoicemailStore


def wav(seconds: float = 1.0, rate: int = 8000, *, audible: bool = True) -> bytes:
    """A WAV file."""
    frame = bytes(range(250)) if audible else bytes(250)
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(frame * int(seconds * rate * 2 // 250))
    return file.getvalue()


def left(store: VoicemailStore, clock: Clock, **changes: object) -> CallRecord:
    """A call in which a message was left; its recording is in the folder."""
    key = uuid4().hex
    message = LeftMessage(transcript="call me back", recording=f"{key}.wav", seconds=1.0, complete=True)
    store.folder.joinpath(f"{key}.wav").write_bytes(wav())
    facts: dict[str, object] = {
        "key": key,
        "caller_number": "+15550100",
        "occasion": Occasion.CLOSED,
        "began_at": clock(),
        "ended_at": clock(),
        "ended": "agent_hung_up",
        "message": message,
    }
    return CallRecord.model_validate(facts | changes)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
async def store(database: Database, clock: Clock, tmp_path: Path) -> VoicemailStore:
    # There is a channel, so that notices wait; nobody sends them.
    mail = MailServer("127.0.0.1", 9, sender="agent@example.com", recipients=("desk@example.com",))
    outbox = Outbox(database, mail=mail, now=clock)
    store = VoicemailStore(database, outbox, folder=tmp_path / "voicemails", now=clock)
    await database.open()
    await store.open()
    return store


async def notices(database: Database) -> list[OutboxMessage]:
    """What waits to be told."""
    async with database.reading() as session:
        return list(await session.scalars(select(OutboxMessage).order_by(OutboxMessage.id)))
