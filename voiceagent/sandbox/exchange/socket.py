"""A WebSocket of the exchange whose sends are plain function calls.

Audio goes out for every call in one step of the ticker, and the end of a call is four sends in a fixed
order. Neither may wait for a slow peer, so frames are written straight to the transport. Rule: a peer that
does not read loses frames (counted), and never holds up anybody else.
"""

from __future__ import annotations

import asyncio
import struct

from aiohttp import WSMsgType, web

MAX_UNSENT_BYTES = 256 * 1024
"""Bytes that may wait in a transport before audio to a peer is dropped: 5 s of 24 kHz PCM."""

MAX_UNREAD_BYTES = 4 << 20
"""Bytes that may wait in a transport before a peer that does not read its answers is let go."""

MAX_RECEIVED_BYTES = 16 << 20
"""Largest message that is read at all. One over the protocol's limit, which is far lower, is counted and
dropped; one over this would take too much memory, and the socket is closed with 1009."""

CLOSE_TIMEOUT = 2.0
"""Seconds that a peer has to answer the closing handshake before its connection is aborted."""

_FINAL = 0x80
_SHORT, _LONG, _LONGER = struct.Struct("!BB"), struct.Struct("!BBH"), struct.Struct("!BBQ")
_CODE = struct.Struct("!H")
_NORMAL = _CODE.pack(1000)


def _frame(opcode: WSMsgType, payload: bytes) -> bytes:
    """One unmasked, unfragmented WebSocket frame (RFC 6455, section 5.2)."""
    size = len(payload)
    if size < 126:
        return _SHORT.pack(_FINAL | opcode, size) + payload
    if size < 1 << 16:
        return _LONG.pack(_FINAL | opcode, 126, size) + payload
    return _LONGER.pack(_FINAL | opcode, 127, size) + payload


class Socket:
    """The server's end of one WebSocket.

    Attributes:
        dropped: frames that were not sent because the peer does not read.
        error: what the peer did wrong if it broke the WebSocket protocol itself, or does not read; else None.
    """

    def __init__(self, response: web.WebSocketResponse, transport: asyncio.Transport) -> None:
        """Use :meth:`accept`."""
        self._response = response
        self._transport = transport
        self._deadline: asyncio.TimerHandle | None = None
        self.dropped = 0
        self.error: str | None = None

    @classmethod
    async def accept(cls, request: web.Request, *, heartbeat: float) -> Socket:
        """Answer the upgrade. A peer that stays silent for ``heartbeat`` s is pinged, then let go."""
        response = web.WebSocketResponse(
            autoclose=False,
            compress=False,
            heartbeat=heartbeat,
            max_msg_size=MAX_RECEIVED_BYTES,
        )
        await response.prepare(request)
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the peer left during the upgrade")
        return cls(response, transport)

    @property
    def response(self) -> web.WebSocketResponse:
        """What the request's handler returns."""
        return self._response

    @property
    def closed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._deadline is not None or self._response.closed or self._transport.is_closing()

    def send_text(self, text: str) -> None:
        """Send a text message, or drop it when the socket is closed. A peer that never reads is let go."""
        self._send(WSMsgType.TEXT, text.encode())
        if self._transport.get_write_buffer_size() > MAX_UNREAD_BYTES:
            self.error = f"more than {MAX_UNREAD_BYTES} bytes were sent to it, and not read"
            self._transport.abort()

    def send_audio(self, frame: bytes) -> None:
        """Send a binary message, or drop it when the peer does not read or the socket is closed."""
        if self._transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            self.dropped += 1
        else:
            self._send(WSMsgType.BINARY, frame)

    def _send(self, opcode: WSMsgType, payload: bytes) -> bool:
        if self.closed:
            return False
        self._transport.write(_frame(opcode, payload))
        return True

    def close(self, code: int = 1000) -> None:
        """Begin the closing handshake. What the peer still sends is read and dropped.

        The connection is not closed before the peer has answered: closing it while its audio is on the
        way would reset it, and the reset may overtake the last messages.
        """
        if self._send(WSMsgType.CLOSE, _CODE.pack(code)):
            loop = asyncio.get_running_loop()
            self._deadline = loop.call_later(CLOSE_TIMEOUT, self._transport.abort)

    def abort(self) -> None:
        """Break the TCP connection without a closing handshake."""
        self._transport.abort()

    async def receive(self) -> str | bytes | None:
        """The peer's next message, text as str and binary as bytes; None when either side has closed."""
        while True:
            try:
                message = await self._response.receive()
            except ConnectionError:
                # It broke while the answer to a ping waited for the peer to read.
                self._forget_deadline()
                return None
            if message.type is WSMsgType.TEXT or message.type is WSMsgType.BINARY:
                if self._deadline is None:
                    data: str | bytes = message.data
                    return data
                continue
            if message.type is WSMsgType.ERROR:
                self.error = str(message.data)
            elif message.type is WSMsgType.CLOSE and not self.closed:
                self._transport.write(_frame(WSMsgType.CLOSE, _NORMAL))
            self._forget_deadline()
            self._transport.close()
            return None

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
