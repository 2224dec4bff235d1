"""A network between workers and exchange that takes its time, so that messages cross on their way.

Rule: every byte arrives, in order, :attr:`Network.delay` seconds after it was sent; so does the end of a
connection, whether it was closed or broken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

AFTER = 1e-9
"""Seconds between two things that happen at once: timers for the same instant fire in any order."""


class Network:
    """Carries connections to a port of this machine. Its own port is :attr:`port` once it is open."""

    def __init__(self, delay: float) -> None:
        self.delay = delay
        self.port = 0
        self.ends: set[End] = set()
        self._server: asyncio.Server | None = None

    async def open(self, target: int) -> None:
        """Carry connections to port ``target``."""
        loop = asyncio.get_running_loop()

        def connected() -> End:
            here, there = End(self), End(self)
            here.other, there.other = there, here
            here.dialling = loop.create_task(self._dial(there, target))
            return here

        self._server = await loop.create_server(connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _dial(self, there: End, target: int) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: there, "127.0.0.1", target)
        except OSError:
            # The exchange has closed.
            there.other.later(there.other.abort)

    async def close(self) -> None:
        """Carry nothing any more. What is still on its way arrives first."""
        if self._server is not None:
            self._server.close()
        await asyncio.sleep(2 * self.delay + 0.1)


class End(asyncio.Protocol):
    """One end of a connection through the network."""

    other: End

    def __init__(self, network: Network) -> None:
        self.dialling: asyncio.Task[None] | None = None
        self._network = network
        self._transport: asyncio.Transport | None = None
        self._waiting: list[Callable[[], None]] = []
        self._last = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._network.ends.add(self)
        self._transport = transport
        for step in self._waiting:
            step()

    def data_received(self, data: bytes) -> None:
        self.other.later(lambda: self.other.write(data))

    def eof_received(self) -> bool:
        self.other.later(self.other.close)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._network.ends.discard(self)
        self.other.later(self.other.close if exc is None else self.other.abort)

    def later(self, step: Callable[[], None]) -> None:
        """Take a step when what was sent now arrives here."""
        loop = asyncio.get_running_loop()
        self._last = max(self._last + AFTER, loop.time() + self._network.delay)
        loop.call_at(self._last, self._take, step)

    def _take(self, step: Callable[[], None]) -> None:
        if self._transport is None:
            self._waiting.append(step)
        else:
            step()

    def write(self, data: bytes) -> None:
        """Hand over what was sent at the other end."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        """The other end closed the connection."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """The other end broke the connection."""
        if self._transport is not None:
            self._transport.abort()
