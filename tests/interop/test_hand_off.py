"""Calls handed over before they are answered, between the public package and voiceagent.call, both ways."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from tests.interop.office import RATE, Agent, heard_by, linked, noise, open_exchange, taken
from tests.interop.official import DEADLINE, Program
from tests.pcm import spoken
from tests.sandbox.raw_client import CALLEE, CALLER
from voiceagent.call import ActiveCall, CallClient, CallClientConfig, CallState, EndReason, events
from voiceagent.sandbox.exchange import CallState as LineState
from voiceagent.sandbox.exchange import Exchange

pytestmark = pytest.mark.realtime


def _config(exchange: Exchange) -> CallClientConfig:
    return CallClientConfig.sandbox(exchange.api_key, exchange.connector_uuid, RATE, base_url=exchange.url)


@asynccontextmanager
async def _dispatcher(exchange: Exchange) -> AsyncIterator[tuple[CallClient, asyncio.Queue[ActiveCall]]]:
    """Our client, which leaves its calls to others."""
    calls: asyncio.Queue[ActiveCall] = asyncio.Queue()
    async with CallClient(_config(exchange), media_on_demand=True) as client:
        client.on(events.INCOMING_CALL, calls.put)
        yield client, calls


async def _hears(call: ActiveCall, pcm: bytes) -> bytes:
    """All that our call hears until it has heard ``pcm``."""
    heard = bytearray()
    async with asyncio.timeout(DEADLINE):
        async for chunk in call.audio_stream():
            heard += chunk
            if pcm in heard:
                return bytes(heard)
    raise AssertionError(f"the audio ended before {len(pcm)} bytes of speech were heard")


async def test_the_package_takes_a_call_that_our_client_handed_off() -> None:
    """The process that takes it is told nothing of the server: no address, no key, no connector."""
    async with (
        open_exchange() as exchange,
        _dispatcher(exchange) as (_, calls),
        Program.run("program.py", {}) as program,
    ):
        there = exchange.phone(CALLER, CALLEE)
        async with asyncio.timeout(DEADLINE):
            ours = await calls.get()
        text = ours.to_json()
        assert (ours.state, ours.end_reason) == (CallState.DISCONNECTED, EndReason.HANDED_OFF)
        assert there.state is LineState.RINGING

        numbers = await program.do("from_json", text=text, sample_rate=RATE)
        assert numbers == {"call": there.call_id, "caller": CALLER, "callee": CALLEE}
        here = Agent(program, there.call_id)
        await here.ok("answer")
        question, answer = noise(200, seed=1), noise(200, seed=2)
        there.caller.say(question)
        await here.say(answer)
        await asyncio.gather(here.hear(question), heard_by(there.caller, answer))
        assert spoken(there.caller.heard()) == answer
        await here.ok("connect")
        await here.ok("close")
        await program.event(event="terminated", call=here.id)
        await program.event(event="audio_ended", call=here.id)
        assert there.state is LineState.DETACHED
        await program.leave()
        there.caller.hang_up()


async def test_our_client_takes_a_call_that_the_package_handed_off_and_keeps_it_when_that_leaves() -> None:
    async with open_exchange() as exchange, AsyncExitStack() as here:
        async with linked(exchange) as program:
            there = exchange.phone(CALLER, CALLEE)
            text = await (await taken(program, there)).do("to_json")
            ours = await here.enter_async_context(ActiveCall.from_json(text, _config(exchange)))
            assert (ours.caller_number, ours.callee_number) == (CALLER, CALLEE)
            assert (ours.call_id, ours.state) == (there.call_id, CallState.PENDING)
            await ours.answer()
        question, answer = noise(200, seed=1), noise(200, seed=2)
        there.caller.say(question)
        await ours.send_audio(answer)
        heard, _ = await asyncio.gather(_hears(ours, question), heard_by(there.caller, answer))
        assert spoken(heard) == question
        assert spoken(there.caller.heard()) == answer
        await ours.disconnect()
        assert (there.state, there.end_reason) == (LineState.ENDED, "agent_disconnect")


async def test_a_call_that_was_handed_off_and_not_taken_comes_back_when_the_package_leaves() -> None:
    async with open_exchange() as exchange, _dispatcher(exchange) as (client, calls):
        await client.disconnect()
        async with linked(exchange) as program:
            there = exchange.phone(CALLER, CALLEE)
            await (await taken(program, there)).do("to_json")
        await client.connect()
        async with asyncio.timeout(DEADLINE):
            ours = await calls.get()
        assert ours.call_id == there.call_id
        await ours.answer()
        await ours.disconnect()
        assert there.end_reason == "agent_disconnect"
