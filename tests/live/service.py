"""A live service of a few lines, played by hand: what no scenario of the sandbox says."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from voiceagent.live import LiveConfig, LiveEvent, Said
from voiceagent.live.genai import GenaiConnector
from voiceagent.live.resuming import ResumingSession

CONFIG = LiveConfig(model="gemini-3.8-live")

FRAME = 640
"""Bytes of 20 ms of caller audio."""


class Bell:
    """Wakes those who wait for something to be so."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self._rung.set()
        self._rung = asyncio.Event()

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(60):
            while not condition():
                await self._rung.wait()


class Connection:
    """One connection, as the service sees it: its setup, what it was sent, and its way to the client."""

    def __init__(self, socket: ServerConnection, setup: dict[str, Any]) -> None:
        self.socket = socket
        self.setup = setup
        self.audio = bytearray()
        self.messages: list[dict[str, Any]] = []
        self.closed = asyncio.Event()
        self.bell = Bell()

    @property
    def handle(self) -> str | None:
        return self.setup["sessionResumption"].get("handle")

    async def send(self, **message: object) -> None:
        await self.socket.send(json.dumps(message))

    async def speaks(self, pcm: bytes = bytes(960)) -> None:
        blob = {"mimeType": "audio/pcm;rate=24000", "data": base64.b64encode(pcm).decode()}
        await self.send(serverContent={"modelTurn": {"parts": [{"inlineData": blob}]}})

    async def ends_turn(self, handle: str | None = None) -> None:
        await self.send(serverContent={"turnComplete": True})
        if handle is not None:
            await self.send(sessionResumptionUpdate={"newHandle": handle, "resumable": True})

    async def calls(self, call_id: str, name: str) -> None:
        await self.send(toolCall={"functionCalls": [{"id": call_id, "name": name, "args": {}}]})

    def abort(self) -> None:
        self.socket.transport.abort()

    async def until(self, condition: Callable[[Connection], object]) -> None:
        """Return when something has arrived."""
        await self.bell.until(lambda: condition(self))


class Service:
    """The service.

    Attributes:
        connections: All that were set up, oldest first.
        refuses: Handles with which no setup is accepted.
        down: Whether setups are answered with a close.
    """

    def __init__(self) -> None:
        self.connections: list[Connection] = []
        self.setups = 0
        self.refuses: set[str] = set()
        self.down = False
        self.mute = False
        self.url = ""
        self._came: asyncio.Queue[Connection] = asyncio.Queue()

    async def connection(self) -> Connection:
        """The next connection."""
        async with asyncio.timeout(30):
            return await self._came.get()

    async def serve(self, socket: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            setup = json.loads(await socket.recv())["setup"]
            self.setups += 1
            connection = Connection(socket, setup)
            if self.mute:
                await socket.wait_closed()
            elif self.down:
                await socket.close(1011, "overloaded")
            elif connection.handle in self.refuses:
                await socket.close(1008, "session not found")
            else:
                await socket.send('{"setupComplete": {}}')
                self.connections.append(connection)
                self._came.put_nowait(connection)
                await self._read(connection)

    async def _read(self, connection: Connection) -> None:
        try:
            async for raw in connection.socket:
                message = json.loads(raw)
                audio = message.get("realtime_input", {}).get("audio")
                if audio is None:
                    connection.messages.append(message)
                else:
                    connection.audio += base64.b64decode(audio["data"])
                connection.bell.ring()
        finally:
            connection.closed.set()


class Remembering:
    """A conversation's memory that says what the test says."""

    def __init__(self) -> None:
        self.is_quiet = True
        self.speaks = False
        self.said: list[Said] = []
        self.heard: str | None = None

    def quiet(self) -> bool:
        return self.is_quiet and not self.speaks

    def caller_speaks(self) -> bool:
        return self.speaks

    def said_since(self, moment: float | None) -> Sequence[Said]:
        return self.said

    def unfinished(self) -> str | None:
        return self.heard


class Talk:
    """A session with its reader, and what came of it."""

    def __init__(self, session: ResumingSession) -> None:
        self.session = session
        self.events: list[LiveEvent] = []
        self.ended: BaseException | None = None
        self._bell = Bell()

    async def read(self) -> None:
        try:
            async for event in self.session.events():
                self.events.append(event)
                self._bell.ring()
        except Exception as error:
            self.ended = error
            self._bell.ring()

    async def until_ended(self) -> BaseException | None:
        """What ended it."""
        await self._bell.until(lambda: self.ended)
        return self.ended

    async def until(self, kind: type) -> Any:
        """The first event of a kind, once it is there."""
        await self._bell.until(lambda: any(isinstance(event, kind) for event in self.events))
        return next(event for event in self.events if isinstance(event, kind))


@contextlib.asynccontextmanager
async def service() -> AsyncIterator[Service]:
    played = Service()
    server: Server
    async with serve(played.serve, "127.0.0.1", 0, close_timeout=0.5) as server:
        played.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield played


@contextlib.asynccontextmanager
async def talking(
    played: Service, memory: Remembering, config: LiveConfig = CONFIG
) -> AsyncIterator[tuple[Talk, Connection]]:
    """A session that is read in a task of its own, and its first connection."""
    session = await ResumingSession.open(GenaiConnector(live_url=played.url), config, memory)
    talk = Talk(session)
    reading = asyncio.create_task(talk.read())
    try:
        yield talk, await played.connection()
    finally:
        await session.close()
        await asyncio.wait((reading,), timeout=5)
        assert reading.done()


def texts(connection: Connection) -> list[str]:
    """What a connection was told in text, as turns or as realtime input."""
    told = []
    for message in connection.messages:
        content = message.get("client_content", {})
        told += [part["text"] for turn in content.get("turns", []) for part in turn["parts"]]
        if "text" in message.get("realtime_input", {}):
            told.append(message["realtime_input"]["text"])
    return told
