"""A call comes to its end, and a message is kept, whatever the model does or leaves undone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agents.after_hours_voicemail import AfterHoursVoicemail
from tests.agents_.after_hours_voicemail.office import (
    COMPLETE,
    CONFIRM,
    DAY,
    GOODBYE,
    GREETING,
    LEAVES_A_MESSAGE,
    MESSAGE,
    heard,
    office,
    plot,
    say,
    then,
    told,
)
from voiceagent import CallContext, Decision
from voiceagent.report import CallerText, EndReason
from voiceagent.testing import contains_speech, virtual_time
from voiceagent.testing.audio import CALLER_VOICE

STAYS = {"wait": 120}
"""The caller holds the line and says nothing."""


@virtual_time
async def test_a_caller_who_falls_silent_is_confirmed_and_bid_goodbye(tmp_path: Path) -> None:
    scenario = plot(
        say(MESSAGE),
        STAYS,
        # The model says nothing at first, as it was told to let callers speak.
        model=[heard(MESSAGE), told(call=COMPLETE), then(CONFIRM, call=GOODBYE)],
    )
    async with office(tmp_path, scenario) as at:
        call = await at.line.call()
        (voicemail,) = await at.voicemails()
        texts = at.told()
    assert len(texts) == 2 and "silent for some seconds" in texts[1]
    assert call.caller.heard_speech(CONFIRM)
    assert voicemail.complete and voicemail.transcript == MESSAGE
    # Five seconds of silence, the confirmation and the goodbye; the silence is not in the message.
    assert 10_000 < call.report.duration_ms < 25_000
    assert voicemail.seconds < 5.5


@virtual_time
async def test_a_caller_who_says_nothing_is_asked_and_let_go(tmp_path: Path) -> None:
    scenario = plot(
        STAYS,
        model=[told(say="Are you still there?"), told(say="Goodbye then.", call=GOODBYE)],
    )
    async with office(tmp_path, scenario) as at:
        call = await at.line.call()
        texts = at.told()
        assert await at.voicemails() == [] and len(await at.missed_calls()) == 1
        assert at.files == []
    assert len(texts) == 3 and "silent for" in texts[1] and "still silent" in texts[2]
    assert call.caller.heard_speech("Are you still there?") and call.caller.heard_speech("Goodbye then.")
    assert call.ended is EndReason.AGENT_HUNG_UP


@virtual_time
async def test_a_model_that_never_calls_a_tool_costs_neither_the_message_nor_the_line(tmp_path: Path) -> None:
    async with office(tmp_path, plot(say(MESSAGE), STAYS, model=[told(say="I see.")])) as at:
        call = await at.line.call()
        (voicemail,) = await at.voicemails()
        pcm, rate = at.recording(voicemail)
        await at.inbox.wait(1)
    assert call.tools == [] and call.ended is EndReason.AGENT_HUNG_UP
    assert call.report.end_note == "the caller is silent"
    assert contains_speech(pcm, MESSAGE, rate, voice=CALLER_VOICE)
    assert not voicemail.complete
    assert call.report.duration_ms < 60_000


@virtual_time
async def test_a_model_that_ends_at_once_is_told_to_wait_for_the_caller(tmp_path: Path) -> None:
    scenario: dict[str, Any] = {
        "script": [{"wait": "agent_done"}, say(MESSAGE), STAYS],
        "model": [
            {"on": "start", "say": GREETING, "call": GOODBYE},
            {"on": "tool_result"},
            heard(MESSAGE, call=COMPLETE),
            then(CONFIRM, call=GOODBYE),
        ],
    }
    async with office(tmp_path, scenario) as at:
        call = await at.line.call()
        (voicemail,) = await at.voicemails()
    refused, *others = call.tools
    assert refused.ok is False and "no time to speak" in str(refused.result)
    assert [(use.name, use.ok) for use in others] == [("message_complete", True), ("end_call", True)]
    assert voicemail.transcript == MESSAGE


NONSENSE: list[tuple[str, dict[str, Any]]] = [
    ("no arguments", {}),
    ("an empty summary", {"summary": " \n "}),
    ("an urgency that is none", {"summary": "x", "urgency": "apocalyptic"}),
    ("a number that is none", {"summary": "x", "callback_number": "'; DROP TABLE voicemails; --"}),
    ("somebody else's identity", {"summary": "x", "caller_number": "+15550666"}),
    ("a path", {"summary": "x", "recording": "../../etc/passwd"}),
    ("a number for a name", {"summary": "x", "caller_name": 7}),
    ("a book", {"summary": "la " * 10_000}),
]


@virtual_time
async def test_nonsense_is_refused_and_the_message_is_kept(tmp_path: Path) -> None:
    calls = [{"message_complete": arguments} for _, arguments in NONSENSE]
    calls += [{"save_message": {"to": "everybody"}}, {"transfer_call": {}}]
    scenario = plot(say(MESSAGE), STAYS, model=[heard(MESSAGE, call=calls), then(CONFIRM, call=GOODBYE)])
    async with office(tmp_path, scenario) as at:
        call = await at.line.call()
        (voicemail,) = await at.voicemails()
        pcm, rate = at.recording(voicemail)
        (mail,) = await at.inbox.wait(1)
        stored = [path.name for path in at.files]
    assert [use.ok for use in call.tools] == [False] * len(calls) + [True]
    assert contains_speech(pcm, MESSAGE, rate, voice=CALLER_VOICE)
    assert (voicemail.summary, voicemail.complete) == ("", False)
    assert voicemail.call.caller_number == "+15550100"
    assert mail["Subject"] == "Voicemail from +15550100"
    assert stored == [voicemail.recording]


@virtual_time
async def test_what_the_model_writes_reaches_the_mail_as_text_and_nothing_else(tmp_path: Path) -> None:
    details = {
        "summary": "first line\r\nBcc: everybody@example.com \u202eend",
        "caller_name": "Anna\nX-Evil: 1",
        "callback_number": "+1 (555) 010-0",
        "urgency": "urgent",
    }
    scenario = plot(
        say(MESSAGE),
        STAYS,
        model=[heard(MESSAGE, call={"message_complete": details}), then(CONFIRM, call=GOODBYE)],
    )
    async with office(tmp_path, scenario) as at:
        await at.line.call()
        (voicemail,) = await at.voicemails()
        (mail,) = await at.inbox.wait(1)
        (hook,) = await at.hooks.wait(1)
    assert voicemail.summary == "first line Bcc: everybody@example.com end"
    assert (voicemail.caller_name, voicemail.callback_number) == ("Anna X-Evil: 1", "+15550100")
    assert mail["Subject"] == "Urgent voicemail from Anna X-Evil: 1 (+15550100)"
    assert mail["Bcc"] is None and mail["X-Evil"] is None
    assert hook.json["data"]["urgency"] == "urgent"


@virtual_time
async def test_a_model_that_loops_is_ended_and_the_message_is_stored_once(tmp_path: Path) -> None:
    loop = [{"on": "tool_result", "call": COMPLETE} for _ in range(25)]
    scenario = plot(say(MESSAGE), STAYS, model=[heard(MESSAGE, call=COMPLETE), *loop])
    async with office(tmp_path, scenario) as at:
        call = await at.line.call()
        assert len(await at.voicemails()) == 1
        await at.inbox.wait(1)
        await at.agent.outbox.deliver()
        assert len(at.inbox.messages) == 1
    assert call.ended is EndReason.AGENT_HUNG_UP
    assert len(call.tools) == 26


class Impatient(AfterHoursVoicemail):
    longest_call_seconds = 30.0


@virtual_time
async def test_a_call_that_never_falls_silent_is_ended_all_the_same(tmp_path: Path) -> None:
    talk = [{"say": MESSAGE}, {"wait": 1}] * 30
    async with office(tmp_path, plot(*talk, model=[]), Impatient) as at:
        call = await at.line.call()
        (voicemail,) = await at.voicemails()
    assert call.ended is EndReason.AGENT_HUNG_UP
    assert call.report.duration_ms < 60_000 and voicemail.seconds > 15


GONE = {"at": 0.05, "refuse": 503, "times": 99}
"""After the first connection to the model of a call there is no other."""


@virtual_time
async def test_a_model_that_is_lost_in_mid_message_leaves_what_was_said(tmp_path: Path) -> None:
    faults = [{"at": 8.0, "close": 1011}, GONE]
    scenario = {**plot(say(MESSAGE), STAYS, model=[heard(MESSAGE)]), "faults": faults}
    async with office(tmp_path, scenario) as at:
        call = await at.line.call()
        (voicemail,) = await at.voicemails()
        pcm, rate = at.recording(voicemail)
    assert call.ended is EndReason.MODEL_UNAVAILABLE
    assert contains_speech(pcm, MESSAGE, rate, voice=CALLER_VOICE)


@pytest.mark.parametrize(("now", "told_people"), [(None, False), (DAY, True)], ids=["night", "day"])
@virtual_time
async def test_without_a_model_the_people_are_tried_again_only_while_they_may_be_there(
    tmp_path: Path, now: Any, told_people: bool
) -> None:
    faults = [{"at": 1.0, "close": 1011}, GONE]
    scenario = {**LEAVES_A_MESSAGE, "callee": {"answers": False}, "faults": faults}
    async with office(tmp_path, scenario, **({} if now is None else {"now": now})) as at:
        call = await at.line.call()
        assert len(await at.missed_calls()) == 1
    rung = [event for event in call.events if "ring" in event["event"]]
    assert call.ended is EndReason.MODEL_UNAVAILABLE
    assert (len(rung) > 1) is told_people


@virtual_time
async def test_a_program_that_is_stopped_in_mid_message_keeps_what_was_said(tmp_path: Path) -> None:
    async with office(tmp_path, plot(say(MESSAGE), STAYS, model=[heard(MESSAGE)])) as at:
        async with at.line.ringing() as running:
            await running.until(CallerText)
            for conversation in list(at.line.service._conversations):
                conversation.stop()
        (voicemail,) = await at.voicemails()
        pcm, rate = at.recording(voicemail)
    assert running.played.ended is EndReason.SHUTDOWN
    assert (voicemail.call.ended, voicemail.complete) == ("shutdown", False)
    assert contains_speech(pcm, MESSAGE, rate, voice=CALLER_VOICE)


class DecidesAlone(AfterHoursVoicemail):
    async def on_incoming(self, call: CallContext) -> Decision:
        return Decision.REJECT if call.caller_number == "+15550666" else Decision.ANSWER


@virtual_time
async def test_a_subclass_may_decide_what_to_do_with_a_call_that_rings(tmp_path: Path) -> None:
    async with office(tmp_path, LEAVES_A_MESSAGE, DecidesAlone, now=DAY) as at:
        rejected = await at.line.call(caller="+15550666")
        assert await at.missed_calls() == []
        taken = await at.line.call()
        (voicemail,) = await at.voicemails()
    assert (rejected.ended, taken.ended) == (EndReason.REJECTED, EndReason.AGENT_HUNG_UP)
    assert voicemail.transcript == MESSAGE
