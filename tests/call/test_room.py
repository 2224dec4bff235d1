"""How many calls a client takes: a call more than that rings on, for another worker or for later."""

from __future__ import annotations

import asyncio

import pytest

from tests.call.line import CALLEE, CALLER, Inbox, config, line, settle
from tests.call.scripted import ScriptedServer
from tests.virtual_time import virtual_time
from voiceagent.call import CallClient, CallState, events
from voiceagent.sandbox.exchange import CallState as There
from voiceagent.sandbox.exchange import Exchange
from voiceagent.wire import control


@virtual_time
async def test_a_full_client_takes_the_next_call_when_one_has_ended() -> None:
    async with Exchange() as exchange, CallClient(config(exchange), max_calls=1) as client:
        inbox = Inbox(client)
        first, second = exchange.phone(CALLER, CALLEE), exchange.phone(CALLER, CALLEE)
        call = await inbox.take()
        assert call.call_id == first.call_id
        await call.answer()
        await settle()
        assert inbox.empty
        assert second.state is There.RINGING
        await call.disconnect()
        assert (await inbox.take()).call_id == second.call_id


@virtual_time
async def test_a_full_client_leaves_calls_to_another_worker() -> None:
    async with Exchange() as exchange, CallClient(config(exchange), max_calls=1) as full:
        inbox = Inbox(full)
        exchange.phone(CALLER, CALLEE)
        await inbox.take()
        async with CallClient(config(exchange)) as other:
            elsewhere = Inbox(other)
            second = exchange.phone(CALLER, CALLEE)
            assert (await elsewhere.take()).call_id == second.call_id
        assert inbox.empty


@virtual_time
async def test_room_is_left_by_callers_who_give_up() -> None:
    async with Exchange() as exchange, CallClient(config(exchange), max_calls=1) as client:
        inbox = Inbox(client)
        for _ in range(3):
            there = exchange.phone(CALLER, CALLEE)
            call = await inbox.take()
            there.caller.hang_up()
            await call.wait_terminated()


@pytest.mark.parametrize("on_demand", [False, True])
def test_room_is_left_by_a_call_that_is_over_before_its_task_has_begun(on_demand: bool) -> None:
    @virtual_time
    async def run() -> None:
        async with ScriptedServer() as server:
            client = CallClient(server.config(), max_calls=1, media_on_demand=on_demand)
            client.on(events.INCOMING_CALL, lambda call: call.wait_terminated())
            link = await server.connected(client)
            worker = client._worker
            assert worker is not None
            take = worker._take

            def take_and_close(call_in: control.CallIn, reject: bool) -> None:
                # What another process sends may be read in the very next step.
                take(call_in, reject)
                worker.control_message(control.SessionClosed(session_id=call_in.session_id))

            worker._intake._take = take_and_close
            await server.offer(link)
            await asyncio.sleep(3)
            assert worker._host._call_tasks == {}
            await server.offer(link, number=2)
            await client.disconnect()

    run()


@virtual_time
async def test_a_paused_client_lets_calls_ring_and_active_calls_go_on() -> None:
    async with line() as phone:
        _, active = await phone.talk()
        phone.client.pause()
        waiting = phone.exchange.phone(CALLER, CALLEE)
        await asyncio.sleep(45)
        assert waiting.state is There.RINGING, "also after the time in which a handler must be registered"
        assert active.state is CallState.ANSWERED
        phone.client.resume()
        assert (await phone.inbox.take()).call_id == waiting.call_id


async def test_a_limit_below_one_is_refused() -> None:
    async with Exchange() as exchange:
        with pytest.raises(ValueError, match="max_calls is 0"):
            CallClient(config(exchange), max_calls=0)
        with pytest.raises(ValueError, match=r"max_calls is 2.5, but must be an int"):
            CallClient(config(exchange), max_calls=2.5)  # type: ignore[arg-type]
