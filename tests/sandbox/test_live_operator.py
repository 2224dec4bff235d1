"""The live server's operator API, and how the server starts and stops."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from tests.sandbox.live_client import live_server, live_session
from tests.virtual_time import virtual_time
from voiceagent.sandbox.live import LiveServer
from voiceagent.sandbox.scenario import parse_scenario
from voiceagent.sandbox.speech import speak

GREETS = "model: [{on: start, say: Hello.}]"


@asynccontextmanager
async def operator(server: LiveServer) -> AsyncIterator[Any]:
    async with aiohttp.ClientSession() as http:

        async def call(method: str, path: str, body: str | bytes = b"") -> tuple[int, Any]:
            async with http.request(method, server.operator_url + path, data=body) as response:
                if response.content_type == "application/json":
                    return response.status, await response.json()
                return response.status, await response.read()

        yield call


@virtual_time
async def test_sessions_show_what_was_sent_and_what_happened() -> None:
    voice = {"speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Zephyr"}}}}
    async with (
        live_server(GREETS) as server,
        live_session(server, generationConfig=voice) as client,
        operator(server) as call,
    ):
        await client.start()
        await client.next("turnComplete")
        await client.audio(bytes(32_000))
        _, body = await call("GET", "/sessions")
        (session,) = body["sessions"]
        assert session["model"] == session["setup"]["model"] == "models/gemini-3.8-live"
        assert session["voice"] == "Zephyr"
        assert session["texts"] == ["The caller is on the line."]
        assert session["audio_bytes"] == 32_000
        assert session["tool_responses"] == []
        assert session["closed"] is False
        names = [event["event"] for event in session["events"]]
        assert [name for name in names if name != "text"] == [
            "setup",
            "turn_started",
            "first_audio",
            "generation_complete",
            "turn_complete",
        ]
        times = [event["at_ms"] for event in session["events"]]
        assert times == sorted(times)


@virtual_time
async def test_the_server_says_which_faults_it_knows() -> None:
    async with live_server() as server, operator(server) as call:
        status, info = await call("GET", "/info")
        assert status == 200
        assert info["server"] == "voiceagent-sandbox-live"
        assert {"go_away", "drop", "freeze", "refuse"} <= set(info["faults"])


@virtual_time
async def test_the_audio_of_a_session_is_what_was_sent_at_16_khz() -> None:
    pcm = speak("good morning", sample_rate=16_000)
    async with live_server() as server, live_session(server) as client, operator(server) as call:
        await client.audio(pcm)
        status, body = await call("GET", "/sessions/session-1/audio")
        assert (status, body) == (200, pcm)
        assert (await call("GET", "/sessions/nobody/audio"))[0] == 404


@virtual_time
async def test_a_scenario_is_played_by_the_sessions_that_are_set_up_after_it() -> None:
    async with live_server(GREETS) as server, operator(server) as call, live_session(server) as before:
        assert await call("POST", "/scenario", "model: [{on: start, say: Goodbye.}]") == (200, {})
        async with live_session(server) as after:
            for client in (before, after):
                await client.start()
                await client.next("turnComplete")
            assert before.spoken() == speak("Hello.", sample_rate=24_000)
            assert after.spoken() == speak("Goodbye.", sample_rate=24_000)


@virtual_time
async def test_a_malformed_scenario_is_refused_with_line_and_field() -> None:
    async with live_server() as server, operator(server) as call:
        status, body = await call("POST", "/scenario", "model:\n  - on: caller_don\n")
        assert status == 400
        assert ":2: model[0].on: unknown trigger 'caller_don'" in body["error"]
        assert (await call("POST", "/scenario", b"\xff\xfe"))[0] == 400


@virtual_time
async def test_a_raw_message_is_sent_as_it_is() -> None:
    async with live_server() as server, live_session(server) as client, operator(server) as call:
        status, _ = await call("POST", "/sessions/session-1/emit", '{"goAway":{"timeLeft":"9s"}}')
        assert status == 200
        assert (await client.next("goAway")).message == {"goAway": {"timeLeft": "9s"}}
        assert (await call("POST", "/sessions/session-7/emit", "{}"))[0] == 404


@virtual_time
async def test_reset_ends_and_forgets_the_sessions_and_goes_back_to_the_first_scenario() -> None:
    async with live_server(GREETS) as server, operator(server) as call:
        async with live_session(server) as client:
            await call("POST", "/scenario", "model: [{on: start, say: Goodbye.}]")
            await call("POST", "/reset")
            assert (await client.closed())[0] == 1001
        assert (await call("GET", "/sessions"))[1] == {"sessions": []}
        async with live_session(server) as client:
            await client.start()
            await client.next("turnComplete")
            assert client.spoken() == speak("Hello.", sample_rate=24_000)


@virtual_time
async def test_stopping_the_server_ends_sessions_in_mid_sentence_and_leaves_nothing_behind() -> None:
    before = asyncio.all_tasks()
    server = LiveServer(scenario=parse_scenario(GREETS))
    await server.__aenter__()
    ca_file = server.ca_file
    assert ca_file.read_text().startswith("-----BEGIN CERTIFICATE-----")
    async with live_session(server) as client:
        await client.start()
        await client.next("modelTurn")
        await server.__aexit__(None, None, None)
        assert (await client.closed())[0] == 1001
    assert not ca_file.exists()
    assert asyncio.all_tasks() == before


@virtual_time
async def test_a_client_that_leaves_in_mid_sentence_takes_its_turn_with_it() -> None:
    async with live_server(GREETS) as server:
        async with live_session(server) as client:
            await client.start()
            await client.next("modelTurn")
        for _ in range(100):
            await asyncio.sleep(0.01)
        record = server.records[0]
        assert record.closed
        assert record.events[-1]["event"] == "closed"
        assert server.running(record.session_id) is None


async def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"the live server cannot listen on 127.0.0.1:{port}"):
            async with LiveServer(port=port):
                pass
    with pytest.raises(OSError, match=r"127.0.0.1:70000: a port is a number from 0 to 65535"):
        async with LiveServer(port=70000):
            pass


def test_a_server_that_was_not_started_says_so() -> None:
    with pytest.raises(RuntimeError, match="async with"):
        _ = LiveServer().url


@virtual_time
async def test_forty_sessions_at_once_are_paced_and_answered_each_by_itself() -> None:
    async with live_server(GREETS) as server, asyncio.TaskGroup() as tasks:

        async def converse() -> None:
            async with live_session(server) as client:
                await client.start()
                await client.next("turnComplete")
                await client.say("good morning")
                await client.next("turnComplete")
                assert client.spoken().startswith(speak("Hello.", sample_rate=24_000))
                assert "interrupted" not in client.kinds()

        for _ in range(40):
            tasks.create_task(converse())
