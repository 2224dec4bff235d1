"""google-genai and google-adk, unmodified, go on over another connection: over TLS, in real time."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

import pytest

from voiceagent.sandbox.live import LiveServer
from voiceagent.sandbox.scenario import parse_scenario

GENAI = """
import asyncio, json
from google import genai
from google.genai import types
from google.genai.errors import APIError
from voiceagent.sandbox.speech import speak

def config(handle):
    return types.LiveConnectConfig(
        response_modalities=["AUDIO"],
        output_audio_transcription=types.AudioTranscriptionConfig(),
        session_resumption=types.SessionResumptionConfig(handle=handle),
    )

async def main():
    heard, handles, left = [], [None], None
    async def read(session, turns):
        nonlocal left
        while turns:
            async for message in session.receive():
                update = message.session_resumption_update
                if update and update.resumable:
                    handles.append(update.new_handle)
                if message.go_away:
                    left = message.go_away.time_left
                content = message.server_content
                if content and content.output_transcription:
                    heard.append(content.output_transcription.text)
            turns -= 1
    live = genai.Client().aio.live
    async with live.connect(model="gemini-3.8-live", config=config(None)) as first:
        await first.send_realtime_input(text="Greet the caller.")
        await read(first, 1)
        try:
            await read(first, 1)
        except APIError:
            pass
    async with live.connect(model="gemini-3.8-live", config=config(handles[-1])) as second:
        pcm = speak("good morning", sample_rate=16000) + bytes(32000)
        for at in range(0, len(pcm), 3200):
            blob = types.Blob(data=pcm[at:at + 3200], mime_type="audio/pcm;rate=16000")
            await second.send_realtime_input(audio=blob)
        await read(second, 1)
    try:
        async with live.connect(model="gemini-3.8-live", config=config("nobody's")) as third:
            await read(third, 1)
            refused = None
    except APIError as error:
        refused = error.code
    print(json.dumps({"heard": heard, "left": left, "refused": refused}))

asyncio.run(asyncio.wait_for(main(), 60))
"""

ADK = """
import asyncio, json
from google.adk.agents import Agent, LiveRequestQueue
from google.adk.agents.run_config import RunConfig
from google.adk.runners import InMemoryRunner
from google.genai import types
from voiceagent.sandbox.speech import speak

async def main():
    runner = InMemoryRunner(Agent(name="root", model="gemini-3.8-live"), app_name="app")
    session = await runner.session_service.create_session(app_name="app", user_id="me")
    queue, said, turns = LiveRequestQueue(), [], asyncio.Queue()
    config = RunConfig(
        response_modalities=["AUDIO"], session_resumption=types.SessionResumptionConfig()
    )
    async def read():
        events = runner.run_live(
            user_id="me", session_id=session.id, live_request_queue=queue, run_config=config
        )
        async for event in events:
            if event.output_transcription and event.output_transcription.finished:
                said.append(event.output_transcription.text)
            if event.turn_complete:
                turns.put_nowait(None)
    reading = asyncio.create_task(read())
    cue = types.Content(role="user", parts=[types.Part(text="Greet the caller.")])
    queue.send_content(cue)
    await turns.get()
    await asyncio.sleep(2.5)
    pcm = speak("good morning", sample_rate=16000) + bytes(32000)
    for at in range(0, len(pcm), 3200):
        queue.send_realtime(types.Blob(data=pcm[at:at + 3200], mime_type="audio/pcm;rate=16000"))
    await turns.get()
    queue.close()
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    print(json.dumps({"said": said}))

asyncio.run(asyncio.wait_for(main(), 60))
"""

SCENARIO = """
model:
  - {on: start, say: Hello.}
  - {on: caller_done, say: It is booked.}
faults:
  - {at: 2.5, go_away: 1s}
"""


async def run(server: LiveServer, program: str) -> Any:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GOOGLE_")},
        "GOOGLE_GEMINI_BASE_URL": server.tls_url,
        "SSL_CERT_FILE": str(server.ca_file),
        "GEMINI_API_KEY": "any-key",
        "GOOGLE_API_KEY": "any-key",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-W", "ignore", "-c", program),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return json.loads(out)


@pytest.mark.realtime
async def test_google_genai_goes_on_with_a_handle_after_the_end_that_go_away_announced() -> None:
    async with LiveServer(scenario=parse_scenario(SCENARIO)) as server:
        result = await run(server, GENAI)
        assert "".join(result["heard"]) == "Hello.It is booked."
        assert result["left"] == "1s"
        assert result["refused"] == 1008
        assert [record.resumed for record in server.records] == [None, "session-1", None]


@pytest.mark.realtime
async def test_google_adk_goes_on_over_another_connection_by_itself() -> None:
    async with LiveServer(scenario=parse_scenario(SCENARIO)) as server:
        result = await run(server, ADK)
        assert result["said"] == ["Hello.", "It is booked."]
        assert [record.resumed for record in server.records][:2] == [None, "session-1"]
