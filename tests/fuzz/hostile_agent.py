"""A hostile agent: its steps against an exchange, as data, and its end of a link, which may go deaf."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from tests.fuzz import samples
from tests.fuzz.exchange_http import requests
from tests.fuzz.inputs import audio_frames, frame, garbled, raw_bytes, texts
from voiceagent.wire import control, encode, media

_LINKS = ("control", "media")
FLOODS = {
    "control": tuple("open unknown malformed refused ping fragments".split()),
    "media": tuple("audio tiny-audio huge-audio interrupt connect unknown long ping fragments".split()),
}


@st.composite
def agent_steps(draw: st.DrawFn) -> tuple[Any, ...]:
    link = draw(st.sampled_from(_LINKS))
    agent = samples.MEDIA_CLIENT if link == "media" else samples.CONTROL_CLIENT
    kinds = (
        "text",
        "text",
        "text",
        "garbled",
        "binary",
        "raw",
        "flood",
        "http",
        "http",
        "http",
        "tcp",
        "break",
        "deaf",
    )
    match kind := draw(st.sampled_from(kinds)):
        case "text":
            return link, "text", draw(texts(agent))
        case "garbled":
            return link, "frame", 1, draw(garbled(texts(agent)))
        case "binary":
            return link, "frame", 2, draw(audio_frames)
        case "raw":
            return link, "raw", draw(raw_bytes(mask=True))
        case "flood":
            count = draw(st.sampled_from((10, 300, 3000, 3000, 60_000)))
            listens = draw(st.sampled_from(("listening", "deaf")))
            return link, "flood", draw(st.sampled_from(FLOODS[link])), count, listens
        case "http":
            return kind, *draw(requests())
        case "tcp":
            return kind, draw(
                st.binary(min_size=1, max_size=60) | raw_bytes(mask=True) | st.just(b"GET / HTTP/1.1\r\n" * 3)
            )
        case "break":
            return link, draw(st.sampled_from(("close", "abort")))
        case _:
            return link, "deaf"


class HostileLink:
    """The agent's end of a link, which can stop listening."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._transport = connection.transport
        self._latest: list[str] = []
        self._news = asyncio.Event()
        self.closed = False

    def read_in(self, tasks: asyncio.TaskGroup) -> None:
        tasks.create_task(self._read())

    async def _read(self) -> None:
        with suppress(ConnectionClosed):
            async for data in self._connection:
                if isinstance(data, str):
                    self._latest = [*self._latest[-20:], data]
                    self._news.set()
        self.closed = True
        self._news.set()

    async def until(self, text: str) -> dict[str, Any]:
        """The first of the latest messages with ``text`` in it."""
        async with asyncio.timeout(60):
            while not (found := [message for message in self._latest if text in message]):
                self._news.clear()
                await self._news.wait()
        message: dict[str, Any] = json.loads(found[0])
        return message

    async def text(self, text: str) -> None:
        await self.raw(frame(1, text.encode(errors="surrogatepass"), mask=True))

    async def raw(self, data: bytes) -> bool:
        """Write to the TCP connection, no faster than it is read; tells whether all of it was."""
        for start in range(0, len(data), 1 << 16):
            if not self._transport.is_closing():
                self._transport.write(data[start : start + (1 << 16)])
            for _ in range(2000):
                if self._transport.get_write_buffer_size() <= 1 << 16 or self._transport.is_closing():
                    break
                await asyncio.sleep(0.001)
            else:
                return False
        return not self._transport.is_closing()

    def stop_listening(self) -> None:
        """Read nothing more, so that what the other side writes stays in its memory."""
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def abort(self) -> None:
        self._transport.abort()


def agent_flood(name: str, session: str) -> bytes:
    """The frame to pour. ``session`` is the victim's."""

    def text(message: Any) -> bytes:
        return frame(1, encode(message).encode(), mask=True)

    def command(name: str, command_id: str = "1", **data: Any) -> bytes:
        fields = media.CommandData(command_id=command_id, command=name, timeout_ms=1, data=data or None)
        return text(media.Command(data=fields))

    match name:
        case "open":
            return text(control.SessionOpen(req_id="r" * 500, session_id=session))
        case "refused":
            return text(
                control.SessionCreate(req_id="r" * 500, channel="TELCO", remote_address=samples.CALLEE)
            )
        case "audio":
            return frame(2, b"\0" + b"\1\2" * 480, mask=True)
        case "tiny-audio":
            return frame(2, b"\0\1\2", mask=True)
        case "huge-audio":
            return frame(2, b"\0" + b"\1\2" * 200_000, mask=True)
        case "interrupt":
            return command(media.INTERRUPT)
        case "connect":
            return command(media.CONNECT, ringTimeSeconds=5)
        case "long":
            return command("c" * 50_000)
        case "ping":
            return frame(9, b"p" * 125, mask=True)
        case "fragments":
            return frame(0, b"", fin=False, mask=True)
        case "unknown":
            return frame(1, b'{"type":"' + b"u" * 500 + b'","reqId":"1"}', mask=True)
        case _:
            return frame(1, b'{"type":5,"reqId":"1"}', mask=True)
