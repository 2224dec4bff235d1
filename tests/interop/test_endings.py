"""Every way in which a call ends, and what the program then knows."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from tests.interop.office import Agent, Office, heard_by, noise, office
from tests.pcm import spoken
from tests.sandbox.raw_client import CALLEE
from voiceagent.sandbox.exchange import Behaviour, CallState, ExchangeCall, Party

pytestmark = pytest.mark.realtime


async def _still_talk(there: ExchangeCall) -> None:
    """The two parties hear each other, and nobody else."""
    before = spoken(there.caller.heard()), spoken(there.callee.heard())
    one, other = noise(100, seed=91), noise(100, seed=92)
    there.caller.say(one)
    there.callee.say(other)
    await asyncio.gather(heard_by(there.callee, one), heard_by(there.caller, other))
    assert spoken(there.caller.heard()) == before[0] + other
    assert spoken(there.callee.heard()) == before[1] + one


def _over(there: ExchangeCall, reason: str) -> None:
    assert (there.state, there.end_reason) == (CallState.ENDED, reason)


@pytest.mark.parametrize("who", ["caller", "callee"])
async def test_a_party_hangs_up(who: str) -> None:
    async with office() as phone:
        there, here = await phone.meet()
        there.leg(who).hang_up()
        await here.over("CALL_TERMINATED")
        _over(there, f"{who}_hangup")


async def test_a_caller_gives_up_while_it_rings() -> None:
    async with office() as phone:
        there, here = await phone.ring()
        there.caller.hang_up()
        await here.closed("CALL_TERMINATED")
        _over(there, "caller_hangup")
        assert await here.do("state") == "NEW"


async def test_a_hangup_while_the_callee_rings_fails_the_pending_connect_at_once() -> None:
    async with office() as phone:
        there, here = await phone.talk()
        phone.exchange.parties[CALLEE] = Party(Behaviour.NOANSWER, after_ms=None)
        connecting = await here.begin("connect", ring=120)
        # Commands are taken in order, so once this one is refused the callee's telephone rings.
        assert (await here.do("spy"))["error"] == "INVALID_STATE"
        there.caller.hang_up()
        await here.over("CALL_TERMINATED")
        assert await connecting == {"success": False, "error": "CALL_TERMINATED", "text": "the call is over"}
        _over(there, "caller_hangup")


async def test_an_answered_call_ends_when_the_agent_closes_it() -> None:
    async with office() as phone:
        there, here = await phone.talk()
        await here.ok("close")
        await here.over("SDK_REQUEST")
        _over(there, "agent_close")
        await here.ok("close")
        await here.ok("disconnect")


async def test_the_parties_of_a_connected_call_go_on_talking_when_the_agent_closes_it() -> None:
    async with office() as phone:
        there, here = await phone.meet()
        speech = noise(100, seed=1)
        await here.say(speech)
        await heard_by(there.callee, speech)
        await here.ok("close")
        await here.over("SDK_REQUEST")
        assert there.state is CallState.DETACHED
        await _still_talk(there)
        there.callee.hang_up()
        _over(there, "callee_hangup")


async def test_closing_the_session_closes_the_call_and_returns_when_the_server_has_confirmed_it() -> None:
    async with office() as phone:
        there, here = await phone.talk()
        async with asyncio.timeout(5):  # the package gives up after 10
            await here.do("close_session")
        _over(there, "agent_close")
        await here.over("SDK_REQUEST")


@pytest.mark.parametrize("connected", [False, True], ids=["answered", "connected"])
async def test_disconnect_ends_the_call_for_everybody(connected: bool) -> None:
    async with office() as phone:
        there, here = await (phone.meet() if connected else phone.talk())
        await here.ok("disconnect")
        await here.over("SDK_REQUEST")
        _over(there, "agent_disconnect")
        assert there.caller.state == "ended"


async def test_disconnect_rejects_a_call_that_still_rings() -> None:
    async with office() as phone:
        there, here = await phone.ring()
        await here.ok("disconnect")
        await here.over("SDK_REQUEST")
        _over(there, "rejected")
        assert not there.caller.heard()


async def test_an_error_on_the_line_is_reported_and_the_call_goes_on() -> None:
    async with office() as phone:
        there, here = await phone.talk()
        await _operate(phone, there, "error", error_code="TTS_SESSION_ERROR", error_message="no voice")
        error = await phone.program.event(event="error", call=here.id)
        assert (error["error_code"], error["error_message"]) == ("TTS_SESSION_ERROR", "no voice")
        speech = noise(60, seed=1)
        await here.say(speech)
        await heard_by(there.caller, speech)
        await here.ok("close")
        await here.over("SDK_REQUEST")


async def test_a_broken_media_link_ends_an_answered_call_and_the_next_one_works() -> None:
    async with office() as phone:
        there, here = await phone.talk()
        await _operate(phone, there, "drop_media")
        await _lost(there, here)
        _over(there, "media_lost")
        _, here = await phone.talk()
        await here.ok("disconnect")
        await here.over("SDK_REQUEST")


async def test_a_broken_media_link_leaves_connected_parties_talking() -> None:
    async with office() as phone:
        there, here = await phone.meet()
        await _operate(phone, there, "drop_media")
        await _lost(there, here)
        assert there.state is CallState.DETACHED
        await _still_talk(there)
        there.caller.hang_up()


async def _operate(phone: Office, there: ExchangeCall, what: str, **fields: str) -> None:
    url = f"{phone.exchange.operator_url}/calls/{there.call_id}/{what}"
    async with aiohttp.ClientSession() as session, session.post(url, json=fields) as response:
        assert response.status == 200


async def _lost(there: ExchangeCall, here: Agent) -> None:
    """The program learns of a lost media link: its audio ends, and the server closes the session."""
    await here.program.event(event="audio_ended", call=here.id)
    await here.closed("FORCE_CLOSE")
    assert there.agent is None
