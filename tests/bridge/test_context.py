"""What tools and hooks may do to a call: listen, tell the model something, wait until an answer was heard."""

from __future__ import annotations

import asyncio

from tests.bridge.model import LISTENING, RATE, Listener, answered, tone
from tests.phone import phone_system
from tests.virtual_time import virtual_time
from voiceagent import CallContext, TransferResult, VoiceAgent, tool
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


class Handful(Listener):
    """Its listener ends its listening and fails; its tools tell the model something, or wait to be heard."""

    heard_at = 0.0

    async def on_start(self, call: CallContext) -> None:
        def listener(pcm: bytes) -> None:
            stop()
            raise RuntimeError("a defect")

        stop = call.listen(listener)

    @tool
    def remind(self, call: CallContext) -> str:
        """Have the model say something, from a thread."""
        call.tell("The shop closes now.")
        return "done"

    @tool
    async def wait(self, call: CallContext) -> str:
        """Wait until the answer has been heard."""
        await call.heard_out()
        self.heard_at = asyncio.get_running_loop().time()
        return "heard"

    def for_call(self) -> VoiceAgent:
        return self


@virtual_time
async def test_a_listener_that_ends_its_listening_and_fails_does_not_cost_the_call() -> None:
    async with phone_system(Handful, LISTENING) as phone:
        _, report = await phone.call()
    assert report.ended is EndReason.CALLER_HUNG_UP


@virtual_time
async def test_a_sync_tool_may_tell_the_model_something() -> None:
    plot = {"script": [{"wait": 10}, "hangup"], "model": [{"on": "start", "say": "We close now."}]}
    async with phone_system(Handful, plot) as phone:
        # Says so where something is done to the loop from another thread.
        asyncio.get_running_loop().set_debug(True)
        _, model = await answered(phone)
        await model.calls({"id": "1", "name": "remind", "args": {}})
        report = await phone.reports.get()
    assert report.tools[0].ok
    assert [line.text for line in report.transcript] == ["We close now."]


@virtual_time
async def test_whoever_waits_for_an_answer_to_be_heard_goes_on_when_the_caller_hangs_up() -> None:
    agent = Handful()
    async with phone_system(agent, LISTENING, buffer_size=RATE) as phone:
        call, model = await answered(phone)
        await model.speaks(tone(20))
        await model.calls({"id": "1", "name": "wait", "args": {}})
        await asyncio.sleep(2)
        call.caller.hang_up()
        hung_up_at = asyncio.get_running_loop().time()
        await phone.reports.get()
    assert hung_up_at <= agent.heard_at < hung_up_at + 0.5


async def test_outside_a_call_nothing_is_done_and_it_says_so() -> None:
    call = CallContext(call_id="a test")
    call.tell("hello")
    await call.heard_out()
    result = await call.transfer(briefing="hello")
    assert isinstance(result, TransferResult)
    assert (result, result.connected, result.code) == ("not on a call", False, "NOT_ON_A_CALL")
    assert await call.whisper() == "not on a call"
    stop = call.listen(bytearray().extend)
    stop()
    stop()
    assert call.listeners == []
