"""What clients may send, in which spellings, and what they are told when it is wrong."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import Any

import aiohttp
import pytest
from websockets.exceptions import ConnectionClosed

from tests.sandbox.live_client import connected, live_server, live_session, setup
from tests.virtual_time import virtual_time
from voiceagent.sandbox.live.fields import Fields, ProtocolError
from voiceagent.sandbox.live.protocol import (
    AudioInput,
    decode_inputs,
    decode_setup,
    encode_duration,
)

PCM = bytes(range(256)) + b"\xff\xfe\xfb\xef" * 16

GREETS = "model: [{on: start, say: Hello.}]"


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("padding", [True, False])
@pytest.mark.parametrize(
    ("realtime", "mime"), [("realtimeInput", "mimeType"), ("realtime_input", "mime_type")]
)
def test_audio_is_read_in_every_spelling(encode: Any, padding: bool, realtime: str, mime: str) -> None:
    data = encode(PCM).decode()
    blob = {"data": data if padding else data.rstrip("="), mime: "audio/pcm;rate=24000"}
    expected = [AudioInput(PCM, 24_000)]
    assert decode_inputs(Fields({realtime: {"audio": blob}}, "message")) == expected
    assert decode_inputs(Fields({realtime: {"mediaChunks": [blob]}}, "message")) == expected
    assert decode_inputs(Fields({realtime: {"media_chunks": [blob]}}, "message")) == expected


def test_audio_without_a_rate_is_16_khz() -> None:
    blob = {"data": base64.b64encode(PCM).decode(), "mimeType": "audio/pcm"}
    assert decode_inputs(Fields({"realtimeInput": {"audio": blob}}, "message")) == [AudioInput(PCM, 16_000)]


def test_unknown_keys_bring_nothing() -> None:
    assert decode_inputs(Fields({"contextUpdate": {}, "somethingNew": 1}, "message")) == []
    assert decode_setup(Fields({"setup": {"model": "m", "labels": {"a": "b"}, "newField": 3}}, "message"))


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({"realtimeInput": {"audio": "hello"}}, "message.realtimeInput.audio must be an object"),
        ({"realtimeInput": {"audio": {"data": 3}}}, "message.realtimeInput.audio.data must be a string"),
        ({"realtimeInput": {"audio": {"data": "ab*="}}}, "audio data is not base64"),
        ({"realtimeInput": {"audio": {"data": "", "mimeType": "audio/mp3"}}}, "audio must be audio/pcm"),
        ({"realtimeInput": {"audio": {"mimeType": "audio/pcm;rate=1"}}}, "audio rate must be 8000 to 48000"),
        ({"toolResponse": {"functionResponses": {}}}, "toolResponse.functionResponses must be a list"),
        ({"clientContent": {"turns": [7]}}, "clientContent.turns[0] must be an object"),
        ({"setup": {"model": "m"}}, "setup may be sent only once"),
    ],
)
def test_a_wrong_type_is_an_error_that_names_the_field(message: dict[str, Any], field: str) -> None:
    with pytest.raises(ProtocolError) as error:
        decode_inputs(Fields(message, "message"))
    assert field in str(error.value)


def test_a_duration_is_written_as_protobuf_does() -> None:
    assert [encode_duration(5.0), encode_duration(2.5), encode_duration(0)] == ["5s", "2.500s", "0s"]


@virtual_time
@pytest.mark.parametrize(
    ("setup_message", "field"),
    [
        ({"realtimeInput": {"text": "hi"}}, "setup must be the first message, got realtimeInput"),
        ({"setup": {}}, "setup.model is missing"),
        ({"setup": {"model": 5}}, "setup.model must be a string, not an integer"),
        ({"setup": {"model": "m", "tools": {}}}, "setup.tools must be a list"),
        ({"setup": {"model": "m", "generation_config": []}}, "setup.generationConfig must be an object"),
        (
            {"setup": {"model": "m", "realtimeInputConfig": {"automaticActivityDetection": {"disabled": 1}}}},
            "automaticActivityDetection.disabled must be true or false",
        ),
    ],
)
async def test_a_wrong_setup_closes_with_1007_and_the_field(
    setup_message: dict[str, Any], field: str
) -> None:
    async with live_server() as server, connected(server) as client:
        await client.send(setup_message)
        code, reason = await client.closed()
        assert code == 1007
        assert field in reason
        assert field in server.records[0].as_dict()["violations"][0]


MALFORMED: list[str | bytes] = [
    "{not json",
    b"\xff\xfe\x00",
    "",
    "[1, 2]",
    '"text"',
    "[" * 100_000,
]


@virtual_time
async def test_what_is_malformed_is_counted_logged_once_and_survived(
    caplog: pytest.LogCaptureFixture,
) -> None:
    wrong_fields = ['{"realtimeInput": {"audio": {"data": "ab*="}}}', '{"setup": {"model": "again"}}']
    async with live_server(GREETS) as server, connected(server) as client:
        for frame in MALFORMED:
            await client.socket.send(frame)
        await client.send({"setup": setup()})
        await client.next("setupComplete")
        for frame in [*MALFORMED, *wrong_fields]:
            await client.socket.send(frame)
        await client.start()
        await client.next("turnComplete")
        violations = server.records[0].as_dict()["violations"]
        assert len(violations) == 2 * len(MALFORMED) + len(wrong_fields)
        assert violations[-2:] == ["audio data is not base64", "setup may be sent only once"]
    assert [record.levelname for record in caplog.records] == ["WARNING"]


@virtual_time
async def test_a_message_that_is_too_large_ends_its_session_and_no_other() -> None:
    async with live_server(GREETS) as server, live_session(server) as other, live_session(server) as client:
        with suppress(ConnectionClosed):
            await client.socket.send("x" * (16 << 20))
        assert (await client.closed())[0] == 1009
        assert "exceeds limit" in server.records[1].as_dict()["violations"][0]
        await other.start()
        await other.next("turnComplete")


@virtual_time
async def test_a_client_that_never_sends_its_setup_is_let_go() -> None:
    async with live_server() as server, connected(server) as client:
        code, reason = await client.closed()
        assert code == 1008
        assert "setup" in reason


@virtual_time
@pytest.mark.parametrize(
    "path",
    [
        "//ws/google.ai.generativelanguage.v1.GenerativeService.BidiGenerateContent",
        "/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent?key=k",
        "/my/prefix/ws/x",
        "/",
    ],
)
async def test_any_path_is_a_session(path: str) -> None:
    async with live_server(GREETS) as server, connected(server, path) as client:
        await client.send({"setup": setup()})
        await client.next("setupComplete")
        assert server.records[0].authenticated == ("key=" in path)


@virtual_time
async def test_frames_may_be_binary_too() -> None:
    async with live_server(GREETS) as server, connected(server) as client:
        await client.socket.send(json.dumps({"setup": setup()}).encode())
        await client.next("setupComplete")


@virtual_time
async def test_without_a_scenario_every_text_gets_an_answer() -> None:
    async with live_server() as server, live_session(server) as client:
        await client.start()
        await client.next("turnComplete")
        assert client.spoken()


@virtual_time
async def test_plain_http_is_told_what_this_is() -> None:
    async with live_server() as server, aiohttp.ClientSession() as http:
        async with http.get(server.url.replace("ws:", "http:") + "/") as response:
            assert response.status == 426
            assert "WebSocket" in await response.text()
