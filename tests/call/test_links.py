"""Who gets a call, and what happens to calls when links break."""

from __future__ import annotations

import asyncio
import logging

import pytest

from tests.call.line import CALLEE, CALLER, Inbox, config, line, noise, settle
from tests.call.scripted import ScriptedCall, ScriptedServer
from tests.virtual_time import virtual_time
from voiceagent.call import CallClient, CallState, ClientEvent, ConnectionState, events
from voiceagent.call.exceptions import WSSAuthenticationError, WSSConnectionError
from voiceagent.sandbox.exchange import CallState as There
from voiceagent.sandbox.exchange import Exchange
from voiceagent.wire import control, encode


@virtual_time
async def test_a_call_that_is_early_waits_for_a_handler() -> None:
    async with Exchange() as exchange:
        there = exchange.phone(CALLER, CALLEE)
        async with CallClient(config(exchange)) as client:
            await asyncio.sleep(20)
            assert there.agent is None
            inbox = Inbox(client)
            call = await inbox.take()
            await call.answer()
            assert there.state is There.ANSWERED


@virtual_time
async def test_a_call_that_no_handler_wants_is_rejected_after_half_a_minute() -> None:
    async with Exchange() as exchange, CallClient(config(exchange)):
        there = exchange.phone(CALLER, CALLEE)
        await asyncio.sleep(29)
        assert there.state is There.RINGING
        await asyncio.sleep(2)
        assert (there.state, there.end_reason) == (There.ENDED, "rejected")


@virtual_time
async def test_a_worker_without_a_handler_leaves_the_call_to_one_that_has_one() -> None:
    async with Exchange() as exchange, CallClient(config(exchange)), CallClient(config(exchange)) as ready:
        inbox = Inbox(ready)
        there = exchange.phone(CALLER, CALLEE)
        await (await inbox.take()).answer()
        await asyncio.sleep(60)
        assert there.state is There.ANSWERED


@virtual_time
async def test_of_two_workers_exactly_one_gets_each_call(caplog: pytest.LogCaptureFixture) -> None:
    async with line() as first, CallClient(config(first.exchange)) as second:
        other = Inbox(second)
        for _ in range(10):
            there = first.exchange.phone(CALLER, CALLEE)
            await settle()
            assert first.inbox.empty != other.empty
            taken = first.inbox if other.empty else other
            await (await taken.take()).disconnect()
            await settle()
            assert there.end_reason == "rejected"
        assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@virtual_time
async def test_a_caller_who_gives_up_before_a_handler_is_there_reaches_nobody() -> None:
    async with Exchange() as exchange, CallClient(config(exchange)) as client:
        there = exchange.phone(CALLER, CALLEE)
        await asyncio.sleep(1)
        there.caller.hang_up()
        await settle()
        inbox = Inbox(client)
        await asyncio.sleep(40)
        assert inbox.empty


@virtual_time
async def test_active_calls_live_on_while_the_control_link_is_down() -> None:
    async with line() as phone:
        states: list[str] = []
        phone.client.on(events.CONNECTION_LOST, lambda: states.append("lost"))
        phone.client.on(ClientEvent.CONNECTION_ESTABLISHED, lambda: states.append("established"))
        there, call = await phone.talk()
        phone.exchange.drop_control(refuse_for=8)
        await asyncio.sleep(2)
        assert phone.client.state is ConnectionState.RECONNECTING
        waiting = phone.exchange.phone(CALLER, CALLEE)
        speech = noise(500)
        await call.send_audio(speech)
        await call.drained()
        assert speech in there.caller.heard()
        second = await phone.inbox.take()
        assert second.call_id == waiting.call_id
        assert phone.client.state is ConnectionState.CONNECTED
        assert call.state is CallState.ANSWERED
        await call.connect()
        await call.close()
        assert states == ["established", "lost", "established"]
        there.caller.hang_up()


@virtual_time
async def test_a_call_that_was_claimed_when_the_control_link_broke_comes_back() -> None:
    async with Exchange() as exchange, CallClient(config(exchange)) as client:
        there = exchange.phone(CALLER, CALLEE)
        await settle()
        exchange.drop_control()
        inbox = Inbox(client)
        call = await inbox.take()
        assert call.call_id == there.call_id


@virtual_time
async def test_reconnecting_takes_longer_each_time_and_starts_over_after_a_success() -> None:
    async with line() as phone:
        loop = asyncio.get_running_loop()
        found: list[float] = []
        phone.client.on(events.CONNECTION_ESTABLISHED, lambda: found.append(loop.time()))
        for _ in range(2):
            began = loop.time()
            phone.exchange.drop_control(refuse_for=60)
            await asyncio.sleep(59)
            assert phone.client.state is ConnectionState.RECONNECTING
            await asyncio.sleep(23)
            assert 60 < found.pop() - began < 72
            began = loop.time()
            phone.exchange.drop_control()
            await asyncio.sleep(1)
            assert found.pop() - began == pytest.approx(0.55, abs=0.06)
        assert len(found) == 1, "the first connection"


@virtual_time
async def test_while_the_first_link_is_opened_the_client_says_so() -> None:
    async with ScriptedServer() as server:
        client = CallClient(server.config())
        connecting = asyncio.create_task(client.connect())
        link = await server.controls.get()
        assert client.state is ConnectionState.CONNECTING
        await link.close()
        with pytest.raises(WSSConnectionError):
            await connecting
        assert client.state is ConnectionState.DISCONNECTED
        assert client.calls == ()


@virtual_time
async def test_a_wrong_key_is_refused_at_once_and_not_shown() -> None:
    async with Exchange() as exchange:
        client = CallClient(config(exchange, api_key="wrong-key-0123456789"))
        with pytest.raises(WSSAuthenticationError, match="the API key is not valid") as error:
            await client.connect()
        assert "wrong-key" not in str(error.value)
        assert client.state is ConnectionState.DISCONNECTED
        with pytest.raises(WSSAuthenticationError):
            async with client:
                pytest.fail("the context was entered")
        with pytest.raises(WSSAuthenticationError, match="the connector is not known"):
            await CallClient(config(exchange, connector_uuid="another")).connect()


@virtual_time
async def test_a_server_that_is_not_there_is_an_error_at_once() -> None:
    async with Exchange() as exchange:
        settings = config(exchange)
    with pytest.raises(WSSConnectionError, match="cannot reach the call server"):
        await CallClient(settings).connect()


@virtual_time
async def test_a_server_that_refuses_says_why() -> None:
    async with Exchange() as exchange:
        exchange.drop_control(refuse_for=1)
        with pytest.raises(WSSConnectionError, match="HTTP 503: control links are refused for a while"):
            await CallClient(config(exchange)).connect()


@virtual_time
async def test_a_key_that_is_revoked_later_does_not_stop_the_client() -> None:
    async with line() as phone:
        key, phone.exchange.api_key = phone.exchange.api_key, "a new key"
        phone.exchange.drop_control()
        await asyncio.sleep(30)
        assert phone.client.state is ConnectionState.RECONNECTING
        phone.exchange.api_key = key
        await phone.ring()


@virtual_time
async def test_a_server_that_takes_links_only_to_drop_them_is_not_stormed() -> None:
    async with ScriptedServer() as server:
        client = CallClient(server.config())
        link = await server.connected(client)
        began = asyncio.get_running_loop().time()
        connections = 0
        while asyncio.get_running_loop().time() - began < 60:
            await link.close()
            link = await server.accepted()
            connections += 1
        assert 8 < connections < 15
        await client.disconnect()


@virtual_time
async def test_a_session_that_is_announced_over_and_over_is_claimed_again_once() -> None:
    async with ScriptedServer() as server, ScriptedCall(server) as line:
        for _ in range(100):
            await line.link.send(encode(control.SessionNotify(session_id="session-1", channel="TELCO")))
        claim = control.decode_client(await line.link.recv())
        assert isinstance(claim, control.SessionOpen)
        await line.link.send(encode(control.Response(req_id=claim.req_id, ok=True, content={})))
        assert isinstance(control.decode_client(await line.link.recv()), control.SessionReady)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await line.link.recv()


@virtual_time
async def test_a_caller_who_gives_up_while_the_media_link_opens_reaches_nobody() -> None:
    async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with ScriptedServer() as server, await asyncio.start_server(never_answer, "127.0.0.1", 0) as silent:
        port = silent.sockets[0].getsockname()[1]
        client = CallClient(server.config())
        client.on(events.INCOMING_CALL, lambda: pytest.fail("there is no call to handle"))
        link = await server.connected(client)
        await server.offer(link, url=f"ws://127.0.0.1:{port}/media")
        await asyncio.sleep(1)
        assert len(client.calls) == 1
        await link.send(encode(control.SessionClosed(session_id="session-1", reason="CALL_TERMINATED")))
        await asyncio.sleep(2)
        assert client.calls == ()
        began = asyncio.get_running_loop().time()
        await client.disconnect()
        assert asyncio.get_running_loop().time() - began < 0.1, "no attempt goes on"
