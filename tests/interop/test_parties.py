"""Connecting the callee, and who hears the agent then."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from tests.interop.office import Agent, heard_by, line_time, noise, office
from tests.pcm import spoken
from tests.sandbox.raw_client import CALLEE
from voiceagent.sandbox.exchange import Behaviour, CallState, ExchangeCall, Mode, Party

pytestmark = pytest.mark.realtime


async def test_after_connect_all_three_hear_each_other() -> None:
    async with office() as phone:
        there, here = await phone.meet()
        assert there.state is CallState.BRIDGED
        assert there.mode is Mode.BARGE
        agent, caller, callee = noise(100, seed=1), noise(100, seed=2), noise(100, seed=3)
        await here.say(agent)
        await asyncio.gather(heard_by(there.caller, agent), heard_by(there.callee, agent))
        there.caller.say(caller)
        await asyncio.gather(here.hear(caller), heard_by(there.callee, caller))
        there.callee.say(callee)
        await asyncio.gather(here.hear(callee), heard_by(there.caller, callee))
        assert spoken(there.caller.heard()) == agent + callee
        assert spoken(there.callee.heard()) == agent + caller
        assert spoken(await here.heard()) == caller + callee
        there.callee.hang_up()
        await here.over("CALL_TERMINATED")


async def test_what_two_say_at_once_the_third_hears_added() -> None:
    async with office() as phone:
        there, here = await phone.meet()
        caller, callee = noise(100, seed=1), noise(100, seed=2)
        there.caller.say(caller)
        there.callee.say(callee)
        await here.hear(_sum(caller, callee))
        assert spoken(there.caller.heard()) == callee
        assert spoken(there.callee.heard()) == caller
        there.caller.hang_up()
        await here.over("CALL_TERMINATED")


def _sum(one: bytes, other: bytes) -> bytes:
    return (np.frombuffer(one, "<i2") + np.frombuffer(other, "<i2")).tobytes()


async def test_a_ringing_call_is_connected_without_an_answer() -> None:
    async with office() as phone:
        there, here = await phone.ring()
        await here.ok("connect")
        assert there.state is CallState.BRIDGED
        agent, caller = noise(100, seed=1), noise(100, seed=2)
        await here.say(agent)
        await asyncio.gather(heard_by(there.caller, agent), heard_by(there.callee, agent))
        there.caller.say(caller)
        await asyncio.gather(here.hear(caller), heard_by(there.callee, caller))
        there.caller.hang_up()
        await here.over("CALL_TERMINATED")
        assert "answered" not in [event["event"] for event in there.log.snapshot()]


async def _say_to_nobody(there: ExchangeCall, here: Agent, pcm: bytes) -> None:
    """Let the agent speak, and as much time pass on the line."""
    await here.say(pcm)
    await here.do("play_out")
    await line_time(there.caller, len(pcm) * 1000 / 2 / there.sample_rate + 100)


async def test_a_whisper_is_heard_by_the_callee_only_a_barge_by_both_and_a_spy_by_nobody() -> None:
    async with office() as phone:
        there, here = await phone.meet()
        whispered, barged, spied, again = (noise(200, seed) for seed in range(1, 5))

        await here.ok("whisper")
        assert there.mode is Mode.WHISPER
        await here.say(whispered)
        await heard_by(there.callee, whispered)
        assert not any(there.caller.heard())

        await here.ok("barge")
        await here.say(barged)
        await asyncio.gather(heard_by(there.callee, barged), heard_by(there.caller, barged))
        assert spoken(there.caller.heard()) == barged

        await here.ok("spy")
        assert there.mode is Mode.SPY
        await _say_to_nobody(there, here, spied)
        caller, callee = noise(100, seed=11), noise(100, seed=12)
        there.caller.say(caller)
        await here.hear(caller)
        there.callee.say(callee)
        await here.hear(callee)

        await here.ok("whisper")
        await here.say(again)
        await heard_by(there.callee, again)

        assert spoken(there.caller.heard()) == barged + callee
        assert spoken(there.callee.heard()) == whispered + barged + caller + again
        assert spoken(await here.heard()) == caller + callee
        await here.ok("disconnect")


async def test_modes_before_the_callee_is_connected_are_refused_and_the_call_goes_on() -> None:
    async with office() as phone:
        there, here = await phone.talk()
        for command in ("whisper", "barge", "spy", "answer"):
            refused = await here.do(command)
            assert (refused["success"], refused["error"]) == (False, "INVALID_STATE")
        speech = noise(60, seed=1)
        await here.say(speech)
        await heard_by(there.caller, speech)
        assert await here.do("state") == "LIVE"
        there.caller.hang_up()
        await here.over("CALL_TERMINATED")


@pytest.mark.parametrize(
    ("party", "outcome"),
    [
        (Party(Behaviour.NOANSWER, after_ms=None), "unanswered"),
        (Party(Behaviour.REJECT, after_ms=50), "rejected"),
    ],
    ids=["nobody answers", "declined"],
)
async def test_a_callee_that_does_not_answer_can_be_tried_again_and_meanwhile_the_call_goes_on(
    party: Party, outcome: str
) -> None:
    async with office() as phone:
        there, here = await phone.talk()
        answers = phone.exchange.parties[CALLEE]
        phone.exchange.parties[CALLEE] = party
        connecting = await here.begin("connect", ring=1)
        waiting, held, after = noise(100, seed=1), noise(100, seed=2), noise(100, seed=3)
        await here.say(waiting)
        there.caller.say(held)
        await asyncio.gather(heard_by(there.caller, waiting), here.hear(held))
        refused = await connecting
        assert refused == {"success": False, "error": "CALL_UNANSWERED", "text": outcome}
        assert there.state is CallState.ANSWERED
        await here.say(after)
        await heard_by(there.caller, after)
        phone.exchange.parties[CALLEE] = answers
        await here.ok("connect")
        assert there.state is CallState.BRIDGED
        assert spoken(there.caller.heard()) == waiting + after
        assert not any(there.callee.heard())
        await here.ok("disconnect")
