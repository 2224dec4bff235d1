"""How the agent leaves: after its goodbye, to a person, or not at all."""

from __future__ import annotations

import pytest

from tests.phone import CALLEE, audible_ms, loud_ms, phone_system
from tests.virtual_time import virtual_time
from voiceagent import VoiceAgent
from voiceagent.report import EndReason, TransferFailed, TransferStarted
from voiceagent.sandbox.exchange import Behaviour, Party

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
async def test_a_model_that_says_no_goodbye_does_not_keep_the_line() -> None:
    scenario = after_request({"on": "caller_done", "call": {"end_call": {}}})
    async with phone_system(Agent, scenario) as phone:
        _, report = await phone.call(30)
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
    assert report.transcript[-1].text == f"{HAND_OVER} I am sorry, nobody is at the desk."
    (use,) = report.tools
    assert "still on the line" in str(use.result)
    assert report.ended is EndReason.CALLER_HUNG_UP
