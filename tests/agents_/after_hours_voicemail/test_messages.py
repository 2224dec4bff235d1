"""Callers leave messages at night: what is recorded, stored and sent, however the call ends."""

from __future__ import annotations

import asyncio
import io
import wave
from pathlib import Path

import numpy as np
import pytest

from agents.after_hours_voicemail import AfterHoursVoicemail
from tests.agents_.after_hours_voicemail.office import (
    ANNA,
    COMPLETE,
    CONFIRM,
    GOODBYE,
    GREETING,
    LEAVES_A_MESSAGE,
    MAILBOX,
    MESSAGE,
    WAIT,
    heard,
    office,
    plot,
    say,
    then,
    told,
)
from voiceagent.report import BargeIn, EndReason, TurnEnded
from voiceagent.sandbox.speech import speak
from voiceagent.testing import contains_speech, speech_at, virtual_time
from voiceagent.testing.audio import CALLER_VOICE


@virtual_time
async def test_a_message_is_recorded_written_down_stored_and_sent(tmp_path: Path) -> None:
    async with office(tmp_path, LEAVES_A_MESSAGE) as at:
        call = await at.line.call()
        (mail,) = await at.inbox.wait(1)
        (hook,) = await at.hooks.wait(1)
        (voicemail,) = await at.voicemails()
        pcm, rate = at.recording(voicemail)
        folder = [path.name for path in at.files]
        text = at.told()[0]

    assert call.ended is EndReason.AGENT_HUNG_UP and call.violations == []
    assert "closed now, and open again on Tuesday, March 3, at 8 AM" in text
    assert call.caller.heard_speech(GREETING) and call.caller.heard_speech(CONFIRM)
    assert call.callee.heard == b"", "nobody is rung at night"

    assert voicemail.call.caller_number == ANNA and voicemail.call.occasion == "closed"
    assert f"{voicemail.call.began_at:%Y-%m-%d %H:%M %Z}" == "2026-03-03 01:30 UTC"
    assert voicemail.call.ended_at > voicemail.call.began_at
    assert (voicemail.caller_name, voicemail.summary) == ("Anna Miller", "Wants a call about her filling.")
    assert (voicemail.transcript, voicemail.urgency, voicemail.complete) == (MESSAGE, "normal", True)
    assert voicemail.adds_to_id is None and voicemail.callback_number is None

    # The sentence, as it was said: it is in the file, as loud, and nothing else but a margin around it.
    said = speak(MESSAGE, sample_rate=rate, voice=CALLER_VOICE)
    assert rate == 24000 and folder == [voicemail.recording]
    assert contains_speech(pcm, MESSAGE, rate, voice=CALLER_VOICE)
    assert peak(pcm) == peak(said)
    assert len(said) * 0.8 < len(pcm) < len(said) + 2 * rate
    assert voicemail.seconds == pytest.approx(len(pcm) / 2 / rate, abs=0.1)

    assert mail["To"] == MAILBOX and mail["Subject"] == f"Voicemail from Anna Miller ({ANNA})"
    body = mail.get_body(("plain",))
    assert body is not None and MESSAGE in body.get_content()
    (attached,) = mail.iter_attachments()
    assert attached.get_content_type() in ("audio/wav", "audio/x-wav")
    assert attached.get_filename() == "voicemail-20260302-203000.wav"
    with wave.open(io.BytesIO(attached.get_content())) as file:
        assert file.readframes(file.getnframes()) == pcm

    assert hook.json["kind"] == "voicemail"
    data = hook.json["data"]
    assert (data["caller_number"], data["transcript"], data["message_id"]) == (ANNA, MESSAGE, voicemail.id)


def peak(pcm: bytes) -> int:
    return int(np.abs(np.frombuffer(pcm, dtype="<i2").astype(int)).max())


@virtual_time
async def test_a_caller_who_hangs_up_in_mid_sentence_has_left_what_they_said(tmp_path: Path) -> None:
    async with office(tmp_path, LEAVES_A_MESSAGE) as at:
        async with at.line.ringing() as running:
            await running.until(TurnEnded)
            await asyncio.sleep(2.5)
            assert [path.suffix for path in at.files] == [".json", ".part"]
            running.caller.hang_up()
        (mail,) = await at.inbox.wait(1)
        (voicemail,) = await at.voicemails()
        pcm, rate = at.recording(voicemail)
        assert [path.name for path in at.files] == [voicemail.recording]
    assert running.played.ended is EndReason.CALLER_HUNG_UP

    begun = speak(MESSAGE, sample_rate=rate, voice=CALLER_VOICE)
    begun = begun[len(begun) - len(begun.lstrip(b"\0")) & ~1 :]
    assert begun[: 2 * rate] in pcm, "its first second, bit for bit"
    assert not contains_speech(pcm, MESSAGE, rate, voice=CALLER_VOICE)
    assert 1.0 < voicemail.seconds < 3.5
    assert (voicemail.complete, voicemail.summary, voicemail.call.ended) == (False, "", "caller_hung_up")
    body = mail.get_body(("plain",))
    assert body is not None and "before the caller had come to an end" in body.get_content()
    assert len(list(mail.iter_attachments())) == 1


@virtual_time
async def test_a_call_without_a_word_is_missed_and_leaves_no_message(tmp_path: Path) -> None:
    async with office(tmp_path, plot({"wait": 2}, "hangup", model=[])) as at:
        await at.line.call()
        (missed,) = await at.missed_calls()
        assert await at.voicemails() == []
        assert at.files == []
        await at.agent.outbox.deliver()
        assert at.inbox.attempts == 0 and at.hooks.requests == []
    assert (missed.caller_number, missed.occasion, missed.ended) == (ANNA, "closed", "caller_hung_up")


@virtual_time
async def test_words_over_the_greeting_are_part_of_the_message(tmp_path: Path) -> None:
    greeting = "Thank you for calling. We are closed now. Please tell me your name, and what it is about."
    scenario = {
        "script": [{"interrupt_after": 1.0}, say(MESSAGE), WAIT],
        "model": [
            {"on": "start", "say": greeting},
            heard(MESSAGE, call=COMPLETE),
            then(CONFIRM, call=GOODBYE),
        ],
    }
    async with office(tmp_path, scenario) as at:
        call = await at.line.call()
        (voicemail,) = await at.voicemails()
        pcm, rate = at.recording(voicemail)
    assert len(call.seen(BargeIn)) == 1
    assert not call.caller.heard_speech(greeting)
    at_ms = speech_at(pcm, MESSAGE, rate, voice=CALLER_VOICE)
    assert at_ms is not None and at_ms < 800, "from the first word, though the agent still spoke"


@virtual_time
async def test_what_is_said_in_pieces_is_one_message(tmp_path: Path) -> None:
    more = "and please bring the insurance card"
    scenario = plot(
        say(MESSAGE),
        WAIT,
        say(more),
        WAIT,
        model=[
            heard(MESSAGE, say="Is there anything else?"),
            heard(more, call=COMPLETE),
            then(CONFIRM, call=GOODBYE),
        ],
    )
    async with office(tmp_path, scenario) as at:
        await at.line.call()
        (voicemail,) = await at.voicemails()
        pcm, rate = at.recording(voicemail)
    assert voicemail.transcript == f"{MESSAGE}\n{more}"
    for sentence in (MESSAGE, more):
        assert contains_speech(pcm, sentence, rate, voice=CALLER_VOICE)
    assert not contains_speech(pcm, "Is there anything else?", rate), "the agent is not in it"


@virtual_time
async def test_a_caller_begins_again(tmp_path: Path) -> None:
    wrong = "this is all wrong let me begin again"
    scenario = plot(
        say(wrong),
        WAIT,
        say(MESSAGE),
        WAIT,
        model=[
            heard(wrong, call={"start_over": {}}),
            then("Of course. Please speak now."),
            heard(MESSAGE, call=COMPLETE),
            then(CONFIRM, call=GOODBYE),
        ],
    )
    async with office(tmp_path, scenario) as at:
        await at.line.call()
        (voicemail,) = await at.voicemails()
        pcm, rate = at.recording(voicemail)
    assert voicemail.transcript == MESSAGE
    assert contains_speech(pcm, MESSAGE, rate, voice=CALLER_VOICE)
    assert not contains_speech(pcm, wrong, rate, voice=CALLER_VOICE)


@virtual_time
async def test_a_message_that_the_caller_takes_back_is_gone(tmp_path: Path) -> None:
    scenario = plot(
        say(MESSAGE),
        WAIT,
        say("please delete my message"),
        WAIT,
        model=[
            heard(MESSAGE, call=COMPLETE),
            then("I will pass it on. Anything else?"),
            heard("please delete my message", call={"delete_message": {}}),
            then("It is deleted. Goodbye.", call=GOODBYE),
        ],
    )
    async with office(tmp_path, scenario) as at:
        call = await at.line.call()
        assert await at.voicemails() == []
        assert len(await at.missed_calls()) == 1
        assert at.files == []
        await at.agent.outbox.deliver()
        assert at.inbox.attempts == 0
    assert call.ended is EndReason.AGENT_HUNG_UP


@virtual_time
async def test_a_second_call_adds_to_the_first_message(tmp_path: Path) -> None:
    async with office(tmp_path, LEAVES_A_MESSAGE) as at:
        await at.line.call()
        first_instruction = str(at.line.live.records[-1].setup)
        await at.line.call()
        second_instruction = str(at.line.live.records[-1].setup)
        await at.line.call(caller="+15550177")
        other, second, first = await at.voicemails()
        mails = await at.inbox.wait(3)
    assert (first.adds_to_id, second.adds_to_id, other.adds_to_id) == (None, first.id, None)
    assert "left a message on Monday, March 2, at 8:30 PM already" in second_instruction
    assert "left a message on" not in first_instruction
    bodies = [body.get_content() for mail in mails if (body := mail.get_body(("plain",)))]
    assert [f"adds to message {first.id}" in body for body in bodies].count(True) == 1


@virtual_time
async def test_a_withheld_number_may_leave_a_message_too(tmp_path: Path) -> None:
    async with office(tmp_path, LEAVES_A_MESSAGE) as at:
        for _ in range(2):
            await at.line.call(caller="anonymous")
        second, first = await at.voicemails()
        mails = await at.inbox.wait(2)
    assert first.call.caller_number is None and second.adds_to_id is None
    assert mails[0]["Subject"] == "Voicemail from Anna Miller (a withheld number)"


class Short(AfterHoursVoicemail):
    longest_message_seconds = 4.0


@virtual_time
async def test_a_message_has_a_longest_length(tmp_path: Path) -> None:
    scenario = plot(
        say(f"{MESSAGE} {MESSAGE} {MESSAGE}"),
        WAIT,
        model=[told(say="That is all I can record. Goodbye.", call=[COMPLETE, GOODBYE])],
    )
    async with office(tmp_path, scenario, Short, sample_rate=8000) as at:
        call = await at.line.call()
        (voicemail,) = await at.voicemails()
        pcm, rate = at.recording(voicemail)
        texts = at.told()
    assert rate == 8000 and len(pcm) / 2 / rate == pytest.approx(4.0, abs=0.01)
    assert any("longest length" in text for text in texts)
    assert call.ended is EndReason.AGENT_HUNG_UP


class Frugal(AfterHoursVoicemail):
    largest_attachment = 1000


@virtual_time
async def test_a_large_recording_stays_where_it_is(tmp_path: Path) -> None:
    async with office(tmp_path, LEAVES_A_MESSAGE, Frugal) as at:
        await at.line.call()
        (mail,) = await at.inbox.wait(1)
        (voicemail,) = await at.voicemails()
        assert at.recording(voicemail)[0]
    assert list(mail.iter_attachments()) == []
    body = mail.get_body(("plain",))
    assert body is not None and f"too large to be attached: {voicemail.recording}" in body.get_content()
