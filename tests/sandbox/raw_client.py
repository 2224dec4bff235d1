"""A bare client of the wire protocol for tests of the exchange: it does what a test says, right or wrong."""

from __future__ import annotations

import asyncio
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from voiceagent.sandbox.exchange import Exchange
from voiceagent.wire import control, encode, media
from voiceagent.wire.frames import encode_frame

DEADLINE = 60.0

M = TypeVar("M")


class Inbox:
    """Everything that came in on one socket, in order; a test takes what it waits for."""

    def __init__(self, journal: list[str]) -> None:
        self.messages: list[Any] = []
        self._changed = asyncio.Event()
        self._journal = journal

    def put(self, message: Any, name: str) -> None:
        self.messages.append(message)
        self._journal.append(name)
        self._changed.set()

    async def take(self, kind: type[M], **fields: Any) -> M:
        async with asyncio.timeout(DEADLINE):
            while True:
                for message in self.messages:
                    if isinstance(message, kind) and all(getattr(message, k) == v for k, v in fields.items()):
                        self.messages.remove(message)
                        return message
                self._changed.clear()
                await self._changed.wait()

    def has(self, kind: type) -> bool:
        return any(isinstance(message, kind) for message in self.messages)


@asynccontextmanager
async def reading(reader: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Read a socket meanwhile. Not a task group, which would wrap a failed assertion in exception groups."""
    task = asyncio.create_task(reader)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
    if not task.cancelled():
        task.result()


class Worker:
    """One control link."""

    def __init__(self, socket: ClientConnection, journal: list[str]) -> None:
        self.socket = socket
        self.journal = journal
        self.inbox = Inbox(journal)
        self.id = ""

    @classmethod
    @asynccontextmanager
    async def connect(
        cls,
        exchange: Exchange,
        *,
        rate: int = 16000,
        mode: control.AudioMode = "mixed",
        set_up: bool = True,
        key: str | None = None,
        **ssl: Any,
    ) -> AsyncIterator[Worker]:
        headers = {
            control.API_KEY_HEADER: key or exchange.api_key,
            control.CONNECTOR_HEADER: exchange.connector_uuid,
        }
        async with connect(exchange.url + control.PATH, additional_headers=headers, **ssl) as socket:
            worker = cls(socket, [])
            async with reading(worker._read()):
                if set_up:
                    data = control.SetupData(sample_rate=rate, audio_mode=mode)
                    await worker.send(control.Setup(data=data))
                    worker.id = (await worker.inbox.take(control.SetupDone)).sm_ws_id
                yield worker

    async def _read(self) -> None:
        with suppress(ConnectionClosed):
            async for text in self.socket:
                message = control.decode_server(text)
                self.inbox.put(message, type(message).__name__)
        self.journal.append("control closed")

    async def send(self, message: Any) -> None:
        await self.socket.send(message if isinstance(message, str | bytes) else encode(message))

    async def open(self, session_id: str) -> control.Response:
        req_id = str(uuid.uuid4())
        await self.send(control.SessionOpen(req_id=req_id, session_id=session_id))
        return await self.inbox.take(control.Response, req_id=req_id)

    async def claim(self) -> control.CallIn:
        """Take the next call that is offered."""
        notified = await self.inbox.take(control.SessionNotify)
        response = await self.open(notified.session_id)
        assert response.ok, response
        await self.send(control.SessionReady(session_id=notified.session_id))
        return await self.inbox.take(control.CallIn, session_id=notified.session_id)

    @asynccontextmanager
    async def take_call(self) -> AsyncIterator[Agent]:
        """Claim the next call and open its media link."""
        call_in = await self.claim()
        async with Agent.connect(call_in, self.journal) as agent:
            yield agent


@dataclass
class Agent:
    """One media link. It serves the exchange's requests for audio from ``queue``."""

    socket: ClientConnection
    inbox: Inbox
    journal: list[str]
    heard: dict[int, bytearray] = field(default_factory=lambda: defaultdict(bytearray))
    queue: bytearray = field(default_factory=bytearray)
    requested: int = 0
    sent: int = 0
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    @asynccontextmanager
    async def connect(cls, call_in: control.CallIn, journal: list[str], **ssl: Any) -> AsyncIterator[Agent]:
        headers = {"Authorization": f"Bearer {call_in.token}"}
        async with connect(call_in.url, additional_headers=headers, **ssl) as socket:
            agent = cls(socket, Inbox(journal), journal)
            async with reading(agent._read()):
                yield agent

    @property
    def credit(self) -> int:
        return self.requested - self.sent

    async def _read(self) -> None:
        with suppress(ConnectionClosed):
            async for message in self.socket:
                if isinstance(message, bytes):
                    self.heard[message[0]] += message[1:]
                else:
                    await self._handle(media.decode_server(message))
        self.journal.append("media closed")
        self.closed.set()

    async def _handle(self, message: Any) -> None:
        match message:
            case media.BufferRequest():
                self.requested += message.data.requested_bytes
                await self._serve()
            case media.CommandResponse():
                self.inbox.put(message.data, "response")
            case media.CallEvent():
                self.inbox.put(message.data, message.data.event)

    async def speak(self, pcm: bytes) -> None:
        """Queue speech and send as much of it as there is credit."""
        self.queue += pcm
        await self._serve()

    async def _serve(self) -> None:
        pcm = bytes(self.queue[: self.credit])
        if pcm:
            del self.queue[: len(pcm)]
            self.sent += len(pcm)
            # What came before the close is still to be read.
            with suppress(ConnectionClosed):
                await self.socket.send(encode_frame(pcm))

    async def ask(self, command: str, **data: Any) -> str:
        """Send a command and do not wait; returns its id."""
        command_id = str(uuid.uuid4())
        fields = media.CommandData(
            command_id=command_id, command=command, timeout_ms=10_000, data=data or None
        )
        await self.socket.send(encode(media.Command(data=fields)))
        return command_id

    async def answer_to(self, command_id: str) -> media.CommandResponseData:
        return await self.inbox.take(media.CommandResponseData, command_id=command_id)

    async def do(self, command: str, **data: Any) -> media.CommandResponseData:
        """Send a command and return its answer."""
        return await self.answer_to(await self.ask(command, **data))

    async def ok(self, command: str, **data: Any) -> None:
        """Send a command that must succeed."""
        response = await self.do(command, **data)
        assert response.success, response

    async def fails(self, command: str, code: str, **data: Any) -> None:
        """Send a command that must fail, and with what."""
        response = await self.do(command, **data)
        assert (response.success, response.error_code) == (False, code), response


CALLER, CALLEE = "+15550100", "+15550199"


@asynccontextmanager
async def answered_call(exchange: Exchange, **setup: Any) -> AsyncIterator[tuple[Any, Agent, Worker]]:
    """A call that one worker has answered: the call, its agent and the worker."""
    async with Worker.connect(exchange, **setup) as worker:
        call = exchange.phone(CALLER, CALLEE)
        async with worker.take_call() as agent:
            await agent.ok(media.ANSWER)
            yield call, agent, worker
