"""Neither a message nor its notice is lost, whichever of mail server, webhook, database and disk is away."""

from __future__ import annotations

import asyncio
import logging
import shutil
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.agents_.after_hours_voicemail.office import (
    ANNA,
    LEAVES_A_MESSAGE,
    MESSAGE,
    NIGHT,
    Office,
    office,
)
from voiceagent.report import EndReason
from voiceagent.service import StartupError
from voiceagent.testing import contains_speech, virtual_time
from voiceagent.testing.audio import CALLER_VOICE


@virtual_time
async def test_with_mail_and_webhook_down_the_message_waits_and_arrives_exactly_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with office(tmp_path, LEAVES_A_MESSAGE) as at:
        at.inbox.refuse, at.hooks.status = "451 4.3.0 try again later", 500
        call = await at.line.call()
        await asyncio.sleep(120)
        (voicemail,) = await at.voicemails()
        assert at.recording(voicemail)[0], "kept, though nobody could be told"
        attempts, requests = at.inbox.attempts, len(at.hooks.requests)
        assert attempts >= 2 and requests >= 2
        assert at.inbox.messages == [] and at.hooks.accepted == []

        at.inbox.refuse, at.hooks.status = None, 204
        await asyncio.sleep(3600)
        (mail,) = at.inbox.messages
        (hook,) = at.hooks.accepted
        assert (at.inbox.attempts, len(at.hooks.requests)) == (attempts + 1, requests + 1)
    assert call.ended is EndReason.AGENT_HUNG_UP
    assert ANNA in mail["Subject"] and hook.json["data"]["transcript"] == MESSAGE
    keys = {request.headers["idempotency-key"] for request in at.hooks.requests}
    assert len(keys) == 1, "the receiver can tell that it is the same message"
    # Numbers and words of callers are nobody's business but the receivers'.
    ours = [r.getMessage() for r in caplog.records if r.name.startswith(("tools", "agents", "voiceagent"))]
    assert not [line for line in ours if ANNA in line or MESSAGE in line]


@virtual_time
async def test_what_could_not_be_sent_before_the_program_ended_is_sent_by_the_next(tmp_path: Path) -> None:
    async with office(tmp_path, LEAVES_A_MESSAGE) as at:
        at.inbox.refuse, at.hooks.status = "451 4.3.0 try again later", 503
        await at.line.call()
        await at.hooks.wait(1)
    async with office(tmp_path, LEAVES_A_MESSAGE) as at:
        await asyncio.sleep(3600)
        assert len(at.inbox.messages) == 1 and len(at.hooks.accepted) == 1


async def lock(at: Office) -> None:
    """Somebody has taken the table away: what is stored fails, as with a database that is away."""
    async with at.agent.database.writing() as session:
        await session.execute(text("ALTER TABLE missed_calls RENAME TO elsewhere"))


async def unlock(at: Office) -> None:
    async with at.agent.database.writing() as session:
        await session.execute(text("ALTER TABLE elsewhere RENAME TO missed_calls"))


@virtual_time
async def test_a_database_that_is_away_loses_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with office(tmp_path, LEAVES_A_MESSAGE) as at:
        await lock(at)
        call = await at.line.call()
        assert call.ended is EndReason.AGENT_HUNG_UP, "the caller does not notice"
        assert [path.suffix for path in at.files] == [".json", ".wav"]
        await at.agent.outbox.deliver()
        assert at.inbox.attempts == 0, "what is not stored is not told"
        await unlock(at)
        # The next call, of somebody else, finds the database again.
        await at.line.call(caller="+15550177")
        voicemails = await at.voicemails()
        mails = await at.inbox.wait(2)
        assert {each.call.caller_number for each in voicemails} == {ANNA, "+15550177"}
        for each in voicemails:
            pcm, rate = at.recording(each)
            assert contains_speech(pcm, MESSAGE, rate, voice=CALLER_VOICE)
        assert [path.suffix for path in at.files] == [".wav", ".wav"]
    assert len({mail["Subject"] for mail in mails}) == 2
    assert "it waits in" in caplog.text and ANNA not in caplog.text and MESSAGE not in caplog.text


@virtual_time
async def test_a_program_that_could_not_store_leaves_it_to_the_next(tmp_path: Path) -> None:
    async with office(tmp_path, LEAVES_A_MESSAGE) as at:
        await lock(at)
        await at.line.call()
        await unlock(at)
    async with office(tmp_path, LEAVES_A_MESSAGE) as at:
        (voicemail,) = await at.voicemails()
        await at.inbox.wait(1)
        assert [path.name for path in at.files] == [voicemail.recording]
    assert voicemail.call.began_at.date() == NIGHT.date() and voicemail.transcript == MESSAGE


@virtual_time
async def test_a_folder_that_is_away_costs_the_recording_and_not_the_words(tmp_path: Path) -> None:
    async with office(tmp_path, LEAVES_A_MESSAGE) as at:
        await asyncio.to_thread(shutil.rmtree, at.agent.store.folder)
        await at.line.call()
        (voicemail,) = await at.voicemails()
        (mail,) = await at.inbox.wait(1)
    assert (voicemail.recording, voicemail.transcript, voicemail.complete) == (None, MESSAGE, True)
    body = mail.get_body(("plain",))
    assert body is not None and "could not be written" in body.get_content()


@virtual_time
async def test_calls_at_once_each_leave_their_own_message(tmp_path: Path) -> None:
    callers = [f"+155501{number:02}" for number in range(6)]
    async with office(tmp_path, LEAVES_A_MESSAGE) as at:
        calls = await at.line.calls(callers)
        voicemails = await at.voicemails()
        mails = await at.inbox.wait(6)
        assert sorted(each.call.caller_number or "" for each in voicemails) == callers
        assert len({each.recording for each in voicemails}) == 6 == len(at.files)
        for each in voicemails:
            pcm, rate = at.recording(each)
            assert contains_speech(pcm, MESSAGE, rate, voice=CALLER_VOICE)
    assert [call.ended for call in calls] == [EndReason.AGENT_HUNG_UP] * 6
    assert len({mail["Subject"] for mail in mails}) == 6


@virtual_time
async def test_a_folder_that_cannot_be_made_is_named_before_the_first_call(tmp_path: Path) -> None:
    await asyncio.to_thread((tmp_path / "voicemails").write_text, "a file")
    with pytest.raises(StartupError, match=r"File exists.*voicemails"):
        async with office(tmp_path, LEAVES_A_MESSAGE):
            pass
