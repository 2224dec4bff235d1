"""A call server that can be told to do wrong: it accepts every link, and writes any bytes on it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import socket
import struct
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from tests.fuzz.inputs import frame
from voiceagent.call import CallClientConfig
from voiceagent.wire import control, encode, media

KEY, CONNECTOR = "key-0123456789abcdef", "connector-0001"
PATIENCE = 60.0
"""Seconds within which a client does what a server that behaves asks for."""

MOST_POURED = 16 << 20
_PIECE = 1 << 16
_MESSAGES = 2000
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

M = TypeVar("M")

_silent = logging.getLogger("tests.fuzz.attacker")
_silent.disabled = True
"""The attacker's own complaints are nobody's defect."""


class Peer:
    """The server's end of one link. What the client sends is kept, the latest :data:`_MESSAGES` of it."""

    def __init__(self, connection: ServerConnection) -> None:
        self._connection = connection
        self._transport = connection.transport
        self._messages: deque[Any] = deque(maxlen=_MESSAGES)
        self._news = asyncio.Event()
        self.path = connection.request.path if connection.request is not None else ""
        self.last_command = self.last_request = "none"
        self.closed = False

    async def read(self) -> None:
        """Take what comes until the link is closed."""
        decode: Callable[[Any], Any] = (
            control.decode_client if self.path == control.PATH else media.decode_client
        )
        with suppress(ConnectionClosed):
            async for data in self._connection:
                message = data if isinstance(data, bytes) else decode(data)
                self._messages.append(message)
                if isinstance(message, media.Command):
                    self.last_command = message.data.command_id
                elif isinstance(message, control.SessionOpen):
                    self.last_request = message.req_id
                self._news.set()
        self.closed = True
        self._news.set()

    async def take(self, kind: type[M], **fields: Any) -> M:
        """The oldest message of this kind, and forget it.

        Raises:
            TimeoutError: none comes, or the link is closed.
        """
        async with asyncio.timeout(PATIENCE):
            while True:
                for message in self._messages:
                    if isinstance(message, kind) and all(getattr(message, k) == v for k, v in fields.items()):
                        self._messages.remove(message)
                        return message
                if self.closed:
                    raise TimeoutError
                self._news.clear()
                await self._news.wait()

    # What is written, right or wrong ------------------------------------------------------------------

    async def text(self, text: str) -> None:
        await self.frame(1, text.encode())

    async def frame(self, opcode: int, payload: bytes) -> None:
        await self.raw(frame(opcode, payload))

    async def respond(self, command_id: str) -> None:
        data = media.CommandResponseData(command_id=command_id, success=True)
        await self.text(encode(media.CommandResponse(data=data)))

    async def raw(self, data: bytes) -> None:
        """Write to the TCP connection, no faster than it is read, so that the attacker takes no memory."""
        for start in range(0, len(data), _PIECE):
            if self._transport.is_closing():
                return
            self._transport.write(data[start : start + _PIECE])
            while self._transport.get_write_buffer_size() > _PIECE and not self._transport.is_closing():  # noqa: ASYNC110
                await asyncio.sleep(0.001)

    async def pour(self, data: bytes | Callable[[int], bytes], count: int) -> None:
        """Write ``count`` frames, of some 16 MB at most, as fast as they are read."""
        size = len(data if isinstance(data, bytes) else data(0))
        count = min(count, MOST_POURED // size)
        step = max(1, _PIECE // size)
        for start in range(0, count, step):
            numbers = range(start, min(count, start + step))
            await self.raw(b"".join(data if isinstance(data, bytes) else data(n) for n in numbers))

    def reset(self) -> None:
        """Break the TCP connection with a reset."""
        if self._transport.is_closing():
            return
        connection = self._transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def end(self) -> None:
        """Say at the TCP level that nothing more comes, in the middle of whatever was being said."""
        if not self._transport.is_closing():
            self._transport.write_eof()


class HostileServer:
    """Listens for links as a call server does, and for connections that never become one."""

    def __init__(self) -> None:
        self.controls: list[Peer] = []
        self._medias: dict[str, Peer] = {}
        self._news = asyncio.Event()
        self._server: Server
        self._tarpits: asyncio.Server
        self._response = (b"", "stay")
        self._stuck: set[asyncio.StreamWriter] = set()
        self._made = 0

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._serve, "127.0.0.1", 0, compression=None, close_timeout=0.1, max_queue=None, logger=_silent
        )
        self.url = f"ws://127.0.0.1:{next(iter(self._server.sockets)).getsockname()[1]}"
        self._tarpits = await asyncio.start_server(self._stick, "127.0.0.1", 0)
        self._tarpit_url = f"ws://127.0.0.1:{self._tarpits.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for writer in self._stuck:
            writer.transport.abort()
        self._tarpits.close()
        await self._tarpits.wait_closed()
        self._server.close()
        await self._server.wait_closed()

    def config(self, url: str | None = None) -> CallClientConfig:
        return CallClientConfig.sandbox(
            KEY, CONNECTOR, base_url=url or self.url, grace_period=0.5, buffer_size=1 << 19
        )

    async def _serve(self, connection: ServerConnection) -> None:
        peer = Peer(connection)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(peer.read())
            if peer.path == control.PATH:
                with suppress(TimeoutError):
                    await peer.take(control.Setup)
                    await peer.text(encode(control.SetupDone(sm_ws_id=f"link-{len(self.controls)}")))
                    self.controls.append(peer)
            else:
                self._medias[peer.path.rpartition("/")[2]] = peer
            self._news.set()

    @property
    def link(self) -> Peer | None:
        """The latest control link, unless it is closed."""
        return self.controls[-1] if self.controls and not self.controls[-1].closed else None

    async def offer(self, session_id: str, call_in: str) -> None:
        """Offer a call on the control link, and send ``call_in`` to the client once it claimed it.

        Raises:
            TimeoutError: the client does not claim it.
        """
        async with asyncio.timeout(PATIENCE):
            while (link := self.link) is None:
                self._news.clear()
                await self._news.wait()
        await link.text(encode(control.SessionNotify(session_id=session_id, channel="TELCO")))
        claim = await link.take(control.SessionOpen, session_id=session_id)
        await link.text(encode(control.Response(req_id=claim.req_id, ok=True, content={})))
        await link.take(control.SessionReady, session_id=session_id)
        await link.frame(1, call_in.encode(errors="surrogatepass"))

    async def media(self, name: str) -> Peer:
        """The media link whose address ends in ``name``.

        Raises:
            TimeoutError: the client does not open it.
        """
        async with asyncio.timeout(PATIENCE):
            while name not in self._medias:
                self._news.clear()
                await self._news.wait()
        return self._medias[name]

    def tarpit(self, response: bytes, ending: str) -> str:
        """An address where the handshake is answered with ``response``; then the connection stays or ends."""
        self._response = (response, ending)
        self._made += 1
        return f"{self._tarpit_url}/{self._made}"

    async def _stick(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        response, ending = self._response
        self._stuck.add(writer)
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            request = await reader.readuntil(b"\r\n\r\n")
            _, _, rest = request.lower().partition(b"sec-websocket-key: ")
            start = len(request) - len(rest)
            key = request[start:].partition(b"\r\n")[0]
            accept = base64.b64encode(hashlib.sha1(key + _GUID).digest())
            writer.write(response.replace(b"{accept}", accept))
            await writer.drain()
            if ending == "stay":
                while await reader.read(_PIECE):
                    pass
        if ending == "reset":
            writer.transport.abort()
        writer.close()
        self._stuck.discard(writer)
