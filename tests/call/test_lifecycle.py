"""How a client ends, and that nothing of it is left."""

from __future__ import annotations

import asyncio
import logging

import pytest

from tests.call.line import CALLEE, CALLER, Inbox, config, line
from tests.call.scripted import ScriptedServer
from tests.virtual_time import virtual_time
from voiceagent.call import ActiveCall, CallClient, CallState, ConnectionState, events
from voiceagent.call.exceptions import WSSCallCommandError
from voiceagent.sandbox.exchange import Behaviour, Exchange, Party
from voiceagent.sandbox.exchange import CallState as There
from voiceagent.sandbox.exchange.faults import Fault
from voiceagent.wire import control, encode


def tasks_of_the_client() -> list[str]:
    """The tasks that run code of the client."""
    return [repr(task) for task in asyncio.all_tasks() if "voiceagent/call" in repr(task.get_coro().cr_frame)]  # type: ignore[union-attr]


@virtual_time
async def test_a_program_may_cancel_run_forever_without_awaiting_it() -> None:
    loop = asyncio.get_running_loop()
    async with Exchange() as exchange:
        terminated: list[float] = []
        saved: list[str] = []
        async with CallClient(config(exchange)) as client:

            @client.on(events.INCOMING_CALL)
            async def handle(call: ActiveCall) -> None:
                call.on(events.CALL_TERMINATED, lambda: terminated.append(loop.time()))
                await call.answer()
                async for _ in call.audio_stream():
                    pass
                await asyncio.sleep(1)
                saved.append(call.call_id)

            running = asyncio.create_task(client.run_forever())
            there = exchange.phone(CALLER, CALLEE)
            await there.caller.answered()
            began = loop.time()
            running.cancel()
        assert terminated == [pytest.approx(began + 5, abs=0.1)], "the grace period"
        assert saved == [there.call_id], "what a handler does after the call is not cut off"
        assert there.end_reason == "agent_close"
        assert client.state is ConnectionState.DISCONNECTED
        assert tasks_of_the_client() == []


@virtual_time
async def test_a_call_that_ends_by_itself_meanwhile_is_not_cut_off() -> None:
    loop = asyncio.get_running_loop()
    async with Exchange() as exchange:
        async with CallClient(config(exchange, grace_period=60)) as client:
            inbox = Inbox(client)
            there = exchange.phone(CALLER, CALLEE)
            await (await inbox.take()).answer()
            began = loop.time()
            loop.call_later(20, there.caller.hang_up)
        assert there.end_reason == "caller_hangup"
        assert loop.time() - began == pytest.approx(20, abs=0.1)


@virtual_time
async def test_while_the_client_closes_new_calls_are_left_to_others() -> None:
    async with Exchange() as exchange:
        async with CallClient(config(exchange)) as client:
            inbox = Inbox(client)
            exchange.phone(CALLER, CALLEE)
            await inbox.take()
            asyncio.get_running_loop().call_later(1, exchange.phone, CALLER, CALLEE)
        assert inbox.empty
        assert [call.state for call in exchange.calls] == [There.ENDED, There.RINGING]


@virtual_time
async def test_closing_hangs_neither_on_a_stubborn_server_nor_on_a_stubborn_handler() -> None:
    loop = asyncio.get_running_loop()
    async with Exchange() as exchange:
        async with CallClient(config(exchange, grace_period=1)) as client:
            there = exchange.phone(CALLER, CALLEE)
            cancelled: list[bool] = []

            @client.on(events.INCOMING_CALL)
            async def handle(call: ActiveCall) -> None:
                await call.answer()
                exchange.faults.order("call.close", Fault(silent=True))
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    cancelled.append(True)
                    raise

            await there.caller.answered()
            began = loop.time()
        assert loop.time() - began < 10
        assert cancelled == [True]
        assert there.state is There.ENDED
        assert tasks_of_the_client() == []


@virtual_time
async def test_an_impatient_program_leaves_nothing_behind_either() -> None:
    async with Exchange() as exchange:
        client = CallClient(config(exchange, grace_period=1000))
        await client.connect()
        inbox = Inbox(client)
        there = exchange.phone(CALLER, CALLEE)
        call = await inbox.take()
        told: list[str] = []
        call.on(events.CALL_TERMINATED, lambda details: told.append(details["reason"]))

        @call.on(events.CALL_TERMINATED)
        async def save() -> None:
            told.append("begun")
            await asyncio.sleep(1)
            told.append("saved")

        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await client.disconnect()
        assert call.state is CallState.DISCONNECTED
        assert told == ["abandoned", "begun"], "told, and then cut off as all the rest"
        await asyncio.sleep(0.1)
        assert tasks_of_the_client() == []
        assert there.agent is None


@virtual_time
async def test_disconnect_ends_run_forever_and_may_come_from_a_handler() -> None:
    async with Exchange() as exchange:
        client = CallClient(config(exchange))

        @client.on(events.INCOMING_CALL)
        async def handle(call: ActiveCall) -> None:
            await call.disconnect()
            await client.disconnect()

        await client.connect()
        exchange.phone(CALLER, CALLEE)
        async with asyncio.timeout(2):
            await client.run_forever()
        await client.disconnect()
        assert client.state is ConnectionState.DISCONNECTED


@virtual_time
async def test_a_client_that_is_left_at_once_leaves_no_link_open() -> None:
    async with Exchange() as exchange:
        async with CallClient(config(exchange)):
            assert len(exchange.controls) == 1
            assert len(tasks_of_the_client()) == 1
        await asyncio.sleep(0.1)
        assert exchange.controls == []
        assert tasks_of_the_client() == []


@virtual_time
async def test_a_client_may_be_connected_again() -> None:
    async with Exchange() as exchange:
        client = CallClient(config(exchange))
        inbox = Inbox(client)
        for _ in range(3):
            await client.connect()
            await client.connect()
            exchange.phone(CALLER, CALLEE)
            await (await inbox.take()).disconnect()
            await client.disconnect()
        assert len(exchange.calls) == 3


@virtual_time
async def test_run_forever_connects_if_need_be() -> None:
    async with Exchange() as exchange:
        client = CallClient(config(exchange))
        inbox = Inbox(client)
        running = asyncio.create_task(client.run_forever())
        exchange.phone(CALLER, CALLEE)
        await (await inbox.take()).disconnect()
        await client.disconnect()
        await running


@virtual_time
async def test_a_handler_that_raises_ends_its_own_call_only(caplog: pytest.LogCaptureFixture) -> None:
    async with line() as phone:
        there, call = await phone.talk()

        @phone.client.on(events.INCOMING_CALL)
        async def broken(call: ActiveCall) -> None:
            await call.answer()
            raise LookupError("the calendar is down")

        other = phone.exchange.phone(CALLER, CALLEE)
        await other.caller.ended()
        assert other.end_reason == "agent_close"
        assert f"call {other.call_id}: call.incoming: the handler failed" in caplog.text
        assert "the calendar is down" in caplog.text
        assert call.state is CallState.ANSWERED
        assert there.state is There.ANSWERED


@virtual_time
async def test_that_a_caller_hangs_up_on_a_busy_program_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    async with Exchange() as exchange, CallClient(config(exchange)) as client:

        @client.on(events.INCOMING_CALL)
        async def echo(call: ActiveCall) -> None:
            await call.answer()
            async for chunk in call.audio_stream():
                await call.send_audio(chunk)

        there = exchange.phone(CALLER, CALLEE)
        await there.caller.answered()
        await asyncio.sleep(1)
        there.caller.hang_up()
        await asyncio.sleep(1)
        assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@virtual_time
async def test_an_unanswered_transfer_that_a_program_forgot_to_handle_does_not_strand_the_caller() -> None:
    async with Exchange() as exchange, CallClient(config(exchange)) as client:
        exchange.parties[CALLEE] = Party(Behaviour.REJECT)
        failed: list[str] = []

        @client.on(events.INCOMING_CALL)
        async def transfer(call: ActiveCall) -> None:
            await call.answer()
            try:
                await call.connect()
            except WSSCallCommandError as error:
                failed.append(error.error_code)
                raise

        there = exchange.phone(CALLER, CALLEE)
        async with asyncio.timeout(5):
            await there.caller.ended()
        assert failed == ["CALL_UNANSWERED"]


@virtual_time
async def test_hundreds_of_calls_leave_nothing_behind() -> None:
    async with line() as phone:
        await phone.ring()
        before = len(asyncio.all_tasks())
        for number in range(300):
            there, call = await phone.ring()
            if number % 3:
                await call.answer()
            if number % 2:
                await call.disconnect()
            else:
                there.caller.hang_up()
                await call.wait_terminated()
        await asyncio.sleep(2)
        assert len(phone.client.calls) == 1
        assert len(asyncio.all_tasks()) <= before


@virtual_time
async def test_disconnect_from_a_task_of_a_handler_does_not_wait_for_itself() -> None:
    async with Exchange() as exchange:
        client = CallClient(config(exchange, grace_period=1))

        @client.on(events.INCOMING_CALL)
        async def handle(call: ActiveCall) -> None:
            await call.disconnect()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(client.disconnect())

        await client.connect()
        exchange.phone(CALLER, CALLEE)
        async with asyncio.timeout(5):
            await client.run_forever()
        assert tasks_of_the_client() == []


@virtual_time
async def test_a_client_that_is_closed_while_it_connects_ends_up_closed() -> None:
    async with ScriptedServer() as server:
        client = CallClient(server.config())
        running = asyncio.create_task(client.run_forever())
        link = await server.controls.get()
        closing = asyncio.create_task(client.disconnect())
        await asyncio.sleep(0.1)
        await link.send(encode(control.SetupDone(sm_ws_id="link-1")))
        await asyncio.gather(running, closing)
        assert client.state is ConnectionState.DISCONNECTED
        assert tasks_of_the_client() == []


@virtual_time
async def test_connecting_while_the_client_closes_connects_it_again() -> None:
    async with line(grace_period=3) as phone:
        _, call = await phone.talk()
        closing = asyncio.create_task(phone.client.disconnect())
        await asyncio.sleep(0.1)
        await phone.client.connect()
        await closing
        assert call.state is CallState.DISCONNECTED
        assert phone.client.state is ConnectionState.CONNECTED
        await phone.ring()


@virtual_time
async def test_a_handler_whose_own_task_was_cancelled_does_not_strand_the_caller() -> None:
    async with line() as phone:

        @phone.client.on(events.INCOMING_CALL)
        async def stumble(call: ActiveCall) -> None:
            await call.answer()
            helper = asyncio.create_task(asyncio.Event().wait())
            helper.cancel()
            await helper

        there = phone.exchange.phone(CALLER, CALLEE)
        async with asyncio.timeout(5):
            await there.caller.ended()
