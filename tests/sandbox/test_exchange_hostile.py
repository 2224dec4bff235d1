"""Agents and operators that mean harm, or are broken: the exchange answers, counts, lets go, and goes on."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest

from tests.fuzz.inputs import frame
from tests.sandbox.raw_client import CALLEE, CALLER, Worker, answered_call
from tests.virtual_time import virtual_time
from voiceagent.sandbox.exchange import Exchange
from voiceagent.wire import control, encode, media


async def answer(exchange: Exchange, request: bytes) -> tuple[int, bytes]:
    """The status and the body of the answer to these bytes."""
    reader, writer = await asyncio.open_connection(*exchange.url.removeprefix("ws://").split(":"))
    writer.write(request)
    status = int((await reader.readline()).split()[1])
    length = 0
    while (line := await reader.readline()) != b"\r\n":
        if line.lower().startswith(b"content-length:"):
            length = int(line.split()[1])
    body = await reader.readexactly(length)
    writer.transport.abort()
    return status, body


def errors(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.levelno >= logging.ERROR]


@virtual_time
@pytest.mark.parametrize("header", ["x-api-key", "x-connector-uuid", "Authorization"])
async def test_credentials_that_are_no_utf_8_are_refused(header: str) -> None:
    async with Exchange() as exchange, Worker.connect(exchange) as worker:
        call = exchange.phone(CALLER, CALLEE)
        await worker.claim()
        path = f"/v1/voice-session/{call.call_id}" if header == "Authorization" else control.PATH
        headers = f"{header}: \xff\xfe\r\n"
        if header == "x-connector-uuid":
            headers += f"x-api-key: {exchange.api_key}\r\n"
        request = f"GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode("latin-1")
        assert (await answer(exchange, request))[0] == 401


@virtual_time
async def test_a_body_that_claims_to_be_compressed_is_read_as_it_is() -> None:
    async with Exchange() as exchange:
        head = b"POST /operator/parties HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
        status, body = await answer(exchange, head + b"Content-Encoding: gzip\r\n\r\n\x1f\x8b")
        assert status == 400
        assert "not JSON" in json.loads(body)["error"]


def test_whoever_hangs_up_in_the_middle_of_a_request_leaves_no_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @virtual_time
    async def hang_up() -> None:
        async with Exchange() as exchange:
            _, writer = await asyncio.open_connection(*exchange.url.removeprefix("ws://").split(":"))
            writer.write(b"POST /operator/calls HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
            await asyncio.sleep(0.1)
            writer.transport.abort()
            await asyncio.sleep(0.1)

    hang_up()
    assert errors(caplog) == []


@virtual_time
async def test_an_agent_that_never_reads_its_answers_is_let_go() -> None:
    async with Exchange() as exchange, answered_call(exchange) as (call, agent, _):
        transport = agent.socket.transport
        transport.pause_reading()
        name = "c" * 50_000
        command = encode(
            media.Command(data=media.CommandData(command_id="1", command=name, timeout_ms=1))
        ).encode()
        for _ in range(400):
            transport.write(frame(1, command, mask=True))
        async with asyncio.timeout(30):
            await call.caller.ended()
        assert call.end_reason == "media_lost"
        assert "not read" in call.violations.snapshot()[-1]
        transport.abort()


@virtual_time
async def test_what_an_agent_calls_a_command_is_noted_in_short() -> None:
    async with Exchange() as exchange, answered_call(exchange) as (call, agent, _):
        response = await agent.do("c" * 100_000)
        assert response.error_code == media.UNKNOWN_COMMAND
        assert max(len(str(event)) for event in call.log.snapshot()) < 1000


def test_an_agent_that_pings_and_never_reads_leaves_no_error(caplog: pytest.LogCaptureFixture) -> None:
    @virtual_time
    async def ping() -> None:
        async with Exchange() as exchange, answered_call(exchange) as (call, agent, _):
            transport = agent.socket.transport
            transport.pause_reading()
            transport.write(frame(9, b"p" * 125, mask=True) * 150_000)
            await asyncio.sleep(5)
            transport.abort()
            async with asyncio.timeout(60):
                await call.caller.ended()

    ping()
    assert errors(caplog) == []
