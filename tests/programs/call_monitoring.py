"""Call monitoring and coaching: the agent greets, connects the callee, listens, and whispers advice to them.

Pattern: answered, then connected; ``spy()`` to listen and ``whisper()`` for as long as advice is played;
``events.CALL_ERROR`` with its details, ``events.CALL_CONNECTED`` without; google-genai in ``asyncio.wait``:
the first of two loops that ends, ends the other.
"""

import asyncio
import json
import logging
import os
import signal

import telcoflow_sdk.events as events
from google import genai
from google.genai import types
from telcoflow_sdk import ActiveCall, TelcoflowClient, TelcoflowClientConfig
from telcoflow_sdk.exceptions import BufferClosedError, WSSCallClosedError, WSSCallCommandError

MODEL = "gemini-3.8-live"
SAMPLE_RATE = 24000
TEXT = {"type": "STRING"}
SENTIMENT = {"type": "OBJECT", "properties": {"sentiment": TEXT, "topics": TEXT}}
CONFIG = {
    "response_modalities": ["AUDIO"],
    "system_instruction": "Greet the caller. From then on, coach the salesperson in the call that you hear.",
    "tools": [
        {
            "function_declarations": [
                {"name": "log_sentiment", "description": "How the caller feels.", "parameters": SENTIMENT},
                {"name": "end_monitoring", "description": "The salesperson needs you no longer."},
            ]
        }
    ],
}

logger = logging.getLogger("coach")


def report(event: str, call: ActiveCall, **details: object) -> None:
    print(json.dumps({"event": event, "call_id": call.call_id, **details}), flush=True)


async def played(call: ActiveCall) -> None:
    """Wait for the queue, and for what the line has fetched ahead: a whisper must not leak."""
    await asyncio.sleep(call.get_send_audio_buffer_size() / (2 * SAMPLE_RATE) + 1)


async def listen(call: ActiveCall, session: genai.live.AsyncSession) -> None:
    async for chunk in call.audio_stream():
        blob = types.Blob(data=chunk, mime_type="audio/pcm;rate=24000")
        await session.send_realtime_input(audio=blob)


async def coach(call: ActiveCall, session: genai.live.AsyncSession) -> None:
    connected = whispering = False
    while True:
        async for response in session.receive():
            content = response.server_content
            if content and content.interrupted:
                await call.clear_send_audio_buffer()
            for part in (content and content.model_turn and content.model_turn.parts) or []:
                if connected and not whispering:
                    await call.whisper()
                    whispering = True
                if part.inline_data and part.inline_data.data:
                    await call.send_audio(part.inline_data.data)
            for tool in (response.tool_call and response.tool_call.function_calls) or []:
                report(tool.name, call, **(tool.args or {}))
                if tool.name == "end_monitoring":
                    await call.close()
                    return
                answer = types.FunctionResponse(id=tool.id, name=tool.name, response={"result": "noted"})
                await session.send_tool_response(function_responses=[answer])
            if content and content.turn_complete:
                await played(call)
                if not connected:
                    await call.connect(ring_time_seconds=30)
                    connected = True
                if connected:
                    await call.spy()
                    whispering = False


async def monitor(call: ActiveCall, gemini: genai.Client) -> None:
    @call.on(events.CALL_CONNECTED)
    def on_connected() -> None:
        report("connected", call)

    @call.on(events.CALL_ERROR)
    def on_error(data: dict) -> None:
        report("call_error", call, **data)

    @call.on(events.CALL_TERMINATED)
    def on_terminated() -> None:
        report("call_over", call)

    try:
        async with gemini.aio.live.connect(model=MODEL, config=CONFIG) as session:
            await call.answer()
            await session.send_realtime_input(text="Greet the caller.")
            loops = [asyncio.create_task(listen(call, session)), asyncio.create_task(coach(call, session))]
            done, pending = await asyncio.wait(loops, return_when=asyncio.FIRST_COMPLETED)
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)
            for task in done:
                task.result()
    except (BufferClosedError, WSSCallClosedError):
        logger.info("the caller hung up")
    except WSSCallCommandError as error:
        logger.warning("the call server refused: %s", error.error_code)
        await call.disconnect()


async def main() -> None:
    logging.basicConfig(level=logging.INFO)
    gemini = genai.Client(api_key=os.getenv("GEMINI_API_KEY"))
    config = TelcoflowClientConfig.sandbox(
        api_key=os.getenv("WSS_API_KEY"),
        connector_uuid=os.getenv("WSS_CONNECTOR_UUID"),
        sample_rate=SAMPLE_RATE,
    )
    async with TelcoflowClient(config) as client:

        @client.on(events.INCOMING_CALL)
        async def on_call(call: ActiveCall) -> None:
            await monitor(call, gemini)

        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        run_task = asyncio.create_task(client.run_forever())
        stop_task = asyncio.create_task(stop.wait())
        await asyncio.wait([run_task, stop_task], return_when=asyncio.FIRST_COMPLETED)
        run_task.cancel()


if __name__ == "__main__":
    asyncio.run(main())
