"""Human escalation: the model talks until it takes a person; then the callee is rung, and the agent leaves.

Pattern: google-genai with tools in tasks of their own; ``connect()`` then ``close()``; that nobody answers
(``CALL_UNANSWERED``) is told to the model, and the conversation goes on; ``hangup()``.
"""

import asyncio
import json
import logging
import os
import signal
from pathlib import Path

from google import genai
from google.genai import types
from telcoflow_sdk import ActiveCall, CallEvent, ClientEvent, TelcoflowClient, TelcoflowClientConfig
from telcoflow_sdk.exceptions import WSSCallCommandError, WSSError

MODEL = "gemini-2.5-flash-native-audio-preview-12-2025"
SAMPLE_RATE = 24000
TEXT = {"type": "STRING"}
ESCALATE = {
    "name": "escalate_to_human",
    "description": "Connect the caller to a person.",
    "parameters": {"type": "OBJECT", "properties": {"reason": TEXT, "conversation_summary": TEXT}},
}
END = {"name": "end_call", "description": "Hang up, after saying goodbye."}
CONFIG = {
    "response_modalities": ["AUDIO"],
    "system_instruction": "You answer for a bank. When you cannot help, say so, then call escalate_to_human.",
    "tools": [{"function_declarations": [ESCALATE, END]}],
}


class Conversation:
    def __init__(self, call: ActiveCall, session: genai.live.AsyncSession) -> None:
        self.call = call
        self.session = session
        self.calls: set[asyncio.Task] = set()
        call.register_event_handler(CallEvent.CALL_CONNECT_FAILED, self._on_connect_failed)

    def report(self, event: str, **details: object) -> None:
        print(json.dumps({"event": event, "call_id": self.call.call_id, **details}), flush=True)

    async def _on_connect_failed(self) -> None:
        self.report("connect_failed")

    async def up(self) -> None:
        async for chunk in self.call.audio_stream():
            blob = types.Blob(data=chunk, mime_type="audio/pcm;rate=24000")
            await self.session.send_realtime_input(audio=blob)

    async def down(self) -> None:
        while True:
            async for response in self.session.receive():
                content = response.server_content
                if content and content.interrupted:
                    await self.call.clear_send_audio_buffer()
                if content and content.model_turn:
                    for part in content.model_turn.parts or []:
                        if part.inline_data and part.inline_data.data:
                            await self.call.send_audio(part.inline_data.data)
                if response.tool_call:
                    for tool in response.tool_call.function_calls or []:
                        task = asyncio.create_task(self.use(tool))
                        self.calls.add(task)
                        task.add_done_callback(self.calls.discard)

    async def use(self, tool: types.FunctionCall) -> None:
        # Let the last words be heard: the queue, and what the line has fetched ahead.
        await asyncio.sleep(self.call.get_send_audio_buffer_size() / (2 * SAMPLE_RATE) + 1)
        if tool.name == "end_call":
            await self.call.hangup()
            return
        result = await self.escalate(**(tool.args or {}))
        if result:
            answer = types.FunctionResponse(id=tool.id, name=tool.name, response={"result": result})
            await self.session.send_tool_response(function_responses=[answer])

    async def escalate(self, reason: str, conversation_summary: str) -> str | None:
        context = {"reason": reason, "summary": conversation_summary, "caller": self.call.caller_number}
        file = Path(f"context-{self.call.call_id}.json")
        await asyncio.to_thread(file.write_text, json.dumps(context))
        try:
            await self.call.connect(ring_time_seconds=30)
        except WSSCallCommandError as error:
            if error.error_code != "CALL_UNANSWERED":
                raise
            self.report("nobody_answered")
            return "Nobody answers. Tell the caller that we will call back."
        await self.call.close()
        self.report("escalated", reason=reason)
        return None


async def handle(call: ActiveCall, gemini: genai.Client) -> None:
    try:
        async with gemini.aio.live.connect(model=MODEL, config=CONFIG) as session:
            conversation = Conversation(call, session)
            await call.answer()
            cue = types.Content(role="user", parts=[types.Part(text="Greet the caller.")])
            await session.send_client_content(turns=cue, turn_complete=True)
            loops = [asyncio.create_task(conversation.up()), asyncio.create_task(conversation.down())]
            await asyncio.wait(loops, return_when=asyncio.FIRST_COMPLETED)
            for task in loops:
                task.cancel()
            await asyncio.gather(*loops, *conversation.calls, return_exceptions=True)
    except WSSError:
        logging.exception("the call failed")
        await call.hangup()
    print(json.dumps({"event": "call_over", "call_id": call.call_id}), flush=True)


async def main() -> None:
    logging.basicConfig(level=logging.INFO)
    gemini = genai.Client(api_key=os.getenv("GEMINI_API_KEY"))
    config = TelcoflowClientConfig.sandbox(
        api_key=os.getenv("WSS_API_KEY"),
        connector_uuid=os.getenv("WSS_CONNECTOR_UUID"),
        sample_rate=SAMPLE_RATE,
    )
    async with TelcoflowClient(config) as client:

        @client.on(ClientEvent.INCOMING_CALL)
        async def on_call(call: ActiveCall) -> None:
            await handle(call, gemini)

        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        run_task = asyncio.create_task(client.run_forever())
        stop_task = asyncio.create_task(stop.wait())
        await asyncio.wait([run_task, stop_task], return_when=asyncio.FIRST_COMPLETED)
        run_task.cancel()


if __name__ == "__main__":
    asyncio.run(main())
