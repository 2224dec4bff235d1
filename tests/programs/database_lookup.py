"""Database lookup: the caller's number finds their record and tickets; a stranger becomes a lead.

Pattern: google-adk, which runs the tools itself, in ``Runner.run_live``; plain ``await client.run_forever()``
with ``KeyboardInterrupt`` caught around ``asyncio.run``; the address of the call server only if one is set.
"""

import asyncio
import json
import logging
import os
import sqlite3

from google.adk.agents import Agent, LiveRequestQueue
from google.adk.agents.run_config import RunConfig, StreamingMode
from google.adk.runners import Runner
from google.adk.sessions import InMemorySessionService
from google.genai import types
from telcoflow_sdk import ActiveCall, TelcoflowClient, TelcoflowClientConfig, events
from telcoflow_sdk.exceptions import BufferClosedError, WSSCallCommandError

MODEL = "gemini-3.8-live"
SAMPLE_RATE = 24000
RUN = RunConfig(streaming_mode=StreamingMode.BIDI, response_modalities=["AUDIO"])

database = sqlite3.connect(":memory:")
database.executescript(
    """
    CREATE TABLE customers (number TEXT PRIMARY KEY, name TEXT, kind TEXT);
    CREATE TABLE tickets (number TEXT, title TEXT);
    INSERT INTO customers VALUES ('+15550100', 'Rosa Klein', 'customer');
    INSERT INTO tickets VALUES ('+15550100', 'The invoice of May is wrong');
    """
)
sessions = InMemorySessionService()


def report(event: str, call: ActiveCall, **details: object) -> None:
    print(json.dumps({"event": event, "call_id": call.call_id, **details}), flush=True)


def look_up(call: ActiveCall) -> str:
    """What the model is told of the caller; who is not known yet becomes a lead."""
    number = call.caller_number or "unknown"
    row = database.execute("SELECT name FROM customers WHERE number = ?", [number]).fetchone()
    if row is not None:
        return f"The caller is the customer {row[0]}."
    database.execute("INSERT INTO customers VALUES (?, 'unknown', 'lead')", [number])
    report("lead_created", call, number=number)
    return "The caller is new. Find out what they want."


async def serve(call: ActiveCall) -> None:
    hang_up = asyncio.Event()

    async def played() -> None:
        await asyncio.sleep(call.get_send_audio_buffer_size() / (2 * SAMPLE_RATE) + 1)

    def list_tickets() -> dict:
        """The caller's open tickets."""
        rows = database.execute("SELECT title FROM tickets WHERE number = ?", [call.caller_number])
        titles = [title for (title,) in rows]
        report("tickets", call, titles=titles)
        return {"tickets": titles}

    async def route_to_department(department: str, reason: str) -> dict:
        """Connect the caller to a department."""
        await played()
        try:
            await call.connect(ring_time_seconds=30)
        except WSSCallCommandError as error:
            return {"error": error.error_code}
        await call.close()
        report("routed", call, department=department, reason=reason)
        return {"result": "connected"}

    def end_call() -> dict:
        """Hang up, after saying goodbye."""
        hang_up.set()
        return {"result": "ending"}

    tools = [list_tickets, route_to_department, end_call]
    agent = Agent(name="front_desk", model=MODEL, instruction="You are the front desk.", tools=tools)
    runner = Runner(app_name="front_desk", agent=agent, session_service=sessions)
    await sessions.create_session(app_name="front_desk", user_id="caller", session_id=call.call_id)
    live_queue = LiveRequestQueue()

    async def caller_to_model() -> None:
        async for chunk in call.audio_stream():
            live_queue.send_realtime(types.Blob(data=chunk, mime_type=f"audio/pcm;rate={SAMPLE_RATE}"))
        live_queue.close()
        hang_up.set()

    async def model_to_caller() -> None:
        async for event in runner.run_live(
            user_id="caller", session_id=call.call_id, live_request_queue=live_queue, run_config=RUN
        ):
            if event.interrupted:
                await call.clear_send_audio_buffer()
            for part in (event.content and event.content.parts) or []:
                if part.inline_data and part.inline_data.data:
                    try:
                        await call.send_audio(part.inline_data.data)
                    except BufferClosedError:
                        return

    async def watch() -> None:
        await hang_up.wait()
        await played()
        await call.disconnect()

    try:
        await call.answer()
        cue = types.Part(text=look_up(call) + " Greet them.")
        live_queue.send_content(types.Content(role="user", parts=[cue]))
        await asyncio.gather(caller_to_model(), model_to_caller(), watch())
    finally:
        live_queue.close()
        report("call_over", call)


async def main() -> None:
    options = {"base_url": os.environ["TELCOFLOW_BASE_URL"]} if os.getenv("TELCOFLOW_BASE_URL") else {}
    config = TelcoflowClientConfig.sandbox(
        api_key=os.getenv("WSS_API_KEY"),
        connector_uuid=os.getenv("WSS_CONNECTOR_UUID"),
        sample_rate=SAMPLE_RATE,
        **options,
    )
    async with TelcoflowClient(config) as client:
        client.on(events.INCOMING_CALL)(serve)
        await client.run_forever()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        print("Goodbye", flush=True)
