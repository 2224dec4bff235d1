"""Rows of the compatibility table that are about the client and its links, each shown on real ones."""

from __future__ import annotations

import asyncio
import functools
from typing import Any

import pytest

from tests.call.line import CALLEE, CALLER, Inbox, config, settle
from tests.call.scripted import ScriptedCall, ScriptedServer
from tests.virtual_time import virtual_time
from voiceagent.call import ActiveCall, CallClient, CallClientConfig, ConnectionState, EndReason, events
from voiceagent.call.exceptions import WSSMediaError
from voiceagent.sandbox.exchange import CallState as There
from voiceagent.sandbox.exchange import Exchange


@virtual_time
async def test_a_call_is_found_by_its_id_while_it_lives() -> None:
    async with Exchange() as exchange:
        client = CallClient(config(exchange))
        assert client.get_call("no-such-call") is None
        await client.connect()
        inbox = Inbox(client)
        exchange.phone(CALLER, CALLEE)
        call = await inbox.take()
        assert client.get_call(call.call_id) is call
        assert client.get_call("no-such-call") is None
        await call.disconnect()
        assert client.get_call(call.call_id) is None
        await client.disconnect()
        assert client.get_call(call.call_id) is None


@virtual_time
async def test_every_handler_of_a_client_gets_the_call_and_one_that_returns_leaves_it_alone() -> None:
    async with Exchange() as exchange, CallClient(config(exchange)) as client:
        seen: list[ActiveCall] = []
        client.on(events.INCOMING_CALL, seen.append)
        client.on(events.ClientEvent.INCOMING_CALL, seen.append)
        there = exchange.phone(CALLER, CALLEE)
        await settle()
        assert len(seen) == 2 and seen[0] is seen[1]
        assert there.state is There.RINGING, "the handlers have returned; the call waits for a command"
        await seen[0].answer()
        await asyncio.sleep(60)
        assert there.state is There.ANSWERED
        there.caller.hang_up()


@virtual_time
async def test_a_link_that_the_client_closes_is_not_lost() -> None:
    async with Exchange() as exchange:
        client = CallClient(config(exchange))
        seen: list[str] = []
        for event in (events.CONNECTION_ESTABLISHED, events.CONNECTION_LOST):
            client.on(event, functools.partial(seen.append, event))
        for _ in range(2):
            await client.connect()
            await settle()
            await client.disconnect()
        await settle()
        assert seen == [events.CONNECTION_ESTABLISHED] * 2


@virtual_time
async def test_a_dead_control_link_is_noticed_by_its_heartbeat() -> None:
    async with ScriptedServer() as server:
        client = CallClient(server.config())
        link = await server.connected(client)
        link.transport.pause_reading()
        await asyncio.sleep(29 + 10)
        assert client.state is ConnectionState.CONNECTED
        await asyncio.sleep(4)
        assert client.state is ConnectionState.RECONNECTING
        await server.accepted()
        await settle()
        assert client.state is ConnectionState.CONNECTED
        await client.disconnect()


@virtual_time
async def test_a_dead_media_link_is_noticed_by_its_heartbeat() -> None:
    async with ScriptedServer() as server, ScriptedCall(server) as line:
        began = asyncio.get_running_loop().time()
        connecting = asyncio.create_task(line.call.connect(ring_time_seconds=120))
        await line.command()
        line.media.transport.pause_reading()
        with pytest.raises(WSSMediaError):
            await connecting
        assert line.call.end_reason is EndReason.MEDIA_LOST
        assert asyncio.get_running_loop().time() - began == pytest.approx(41, abs=2)


@virtual_time
async def test_the_client_says_where_its_link_is() -> None:
    async with ScriptedServer() as server:
        client = CallClient(server.config())
        assert client.state is ConnectionState.DISCONNECTED
        connecting = asyncio.create_task(client.connect())
        link = await server.accepted()
        await connecting
        assert client.state is ConnectionState.CONNECTED
        await link.close()
        await asyncio.sleep(0.1)
        assert client.state is ConnectionState.RECONNECTING
        await server.accepted()
        await settle()
        assert client.state is ConnectionState.CONNECTED
        await client.disconnect()
        assert client.state is ConnectionState.DISCONNECTED
        assert client.calls == ()


@virtual_time
async def test_calls_of_a_client_that_is_not_let_finish_are_abandoned() -> None:
    async with Exchange() as exchange:
        client = CallClient(config(exchange, grace_period=60))
        await client.connect()
        inbox = Inbox(client)
        exchange.phone(CALLER, CALLEE)
        call = await inbox.take()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await client.disconnect()
        assert call.end_reason is EndReason.ABANDONED


def test_both_ways_to_authenticate_take_the_same_further_settings() -> None:
    further: dict[str, Any] = {
        "sample_rate": 8000,
        "base_url": "ws://calls.example",
        "buffer_size": 4800,
        "ca_file": "ca.pem",
        "allow_insecure": True,
        "grace_period": 0.5,
    }
    sandbox = CallClientConfig.sandbox("key-0123456789", "connector", **further)
    production = CallClientConfig.production("client.pem", "client.key", **further)
    for settings in (sandbox, production):
        assert {name: getattr(settings, name) for name in further} == further
    assert (sandbox.api_key, sandbox.connector_uuid) == ("key-0123456789", "connector")
    assert (sandbox.cert_path, sandbox.key_path) == (None, None)
    assert (production.cert_path, production.key_path) == ("client.pem", "client.key")
    assert (production.api_key, production.connector_uuid) == (None, None)
