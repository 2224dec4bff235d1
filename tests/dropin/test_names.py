"""Programs written for the two public SDKs find their names, and one implementation behind them."""

from __future__ import annotations

import asyncio
import importlib
import importlib.resources
import inspect
from types import ModuleType
from typing import Any

import pytest

import voiceagent.call
from tests.virtual_time import virtual_time
from voiceagent.sandbox.exchange import Exchange

SDKS = [("telcoflow_sdk", "Telcoflow"), ("agentao_sdk", "AgenTao")]

METHODS = {
    "answer",
    "connect",
    "whisper",
    "barge",
    "spy",
    "disconnect",
    "close",
    "force_disconnect",
    "send_audio",
    "clear_send_audio_buffer",
}


def sdk_of(package: str) -> ModuleType:
    return importlib.import_module(package)


@pytest.mark.parametrize(("package", "prefix"), SDKS)
def test_what_a_program_compares_with_is_there_too(package: str, prefix: str) -> None:
    sdk = sdk_of(package)
    for name in ("CallState", "ConnectionState", "EndReason"):
        assert getattr(sdk, name) is getattr(voiceagent.call, name)
        assert name in sdk.__all__
    assert not hasattr(sdk, "__version__")


@pytest.mark.parametrize(("package", "prefix"), SDKS)
def test_every_row_of_the_api_reference_is_there(package: str, prefix: str) -> None:
    sdk = sdk_of(package)
    client, config = getattr(sdk, f"{prefix}Client"), getattr(sdk, f"{prefix}ClientConfig")
    assert list(inspect.signature(config.sandbox).parameters)[:3] == [
        "api_key",
        "connector_uuid",
        "sample_rate",
    ]
    assert list(inspect.signature(config.production).parameters)[:3] == [
        "cert_path",
        "key_path",
        "sample_rate",
    ]
    for name in ("run_forever", "connect", "disconnect"):
        assert inspect.iscoroutinefunction(getattr(client, name))
    assert callable(client.on) and callable(client.get_call)
    for name in METHODS:
        assert inspect.iscoroutinefunction(getattr(sdk.ActiveCall, name)), name
    assert inspect.signature(sdk.ActiveCall.connect).parameters["ring_time_seconds"].default == 60
    for name in ("get_send_audio_buffer_size", "audio_stream", "on", "register_event_handler"):
        assert not inspect.iscoroutinefunction(getattr(sdk.ActiveCall, name)), name
    for name in ("call_id", "caller_number", "callee_number", "direction"):
        assert isinstance(getattr(sdk.ActiveCall, name), property)
    for name in ("interrupt", "hangup"):
        assert inspect.iscoroutinefunction(getattr(sdk.ActiveCall, name))


@pytest.mark.parametrize(("package", "prefix"), SDKS)
def test_events_and_exceptions_are_modules_of_their_own(package: str, prefix: str) -> None:
    events = importlib.import_module(f"{package}.events")
    exceptions = importlib.import_module(f"{package}.exceptions")
    assert events.INCOMING_CALL == events.ClientEvent.INCOMING_CALL
    for name in ("TERMINATED", "ANSWERED", "CONNECTED", "CONNECT_FAILED", "ANSWER_FAILED", "ERROR"):
        assert getattr(events, f"CALL_{name}") == events.CallEvent[f"CALL_{name}"]
    tree = {
        "WSSConnectionError": "WSSError",
        "WSSAuthenticationError": "WSSError",
        "WSSMediaError": "WSSError",
        "BufferFullError": "WSSError",
        "BufferClosedError": "WSSError",
        "WSSCallError": "WSSError",
        "WSSCallClosedError": "WSSCallError",
        "WSSCallCommandError": "WSSCallError",
        "WSSCallCommandTimeoutError": "WSSCallError",
    }
    for name, base in tree.items():
        assert getattr(exceptions, name).__bases__ == (getattr(exceptions, base),)
        assert getattr(exceptions, name) is getattr(voiceagent.call.exceptions, name)


@pytest.mark.parametrize(("package", "prefix"), SDKS)
def test_type_checkers_may_rely_on_the_annotations(package: str, prefix: str) -> None:
    assert importlib.resources.files(package).joinpath("py.typed").is_file()


@pytest.mark.parametrize(("package", "prefix"), SDKS)
def test_things_are_shown_under_their_own_names(package: str, prefix: str) -> None:
    sdk = sdk_of(package)
    settings = getattr(sdk, f"{prefix}ClientConfig").sandbox(
        api_key="secret-key", connector_uuid="c-1", sample_rate=24000, base_url="wss://calls.example"
    )
    assert repr(settings).startswith(f"{prefix}ClientConfig(base_url='wss://calls.example'")
    assert "secret-key" not in repr(settings)
    client = getattr(sdk, f"{prefix}Client")(settings)
    assert repr(client) == f"<{prefix}Client wss://calls.example disconnected>"


@pytest.mark.parametrize(("package", "prefix"), SDKS)
def test_a_program_of_the_documentation_runs(
    package: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sdk: Any = sdk_of(package)
    events = importlib.import_module(f"{package}.events")
    Client, Config = getattr(sdk, f"{prefix}Client"), getattr(sdk, f"{prefix}ClientConfig")
    heard: list[bytes] = []
    log: list[str] = []

    async def main(api_key: str, connector_uuid: str) -> None:
        config = Config.sandbox(api_key=api_key, connector_uuid=connector_uuid, sample_rate=24000)
        async with Client(config) as client:

            @client.on(events.INCOMING_CALL)
            async def handle_call(call: Any) -> None:
                @call.on(events.CALL_TERMINATED)
                def on_terminated() -> None:
                    log.append("terminated")

                await call.answer()
                await call.send_audio(b"\x01\x00" * 2400)
                async for audio_chunk in call.audio_stream():
                    heard.append(audio_chunk)
                log.append("stream ended")

            await client.run_forever()

    @virtual_time
    async def run() -> None:
        async with Exchange() as exchange:
            monkeypatch.setenv("VOICEAGENT_CALL_URL", exchange.url)
            program = asyncio.create_task(main(exchange.api_key, exchange.connector_uuid))
            there = exchange.phone("+15550100", "+15550199")
            await there.caller.answered()
            there.caller.say(b"\x02\x00" * 24000)
            await there.caller.said()
            await asyncio.sleep(0.5)
            there.caller.hang_up()
            await asyncio.sleep(0.5)
            program.cancel()
            await asyncio.wait((program,))
            assert b"\x01\x00" * 2400 in there.caller.heard()

    run()
    assert b"\x02\x00" * 24000 in b"".join(heard)
    assert sorted(log) == ["stream ended", "terminated"]
