"""The agent where caller and callee talk: it briefs, listens and whispers; the caller hears none of it."""

from __future__ import annotations

import asyncio

from tests.bridge.model import FOR_GOOD, Model
from tests.phone import Phone, audible_ms, loud_ms, phone_system
from tests.virtual_time import virtual_time
from voiceagent import CallContext, VoiceAgent, tool
from voiceagent.report import CalleeJoined, EndReason, Moment, ToolFinished, ToolStarted, Whispered
from voiceagent.sandbox.exchange.call import ExchangeCall
from voiceagent.sandbox.exchange.faults import Fault
from voiceagent.sandbox.exchange.mixer import Mode
from voiceagent.sandbox.speech import speak

ANNOUNCEMENT = "Hello. A computer listens to this call."
WHISPER = "Offer the blue one."
CALLEE_SAYS = speak("good morning, what can I do for you", sample_rate=24000, voice="de-DE")


class Coach(VoiceAgent):
    instruction = "You listen."

    async def on_answered(self, call: CallContext) -> None:
        await call.heard_out()
        await call.transfer(stay=True)

    @tool
    async def coach(self, call: CallContext) -> str:
        """Whisper to the callee."""
        return await call.whisper()


class Desk(VoiceAgent):
    instruction = "You answer."

    @tool
    async def put_through(self, call: CallContext, stay: bool = False) -> str:
        """Connect the caller, and tell the callee about them."""
        result = await call.transfer(briefing="The caller wants the blue one.", stay=stay)
        call.state["connected"] = result.connected
        return result


def coached(*rules: dict[str, object]) -> dict[str, object]:
    return {"script": [{"wait": 120}], "model": [{"on": "start", "say": ANNOUNCEMENT}, *rules]}


async def seen(phone: Phone, kind: type[Moment]) -> None:
    for _ in range(600):
        await asyncio.sleep(0.1)
        if phone.seen(kind):
            return
    raise AssertionError(f"{kind.__name__} never came")


async def joined(phone: Phone) -> None:
    await seen(phone, CalleeJoined)
    # The line is switched after the callee has joined.
    await asyncio.sleep(0.5)


def modes(call: ExchangeCall) -> list[str]:
    return [event["mode"] for event in call.snapshot()["events"] if event["event"] == "mode"]


@virtual_time
async def test_a_whisper_reaches_the_callee_only_and_then_the_agent_is_silent_again() -> None:
    plot = coached(
        {"on": "caller_done", "say": "He should offer the blue one.", "call": {"coach": {}}},
        {"on": "tool_result", "say": WHISPER},
    )
    async with phone_system(Coach, plot) as phone:
        call = phone.ring()
        await joined(phone)
        assert call.mode is Mode.SPY
        call.caller.clear_heard()
        call.callee.clear_heard()
        call.callee.say(CALLEE_SAYS)
        await seen(phone, Whispered)
        await asyncio.sleep(1)
        assert call.mode is Mode.SPY
        heard_by_caller, heard_by_callee = call.caller.heard(), call.callee.heard()
        call.callee.hang_up()
        report = await phone.reports.get()
    assert modes(call) == ["spy", "whisper", "spy"]
    # The caller heard what the callee said, to the sample, and nothing else.
    assert heard_by_caller.strip(b"\0") == CALLEE_SAYS.strip(b"\0")
    ((start, end),) = loud_ms(heard_by_callee, 24000)
    assert abs((end - start) - audible_ms(WHISPER)) <= 20
    assert speak(WHISPER, sample_rate=24000)[24000:48000] in heard_by_callee
    assert report.ended is EndReason.CONFERENCE_ENDED
    assert [line.text for line in report.transcript if line.who == "agent"] == [ANNOUNCEMENT, WHISPER]


@virtual_time
async def test_what_the_model_says_while_it_listens_is_heard_by_nobody() -> None:
    async with phone_system(
        Coach,
        coached(
            {"on": "caller_done", "heard": "good morning what can I do for you", "say": "I think so too."}
        ),
    ) as phone:
        call = phone.ring()
        await joined(phone)
        call.caller.clear_heard()
        call.callee.clear_heard()
        call.callee.say(CALLEE_SAYS)
        await asyncio.sleep(8)
        assert call.caller.heard().strip(b"\0") == CALLEE_SAYS.strip(b"\0")
        assert not any(call.callee.heard())
        call.caller.hang_up()
        report = await phone.reports.get()
    parties = [line.text for line in report.transcript if line.who == "parties"]
    assert len(parties) == 1
    assert [line.text for line in report.transcript if line.who == "agent"] == [ANNOUNCEMENT]


@virtual_time
async def test_a_model_that_ends_the_call_while_it_listens_only_leaves() -> None:
    async with phone_system(Coach, coached({"on": "caller_done", "call": {"end_call": {}}})) as phone:
        call = phone.ring()
        await joined(phone)
        call.callee.say(CALLEE_SAYS)
        report = await phone.reports.get()
        assert call.snapshot()["state"] == "detached"
    assert report.ended is EndReason.TRANSFERRED


@virtual_time
async def test_a_model_lost_while_it_listens_leaves_the_two_alone() -> None:
    async with phone_system(Coach, coached() | FOR_GOOD) as phone:
        call = phone.ring()
        await joined(phone)
        await Model(phone).leaves()
        report = await phone.reports.get()
        assert call.snapshot()["state"] == "detached"
    assert report.ended is EndReason.TRANSFERRED


@virtual_time
async def test_a_service_that_stops_at_once_leaves_the_two_alone() -> None:
    async with phone_system(Coach, coached()) as phone:
        call = phone.ring()
        await joined(phone)
        for conversation in phone.service._conversations:
            conversation.stop()
        report = await phone.reports.get()
        assert call.snapshot()["state"] == "detached"
    assert report.ended is EndReason.SHUTDOWN


@virtual_time
async def test_the_callee_alone_is_briefed_and_then_the_agent_leaves() -> None:
    plot = {
        "script": [{"wait": "agent_done"}, {"say": "please do it now"}, {"wait": 60}],
        "model": [
            {"on": "start", "say": "Hello."},
            {"on": "caller_done", "say": "One moment please.", "call": {"put_through": {}}},
            {"on": "tool_result", "say": "They want the blue one."},
        ],
    }
    async with phone_system(Desk, plot) as phone:
        call = phone.ring()
        await seen(phone, CalleeJoined)
        call.caller.clear_heard()
        report = await phone.reports.get()
        assert not any(call.caller.heard())
        heard_by_callee = call.callee.heard()
        assert call.snapshot()["state"] == "detached"
    assert modes(call) == ["whisper"]
    assert speak("They want the blue one.", sample_rate=24000)[24000:48000] in heard_by_callee
    assert report.ended is EndReason.TRANSFERRED
    assert report.transcript[-1].text == "They want the blue one."


@virtual_time
async def test_a_model_that_ends_the_call_with_its_briefing_has_the_briefing_heard() -> None:
    plot = {
        "script": [{"wait": "agent_done"}, {"say": "please do it now"}, {"wait": 60}],
        "model": [
            {"on": "start", "say": "Hello."},
            {"on": "caller_done", "call": {"put_through": {"stay": True}}},
            {"on": "tool_result", "say": "They want the blue one.", "call": {"end_call": {}}},
        ],
    }
    async with phone_system(Desk, plot) as phone:
        call = phone.ring()
        report = await phone.reports.get()
        assert call.snapshot()["state"] == "detached"
        assert speak("They want the blue one.", sample_rate=24000)[24000:48000] in call.callee.heard()
    assert report.ended is EndReason.TRANSFERRED


@virtual_time
async def test_what_the_parties_say_is_parted_though_the_model_says_nothing() -> None:
    async with phone_system(Coach, coached()) as phone:
        call = phone.ring()
        await joined(phone)
        model = Model(phone)
        for said in ("good morning", "how are you"):
            await model.content(inputTranscription={"text": said})
            await model.content(turnComplete=True)
            # The turn is over with the next audio of the line.
            await asyncio.sleep(0.1)
        call.caller.hang_up()
        report = await phone.reports.get()
    assert [line.text for line in report.transcript if line.who == "parties"] == [
        "good morning",
        "how are you",
    ]


@virtual_time
async def test_a_line_that_does_not_whisper_costs_the_briefing_and_not_the_transfer() -> None:
    plot = {
        "script": [{"wait": "agent_done"}, {"say": "please do it now"}, {"wait": 60}],
        "model": [
            {"on": "start", "say": "Hello."},
            {"on": "caller_done", "say": "One moment please.", "call": {"put_through": {}}},
            {"on": "tool_result", "say": "They want the blue one."},
        ],
    }
    async with phone_system(Desk, plot) as phone:
        phone.exchange.faults.order("agent.whisper", Fault(error_code="INTERNAL_ERROR"))
        call = phone.ring()
        report = await phone.reports.get()
        assert call.snapshot()["state"] == "detached"
        assert phone.contexts[report.call_id].state["connected"] is True
        assert not any(call.callee.heard())
        assert phone.seen(Whispered) == []
    assert report.ended is EndReason.TRANSFERRED and report.transfers_failed == []
    assert "cannot be told anything" in str(report.tools[0].result)


@virtual_time
async def test_a_model_that_has_nothing_to_whisper_has_not_whispered() -> None:
    async with phone_system(Coach, coached({"on": "caller_done", "call": {"coach": {}}})) as phone:
        call = phone.ring()
        await joined(phone)
        call.callee.say(CALLEE_SAYS)
        await seen(phone, ToolStarted)
        await asyncio.sleep(8)
        assert modes(call) == ["spy", "whisper", "spy"]
        call.caller.hang_up()
        await phone.reports.get()
        assert phone.seen(Whispered) == []


class SlowCoach(Coach):
    """Thinks before it whispers, as real models do."""

    @tool
    async def coach(self, call: CallContext) -> str:
        """Whisper to the callee."""
        await asyncio.sleep(1)
        return await call.whisper()


@virtual_time
async def test_parties_who_talk_on_do_not_keep_the_model_from_whispering() -> None:
    plot = coached({"on": "caller_done", "call": {"coach": {}}}, {"on": "tool_result", "say": WHISPER})
    async with phone_system(SlowCoach, plot) as phone:
        call = phone.ring()
        await joined(phone)
        call.caller.say(CALLEE_SAYS)
        await seen(phone, ToolStarted)
        # In mid-sentence when the line is switched, and long after that.
        call.callee.say(CALLEE_SAYS * 6)
        await seen(phone, Whispered)
        assert speak(WHISPER, sample_rate=24000)[24000:48000] in call.callee.heard()
        call.caller.hang_up()
        await phone.reports.get()
    assert modes(call) == ["spy", "whisper", "spy"]


@virtual_time
async def test_a_whisper_that_the_end_of_the_call_cuts_off_is_marked_so() -> None:
    plot = coached({"on": "caller_done", "call": {"coach": {}}}, {"on": "tool_result", "say": WHISPER * 3})
    async with phone_system(Coach, plot) as phone:
        call = phone.ring()
        await joined(phone)
        call.callee.say(CALLEE_SAYS)
        await seen(phone, ToolFinished)
        await asyncio.sleep(1)
        call.callee.hang_up()
        report = await phone.reports.get()
    announced, whispered = (line for line in report.transcript if line.who == "agent")
    assert not announced.interrupted
    assert whispered.interrupted and 0 < len(whispered.text) < len(WHISPER * 3)
    # Nobody has spoken over it.
    assert report.barge_ins == 0
