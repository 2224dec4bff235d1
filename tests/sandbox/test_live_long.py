"""A long call, on the clock that jumps: it costs little, and no audio of the caller is missing."""

from __future__ import annotations

import asyncio
import json
import time
from base64 import b64encode

from tests.sandbox.live_client import live_server, resumable
from tests.virtual_time import virtual_time
from voiceagent.sandbox.speech import speak

TALKS = """
model:
  - {on: start, say: Hello.}
  - {on: caller_done, say: Monday then.}
  - {on: caller_done, say: At ten.}
  - {on: caller_done, say: It is booked.}
  - {on: caller_done, say: Goodbye.}
faults:
  - {at: 520, go_away: 60s}
  - {at: 1040, go_away: 60s}
  - {at: 1560, go_away: 60s}
"""
CHUNK = 640
"""Bytes of 20 ms at 16 kHz."""


def message(pcm: bytes) -> str:
    blob = {"data": b64encode(pcm).decode(), "mime_type": "audio/pcm;rate=16000"}
    return json.dumps({"realtime_input": {"audio": blob}})


@virtual_time
async def test_thirty_five_minutes_over_four_connections_cost_little_and_keep_the_context() -> None:
    silence = message(bytes(CHUNK))
    answers = ["Hello.", "Monday then.", "At ten.", "It is booked.", "Goodbye."]
    began = time.process_time()
    async with live_server(TALKS) as server:
        handle, heard = None, b""
        for connection in range(4):
            async with resumable(server, handle) as client:
                if connection == 0:
                    await client.start()
                    await client.next("turnComplete")
                await client.say("good morning")
                await client.next("turnComplete")
                for _ in range(525 * 50):
                    await client.socket.send(silence)
                    await asyncio.sleep(0.02)
                if connection < 3:
                    await client.next("goAway")
                handle = client.handle
                heard += client.spoken()
        seconds = time.process_time() - began
        assert heard == b"".join(speak(text, sample_rate=24_000) for text in answers)
        assert [record.resumed for record in server.records] == [None, *(f"session-{n}" for n in (1, 2, 3))]
        assert sum(record.audio_bytes for record in server.records) > 35 * 60 * 32_000
        assert not any(record.violations.snapshot() for record in server.records)
    # Here: 6 s for the server and this client together.
    assert seconds < 60


@virtual_time
async def test_what_the_caller_says_over_two_connections_can_be_read_complete() -> None:
    """Each sample is its own number, so that nothing can be missing, or come twice, unseen."""
    counted = b"".join(number.to_bytes(2, "little") for number in range(16_000))
    chunks = [counted[at : at + CHUNK] for at in range(0, len(counted), CHUNK)]
    async with live_server() as server:
        async with resumable(server) as old:
            for chunk in chunks[:20]:
                await old.socket.send(message(chunk))
            async with resumable(server, old.handle) as new:
                for chunk in chunks[20:]:
                    await new.socket.send(message(chunk))
                await new.audio(b"")
                await asyncio.sleep(0.1)
        assert b"".join(record.audio for record in server.records) == counted
