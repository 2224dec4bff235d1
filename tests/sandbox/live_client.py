"""A bare Gemini Live client for tests: it sends what a test says and writes down what comes, and when."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from voiceagent.sandbox.live import LiveServer
from voiceagent.sandbox.scenario import parse_scenario
from voiceagent.sandbox.speech import speak

DEADLINE = 120.0
CHUNK_MS = 20

RESUMPTION = "sessionResumptionUpdate"

BOOK = {"name": "book", "description": "Book it.", "parameters": {"type": "OBJECT", "properties": {}}}


def setup(model: str = "models/gemini-3.8-live", **fields: Any) -> dict[str, Any]:
    """A setup with transcriptions and the function ``book``."""
    return {
        "model": model,
        "generationConfig": {"responseModalities": ["AUDIO"]},
        "inputAudioTranscription": {},
        "outputAudioTranscription": {},
        "tools": [{"functionDeclarations": [BOOK]}],
        **fields,
    }


@dataclass
class Received:
    """One server message, and the loop time at which it came."""

    at: float
    message: dict[str, Any]

    @property
    def kind(self) -> str:
        """The key of the message, or of its ``serverContent``."""
        keys = [key for key in self.message if key != "usageMetadata"]
        return next(iter(self.message["serverContent"])) if keys == ["serverContent"] else keys[0]

    @property
    def pcm(self) -> bytes:
        """The audio in it."""
        content = self.message.get("serverContent", {})
        parts = content.get("modelTurn", {}).get("parts", [])
        return b"".join(base64.b64decode(part["inlineData"]["data"]) for part in parts)


class LiveClient:
    """One session. ``received`` holds everything that came, ``frames`` that were no JSON apart."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.received: list[Received] = []
        self.garbage: list[bytes] = []
        self.close_code: int | None = None
        self.close_reason = ""
        self._news = asyncio.Condition()
        self._taken = 0

    async def read(self) -> None:
        """Write down what comes until the connection is over."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                frame = await self.socket.recv()
                assert isinstance(frame, bytes), "the real service sends binary frames"
                async with self._news:
                    try:
                        self.received.append(Received(loop.time(), json.loads(frame)))
                    except ValueError:
                        self.garbage.append(frame)
                    self._news.notify_all()
        except ConnectionClosed:
            async with self._news:
                self.close_code, self.close_reason = self.socket.close_code, self.socket.close_reason or ""
                self._news.notify_all()

    async def send(self, message: Any) -> None:
        """Send a message as JSON."""
        await self.socket.send(json.dumps(message))

    async def next(self, kind: str) -> Received:
        """The next message of this kind; what comes before it is passed over (but stays in ``received``)."""
        async with asyncio.timeout(DEADLINE), self._news:
            while True:
                while self._taken < len(self.received):
                    message = self.received[self._taken]
                    self._taken += 1
                    if message.kind == kind:
                        return message
                if self.close_code is not None:
                    raise AssertionError(f"no {kind}: closed with {self.close_code} {self.close_reason}")
                await self._news.wait()

    async def closed(self) -> tuple[int | None, str]:
        """Wait for the end of the connection: code and reason."""
        async with asyncio.timeout(DEADLINE), self._news:
            await self._news.wait_for(lambda: self.close_code is not None)
        return self.close_code, self.close_reason

    def kinds(self) -> list[str]:
        """All kinds received, repetitions in a row left out."""
        kinds: list[str] = []
        for message in self.received:
            if not kinds or kinds[-1] != message.kind:
                kinds.append(message.kind)
        return kinds

    def spoken(self) -> bytes:
        """All audio of the model so far."""
        return b"".join(message.pcm for message in self.received)

    def transcript(self, kind: str = "outputTranscription") -> str:
        """All of a transcription so far."""
        return "".join(m.message["serverContent"][kind]["text"] for m in self.received if m.kind == kind)

    @property
    def handle(self) -> str:
        """The newest handle to go on with."""
        updates = [m.message["sessionResumptionUpdate"] for m in self.received if m.kind == RESUMPTION]
        return str([update["newHandle"] for update in updates if update.get("resumable")][-1])

    async def text(self, text: str) -> bytes:
        """Write to the model; returns what it says to that."""
        before = len(self.spoken())
        await self.send({"realtimeInput": {"text": text}})
        await self.next("turnComplete")
        return self.spoken()[before:]

    async def content(self, *turns: tuple[str, str], complete: bool = False) -> None:
        """Tell of turns, each a role and a text."""
        told = [{"role": role, "parts": [{"text": text}]} for role, text in turns]
        await self.send({"clientContent": {"turns": told, "turnComplete": complete}})

    async def audio(self, pcm: bytes, rate: int = 16_000) -> None:
        """Speak ``pcm`` in real time."""
        size = 2 * rate * CHUNK_MS // 1000
        for at in range(0, len(pcm), size):
            data = base64.urlsafe_b64encode(pcm[at : at + size]).decode()
            blob = {"data": data, "mime_type": f"audio/pcm;rate={rate}"}
            await self.send({"realtime_input": {"audio": blob}})
            await asyncio.sleep(CHUNK_MS / 1000)

    async def say(self, text: str, rate: int = 16_000) -> None:
        """Speak a sentence in real time, and then be quiet for 0.8 s."""
        pcm = await asyncio.to_thread(speak, text, sample_rate=rate, voice="en-GB")
        await self.audio(pcm + bytes(2 * rate * 8 // 10), rate)

    async def start(self) -> None:
        """Give the text cue that agents give for the greeting."""
        await self.send({"realtimeInput": {"text": "The caller is on the line."}})


@asynccontextmanager
async def live_server(yaml: str = "") -> AsyncIterator[LiveServer]:
    """A server with a scenario given as text."""
    scenario = parse_scenario(yaml, "test.yaml") if yaml else None
    async with LiveServer(scenario=scenario) as server:
        yield server


@asynccontextmanager
async def connected(server: LiveServer, path: str = "/ws/google.ai.v1.Bidi") -> AsyncIterator[LiveClient]:
    """A connection without a setup."""
    async with (
        connect(server.url + path, compression=None, max_queue=None, close_timeout=5) as socket,
        asyncio.TaskGroup() as tasks,
    ):
        client = LiveClient(socket)
        reader = tasks.create_task(client.read())
        yield client
        await socket.close()
        await reader


@asynccontextmanager
async def resumable(
    server: LiveServer, handle: str | None = None, **fields: Any
) -> AsyncIterator[LiveClient]:
    """A session that can be gone on with, and that goes on with another one if there is a ``handle``."""
    resumption = {} if handle is None else {"handle": handle}
    async with live_session(server, sessionResumption=resumption, **fields) as client:
        await client.next(RESUMPTION)
        yield client


@asynccontextmanager
async def live_session(server: LiveServer, **fields: Any) -> AsyncIterator[LiveClient]:
    """A session that is set up."""
    async with connected(server) as client:
        await client.send({"setup": setup(**fields)})
        await client.next("setupComplete")
        yield client
