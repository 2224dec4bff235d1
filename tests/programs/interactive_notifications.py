"""Interactive notifications: who phones is told what is pending for them, and confirms it or asks back.

Pattern: ``asyncio.gather(client.run_forever(), another_loop())``, cancelled by a signal; google-genai in an
``asyncio.TaskGroup``, with a queue between the model, which is fast, and a small send buffer, which is full
most of the time (``BufferFullError``); ``disconnect()`` rejects callers for whom there is nothing.
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
from telcoflow_sdk.exceptions import BufferClosedError, BufferFullError

MODEL = "gemini-3.8-live"
SAMPLE_RATE = 24000
# Number, identifier and text of each notification, and after how many seconds it is due.
SCHEDULE = [
    (0.0, "+15550100", "n-1", "Your prescription is ready at the pharmacy."),
    (0.1, "+15550100", "n-2", "Your check-up is due in June."),
]
ONE = {"type": "OBJECT", "properties": {"notification_id": {"type": "STRING"}}}
TOOLS = [
    {"name": "acknowledge_notification", "description": "They know.", "parameters": ONE},
    {"name": "flag_for_followup", "description": "They want to be called.", "parameters": ONE},
    {"name": "end_call", "description": "Hang up, after saying goodbye."},
]

pending: dict[str, dict[str, str]] = {}


def report(event: str, **details: object) -> None:
    print(json.dumps({"event": event, **details}), flush=True)


async def reminders() -> None:
    for seconds, number, identifier, text in SCHEDULE:
        await asyncio.sleep(seconds)
        pending.setdefault(number, {})[identifier] = text
        report("due", id=identifier)


class Notifier:
    def __init__(self, call: ActiveCall, notifications: dict[str, str]) -> None:
        self.call = call
        self.notifications = notifications
        self.turn = 0
        self.speech: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()

    async def run(self, gemini: genai.Client) -> None:
        config = types.LiveConnectConfig(
            response_modalities=["AUDIO"],
            system_instruction=f"Tell the caller, one by one: {json.dumps(self.notifications)}",
            tools=[{"function_declarations": TOOLS}],
        )
        over = asyncio.Event()
        self.call.on(events.CALL_TERMINATED)(over.set)
        async with gemini.aio.live.connect(model=MODEL, config=config) as session:
            await self.call.answer()
            await session.send_realtime_input(text="The caller is on the line.")
            async with asyncio.TaskGroup() as tasks:
                loops = [self.listen(session), self.receive(session), self.play()]
                running = [tasks.create_task(loop) for loop in loops]
                await over.wait()
                for task in running:
                    task.cancel()

    async def listen(self, session: genai.live.AsyncSession) -> None:
        async for chunk in self.call.audio_stream():
            blob = types.Blob(data=chunk, mime_type="audio/pcm;rate=24000")
            await session.send_realtime_input(audio=blob)

    async def receive(self, session: genai.live.AsyncSession) -> None:
        while True:
            async for response in session.receive():
                content = response.server_content
                if content and content.interrupted:
                    self.turn += 1
                    await self.call.interrupt()
                for part in (content and content.model_turn and content.model_turn.parts) or []:
                    if part.inline_data and part.inline_data.data:
                        self.speech.put_nowait((self.turn, part.inline_data.data))
                for tool in (response.tool_call and response.tool_call.function_calls) or []:
                    await self.use(tool, session)

    async def play(self) -> None:
        """Feed the small buffer; what does not fit yet waits, what was interrupted is dropped."""
        full = False
        while True:
            turn, pcm = await self.speech.get()
            while turn == self.turn:
                try:
                    await self.call.send_audio(pcm)
                    break
                except BufferFullError:
                    if not full:
                        report("buffer_full", call_id=self.call.call_id)
                    full = True
                    await asyncio.sleep(0.05)
                except BufferClosedError:
                    return
            self.speech.task_done()

    async def use(self, tool: types.FunctionCall, session: genai.live.AsyncSession) -> None:
        if tool.name == "end_call":
            await self.speech.join()
            await asyncio.sleep(self.call.get_send_audio_buffer_size() / (2 * SAMPLE_RATE) + 1)
            await self.call.disconnect()
            return
        identifier = (tool.args or {})["notification_id"]
        self.notifications.pop(identifier, None)
        report(tool.name, id=identifier)
        answer = types.FunctionResponse(id=tool.id, name=tool.name, response={"result": "noted"})
        await session.send_tool_response(function_responses=[answer])


async def main() -> None:
    logging.basicConfig(level=logging.INFO)
    gemini = genai.Client(api_key=os.getenv("GEMINI_API_KEY"))
    config = TelcoflowClientConfig.sandbox(
        api_key=os.getenv("WSS_API_KEY"),
        connector_uuid=os.getenv("WSS_CONNECTOR_UUID"),
        sample_rate=SAMPLE_RATE,
        buffer_size=24 * 1024,  # half a second
    )
    async with TelcoflowClient(config) as client:

        @client.on(events.INCOMING_CALL)
        async def on_call(call: ActiveCall) -> None:
            notifications = pending.get(call.caller_number or "")
            if not notifications:
                await call.disconnect()
                report("nothing_pending", call_id=call.call_id)
                return
            await Notifier(call, notifications).run(gemini)
            report("call_over", call_id=call.call_id, left=list(notifications))

        everything = asyncio.gather(client.run_forever(), reminders())
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, everything.cancel)
        try:
            await everything
        except asyncio.CancelledError:
            report("stopped")


if __name__ == "__main__":
    asyncio.run(main())
