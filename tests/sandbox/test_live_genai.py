"""google-genai's own client, unmodified, holds a conversation over TLS."""

from __future__ import annotations

import asyncio
import json
import os
import sys

import pytest

from voiceagent.sandbox.live import LiveServer
from voiceagent.sandbox.scenario import parse_scenario

CLIENT = """
import asyncio, json
from google import genai
from google.genai import types
from voiceagent.sandbox.speech import speak

CONFIG = types.LiveConnectConfig(
    response_modalities=["AUDIO"],
    output_audio_transcription=types.AudioTranscriptionConfig(),
    input_audio_transcription=types.AudioTranscriptionConfig(),
    tools=[types.Tool(function_declarations=[types.FunctionDeclaration(name="book")])],
)

async def main():
    heard, audio, calls, inputs = [], 0, [], []
    async with genai.Client().aio.live.connect(model="gemini-3.8-live", config=CONFIG) as session:
        async def turn():
            nonlocal audio
            async for message in session.receive():
                content = message.server_content
                if content and content.output_transcription:
                    heard.append(content.output_transcription.text)
                if content and content.input_transcription:
                    inputs.append(content.input_transcription.text)
                audio += len(message.data or b"")
                for call in (message.tool_call.function_calls if message.tool_call else []):
                    calls.append([call.name, call.args])
                    await session.send_tool_response(function_responses=types.FunctionResponse(
                        id=call.id, name=call.name, response={"result": "ok"}))
        await session.send_realtime_input(text="Greet the caller.")
        await turn()
        pcm = speak("book me a table", sample_rate=16000, voice="en-GB") + bytes(32000)
        for at in range(0, len(pcm), 3200):
            blob = types.Blob(data=pcm[at:at + 3200], mime_type="audio/pcm;rate=16000")
            await session.send_realtime_input(audio=blob)
        await turn()
    print(json.dumps({"heard": "".join(heard), "inputs": inputs, "calls": calls, "audio": audio}))

asyncio.run(asyncio.wait_for(main(), 30))
"""

SCENARIO = """
model:
  - {on: start, say: Hello.}
  - {on: caller_done, heard: book me a table, call: {book: {people: 2}}}
  - {on: tool_result, say: It is booked.}
"""


@pytest.mark.realtime
async def test_google_genai_holds_a_conversation_with_a_tool_call() -> None:
    async with LiveServer(scenario=parse_scenario(SCENARIO)) as server:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GOOGLE_")},
            "GOOGLE_GEMINI_BASE_URL": server.tls_url,
            "SSL_CERT_FILE": str(server.ca_file),
            "GEMINI_API_KEY": "any-key",
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-W", "ignore", "-c", CLIENT),
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
        result = json.loads(out)
        assert result["heard"] == "Hello.It is booked."
        assert result["inputs"] == ["book me a table"]
        assert result["calls"] == [["book", {"people": 2}]]
        assert result["audio"] > 48_000
        record = server.records[0]
        assert record.authenticated
        assert record.tool_responses[0]["response"] == {"result": "ok"}
        assert "any-key" not in json.dumps(record.as_dict())
