"""The exchange plays callers, and the sandbox puts exchange and live server together."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.sandbox.raw_client import CALLEE, CALLER, Worker
from tests.virtual_time import virtual_time
from voiceagent.sandbox.exchange import Exchange
from voiceagent.sandbox.operator import Operator, OperatorError
from voiceagent.sandbox.sandbox import Sandbox
from voiceagent.sandbox.scenario import Play, Script
from voiceagent.wire import media


@virtual_time
async def test_a_scripted_caller_speaks_and_hangs_up() -> None:
    async with (
        Exchange() as exchange,
        Operator(exchange.operator_url) as operator,
        Worker.connect(exchange) as worker,
    ):
        call_id = await operator.phone(CALLER, CALLEE, script=[{"say": "hello there"}, {"wait": 1}, "hangup"])
        async with worker.take_call() as agent:
            await agent.ok(media.ANSWER)
            await agent.closed.wait()
            assert len(bytes(agent.heard[0]).strip(b"\0")) > 8000
        assert (await operator.call(call_id))["end_reason"] == "caller_hangup"


@virtual_time
async def test_a_scripted_caller_stops_when_the_call_ends() -> None:
    async with (
        Exchange() as exchange,
        Operator(exchange.operator_url) as operator,
        Worker.connect(exchange) as worker,
    ):
        await operator.phone(CALLER, CALLEE, script=[{"wait": 3600}])
        async with worker.take_call() as agent:
            await agent.ok(media.ANSWER)
            await asyncio.sleep(1)
            await agent.ok(media.DISCONNECT)
            await agent.closed.wait()
        assert not exchange._scripted


@virtual_time
async def test_a_script_that_fails_ends_its_call_and_says_why(tmp_path: Path) -> None:
    script = Script((Play(tmp_path / "missing.wav"),))
    async with Exchange() as exchange, Worker.connect(exchange) as worker:
        other = exchange.phone(CALLER, CALLEE)
        async with worker.take_call() as talking:
            await talking.ok(media.ANSWER)
            call = exchange.phone(CALLER, CALLEE, script)
            async with worker.take_call() as agent:
                await agent.ok(media.ANSWER)
                await agent.closed.wait()
            events = {event["event"]: event for event in call.log.snapshot()}
            assert "missing.wav" in events["script_failed"]["error"]
            assert (call.state, other.state) == ("ended", "answered")


@virtual_time
async def test_a_script_that_makes_no_sense_is_refused() -> None:
    async with Exchange() as exchange, Operator(exchange.operator_url) as operator:
        with pytest.raises(OperatorError, match="sing") as refused:
            await operator.phone(CALLER, CALLEE, script=[{"sing": "a song"}])
        assert refused.value.status == 400
        assert exchange.calls == []


async def test_the_sandbox_says_where_everything_is() -> None:
    async with Sandbox() as sandbox:
        ready = sandbox.ready
        assert list(ready) == [
            "call_url",
            "operator_url",
            "live_url",
            "live_tls_url",
            "ca_file",
            "api_key",
            "connector_uuid",
        ]
        schemes = [
            urlsplit(ready[name]).scheme for name in ("call_url", "operator_url", "live_url", "live_tls_url")
        ]
        assert schemes == ["ws", "http", "ws", "https"]
        assert "BEGIN CERTIFICATE" in await asyncio.to_thread(Path(ready["ca_file"]).read_text)
        async with Operator(ready["operator_url"]) as operator:
            assert (await operator.info())["api_key"] == ready["api_key"]


async def test_a_sandbox_whose_port_is_taken_starts_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(OSError, match="cannot listen"):
            async with Sandbox(port=taken.getsockname()[1]):
                pytest.fail("it listens")
