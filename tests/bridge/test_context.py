"""What tools and hooks may do to a call: listen, tell the model something, wait until an answer was heard."""

from __future__ import annotations

import asyncio

from tests.phone import phone_system
from tests.virtual_time import virtual_time
from voiceagent import CallContext, TransferResult, VoiceAgent
from voiceagent.report import EndReason
from voiceagent.sandbox.speech import speak

GREETING = "Hello. This is a greeting that takes a little while."
SAYS = "I have a question"


class Listening(VoiceAgent):
    instruction = "You answer."

    def __init__(self) -> None:
        self.heard = bytearray()
        self.failures = 0
        self.greeted_at = 0.0
        self.cancelled = False

    def fail(self, pcm: bytes) -> None:
        self.failures += 1
        raise RuntimeError("a defect")

    async def on_start(self, call: CallContext) -> None:
        call.listen(self.fail)
        call.listen(self.heard.extend)

    async def on_answered(self, call: CallContext) -> None:
        await call.heard_out()
        self.greeted_at = asyncio.get_running_loop().time()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise


class Single(Listening):
    def for_call(self) -> VoiceAgent:
        return self


@virtual_time
async def test_a_listener_hears_the_caller_to_the_sample_and_one_that_fails_hears_no_more() -> None:
    agent = Single()
    plot = {
        "script": [{"wait": "agent_done"}, {"say": SAYS}, {"wait": 1}, "hangup"],
        "model": [{"on": "start", "say": GREETING}],
    }
    async with phone_system(agent, plot) as phone:
        await phone.call()
    assert bytes(agent.heard).strip(b"\0") == speak(SAYS, sample_rate=24000, voice="en-GB").strip(b"\0")
    assert agent.failures == 1
    assert agent.cancelled


@virtual_time
async def test_the_greeting_has_been_heard_to_its_end_when_it_is_said_so() -> None:
    agent = Single()
    plot = {"script": [{"wait": 20}, "hangup"], "model": [{"on": "start", "say": GREETING}]}
    async with phone_system(agent, plot) as phone:
        began = asyncio.get_running_loop().time()
        _, report = await phone.call()
    (turn,) = report.turns
    assert turn.heard_ms == turn.generated_ms
    greeted_ms = (agent.greeted_at - began) * 1000
    assert turn.at_ms + turn.generated_ms <= greeted_ms + 1
    assert greeted_ms < turn.at_ms + turn.generated_ms + 3000


class Teller(VoiceAgent):
    instruction = "You answer."

    async def on_answered(self, call: CallContext) -> None:
        await call.heard_out()
        call.tell("The shop closes now: say goodbye and call end_call.")


@virtual_time
async def test_the_model_is_told_something_and_answers_it_aloud() -> None:
    plot = {
        "script": [{"wait": 60}, "hangup"],
        "model": [
            {"on": "start", "say": GREETING},
            {"on": "caller_done", "say": "We close now. Goodbye.", "call": {"end_call": {}}},
        ],
    }
    async with phone_system(Teller, plot) as phone:
        _, report = await phone.call()
    assert report.ended is EndReason.AGENT_HUNG_UP
    assert [line.text for line in report.transcript] == [GREETING, "We close now. Goodbye."]


async def test_outside_a_call_nothing_is_done_and_it_says_so() -> None:
    call = CallContext(call_id="a test")
    call.tell("hello")
    await call.heard_out()
    result = await call.transfer(briefing="hello")
    assert isinstance(result, TransferResult)
    assert (result, result.connected, result.code) == ("not on a call", False, "NOT_ON_A_CALL")
    assert await call.whisper() == "not on a call"
    stop = call.listen(bytes)
    stop()
    stop()
    assert call.listeners == []
