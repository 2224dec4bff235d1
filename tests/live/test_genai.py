"""GenaiSession: setup by google-genai, then our own path on its socket; and every way it can fail to open."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from websockets.asyncio.server import ServerConnection, serve

from tests.virtual_time import virtual_time
from voiceagent.live import (
    Audio,
    GenerationComplete,
    InputTranscript,
    LiveClosedError,
    LiveConfig,
    LiveConnectError,
    OutputTranscript,
    Scheduling,
    ToolCalls,
    ToolDeclaration,
    TurnComplete,
)
from voiceagent.live.genai import GenaiConnector, GenaiSession
from voiceagent.sandbox.live import LiveServer
from voiceagent.sandbox.scenario import parse_scenario
from voiceagent.sandbox.speech import speak

LOOKUP = ToolDeclaration(
    "lookup", "Look it up.", {"type": "object", "properties": {"key": {"type": "string"}}}
)
CONFIG = LiveConfig(
    model="gemini-3.8-live",
    instruction="Be brief.",
    voice="Zephyr",
    language="en-US",
    tools=(LOOKUP,),
    temperature=0.5,
)
PLOT = """
model:
  - on: start
    say: Hello there.
  - on: caller_done
    heard: look it up
    call: {lookup: {key: a}}
  - on: tool_result
    say: Found it.
"""


@contextlib.asynccontextmanager
async def session(config: LiveConfig = CONFIG) -> AsyncIterator[tuple[GenaiSession, LiveServer]]:
    async with LiveServer(scenario=parse_scenario(PLOT, "test.yaml")) as server:
        live = await GenaiConnector(live_url=server.url).open(config)
        try:
            yield live, server
        finally:
            await live.close()


async def until_turn_ends(live: GenaiSession) -> list[object]:
    events: list[object] = []
    async with asyncio.timeout(60):
        async for event in live.events():
            events.append(event)
            if isinstance(event, TurnComplete | ToolCalls):
                return events
    raise AssertionError("the session ended")


def text_of(events: list[object], kind: type) -> str:
    return "".join(event.text for event in events if isinstance(event, kind))  # type: ignore[attr-defined]


@virtual_time
async def test_the_setup_says_what_the_agent_is() -> None:
    async with session() as (_, server):
        (record,) = server.records
        setup = record.setup
    assert setup is not None
    assert setup["model"] == "models/gemini-3.8-live"
    assert setup["systemInstruction"]["parts"] == [{"text": "Be brief."}]
    assert record.voice == "Zephyr"
    assert setup["generationConfig"]["responseModalities"] == ["AUDIO"]
    assert setup["generationConfig"]["temperature"] == 0.5
    assert {"inputAudioTranscription", "outputAudioTranscription", "contextWindowCompression"} <= set(setup)
    (declaration,) = setup["tools"][0]["functionDeclarations"]
    assert declaration["name"] == "lookup"


@pytest.mark.parametrize(
    ("model", "behaviors"),
    [
        ("gemini-3.8-live", [None, "BLOCKING", "NON_BLOCKING"]),
        ("gemini-2.5-flash-native-audio-preview-12-2025", [None, "BLOCKING", "NON_BLOCKING"]),
        ("gemini-3.1-flash-live-preview", [None, None, None]),
    ],
)
@virtual_time
async def test_a_tool_says_whether_it_is_waited_for_where_the_model_lets_it(
    model: str, behaviors: list[str | None]
) -> None:
    tools = tuple(
        replace(LOOKUP, name=f"tool_{blocking}", blocking=blocking) for blocking in (None, True, False)
    )
    async with session(replace(CONFIG, model=model, tools=tools)) as (_, server):
        declared = server.records[0].setup["tools"][0]["functionDeclarations"]  # type: ignore[index]
    assert [declaration.get("behavior") for declaration in declared] == behaviors


@virtual_time
async def test_a_model_that_is_not_to_be_interrupted_is_told_so_and_handles_are_always_asked_for() -> None:
    async with session() as (_, server):
        usual = server.records[0].setup
    async with session(replace(CONFIG, interruptible=False)) as (_, server):
        patient = server.records[0].setup
    assert usual is not None
    assert patient is not None
    assert usual["sessionResumption"] == patient["sessionResumption"] == {}
    assert "realtimeInputConfig" not in usual
    assert patient["realtimeInputConfig"] == {"activity_handling": "NO_INTERRUPTION"}


@virtual_time
async def test_a_conversation_with_a_tool() -> None:
    async with session() as (live, server):
        await live.send_text("hello")
        greeting = await until_turn_ends(live)
        assert text_of(greeting, OutputTranscript) == "Hello there."
        heard = b"".join(event.pcm for event in greeting if isinstance(event, Audio))
        assert heard == speak("Hello there.", sample_rate=24000)
        assert [type(event) for event in greeting[-3:]].count(GenerationComplete) <= 1

        question = speak("look it up", sample_rate=16000, voice="en-GB") + bytes(32000)
        for start in range(0, len(question), 640):
            await live.send_audio(question[start : start + 640])
            await asyncio.sleep(0.02)
        asked = await until_turn_ends(live)
        assert text_of(asked, InputTranscript) == "look it up"
        (calls,) = [event for event in asked if isinstance(event, ToolCalls)]
        assert [(call.name, call.args) for call in calls.calls] == [("lookup", {"key": "a"})]

        await live.send_tool_result(calls.calls[0].id, "lookup", {"result": 42})
        assert text_of(await until_turn_ends(live), OutputTranscript).strip() == "Found it."
        assert server.records[0].tool_responses[0]["response"] == {"result": 42}


@pytest.mark.parametrize(
    ("model", "scheduling"),
    [("gemini-3.8-live", "SILENT"), ("gemini-2.5-flash-native-audio-preview-12-2025", None)],
)
@virtual_time
async def test_silence_is_asked_for_only_where_the_model_does_not_wait(
    model: str, scheduling: str | None
) -> None:
    async with session(LiveConfig(model=model, tools=(LOOKUP,))) as (live, server):
        await live.send_tool_result("fc-1", "lookup", {}, scheduling=Scheduling.SILENT)
        await asyncio.sleep(0.1)
        (response,) = server.records[0].tool_responses
    assert response.get("scheduling") == scheduling


@virtual_time
async def test_a_tool_that_is_waited_for_needs_no_scheduling_whatever_the_model_does_by_itself() -> None:
    awaited = replace(LOOKUP, blocking=True)
    async with session(replace(CONFIG, tools=(awaited,))) as (live, server):
        await live.send_tool_result("fc-1", "lookup", {}, scheduling=Scheduling.SILENT)
        await asyncio.sleep(0.1)
        (response,) = server.records[0].tool_responses
    assert "scheduling" not in response


@virtual_time
async def test_a_closed_session_says_so_to_reader_and_writer() -> None:
    async with LiveServer(scenario=parse_scenario("faults: [{at: 1.0, close: 1011}]", "test.yaml")) as server:
        live = await GenaiConnector(live_url=server.url).open(CONFIG)
        with pytest.raises(LiveClosedError) as closed:
            async with asyncio.timeout(10):
                async for _ in live.events():
                    pass
        assert closed.value.code == 1011
        with pytest.raises(LiveClosedError, match="1011"):
            await live.send_text("still there?")
        with pytest.raises(LiveClosedError):
            await live.send_audio(bytes(640))
        await live.close()
        await live.close()


@contextlib.asynccontextmanager
async def server_that(handler: object, **options: object) -> AsyncIterator[str]:
    async with serve(handler, "127.0.0.1", 0, **options) as server:  # type: ignore[arg-type]
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def refused(url: str) -> str:
    with pytest.raises(LiveConnectError) as error:
        await GenaiConnector(live_url=url).open(CONFIG)
    assert "gemini-3.8-live" in str(error.value) or "setupComplete" in str(error.value)
    return str(error.value)


@virtual_time
async def test_a_service_that_never_answers_setup_is_given_up() -> None:
    async def silent(socket: ServerConnection) -> None:
        await socket.wait_closed()

    began = asyncio.get_running_loop().time()
    async with server_that(silent) as url:
        assert "no answer within 10 s" in await refused(url)
        assert asyncio.get_running_loop().time() - began == pytest.approx(10, abs=2)


@virtual_time
async def test_a_key_that_is_refused_is_named_as_the_service_names_it() -> None:
    async def invalid(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.close(1008, "API key not valid")

    async with server_that(invalid) as url:
        assert "1008" in (said := await refused(url))
        assert "API key not valid" in said


@virtual_time
async def test_a_handshake_that_is_refused_says_the_status() -> None:
    def refuse(connection: ServerConnection, request: object) -> object:
        return connection.respond(429, "quota")

    async def never(socket: ServerConnection) -> None:
        raise AssertionError

    async with server_that(never, process_request=refuse) as url:
        assert "429" in await refused(url)


@virtual_time
async def test_an_answer_that_is_no_setup_complete_is_refused() -> None:
    async def wrong(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send('{"serverContent": {}}')
        await socket.wait_closed()

    async with server_that(wrong) as url:
        assert "setupComplete" in await refused(url)


async def test_credentials_that_google_cannot_find_are_a_failure_to_connect() -> None:
    connector = GenaiConnector(live_url="ws://127.0.0.1:1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connector._client.aio.live, "_api_client", None)
        with pytest.raises(LiveConnectError, match="AttributeError"):
            await connector.open(CONFIG)


async def test_a_service_that_is_down_is_named_with_its_address() -> None:
    connector = GenaiConnector(live_url="ws://127.0.0.1:1")
    with pytest.raises(LiveConnectError, match=r"127\.0\.0\.1:1 cannot be reached"):
        await connector.check()
    assert "cannot be reached" in await refused("ws://127.0.0.1:1")


def test_without_a_key_the_variables_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY", "VOICEAGENT_LIVE_URL", "GOOGLE_GENAI_USE_VERTEXAI"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(
        LiveConnectError, match="set GEMINI_API_KEY or GOOGLE_API_KEY, or VOICEAGENT_LIVE_URL"
    ):
        GenaiConnector()


def test_an_address_that_is_no_websocket_is_refused() -> None:
    with pytest.raises(LiveConnectError, match="must begin with ws:// or wss://"):
        GenaiConnector(live_url="http://127.0.0.1:1")
