"""When the model cannot be had, or is lost: a person, or an end, but never a dead line."""

from __future__ import annotations

import pytest

from tests.phone import CALLEE, phone_system
from tests.virtual_time import virtual_time
from voiceagent import CallContext, Decision, VoiceAgent
from voiceagent.live import LiveConfig, LiveConnectError, LiveSession
from voiceagent.live.genai import GenaiConnector
from voiceagent.report import EndReason
from voiceagent.sandbox.exchange import Behaviour, Party

PLOT = {"script": [{"wait": 20}, "hangup"], "model": [{"on": "start", "say": "Hello, how can I help you?"}]}


class Agent(VoiceAgent):
    instruction = "You answer."


class Unconnected(Agent):
    async def on_model_unavailable(self, call: CallContext) -> Decision:
        return Decision.REJECT


class Flaky:
    """A connector that fails some times, then connects for real."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.attempts = 0
        self.real: GenaiConnector | None = None

    async def check(self) -> None:
        pass

    async def open(self, config: LiveConfig) -> LiveSession:
        self.attempts += 1
        if self.attempts <= self.failures or self.real is None:
            raise LiveConnectError("no luck")
        return await self.real.open(config)


@virtual_time
async def test_a_caller_is_put_through_when_there_is_no_model() -> None:
    flaky = Flaky(failures=99)
    async with phone_system(Agent, PLOT, connector=flaky) as phone:
        call, report = await phone.call()
        snapshot = call.snapshot()
    assert flaky.attempts == 2
    assert report.ended is EndReason.CONNECTED
    assert snapshot["state"] == "detached", "caller and callee talk, the agent has left"


@virtual_time
async def test_a_call_ends_when_there_is_neither_model_nor_person() -> None:
    async with phone_system(Agent, PLOT, connector=Flaky(failures=99)) as phone:
        phone.exchange.parties[CALLEE] = Party(Behaviour.REJECT, 200)
        call, report = await phone.call()
        snapshot = call.snapshot()
    assert report.ended is EndReason.MODEL_UNAVAILABLE
    assert snapshot["state"] == "ended"


@virtual_time
async def test_an_agent_may_decide_against_connecting() -> None:
    async with phone_system(Unconnected, PLOT, connector=Flaky(failures=99)) as phone:
        call, report = await phone.call()
        events = [event["event"] for event in call.snapshot()["events"]]
    assert report.ended is EndReason.MODEL_UNAVAILABLE
    assert "answered" not in events


@virtual_time
async def test_one_failure_to_connect_is_tried_again_before_the_call_is_answered() -> None:
    flaky = Flaky(failures=1)
    async with phone_system(Agent, PLOT, connector=flaky) as phone:
        flaky.real = GenaiConnector(live_url=phone.live.url)
        _, report = await phone.call()
    assert report.transcript[0].text == "Hello, how can I help you?"


@pytest.mark.parametrize("code", [1008, 1011])
@virtual_time
async def test_a_caller_is_put_through_when_the_model_is_lost_in_mid_call(code: int) -> None:
    away = {"refuse": 503, "session": 2, "times": 100}
    plot = {**PLOT, "faults": [{"at": 1.0, "close": code}, away]}
    async with phone_system(Agent, plot) as phone:
        call, report = await phone.call()
        snapshot = call.snapshot()
    assert report.ended is EndReason.CONNECTED
    assert snapshot["state"] == "detached"


@virtual_time
async def test_garbage_from_the_service_is_survived() -> None:
    plot = {**PLOT, "faults": [{"at": 0.5, "garbage": True}]}
    async with phone_system(Agent, plot) as phone:
        _, report = await phone.call()
    assert report.ended is EndReason.CALLER_HUNG_UP
    assert report.transcript[0].text == "Hello, how can I help you?"
