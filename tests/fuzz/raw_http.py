"""Bytes sent to a port that speaks HTTP, and the status of its answer."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from urllib.parse import urlsplit

PATIENCE = 5.0
"""Seconds without an answer after which none is expected: the request is not whole."""


async def ask(url: str, data: bytes) -> int | None:
    """Send ``data``; returns the status of the answer, None if there is none."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        with suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(PATIENCE):
                writer.write(data)
                await writer.drain()
                line = await reader.readline()
                words = line.split(maxsplit=2)
                return int(words[1]) if len(words) > 1 and words[1].isdigit() else None
        return None
    finally:
        writer.transport.abort()
        # Give the transport the step in which it lets go of its socket.
        await asyncio.sleep(0)
