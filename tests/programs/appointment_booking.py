"""Appointment booking: who calls is looked up, a slot is found and booked; or a person takes over.

Pattern: one object per call; google-genai in an ``asyncio.TaskGroup``, each tool in a task of its own, so
that the model can be interrupted meanwhile; enum events; an async bound method as handler; ``interrupt()``
where the SDK has it; ``buffer_size``.
"""

import asyncio
import json
import logging
import os
import signal

from google import genai
from google.genai import types
from telcoflow_sdk import ActiveCall, TelcoflowClient, TelcoflowClientConfig
from telcoflow_sdk.events import CallEvent, ClientEvent
from telcoflow_sdk.exceptions import BufferClosedError, BufferFullError, WSSCallCommandError

MODEL = "gemini-3.8-live"
SAMPLE_RATE = 24000
CUSTOMERS = {"+15550100": "Ms Quinn", "+15550101": "Mr Abel"}
TEXT = {"type": "STRING"}


def declare(name: str, description: str, *arguments: str) -> dict:
    tool: dict = {"name": name, "description": description}
    if arguments:
        tool["parameters"] = {"type": "OBJECT", "properties": {argument: TEXT for argument in arguments}}
    return tool


TOOLS = [
    declare("check_availability", "Free slots of a day.", "date", "service_type"),
    declare("book_appointment", "Book a slot for the caller.", "service_type", "date", "time_slot"),
    declare("send_sms_confirmation", "Confirm the booking by text message."),
    declare("connect_to_scheduling_team", "Connect the caller to a person."),
    declare("end_call", "Hang up, after saying goodbye."),
]


bookings: dict[tuple[str, str], str | None] = {}


class BookingCall:
    def __init__(self, call: ActiveCall, gemini: genai.Client) -> None:
        self.call = call
        self.gemini = gemini
        self.over = asyncio.Event()
        call.register_event_handler(CallEvent.CALL_TERMINATED, self._on_terminated)

    def report(self, event: str, **details: object) -> None:
        print(json.dumps({"event": event, "call_id": self.call.call_id, **details}), flush=True)

    async def _on_terminated(self) -> None:
        self.over.set()
        self.report("call_over")

    async def run(self) -> None:
        name = CUSTOMERS.get(self.call.caller_number, "a new customer")
        config = {
            "response_modalities": ["AUDIO"],
            "system_instruction": f"You book appointments for a dental practice. {name} is calling.",
            "tools": [{"function_declarations": TOOLS}],
        }
        async with self.gemini.aio.live.connect(model=MODEL, config=config) as session:
            await self.call.answer()
            await session.send_realtime_input(text=f"Greet {name}.")
            async with asyncio.TaskGroup() as tasks:
                up = tasks.create_task(self.caller_to_model(session))
                down = tasks.create_task(self.model_to_caller(session, tasks))
                await self.over.wait()
                up.cancel()
                down.cancel()

    async def caller_to_model(self, session: genai.live.AsyncSession) -> None:
        async for chunk in self.call.audio_stream():
            blob = types.Blob(data=chunk, mime_type="audio/pcm;rate=24000")
            await session.send_realtime_input(audio=blob)

    async def model_to_caller(self, session: genai.live.AsyncSession, tasks: asyncio.TaskGroup) -> None:
        while not self.over.is_set():
            async for response in session.receive():
                content = response.server_content
                if content and content.interrupted:
                    if hasattr(self.call, "interrupt"):
                        await self.call.interrupt()
                    else:
                        await self.call.clear_send_audio_buffer()
                    self.report("interrupted")
                for part in (content and content.model_turn and content.model_turn.parts) or []:
                    if part.inline_data and part.inline_data.data:
                        await self.say(part.inline_data.data)
                if response.tool_call:
                    for tool in response.tool_call.function_calls or []:
                        tasks.create_task(self.use(tool, session))

    async def say(self, pcm: bytes) -> None:
        try:
            await self.call.send_audio(pcm)
        except BufferFullError:
            await self.call.clear_send_audio_buffer()
        except BufferClosedError:
            self.over.set()

    async def use(self, tool: types.FunctionCall, session: genai.live.AsyncSession) -> None:
        result = await self.result_of(tool.name or "", dict(tool.args or {}))
        if result is not None:
            answer = types.FunctionResponse(id=tool.id, name=tool.name, response={"result": result})
            await session.send_tool_response(function_responses=[answer])

    async def result_of(self, name: str, args: dict) -> str | None:
        """What the model is told; None when the call is over for it."""
        if name == "check_availability":
            taken = [time for date, time in bookings if date == args["date"]]
            return "free: " + ", ".join(time for time in ("10:00", "11:00", "12:00") if time not in taken)
        if name == "book_appointment":
            await asyncio.sleep(0.3)  # the calendar's own pace
            slot = (args["date"], args["time_slot"])
            if slot in bookings:
                return "that slot is taken"
            bookings[slot] = self.call.caller_number
            self.report("booked", who=self.call.caller_number, date=slot[0], time=slot[1])
            return "booked"
        if name == "send_sms_confirmation":
            self.report("sms", to=self.call.caller_number)
            return "sent"
        # Let the last words be heard: the queue, and what the line has fetched ahead.
        await asyncio.sleep(self.call.get_send_audio_buffer_size() / (2 * SAMPLE_RATE) + 1)
        if name == "connect_to_scheduling_team":
            try:
                await self.call.connect(ring_time_seconds=30)
            except WSSCallCommandError as error:
                return f"nobody is there ({error.error_code})"
            await self.call.close()
            self.report("handed_over")
        elif name == "end_call":
            await self.call.disconnect()
        return None


async def main() -> None:
    logging.basicConfig(level=logging.INFO)
    gemini = genai.Client(api_key=os.getenv("GEMINI_API_KEY"))
    config = TelcoflowClientConfig.sandbox(
        api_key=os.getenv("WSS_API_KEY"),
        connector_uuid=os.getenv("WSS_CONNECTOR_UUID"),
        sample_rate=SAMPLE_RATE,
        buffer_size=1024 * 1024,
    )
    async with TelcoflowClient(config) as client:

        @client.on(ClientEvent.INCOMING_CALL)
        async def on_call(call: ActiveCall) -> None:
            await BookingCall(call, gemini).run()

        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        run_task = asyncio.create_task(client.run_forever())
        stop_task = asyncio.create_task(stop.wait())
        await asyncio.wait([run_task, stop_task], return_when=asyncio.FIRST_COMPLETED)
        run_task.cancel()


if __name__ == "__main__":
    asyncio.run(main())
