"""By day the people of the practice are rung first; at night, or unanswered, callers leave a message."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents.after_hours_voicemail import AfterHoursVoicemail
from tests.agents_.after_hours_voicemail.office import (
    ANNA,
    CONFIRM,
    DAY,
    GREETING,
    LEAVES_A_MESSAGE,
    MESSAGE,
    office,
)
from tools.hours import OpeningHours
from tools.voicemail import DRAFT, Draft, Occasion
from voiceagent import CallContext
from voiceagent.report import Answered, EndReason
from voiceagent.testing import virtual_time
from voiceagent.testing.audio import CALLER_VOICE

ANSWERS = {
    "answers": True,
    "after": 2.5,
    "script": [{"say": "this is the practice good morning"}, {"wait": "agent_done"}, "hangup"],
}


@virtual_time
async def test_in_opening_hours_caller_and_callee_talk_and_the_agent_is_never_heard(tmp_path: Path) -> None:
    scenario = {
        "script": [{"wait": "agent_done"}, {"say": MESSAGE}, {"wait": 30}],
        "callee": ANSWERS,
        "model": [{"on": "start", "say": GREETING}],
    }
    async with office(tmp_path, scenario, now=DAY) as at:
        call = await at.line.call()
        assert await at.missed_calls() == [] and await at.voicemails() == []
        assert at.files == [] and at.line.live.records == []
        await at.agent.outbox.deliver()
        assert at.inbox.attempts == 0 and at.hooks.requests == []

    assert call.ended is EndReason.CONNECTED and call.seen(Answered) == []
    assert call.caller.heard_speech("this is the practice good morning", voice=CALLER_VOICE)
    assert call.callee.heard_speech(MESSAGE, voice=CALLER_VOICE)
    ((start, end),) = call.caller.heard_ms
    assert end - start < 4000, "the callee's one sentence, and nothing of the agent"
    assert not call.caller.heard_speech(GREETING)


@pytest.mark.parametrize(
    ("callee", "rings_s"),
    [({"answers": False}, 15), ({"rejects": True, "after": 2.0}, 2)],
    ids=["nobody picks up", "the callee rejects"],
)
@virtual_time
async def test_who_is_not_reached_leaves_a_message(
    tmp_path: Path, callee: dict[str, object], rings_s: int
) -> None:
    async with office(tmp_path, {**LEAVES_A_MESSAGE, "callee": callee}, now=DAY) as at:
        call = await at.line.call()
        (voicemail,) = await at.voicemails()
        (mail,) = await at.inbox.wait(1)
        greeted = at.told()[0]
    assert "Everybody is busy at the moment" in greeted and "closed" not in greeted
    (answered,) = call.seen(Answered)
    assert answered.at_ms / 1000 == pytest.approx(rings_s, abs=1.0)
    assert call.ended is EndReason.AGENT_HUNG_UP
    assert (voicemail.call.occasion, voicemail.transcript) == ("unanswered", MESSAGE)
    assert call.caller.heard_speech(CONFIRM) and call.callee.heard == b""
    body = mail.get_body(("plain",))
    assert body is not None and "nobody picked up" in body.get_content()


@virtual_time
async def test_a_caller_who_hangs_up_while_it_rings_has_been_missed(tmp_path: Path) -> None:
    scenario = {"script": [{"wait": 5}, "hangup"], "callee": {"answers": False}}
    async with office(tmp_path, scenario, now=DAY) as at:
        await at.line.call()
        (missed,) = await at.missed_calls()
        assert await at.voicemails() == [] and at.files == []
    assert (missed.caller_number, missed.occasion, missed.ended) == (ANNA, "unanswered", "caller_hung_up")


@virtual_time
async def test_on_a_holiday_the_practice_is_closed_at_ten_in_the_morning(tmp_path: Path) -> None:
    thanksgiving = datetime(2026, 11, 26, 15, 0, tzinfo=UTC)
    async with office(tmp_path, {**LEAVES_A_MESSAGE, "callee": ANSWERS}, now=thanksgiving) as at:
        call = await at.line.call()
        (voicemail,) = await at.voicemails()
        greeted = at.told()[0]
    assert "open again on Friday, November 27, at 8 AM" in greeted
    assert voicemail.call.occasion == "closed" and call.callee.heard == b""


@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        ("en-US", ("closed now, and open again on Tuesday, March 3, at 8 AM", "Everybody is busy")),
        ("de-DE", ("öffnen wieder am Dienstag, 3. März, um 8 Uhr", "Im Moment sind alle im Gespräch")),
        ("es-MX", ("abrimos de nuevo el martes, 3 de marzo, a las 8:00", "todos están ocupados")),
        ("fi", ("closed now, and open again on Tuesday, March 3, at 8 AM", "Everybody is busy")),
    ],
)
def test_the_fixed_lines_are_said_in_the_language_of_the_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str, sentences: tuple[str, str]
) -> None:
    monkeypatch.setenv("VOICEAGENT_DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path / 'voiceagent.db'}")
    night = datetime(2026, 3, 3, 1, 30, tzinfo=UTC)
    call = CallContext(call_id="call-1", language=language)
    for occasion, sentence in zip((Occasion.CLOSED, Occasion.UNANSWERED), sentences, strict=True):
        agent = AfterHoursVoicemail(now=lambda: night)
        agent._draft = call.state[DRAFT] = Draft("key", occasion, night)
        said = agent.build_greeting(call)
        assert said is not None and sentence in said
        assert "Riverside Dental" in said and "{" not in said
        instruction = agent.build_instruction(call)
        assert "{" not in instruction and "message_complete" in instruction


def test_a_business_without_a_next_opening_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEAGENT_DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path / 'voiceagent.db'}")

    class Closed(AfterHoursVoicemail):
        hours = OpeningHours(hours={})

    said = Closed().build_greeting(CallContext(call_id="call-1"))
    assert said is not None and "closed until further notice" in said


def test_nobody_is_offered_a_transfer_to_people_who_are_not_there() -> None:
    names = {getattr(each, "__name__", "") for each in AfterHoursVoicemail().tool_functions()}
    assert names == {"end_call", "message_complete", "start_over", "delete_message"}
