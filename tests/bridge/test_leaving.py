"""How the agent leaves: after its goodbye, to a person, or not at all."""

from __future__ import annotations

import asyncio

import pytest

from tests.bridge.model import LISTENING, Listener, answered, tone
from tests.phone import CALLEE, audible_ms, loud_ms, phone_system
from tests.virtual_time import virtual_time
from voiceagent import CallContext, Line, VoiceAgent, tool
from voiceagent.report import EndReason, TransferFailed, TransferStarted
from voiceagent.sandbox.exchange import Behaviour, Party
from voiceagent.sandbox.exchange.faults import Fault
from voiceagent.wire import media

RATE = 24000
GOODBYE = "Thank you for calling, have a very nice day, and goodbye."
HAND_OVER = "One moment please, I put you through to the front desk."


class Agent(VoiceAgent):
    instruction = "You answer."


def after_request(*rules: dict[str, object], caller: tuple[object, ...] = ()) -> dict[str, object]:
    """The caller asks for something after the greeting; then the rules come."""
    return {
        "script": [{"wait": "agent_done"}, {"say": "please do it now"}, *caller],
        "model": [{"on": "start", "say": "Hello, what can I do for you?"}, *rules],
    }


@virtual_time
async def test_a_goodbye_that_follows_the_tool_is_heard_to_its_end() -> None:
    scenario = after_request(
        {"on": "caller_done", "call": {"end_call": {"reason": "done"}}}, {"on": "tool_result", "say": GOODBYE}
    )
    async with phone_system(Agent, scenario) as phone:
        call, report = await phone.call()
        spans = loud_ms(call.leg("caller").heard(), RATE)
    assert report.ended is EndReason.AGENT_HUNG_UP
    assert abs((spans[-1][1] - spans[-1][0]) - audible_ms(GOODBYE)) <= 40
    assert report.transcript[-1].text == GOODBYE


@virtual_time
async def test_why_the_call_was_ended_is_in_the_report_and_in_no_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG", "voiceagent")
    ends = {"end_call": {"reason": "+15550100 has what she wanted"}}
    scenario = after_request({"on": "caller_done", "say": GOODBYE, "call": ends})
    async with phone_system(Agent, scenario) as phone:
        _, report = await phone.call()
    assert report.end_note == "+15550100 has what she wanted"
    assert "+15550100" not in caplog.text


class OldFamily(Listener):
    model = "gemini-2.5-flash-native-audio-preview-12-2025"


@virtual_time
async def test_a_goodbye_that_follows_in_the_same_answer_is_heard_to_its_end() -> None:
    scenario = {**LISTENING, "script": [{"wait": 60}, "hangup"]}
    async with phone_system(OldFamily, scenario) as phone:
        call, model = await answered(phone)
        await model.speaks(tone(1))
        await model.content(generationComplete=True)
        await model.calls({"id": "1", "name": "end_call"})
        await asyncio.sleep(0.5)
        for _ in range(30):
            await model.speaks(tone(0.1, 880))
            await asyncio.sleep(0.08)
        await model.ends_turn()
        report = await phone.reports.get()
        ((start, end),) = loud_ms(call.leg("caller").heard(), RATE)
    assert report.ended is EndReason.AGENT_HUNG_UP
    assert end - start == pytest.approx(4000, abs=40)


class Slow(Agent):
    @tool
    async def file_a_note(self) -> str:
        """File a note about the call."""
        await asyncio.sleep(25)
        return "filed"

    async def on_transcript(self, call: CallContext, line: Line) -> None:
        await asyncio.sleep(4)


@pytest.mark.parametrize("more", [[], [{"file_a_note": {}}]], ids=["slow hooks", "slow tool"])
@virtual_time
async def test_nobody_waits_on_a_silent_line_for_slow_hooks_or_tools(more: list[object]) -> None:
    calls = [*more, {"end_call": {}}]
    scenario = after_request({"on": "caller_done", "say": GOODBYE, "call": calls}, caller=({"wait": 60},))
    async with phone_system(Slow, scenario) as phone:
        call, report = await phone.call()
        heard = call.leg("caller").heard()
    assert report.ended is EndReason.AGENT_HUNG_UP
    silence_ms = len(heard) / (2 * RATE) * 1000 - loud_ms(heard, RATE)[-1][1]
    assert silence_ms < 1500
    assert report.duration_ms - (report.answered_ms or 0) < len(heard) / (2 * RATE) * 1000 + 100


@virtual_time
async def test_a_line_that_does_not_answer_is_let_go_all_the_same() -> None:
    scenario = after_request(
        {"on": "caller_done", "say": GOODBYE, "call": {"end_call": {}}}, caller=({"wait": 99},)
    )
    async with phone_system(Agent, scenario) as phone:
        phone.exchange.faults.order(media.DISCONNECT, Fault(silent=True))
        phone.exchange.faults.order(media.CLOSE, Fault(silent=True))
        call, report = await phone.call()
        await asyncio.sleep(5)
        there = call.snapshot()
        assert there["state"] == "ended"
        told = [event.get("command") for event in there["events"] if event["event"] == "command"]
        assert told.count(media.DISCONNECT) == 2, "by the agent, then by the client that tears the call down"
    assert report.ended is EndReason.AGENT_HUNG_UP


@virtual_time
async def test_a_caller_who_speaks_into_the_goodbye_is_not_hung_up_on() -> None:
    scenario = after_request(
        {"on": "caller_done", "say": GOODBYE, "call": {"end_call": {}}},
        {"on": "caller_done", "say": "Sure, what else?"},
        caller=({"interrupt_after": 1.0}, {"say": "wait, one more thing"}, {"wait": "agent_done"}, "hangup"),
    )
    async with phone_system(Agent, scenario) as phone:
        _, report = await phone.call()
    assert report.ended is EndReason.CALLER_HUNG_UP
    assert report.transcript[-1].text == "Sure, what else?"


@virtual_time
async def test_a_transfer_rings_after_the_hand_over_line_and_leaves_the_two_alone() -> None:
    scenario = after_request(
        {"on": "caller_done", "say": HAND_OVER, "call": {"transfer_call": {"reason": "wants a person"}}}
    )
    async with phone_system(Agent, scenario) as phone:
        call, report = await phone.call()
        snapshot = call.snapshot()
        heard = call.leg("caller").heard()
        (started,) = phone.seen(TransferStarted)
    assert report.ended is EndReason.TRANSFERRED
    assert snapshot["state"] == "detached"
    assert not snapshot["agent_connected"]
    spans = loud_ms(heard, RATE)
    assert abs((spans[-1][1] - spans[-1][0]) - audible_ms(HAND_OVER)) <= 40
    answered = report.answered_ms or 0.0
    assert started.at_ms - answered >= spans[-1][1] - 50, "nobody rings while the agent speaks"


@pytest.mark.parametrize("behaviour", [Behaviour.NOANSWER, Behaviour.REJECT])
@virtual_time
async def test_when_nobody_takes_the_transfer_the_conversation_goes_on(behaviour: Behaviour) -> None:
    scenario = after_request(
        {"on": "caller_done", "say": HAND_OVER, "call": {"transfer_call": {}}},
        {"on": "tool_result", "say": "I am sorry, nobody is at the desk."},
        caller=({"wait": "agent_done"}, {"wait": "agent_done"}, "hangup"),
    )
    async with phone_system(Agent, scenario) as phone:
        phone.exchange.parties[CALLEE] = Party(behaviour, 500)
        _, report = await phone.call()
        (failed,) = phone.seen(TransferFailed)
    assert failed.error_code == "CALL_UNANSWERED"
    assert [line.text for line in report.transcript[-2:]] == [
        HAND_OVER,
        "I am sorry, nobody is at the desk.",
    ]
    (use,) = report.tools
    assert "still on the line" in str(use.result)
    assert report.ended is EndReason.CALLER_HUNG_UP
