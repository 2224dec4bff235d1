"""Who gets a call: keys, races, routing, and control links that are lost."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.interop.office import (
    Agent,
    heard_by,
    linked,
    noise,
    office,
    open_exchange,
    spoken,
    taken,
    until,
    variables,
)
from tests.interop.official import DEADLINE, OrderFailed, Program
from tests.sandbox.raw_client import CALLEE, CALLER
from voiceagent.sandbox.exchange import CallState

pytestmark = pytest.mark.realtime

LINK_BROKE = "Error in session manager receive loop"
"""What the package logs when its control link breaks."""


@pytest.mark.parametrize(
    ("wrong", "words"),
    [("WSS_API_KEY", "the API key is not valid"), ("WSS_CONNECTOR_UUID", "the connector is not known")],
)
async def test_a_wrong_key_is_a_connection_error_with_our_words(wrong: str, words: str) -> None:
    async with open_exchange() as exchange:
        async with Program.run("program.py", variables(exchange, **{wrong: "wrong"})) as program:
            with pytest.raises(OrderFailed) as refused:
                await program.do("link")
            await program.leave()
        assert (refused.value.name, refused.value.text) == ("WSSConnectionError", words)
        assert exchange.controls == []


async def test_two_workers_race_for_a_call_one_has_it_and_the_other_is_told_who() -> None:
    async with (
        open_exchange() as exchange,
        linked(exchange, claim=False) as first,
        linked(exchange, claim=False) as second,
    ):
        there = exchange.phone(CALLER, CALLEE)
        offer, same = [await worker.event(event="offered") for worker in (first, second)]
        assert offer == same
        assert offer["activity"] == "NEW_INCOMING_CALL"
        assert (offer["remote_address"], offer["local_address"]) == (CALLER, CALLEE)

        claims = [await worker.begin("claim", session_id=offer["session_id"]) for worker in (first, second)]
        async with asyncio.timeout(DEADLINE):
            outcomes = await asyncio.gather(*claims, return_exceptions=True)
        (busy,) = [outcome for outcome in outcomes if outcome is not None]
        winner, loser = (second, first) if busy is outcomes[0] else (first, second)
        assert isinstance(busy, OrderFailed)
        assert busy.name == "WSSSessionBusy"
        assert await winner.do("link_id") in busy.text

        here = await taken(winner, there)
        await here.ok("answer")
        await here.ok("disconnect")
        await here.over("SDK_REQUEST")
        assert loser.seen() == []


async def test_a_worker_that_wants_no_calls_is_offered_none_until_it_does() -> None:
    async with office() as phone:
        await phone.program.do("route", inbound="NO")
        there = phone.exchange.phone(CALLER, CALLEE)
        await phone.program.do("route", inbound="NO")
        await phone.program.do("route", inbound="ALL")
        here = await taken(phone.program, there)
        await here.ok("answer")
        await here.ok("disconnect")
        await here.over("SDK_REQUEST")
        assert len(phone.program.seen(event="offered")) == 1


async def test_open_calls_are_listed_while_they_last() -> None:
    async with office() as phone:
        assert await phone.program.do("sessions") == []
        there, here = await phone.talk()
        (listed,) = await phone.program.do("sessions")
        assert (listed["id"], listed["channel"], listed["state"]) == (here.session_id, "TELCO", "OPEN")
        assert (listed["remote_address"], listed["local_address"]) == (CALLER, CALLEE)
        assert abs(listed["opened_at"] - time.time()) < 60
        there.caller.hang_up()
        await here.over("CALL_TERMINATED")
        assert await phone.program.do("sessions") == []


async def test_a_call_that_nobody_takes_waits_for_the_next_worker() -> None:
    async with open_exchange() as exchange:
        there = exchange.phone(CALLER, CALLEE)
        async with linked(exchange) as program:
            here = await taken(program, there)
            await here.ok("answer")
            await here.ok("disconnect")
            await here.over("SDK_REQUEST")


async def test_a_call_lives_on_while_the_control_link_is_away_which_comes_back_once() -> None:
    async with office(complaints=[LINK_BROKE]) as phone:
        there, here = await phone.meet()
        first_id = await phone.program.do("link_id")
        # The package tries after about 0.5 s, and is refused, then after another 0.75.
        phone.exchange.drop_control(refuse_for=0.7)
        assert phone.exchange.calls == [there]
        away, back, more = noise(200, seed=1), noise(200, seed=2), noise(100, seed=3)
        await here.say(away)
        there.caller.say(back)
        await asyncio.gather(heard_by(there.caller, away), here.hear(back))
        await here.ok("whisper")
        await until(lambda: not phone.exchange.controls, "the link is seen to be gone")
        await until(lambda: bool(phone.exchange.controls), "the link is back")
        await here.closed("FORCE_CLOSE")

        again = phone.exchange.phone(CALLER, CALLEE)
        second = await taken(phone.program, again)
        await second.ok("answer")
        await second.say(more)
        await heard_by(again.caller, more)
        again.caller.hang_up()
        await second.over("CALL_TERMINATED")
        assert await phone.program.do("link_id") != first_id
        assert len(phone.exchange.controls) == 1
        assert len(phone.program.seen(event="offered", session_id=second.session_id)) == 1

        await here.say(more)
        await heard_by(there.callee, more)
        assert spoken(there.caller.heard()) == away
        await here.ok("disconnect")
        assert there.state is CallState.ENDED


async def test_a_call_that_was_claimed_and_not_answered_is_offered_again_when_the_link_is_lost() -> None:
    async with office(complaints=[LINK_BROKE]) as phone:
        there, lost = await phone.ring()
        phone.exchange.drop_control()
        here: Agent = await taken(phone.program, there)
        assert here.session_id != lost.session_id
        await here.ok("answer")
        await here.ok("disconnect")
        await here.over("SDK_REQUEST")
        assert there.end_reason == "agent_disconnect"
