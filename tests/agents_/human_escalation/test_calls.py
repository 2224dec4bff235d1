"""A caller is helped, put through, or called back; what a person has to know reaches them, and only them."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.human_escalation import agent as ready_agent
from agents.human_escalation import demo
from tests.agents_.human_escalation.stage import (
    BRIEFING,
    COMPLAINT,
    HAND_OVER,
    HELLO,
    NOBODY,
    SUMMARY,
    Plumber,
    callback,
    cases,
    complaining,
    escalating,
    team,
)
from tools.escalation import EscalationState
from voiceagent.report import CalleeJoined, EndReason, TransferStarted
from voiceagent.testing import phone_line, virtual_time

SCENARIO = Path(__file__).parents[3] / "agents" / "human_escalation" / "scenario.yaml"

ANSWERS = {
    "answers": True,
    "after": 3,
    "script": [{"wait": "agent_done"}, {"say": "hello this is Ben"}, "hangup"],
}
AWAY = {"answers": False}


@virtual_time
async def test_the_demo_is_helped_then_put_through_with_a_briefing(database_url: str) -> None:
    async with phone_line(ready_agent, SCENARIO) as line:
        played = await line.call()
        (case,) = await cases(line, played)
    assert played.ended is EndReason.TRANSFERRED and played.violations == []
    assert played.callee.heard_speech(BRIEFING) and not played.caller.heard_speech(BRIEFING)
    assert played.caller.heard_speech(HAND_OVER) and not played.callee.heard_speech(HAND_OVER)
    # From the hand-over line on, the caller hears a ring, then the plumber, and nothing else.
    *_, ring, _plumber = played.caller.heard_ms
    assert len(played.caller.heard_ms) == 5 and ring[1] - ring[0] == 1000
    assert played.caller.heard_speech("hello, this is Ben, I have your bill here", voice="en-GB")

    assert (case.state, case.reason, case.summary) == ("connected", "billing", SUMMARY)
    assert case.caller_number == "+15550100" and case.settled_at is not None
    assert case.facts["looked_up"] == [{"question": "cost of a visit", "found": "Prices of a visit"}]
    assert [line["who"] for line in case.transcript] == ["agent", "caller"] * 2 + ["agent", "agent"]
    assert await demo.after(database_url) == [
        f"escalation, connected: billing, {SUMMARY}",
        "kept with it: 6 lines of the call",
    ]


@virtual_time
async def test_what_can_be_answered_needs_nobody() -> None:
    answer = "We are open Monday to Friday from eight to six, and on Saturday from nine to one."
    plot = {
        "script": [
            {"wait": "agent_done"},
            {"say": "when are you open"},
            {"wait": "agent_done"},
            {"say": "thank you, goodbye"},
            {"wait": 30},
        ],
        "callee": ANSWERS,
        "model": [
            HELLO,
            {
                "on": "caller_done",
                "heard": "when are you open",
                "call": {"search_help": {"question": "opening hours"}},
            },
            {"on": "tool_result", "result": "eight to six", "say": answer},
            {"on": "caller_done", "heard": "thank you, goodbye", "say": "Goodbye.", "call": {"end_call": {}}},
        ],
    }
    async with phone_line(Plumber, plot) as line:
        played = await line.call()
        assert await cases(line, played) == []
    assert played.ended is EndReason.AGENT_HUNG_UP and played.caller.heard_speech(answer)
    assert played.seen(TransferStarted) == []


@virtual_time
async def test_the_case_is_saved_before_anybodys_phone_rings() -> None:
    plot = {
        "script": complaining({"wait": 60}),
        "callee": ANSWERS,
        "model": escalating({"on": "tool_result", "say": BRIEFING}),
    }
    async with phone_line(Plumber, plot) as line, line.ringing() as running:
        await running.until(TransferStarted)
        (case,) = await cases(line, running.played)
        assert running.seen(CalleeJoined) == []
        assert case.state == "ringing" and case.settled_at is None
        assert case.transcript == [
            {"who": "agent", "text": HELLO["say"]},
            {"who": "caller", "text": COMPLAINT},
        ]


@pytest.mark.parametrize("callee", [AWAY, {"rejects": True, "after": 3}], ids=["unanswered", "rejected"])
@virtual_time
async def test_when_nobody_is_there_a_callback_is_booked_and_the_team_is_told(
    callee: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    plot = {
        "script": complaining(
            {"wait": "agent_done"},
            {"wait": "agent_done"},
            {"say": "tomorrow at ten would be better"},
            {"wait": 60},
        ),
        "callee": callee,
        "model": escalating(
            {"on": "tool_result", "result": "Monday, March 2, at 9:30 AM", "say": NOBODY},
            {
                "on": "caller_done",
                "heard": "tomorrow at ten would be better",
                "call": {"book_callback": {"day": "tomorrow", "time": "ten"}},
            },
            {"on": "tool_result", "say": "Tomorrow at ten, then. Goodbye.", "call": {"end_call": {}}},
        ),
    }
    async with team(monkeypatch) as (inbox, hooks), phone_line(Plumber, plot) as line:
        played = await line.call()
        (case,) = await cases(line, played)
        booked = await callback(line, played)
        mails, posts = await inbox.wait(2), await hooks.wait(2)
    assert played.ended is EndReason.AGENT_HUNG_UP and played.caller.heard_speech(NOBODY)
    assert played.callee.heard == b""
    assert booked is not None and booked.number == "+15550100" and booked.wish == f"billing: {SUMMARY}"
    assert (case.state, case.note, case.callback_id) == ("unanswered", "CALL_UNANSWERED", booked.id)
    assert [mail["To"] for mail in mails] == ["team@lakeside.example"] * 2
    assert "Monday, March 2, at 9:30 AM" in mails[0]["Subject"] and SUMMARY in mails[0].get_content()
    assert "Tuesday, March 3, at 10 AM (moved)" in mails[1]["Subject"]
    assert [post.json["data"]["moved"] for post in posts] == [False, True]


@virtual_time
async def test_a_caller_who_hangs_up_while_it_rings_is_called_back(monkeypatch: pytest.MonkeyPatch) -> None:
    plot = {
        "script": complaining({"wait": "agent_done"}, {"wait": 8}, "hangup"),
        "callee": {**ANSWERS, "after": 25},
        "model": escalating(),
    }
    async with team(monkeypatch) as (inbox, _), phone_line(Plumber, plot) as line:
        played = await line.call()
        (case,) = await cases(line, played)
        booked = await callback(line, played)
        (mail,) = await inbox.wait(1)
    assert played.ended is EndReason.CALLER_HUNG_UP and played.callee.heard == b""
    assert booked is not None and case.callback_id == booked.id
    assert (case.state, case.note) == ("abandoned", "caller_hung_up")
    assert "+15550100" in mail["Subject"]


@virtual_time
async def test_a_caller_who_hangs_up_before_anything_leaves_nothing_behind() -> None:
    plot = {"script": [{"wait": 1}, "hangup"], "callee": ANSWERS, "model": [HELLO]}
    async with phone_line(Plumber, plot) as line:
        played = await line.call()
        assert await cases(line, played) == [] and await callback(line, played) is None
    assert played.ended is EndReason.CALLER_HUNG_UP


@virtual_time
async def test_a_caller_who_barges_into_the_hand_over_line_is_put_through_all_the_same() -> None:
    plot = {
        "script": complaining({"interrupt_after": 1.0}, {"say": "yes please"}, {"wait": 30}),
        "callee": ANSWERS,
        "model": escalating({"on": "tool_result", "say": BRIEFING}),
    }
    async with phone_line(Plumber, plot) as line:
        played = await line.call()
        (case,) = await cases(line, played)
    assert played.ended is EndReason.TRANSFERRED and case.state == "connected"
    assert played.callee.heard_speech(BRIEFING) and not played.caller.heard_speech(BRIEFING)


@virtual_time
async def test_a_caller_who_hangs_up_during_the_briefing_was_connected() -> None:
    plot = {
        "script": complaining({"wait": 60}),
        "callee": {"answers": True, "after": 2},
        "model": escalating({"on": "tool_result", "say": BRIEFING}),
    }
    async with phone_line(Plumber, plot) as line:
        async with line.ringing() as running:
            await running.until(CalleeJoined)
            running.caller.hang_up()
        (case,) = await cases(line, running.played)
    assert running.played.ended is EndReason.CONFERENCE_ENDED
    assert case.state == EscalationState.CONNECTED and case.callback_id is None


@virtual_time
async def test_a_withheld_number_is_told_when_somebody_is_there() -> None:
    plot = {
        "script": complaining({"wait": "agent_done"}, {"wait": 40}, "hangup"),
        "callee": AWAY,
        "model": escalating(
            {"on": "tool_result", "result": "number is withheld", "say": "We are there from eight to six."}
        ),
    }
    async with phone_line(Plumber, plot) as line:
        played = await line.call(caller="anonymous")
        (case,) = await cases(line, played)
        assert await callback(line, played) is None
    assert played.caller.heard_speech("We are there from eight to six.")
    assert (case.state, case.caller_number) == ("unanswered", None)


EMERGENCY = "help, there is smoke coming out of the boiler"


@pytest.mark.parametrize("callee", [ANSWERS, AWAY], ids=["answered", "unanswered"])
@virtual_time
async def test_an_urgent_word_calls_a_person_whatever_the_model_does(callee: dict[str, object]) -> None:
    chatter = "Thank you for calling. Have you tried to switch it off and on again?"
    plot = {
        "script": [{"wait": "agent_done"}, {"say": EMERGENCY}, {"wait": 60}, "hangup"],
        "callee": callee,
        # A model that never thinks of calling anybody.
        "model": [
            HELLO,
            {"on": "caller_done", "heard": EMERGENCY, "say": chatter},
            {"on": "caller_done", "say": "All right."},
        ],
    }
    async with phone_line(Plumber, plot) as line:
        played = await line.call()
        (case,) = await cases(line, played)
    assert len(played.seen(TransferStarted)) == 1
    assert (case.reason, case.summary) == ("emergency", f"emergency. The caller said: {EMERGENCY}")
    if callee is AWAY:
        assert case.state == "unanswered" and case.callback_id is not None
        assert played.caller.heard_speech("All right.")
    else:
        assert case.state == "connected"
        assert played.callee.heard_speech("All right.") and not played.caller.heard_speech("All right.")


@virtual_time
async def test_an_urgent_word_and_the_models_own_escalation_ring_once() -> None:
    call = {"escalate_to_human": {"reason": "emergency", "summary": "There is smoke."}}
    plot = {
        "script": [{"wait": "agent_done"}, {"say": EMERGENCY}, {"wait": 40}, "hangup"],
        "callee": ANSWERS,
        "model": [
            HELLO,
            {"on": "caller_done", "heard": EMERGENCY, "say": "I call somebody at once.", "call": call},
            {"on": "tool_result"},
            {"on": "caller_done", "say": BRIEFING},
        ],
    }
    async with phone_line(Plumber, plot) as line:
        played = await line.call()
        (case,) = await cases(line, played)
    assert len(played.seen(TransferStarted)) == 1 and played.ended is EndReason.TRANSFERRED
    assert (case.reason, case.state) == ("emergency", "connected")
    assert played.callee.heard_speech(BRIEFING) and not played.caller.heard_speech(BRIEFING)
