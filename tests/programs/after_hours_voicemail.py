"""After-hours voicemail: in office hours the office's own telephone rings, at other times a message is taken.

Pattern: google-genai in a plain ``asyncio.gather`` of an upward and a downward loop; string events and
handlers without arguments; ``run_forever()`` in a task that a signal cancels. The recording is kept however
the call ends.
"""

import asyncio
import json
import logging
import os
import signal
import wave
from datetime import datetime
from pathlib import Path

import telcoflow_sdk.events as events
from google import genai
from google.genai import errors, types
from telcoflow_sdk import ActiveCall, TelcoflowClient, TelcoflowClientConfig
from telcoflow_sdk.exceptions import BufferClosedError, WSSCallCommandError

MODEL = "gemini-2.5-flash-native-audio-preview-12-2025"
SAMPLE_RATE = 24000
# The hotline is staffed around the clock, the old office line never again; all others from nine to five.
HOURS = {"+15550124": range(24), "+15550190": range(0)}
OFFICE_HOURS = range(9, 17)

CONFIG = types.LiveConnectConfig(
    response_modalities=["AUDIO"],
    system_instruction="You are the voicemail of Hill & Daughters. Take a message, then call end_voicemail.",
    input_audio_transcription=types.AudioTranscriptionConfig(),
    tools=[{"function_declarations": [{"name": "end_voicemail", "description": "The message is complete."}]}],
)

logging.basicConfig(level=logging.INFO)
logging.getLogger("telcoflow_sdk").setLevel(logging.DEBUG)
gemini = genai.Client(api_key=os.getenv("GEMINI_API_KEY"))


def report(event: str, call: ActiveCall, **details: object) -> None:
    print(json.dumps({"event": event, "call_id": call.call_id, **details}), flush=True)


def save(call_id: str, recording: bytes, transcript: str) -> str:
    folder = Path("messages")
    folder.mkdir(exist_ok=True)
    with wave.open(str(folder / f"{call_id}.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(recording)
    (folder / f"{call_id}.txt").write_text(transcript)
    return str(folder / f"{call_id}.wav")


async def connect_office(call: ActiveCall) -> None:
    try:
        await call.connect()
    except WSSCallCommandError as error:
        report("office_not_reached", call, code=error.error_code)
        await take_message(call)
        return
    await call.close()
    report("connected_to_office", call)


async def take_message(call: ActiveCall) -> None:
    recording, transcript = bytearray(), []

    @call.on(events.CALL_TERMINATED)
    def on_terminated() -> None:
        report("call_over", call)

    async def caller_to_model(session: genai.live.AsyncSession) -> None:
        async for chunk in call.audio_stream():
            recording.extend(chunk)
            blob = types.Blob(data=chunk, mime_type=f"audio/pcm;rate={SAMPLE_RATE}")
            await session.send_realtime_input(audio=blob)
        await session.close()

    async def model_to_caller(session: genai.live.AsyncSession) -> None:
        complete = goodbye = False
        while not goodbye:
            async for response in session.receive():
                content = response.server_content
                if content and content.interrupted:
                    await call.clear_send_audio_buffer()
                if content and content.input_transcription and content.input_transcription.text:
                    transcript.append(content.input_transcription.text)
                if content and content.model_turn:
                    for part in content.model_turn.parts or []:
                        if part.inline_data and part.inline_data.data:
                            await call.send_audio(part.inline_data.data)
                            goodbye = complete
                for tool in (response.tool_call and response.tool_call.function_calls) or []:
                    complete = True
                    done = types.FunctionResponse(id=tool.id, name=tool.name, response={"result": "saved"})
                    await session.send_tool_response(function_responses=[done])
        # Nothing says when the caller has heard it all: reckon with the queue, and what the line holds.
        await asyncio.sleep(call.get_send_audio_buffer_size() / (2 * SAMPLE_RATE) + 1)
        await call.disconnect()

    try:
        async with gemini.aio.live.connect(model=MODEL, config=CONFIG) as session:
            await call.answer()
            cue = types.Content(role="user", parts=[types.Part(text="A caller is on the line. Greet them.")])
            await session.send_client_content(turns=cue, turn_complete=True)
            await asyncio.gather(caller_to_model(session), model_to_caller(session))
    except (BufferClosedError, errors.APIError) as error:
        report("conversation_broke_off", call, why=type(error).__name__)
    finally:
        text = " ".join(transcript)
        file = await asyncio.to_thread(save, call.call_id, bytes(recording), text)
        seconds = round(len(recording) / (2 * SAMPLE_RATE), 1)
        report("message_saved", call, sender=call.caller_number, text=text, file=file, seconds=seconds)


async def main() -> None:
    config = TelcoflowClientConfig.sandbox(
        api_key=os.getenv("WSS_API_KEY"),
        connector_uuid=os.getenv("WSS_CONNECTOR_UUID"),
        sample_rate=SAMPLE_RATE,
    )
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with TelcoflowClient(config) as client:

        @client.on(events.INCOMING_CALL)
        async def on_call(call: ActiveCall) -> None:
            if datetime.now().hour in HOURS.get(call.callee_number, OFFICE_HOURS):
                await connect_office(call)
            else:
                await take_message(call)

        run_task = asyncio.create_task(client.run_forever())
        stop_task = asyncio.create_task(stop.wait())
        await asyncio.wait([run_task, stop_task], return_when=asyncio.FIRST_COMPLETED)
        run_task.cancel()
    print("Goodbye", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
