"""Rows and recordings belong together: what happens to one does not lose the other; none is stored twice."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.tools_.conftest import Clock
from tests.tools_.voicemail.conftest import left, notices, wav
from tools.storage import Database
from tools.voicemail import CallRecord, LeftMessage, Occasion, Urgency, VoicemailStore, folder_beside

HOUR = timedelta(hours=1)


async def test_call_message_and_notice_are_stored_together(
    store: VoicemailStore, database: Database, clock: Clock
) -> None:
    record = left(store, clock)
    assert await store.save(record)
    (voicemail,) = await store.voicemails()
    (missed,) = await store.missed_calls()
    (notice,) = await notices(database)
    assert (voicemail.call_id, voicemail.call.key) == (missed.id, record.key)
    assert (missed.began_at, missed.caller_number) == (clock(), "+15550100")
    assert notice.kind == "voicemail" and notice.data["message_id"] == voicemail.id
    assert "+15550100" not in repr(missed) + repr(voicemail) + repr(record)
    path = store.path_of(voicemail)
    assert path is not None and path.read_bytes() == wav()
    assert [each.name for each in store.folder.iterdir()] == [path.name], "the note is gone"


async def test_a_call_without_a_message_is_missed_and_nobody_is_told(
    store: VoicemailStore, database: Database, clock: Clock
) -> None:
    assert await store.save(left(store, clock, message=None))
    assert len(await store.missed_calls()) == 1
    assert await store.voicemails() == [] and await notices(database) == []


async def test_storing_the_same_call_again_changes_nothing(
    store: VoicemailStore, database: Database, clock: Clock
) -> None:
    record = left(store, clock)
    assert await asyncio.gather(*(store.save(record) for _ in range(5))) == [True] * 5
    assert await store.save(record)
    assert len(await store.voicemails()) == 1 and len(await notices(database)) == 1


async def test_calls_that_end_together_are_stored_once_each_and_nothing_is_said_to_have_failed(
    store: VoicemailStore, database: Database, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    async def end() -> bool:
        saved = await store.save(left(store, clock))
        await store.catch_up()  # It finds the calls that are being stored right now.
        return saved

    assert all(await asyncio.gather(*(end() for _ in range(20))))
    assert len(await store.voicemails()) == len(await notices(database)) == 20
    assert not [each for each in caplog.records if each.levelname == "ERROR"]
    assert {each.suffix for each in store.folder.iterdir()} == {".wav"}


@pytest.mark.parametrize("table", ["voicemails", "outbox_messages"])
async def test_what_cannot_be_stored_is_not_told_and_stored_later(
    store: VoicemailStore, database: Database, clock: Clock, table: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with database.writing() as session:
        await session.execute(text(f"ALTER TABLE {table} RENAME TO elsewhere"))
    record = left(store, clock)
    try:
        assert not await store.save(record)
        assert await store.missed_calls() == [], "all of it or nothing"
        assert await store.catch_up() == 0
    finally:
        async with database.writing() as session:
            await session.execute(text(f"ALTER TABLE elsewhere RENAME TO {table}"))
    assert await store.catch_up() == 1
    (voicemail,) = await store.voicemails()
    assert voicemail.call.key == record.key and len(await notices(database)) == 1
    assert await store.catch_up() == 0
    assert "+15550100" not in caplog.text and "call me back" not in caplog.text


async def test_a_message_adds_to_one_that_has_been_deleted_since(
    store: VoicemailStore, database: Database, clock: Clock
) -> None:
    message = LeftMessage(transcript="more", adds_to_id=4711)
    assert await store.save(left(store, clock, message=message))
    (voicemail,) = await store.voicemails()
    assert voicemail.adds_to_id is None


async def test_the_latest_message_of_a_number_and_of_no_other(store: VoicemailStore, clock: Clock) -> None:
    assert await store.latest_of("+15550100", within=HOUR) is None
    for _ in range(2):
        await store.save(left(store, clock))
        clock.advance(minutes=10)
    await store.save(left(store, clock, caller_number="+15550177"))
    first, second = reversed([v for v in await store.voicemails() if v.call.caller_number == "+15550100"])
    latest = await store.latest_of("+15550100", within=HOUR)
    assert latest is not None and latest.id == second.id != first.id
    clock.advance(hours=2)
    assert await store.latest_of("+15550100", within=HOUR) is None


async def test_what_callers_and_models_say_is_stored_as_text(store: VoicemailStore, clock: Clock) -> None:
    nasty = "'; DROP TABLE voicemails; -- \U0001f600 äß"
    message = LeftMessage(transcript=nasty, summary=nasty, caller_name=nasty, urgency=Urgency.URGENT)
    assert await store.save(left(store, clock, message=message))
    (voicemail,) = await store.voicemails()
    assert (voicemail.transcript, voicemail.summary, voicemail.caller_name) == (nasty, nasty, nasty)


async def test_a_full_folder_costs_the_note_and_not_the_row(
    store: VoicemailStore, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    record = left(store, clock, message=LeftMessage(transcript="hello"))
    for each in store.folder.iterdir():
        each.unlink()
    store.folder.rmdir()
    assert await store.save(record)
    assert len(await store.voicemails()) == 1
    assert "cannot be noted" in caplog.text


# A program that died in a call --------------------------------------------------------------------------


def half(store: VoicemailStore, clock: Clock, recorded: bytes) -> CallRecord:
    """What a program leaves that dies while a caller speaks."""
    record = left(store, clock, ended="")
    assert record.message is not None and record.message.recording is not None
    path = store.folder / record.message.recording
    path.unlink()
    path.with_name(f"{path.name}.part").write_bytes(recorded)
    return record


async def test_a_message_that_was_cut_off_by_the_end_of_the_program_is_found(
    store: VoicemailStore, clock: Clock
) -> None:
    record = half(store, clock, wav(2.0))
    await store.begin(record)
    assert await store.catch_up() == 0, "another program may be in that call"
    clock.advance(hours=7)
    assert await store.catch_up() == 1
    (voicemail,) = await store.voicemails()
    assert (voicemail.call.ended, voicemail.complete, voicemail.seconds) == ("failed", False, 2.0)
    path = store.path_of(voicemail)
    assert path is not None and path.read_bytes() == wav(2.0)
    assert [each.name for each in store.folder.iterdir()] == [path.name]


@pytest.mark.parametrize("recorded", [wav(0.0), wav(5.0, audible=False)], ids=["nothing", "silence"])
async def test_a_call_that_was_cut_off_before_a_word_is_missed(
    store: VoicemailStore, clock: Clock, recorded: bytes
) -> None:
    await store.begin(half(store, clock, recorded))
    clock.advance(hours=7)
    assert await store.catch_up() == 1
    assert len(await store.missed_calls()) == 1 and await store.voicemails() == []
    assert list(store.folder.iterdir()) == []


@pytest.mark.parametrize("damage", [b"", b"{", b'{"key": "x"}', b"\xff\xfe"])
async def test_a_damaged_note_holds_up_nobody(
    store: VoicemailStore, clock: Clock, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (store.folder / "damaged.call.json").write_bytes(damage)
    await store.begin(left(store, clock))
    assert await store.catch_up() == 1
    assert "damaged.call.json cannot be read" in caplog.text


async def test_a_damaged_recording_holds_up_nobody(store: VoicemailStore, clock: Clock) -> None:
    await store.begin(half(store, clock, b"RIFFnothing"))
    clock.advance(hours=7)
    assert await store.catch_up() == 1
    (voicemail,) = await store.voicemails()
    assert voicemail.recording is not None and voicemail.seconds == 0.0


def test_recordings_are_beside_the_database() -> None:
    assert folder_beside("sqlite+aiosqlite:////srv/data/voiceagent.db") == Path("/srv/data/voicemails")
    assert folder_beside("sqlite+aiosqlite:///voiceagent.db") == Path("voicemails")
    assert folder_beside("sqlite://") == Path("voicemails")
    assert folder_beside("postgresql://somebody@host/name") == Path("voicemails")


def test_a_record_survives_being_written_down(clock: Clock) -> None:
    record = CallRecord(key="a", occasion=Occasion.UNANSWERED, began_at=clock(), ended_at=clock())
    assert CallRecord.model_validate_json(record.model_dump_json()) == record
