"""Mishaps while the caller is put through: a busy line, a lost connection, people who speak or leave."""

from __future__ import annotations

import asyncio

import pytest

from tests.bridge.model import FOR_GOOD, Model
from tests.phone import CALLEE, Phone, loud_ms, phone_system
from tests.virtual_time import virtual_time
from voiceagent import CallContext, VoiceAgent, tool
from voiceagent.report import (
    CalleeJoined,
    EndReason,
    ModelReopened,
    Moment,
    Nudged,
    ToolStarted,
    TransferFailed,
    TransferStarted,
    Whispered,
)
from voiceagent.sandbox.exchange import Behaviour, Party
from voiceagent.sandbox.exchange.call import ExchangeCall
from voiceagent.sandbox.exchange.faults import Fault
from voiceagent.sandbox.speech import speak
from voiceagent.testing import contains_speech
from voiceagent.wire import media

RATE = 24000
HAND_OVER = "One moment please, I put you through to the front desk."
SORRY = "I am sorry, nobody is there."
BRIEFING = "The caller wants the blue one, and they have called about it twice already."


class Desk(VoiceAgent):
    instruction = "You answer."

    @tool
    async def brief(self, call: CallContext) -> str:
        """Connect the caller, and tell the callee about them."""
        return await call.transfer(briefing="They want the blue one.")


def asked_for(call: object, *rules: dict[str, object], caller: tuple[object, ...] = ()) -> dict[str, object]:
    """The caller asks to be put through, and the model makes ``call``."""
    return {
        "script": [{"wait": "agent_done"}, {"say": "please do it now"}, *caller, {"wait": 200}],
        "model": [
            {"on": "start", "say": "Hello."},
            {"on": "caller_done", "say": HAND_OVER, "call": call},
            *rules,
        ],
    }


SAYS_SORRY: dict[str, object] = {"on": "tool_result", "say": SORRY}


async def seen(phone: Phone, kind: type[Moment]) -> None:
    for _ in range(10_000):
        await asyncio.sleep(0.01)
        if phone.seen(kind):
            return
    raise AssertionError(f"{kind.__name__} never came")


async def ringing(phone: Phone, behaviour: Behaviour, after_ms: int) -> ExchangeCall:
    """Return a second after the callee's phone has begun to ring."""
    phone.exchange.parties[CALLEE] = Party(behaviour, after_ms)
    call = phone.ring()
    await seen(phone, TransferStarted)
    await asyncio.sleep(1)
    return call


# Nobody takes the call ------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["CALL_BUSY", "CALL_REJECTED", "TIMEOUT"])
@virtual_time
async def test_a_line_that_says_why_it_failed_keeps_the_conversation(code: str) -> None:
    async with phone_system(Desk, asked_for({"transfer_call": {}}, SAYS_SORRY)) as phone:
        phone.exchange.faults.order(media.CONNECT, Fault(error_code=code))
        call = phone.ring()
        await seen(phone, TransferFailed)
        await asyncio.sleep(5)
        heard = call.caller.heard()
        call.caller.hang_up()
        report = await phone.reports.get()
    assert contains_speech(heard, SORRY, RATE)
    assert "The caller is still on the line: tell them that nobody could be reached" in str(
        report.tools[0].result
    )
    assert report.transfers_failed == [code]


@virtual_time
async def test_a_model_that_says_nothing_of_a_failed_transfer_is_asked_to() -> None:
    async with phone_system(Desk, asked_for({"transfer_call": {}})) as phone:
        call = await ringing(phone, Behaviour.NOANSWER, 5000)
        await seen(phone, TransferFailed)
        before = call.caller.heard_bytes
        await asyncio.sleep(12)
        heard = call.caller.heard()[before:]
        call.caller.hang_up()
        await phone.reports.get()
        assert len(phone.seen(Nudged)) == 1
    ((start, _),) = loud_ms(heard, RATE)
    assert start < 8000, "the caller hears the model's answer to that"


@virtual_time
async def test_a_second_try_may_succeed() -> None:
    plot = asked_for(
        {"transfer_call": {}},
        {"on": "tool_result", "say": "Nobody answers. I try once more.", "call": {"transfer_call": {}}},
    )
    async with phone_system(Desk, plot) as phone:
        call = await ringing(phone, Behaviour.NOANSWER, 3000)
        phone.exchange.parties[CALLEE] = Party(Behaviour.ANSWER, 3000)
        report = await phone.reports.get()
        assert call.snapshot()["state"] == "detached"
        assert not any(call.callee.heard())
    assert report.ended is EndReason.TRANSFERRED
    assert len(phone.seen(TransferStarted)) == 2


# People ---------------------------------------------------------------------------------------------------


@virtual_time
async def test_what_the_caller_says_while_it_rings_never_reaches_the_model() -> None:
    async with phone_system(Desk, asked_for({"transfer_call": {}}, SAYS_SORRY)) as phone:
        call = await ringing(phone, Behaviour.NOANSWER, 8000)
        call.caller.say(speak("oh dear, this takes so long", sample_rate=RATE, voice="en-GB"))
        await seen(phone, TransferFailed)
        await asyncio.sleep(8)
        call.caller.hang_up()
        report = await phone.reports.get()
        (session,) = phone.live.records
    assert [event["event"] for event in session.events].count("speech_started") == 1, (
        "the request, before it rang"
    )
    assert [line.text for line in report.transcript if line.who == "agent"][-2:] == [HAND_OVER, SORRY]


@virtual_time
async def test_a_caller_who_speaks_on_after_the_ringing_is_heard_again() -> None:
    plot = asked_for({"transfer_call": {}}, {"on": "caller_done", "say": "Yes, I am here."})
    async with phone_system(Desk, plot) as phone:
        call = await ringing(phone, Behaviour.REJECT, 3000)
        await seen(phone, TransferFailed)
        await asyncio.sleep(0.5)
        call.caller.say(speak("are you there", sample_rate=RATE, voice="en-GB"))
        await asyncio.sleep(6)
        heard = call.caller.heard()
        call.caller.hang_up()
        await phone.reports.get()
    assert contains_speech(heard, "Yes, I am here.", RATE)


@pytest.mark.parametrize("who", ["callee", "caller"])
@virtual_time
async def test_whoever_hangs_up_in_the_briefing_ends_the_call_in_order(who: str) -> None:
    plot = asked_for({"brief": {}}, {"on": "tool_result", "say": BRIEFING})
    async with phone_system(Desk, plot) as phone:
        call = await ringing(phone, Behaviour.ANSWER, 2000)
        await seen(phone, CalleeJoined)
        call.caller.clear_heard()
        await asyncio.sleep(2)
        call.leg(who).hang_up()
        report = await phone.reports.get()
        assert call.snapshot()["state"] == "ended" and call.snapshot()["violations"] == []
        assert not any(call.caller.heard())
        assert any(call.callee.heard())
    assert report.ended is EndReason.CONFERENCE_ENDED
    assert report.transcript[-1].interrupted and BRIEFING.startswith(report.transcript[-1].text)


# The connection to the model ------------------------------------------------------------------------------


@pytest.mark.parametrize("lost", [{}, FOR_GOOD], ids=["and opened anew", "for good"])
@virtual_time
async def test_a_connection_that_breaks_in_the_hand_over_line_costs_neither_it_nor_the_transfer(
    lost: dict[str, object],
) -> None:
    async with phone_system(Desk, asked_for({"transfer_call": {}}) | lost) as phone:
        phone.exchange.parties[CALLEE] = Party(Behaviour.ANSWER, 12_000)
        call = phone.ring()
        await seen(phone, ToolStarted)
        await asyncio.sleep(0.5)
        await Model(phone).leaves()
        await seen(phone, TransferStarted)
        heard = call.caller.heard()
        async with asyncio.timeout(20):
            report = await phone.reports.get()
        assert len(phone.seen(ModelReopened)) == (not lost)
        assert call.snapshot()["state"] == "detached"
        assert not any(call.callee.heard())
    assert contains_speech(heard, HAND_OVER, RATE)
    assert len(loud_ms(heard, RATE)) == 2, "it is said once"
    assert report.ended is EndReason.TRANSFERRED


@virtual_time
async def test_when_nobody_answers_a_model_on_a_new_connection_knows_it() -> None:
    async with phone_system(Desk, asked_for({"transfer_call": {}}, SAYS_SORRY)) as phone:
        call = await ringing(phone, Behaviour.NOANSWER, 6000)
        await Model(phone).leaves()
        await seen(phone, ModelReopened)
        await seen(phone, TransferFailed)
        await asyncio.sleep(6)
        heard = call.caller.heard()
        call.caller.hang_up()
        report = await phone.reports.get()
    assert len(phone.seen(TransferStarted)) == 1
    assert contains_speech(heard, SORRY, RATE)
    assert report.transcript[-1].text == SORRY and report.ended is EndReason.CALLER_HUNG_UP


@virtual_time
async def test_a_callee_who_answers_after_a_reconnection_is_briefed() -> None:
    plot = asked_for({"brief": {}}, {"on": "tool_result", "say": BRIEFING})
    async with phone_system(Desk, plot) as phone:
        call = await ringing(phone, Behaviour.ANSWER, 6000)
        await Model(phone).leaves()
        await seen(phone, CalleeJoined)
        call.caller.clear_heard()
        report = await phone.reports.get()
        assert contains_speech(call.callee.heard(), BRIEFING, RATE)
        assert not any(call.caller.heard())
        assert len(phone.seen(Whispered)) == 1
    assert report.ended is EndReason.TRANSFERRED


@pytest.mark.parametrize("lost", [{}, FOR_GOOD], ids=["and opened anew", "for good"])
@virtual_time
async def test_a_connection_that_breaks_in_the_briefing_leaves_the_two_talking(
    lost: dict[str, object],
) -> None:
    plot = asked_for({"brief": {}}, {"on": "tool_result", "say": BRIEFING}) | lost
    async with phone_system(Desk, plot) as phone:
        call = await ringing(phone, Behaviour.ANSWER, 2000)
        await seen(phone, CalleeJoined)
        call.caller.clear_heard()
        await asyncio.sleep(1)
        await Model(phone).leaves()
        async with asyncio.timeout(20):
            report = await phone.reports.get()
        assert call.snapshot()["state"] == "detached"
        assert not any(call.caller.heard())
    assert report.ended is EndReason.TRANSFERRED
