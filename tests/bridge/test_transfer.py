"""Putting the caller through: whatever happens while it rings, the caller is not left on a dead line."""

from __future__ import annotations

import asyncio

import pytest

from tests.bridge.model import FOR_GOOD, LISTENING, Model, answered, tone
from tests.phone import CALLEE, Phone, phone_system
from tests.virtual_time import virtual_time
from voiceagent import CallContext, VoiceAgent, tool
from voiceagent.report import EndReason, ToolStarted, TransferFailed, TransferStarted
from voiceagent.sandbox.exchange import Behaviour, Party

HAND_OVER = "One moment please, I put you through to the front desk."
SORRY = "I am sorry, nobody is there."


class Desk(VoiceAgent):
    instruction = "You answer."
    idle_seconds = None

    @tool(timeout=5)
    async def put_through(self, call: CallContext, ring_seconds: int = 60, stay: bool = False) -> str:
        """Connect the caller to the front desk."""
        return await call.transfer(note="asked for a person", ring_seconds=ring_seconds, stay=stay)


def asked_for(call: object, *rules: dict[str, object], caller: tuple[object, ...] = ()) -> dict[str, object]:
    """The caller asks to be put through, and the model makes ``call``."""
    return {
        "script": [{"wait": "agent_done"}, {"say": "please do it now"}, *caller, {"wait": 60}, "hangup"],
        "model": [
            {"on": "start", "say": "Hello, what can I do for you?"},
            {"on": "caller_done", "say": HAND_OVER, "call": call},
            *rules,
        ],
    }


async def ringing(phone: Phone) -> None:
    """Return a second after the callee's phone has begun to ring."""
    for _ in range(600):
        await asyncio.sleep(0.1)
        if phone.seen(TransferStarted):
            break
    await asyncio.sleep(1)


@virtual_time
async def test_ringing_may_take_longer_than_the_tool_that_asked_for_it() -> None:
    plot = asked_for({"put_through": {}}, {"on": "tool_result", "say": SORRY})
    async with phone_system(Desk, plot) as phone:
        phone.exchange.parties[CALLEE] = Party(Behaviour.NOANSWER, 20_000)
        _, report = await phone.call()
        (started,) = phone.seen(TransferStarted)
    assert started.note == "asked for a person"
    assert "Nobody answered" in str(report.tools[0].result)
    assert report.transcript[-1].text.endswith(SORRY)


@virtual_time
async def test_a_ring_time_out_of_range_costs_nothing_but_the_transfer() -> None:
    plot = asked_for({"put_through": {"ring_seconds": 500}}, {"on": "tool_result", "say": SORRY})
    async with phone_system(Desk, plot) as phone:
        _, report = await phone.call()
        assert phone.seen(TransferStarted) == []
    assert report.tools[0].ok is False
    assert report.transcript[-1].text.endswith(SORRY)


@pytest.mark.parametrize(
    "calls",
    [
        [{"transfer_call": {}}, {"end_call": {}}],
        [{"end_call": {}}, {"transfer_call": {}}],
        [{"transfer_call": {}}, {"put_through": {}}],
    ],
    ids=["then end", "end first", "twice"],
)
@virtual_time
async def test_a_model_that_also_hangs_up_or_asks_twice_does_not_cost_the_transfer(calls: object) -> None:
    async with phone_system(Desk, asked_for(calls)) as phone:
        phone.exchange.parties[CALLEE] = Party(Behaviour.ANSWER, 10_000)
        _, report = await phone.call()
        assert len(phone.seen(TransferStarted)) == 1
        assert phone.seen(TransferFailed) == []
    assert report.ended is EndReason.TRANSFERRED


@virtual_time
async def test_a_model_that_hangs_up_while_the_caller_is_put_through_is_told_to_wait() -> None:
    async with phone_system(Desk, asked_for([{"transfer_call": {}}, {"end_call": {}}])) as phone:
        phone.exchange.parties[CALLEE] = Party(Behaviour.ANSWER, 5000)
        _, report = await phone.call()
    (told,) = (use.result for use in report.tools if use.name == "end_call")
    assert told == {"result": "The call does not end now: the caller is being put through. Wait for it."}


@virtual_time
async def test_a_model_that_does_not_stop_speaking_does_not_keep_the_caller_from_being_put_through() -> None:
    async with phone_system(Desk, LISTENING | {"script": [{"wait": 100}, "hangup"]}) as phone:
        call, model = await answered(phone)
        await model.calls({"id": "1", "name": "transfer_call", "args": {}})
        for _ in range(70):
            if phone.reports.empty():
                await model.speaks(tone(1))
                await asyncio.sleep(1)
        assert call.snapshot()["state"] == "detached"
        assert (await phone.reports.get()).ended is EndReason.TRANSFERRED


@virtual_time
async def test_when_the_model_takes_the_transfer_back_it_is_heard_again() -> None:
    plot = asked_for(
        {"transfer_call": {}},
        {"on": "caller_done", "say": "Yes, I am here."},
        caller=({"wait": 12}, {"say": "are you there"}),
    )
    async with phone_system(Desk, plot) as phone:
        phone.exchange.parties[CALLEE] = Party(Behaviour.NOANSWER, 60_000)
        phone.ring()
        await ringing(phone)
        await Model(phone).cancels(phone.seen(ToolStarted)[0].id)
        report = await phone.reports.get()
    assert report.transcript[-1].text == "Yes, I am here."


@virtual_time
async def test_a_callee_who_answers_after_the_tool_was_cancelled_is_left_alone_with_the_caller() -> None:
    async with phone_system(Desk, asked_for({"transfer_call": {}})) as phone:
        phone.exchange.parties[CALLEE] = Party(Behaviour.ANSWER, 8000)
        call = phone.ring()
        await ringing(phone)
        await Model(phone).cancels(phone.seen(ToolStarted)[0].id)
        report = await phone.reports.get()
        assert call.snapshot()["state"] == "detached"
    assert report.ended is EndReason.TRANSFERRED


@virtual_time
async def test_ringing_goes_on_when_the_model_is_lost_after_it_took_the_transfer_back() -> None:
    async with phone_system(Desk, asked_for({"transfer_call": {}}) | FOR_GOOD) as phone:
        phone.exchange.parties[CALLEE] = Party(Behaviour.ANSWER, 20_000)
        call = phone.ring()
        await ringing(phone)
        await Model(phone).cancels(phone.seen(ToolStarted)[0].id)
        await asyncio.sleep(1)
        await Model(phone).leaves()
        report = await phone.reports.get()
        assert call.snapshot()["state"] == "detached"
    assert report.ended is EndReason.TRANSFERRED


@virtual_time
async def test_a_callee_who_answers_into_the_goodbye_is_left_alone_with_the_caller() -> None:
    async with phone_system(Desk, asked_for({"put_through": {"stay": True}})) as phone:
        phone.exchange.parties[CALLEE] = Party(Behaviour.ANSWER, 5000)
        call = phone.ring()
        await ringing(phone)
        model = Model(phone)
        await model.cancels(phone.seen(ToolStarted)[0].id)
        await model.calls({"id": "goodbye", "name": "end_call", "args": {}})
        await model.speaks(tone(10))
        report = await phone.reports.get()
        assert call.snapshot()["state"] == "detached"
    assert report.ended is EndReason.TRANSFERRED


@virtual_time
async def test_ringing_goes_on_when_the_model_is_lost() -> None:
    async with phone_system(Desk, asked_for({"transfer_call": {}}) | FOR_GOOD) as phone:
        phone.exchange.parties[CALLEE] = Party(Behaviour.ANSWER, 20_000)
        call = phone.ring()
        await ringing(phone)
        await Model(phone).leaves()
        report = await phone.reports.get()
        assert call.snapshot()["state"] == "detached"
    assert report.ended is EndReason.TRANSFERRED


@virtual_time
async def test_a_model_lost_while_nobody_answered_ends_the_call_in_order() -> None:
    async with phone_system(Desk, asked_for({"transfer_call": {}}) | FOR_GOOD) as phone:
        phone.exchange.parties[CALLEE] = Party(Behaviour.REJECT, 5000)
        call = phone.ring()
        await ringing(phone)
        await Model(phone).leaves()
        report = await phone.reports.get()
        assert call.snapshot()["state"] == "ended"
    assert report.ended is EndReason.MODEL_UNAVAILABLE


@virtual_time
async def test_a_callee_who_did_not_come_is_not_rung_again_because_the_model_was_lost_meanwhile() -> None:
    async with phone_system(Desk, asked_for({"transfer_call": {}}) | FOR_GOOD) as phone:
        phone.exchange.parties[CALLEE] = Party(Behaviour.REJECT, 25_000)
        call = phone.ring()
        await ringing(phone)
        await Model(phone).leaves()
        report = await phone.reports.get()
        rings = [event for event in call.snapshot()["events"] if event["event"] == "callee_ringing"]
    assert report.ended is EndReason.MODEL_UNAVAILABLE
    assert len(rings) == 1


@virtual_time
async def test_a_caller_who_hangs_up_while_it_rings_is_no_failed_transfer() -> None:
    plot = asked_for({"transfer_call": {}}, caller=({"wait": "agent_done"}, {"wait": 3}, "hangup"))
    async with phone_system(Desk, plot) as phone:
        phone.exchange.parties[CALLEE] = Party(Behaviour.ANSWER, 20_000)
        _, report = await phone.call()
        assert len(phone.seen(TransferStarted)) == 1
        assert phone.seen(TransferFailed) == []
    assert report.ended is EndReason.CALLER_HUNG_UP
    assert report.tools[0].result == {"result": "The call has ended."}
