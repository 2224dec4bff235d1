"""The way out of a session: one place that sends, with a deadline, and knows when the client has gone."""

from __future__ import annotations

import asyncio

from aiohttp import web

SEND_TIMEOUT = 10.0
"""Seconds after which a client that takes nothing is given up."""


class ClientGone(Exception):
    """The client has closed the connection or takes nothing any more: the session ends."""


class EndOfSession(Exception):
    """The server ends the session, by closing the connection with this code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class Outbox:
    """Sends messages to one client, as binary frames, which is what the real service does.

    Args:
        socket: The prepared WebSocket.
        transport: What it goes over; None if that is gone already.
    """

    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.Transport | None) -> None:
        self._socket = socket
        self._transport = transport
        self._frozen: asyncio.Event | None = None

    @property
    def frozen(self) -> bool:
        """Whether nothing goes out any more."""
        return self._frozen is not None

    def freeze(self) -> None:
        """Let nothing out any more: whoever sends waits until the connection is over."""
        self._frozen = asyncio.Event()

    def cut(self) -> None:
        """Cut the connection, without a goodbye.

        Raises:
            ClientGone: always.
        """
        if self._transport is not None:
            self._transport.abort()
        raise ClientGone

    async def send(self, message: bytes) -> None:
        """Send one message.

        Raises:
            ClientGone: nobody takes it.
        """
        if self._frozen is not None:
            await self._frozen.wait()
        await self.send_now(message)

    async def send_now(self, message: bytes) -> None:
        """Send one message, also where nothing else goes out any more.

        Raises:
            ClientGone: nobody takes it.
        """
        if self._socket.closed:
            raise ClientGone
        deadline = asyncio.timeout(SEND_TIMEOUT)
        try:
            async with deadline:
                await self._socket.send_bytes(message)
        except TimeoutError as error:
            if not deadline.expired():
                raise
            raise ClientGone from error
        except ConnectionError as error:
            raise ClientGone from error
