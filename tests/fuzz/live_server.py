"""The sandbox's live server, attacked by its clients: a session that behaves goes on, and another is set up.

One server serves a whole round, because its certificate and its ears take a second to make.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.fuzz import samples
from tests.fuzz.hunt import Unprepared
from tests.fuzz.inputs import frame, garbled, raw_bytes, texts
from tests.fuzz.raw_http import ask
from tests.fuzz.serving import Serving
from tests.fuzz.watch import Defect
from voiceagent.sandbox.live import LiveServer

MEMORY = 48 << 20
"""Bytes that one attack may take: a session keeps some 10 MB of what it was told."""

LINGERING = 11.0
SETTLED = 2.0

_PATHS = (
    "/operator/sessions",
    "/operator/sessions/x/audio",
    "/operator/sessions/x/emit",
    "/operator/scenario",
    "/x",
    "*",
)
_FLOODS = {
    "audio": b'{"realtimeInput":{"audio":{"mimeType":"audio/pcm;rate=48000","data":"'
    + b"AAECAwQF" * 800
    + b'"}}}',
    "text": b'{"realtimeInput":{"text":"' + b"t" * 50_000 + b'"}}',
    "context": b'{"clientContent":{"turns":[{"parts":[{"text":"' + b"c" * 50_000 + b'"}]}]}}',
    "tool": b'{"toolResponse":{"functionResponses":[{"id":"x","name":"'
    + b"n" * 50_000
    + b'","response":{}}]}}',
    "activity": b'{"realtimeInput":{"activityStart":{},"activityEnd":{}}}',
    "malformed": b'{"realtimeInput":{"text":5}}',
}


@st.composite
def _step(draw: st.DrawFn) -> tuple[Any, ...]:
    match draw(st.sampled_from(("text", "text", "text", "text", "garbled", "raw", "flood", "http"))):
        case "text":
            return (
                "frame",
                draw(st.sampled_from((1, 2))),
                draw(texts(samples.LIVE_CLIENT)).encode(errors="surrogatepass"),
            )
        case "garbled":
            return "frame", draw(st.sampled_from((1, 2))), draw(garbled(texts(samples.LIVE_CLIENT)))
        case "raw":
            return "raw", draw(raw_bytes(mask=True))
        case "flood":
            return "flood", draw(st.sampled_from(sorted(_FLOODS))), draw(st.sampled_from((10, 100, 1000)))
        case _:
            body = draw(garbled(texts(samples.LIVE_CLIENT)))
            return "http", draw(st.sampled_from(("GET", "POST", "PUT"))), draw(st.sampled_from(_PATHS)), body


class LiveServerUnderAttack(Unprepared):
    """The live server with real sockets, on the jumping clock."""

    name = "live-server"
    share = 2.0
    examples = 40

    def __init__(self) -> None:
        super().__init__()
        self._serving: Serving[LiveServer] = Serving()

    def inputs(self) -> SearchStrategy[Any]:
        return st.tuples(st.booleans(), st.lists(_step(), min_size=1, max_size=6))

    def always(self) -> Iterable[Any]:
        for flood in _FLOODS:
            yield True, [("flood", flood, 1000)]

    def check(self, value: tuple[bool, list[tuple[Any, ...]]], tally: Counter[str]) -> None:
        set_up, steps = value
        with self.memory.bounded(MEMORY):
            self._serving.run(_attack(self._serving.server, set_up, steps, tally))

    @contextmanager
    def ready(self) -> Iterator[None]:
        with self._serving.serving(LiveServer(), lingering=LINGERING):
            self._serving.run(_behaves(self._serving.server))
            yield


async def _attack(
    server: LiveServer, set_up: bool, steps: list[tuple[Any, ...]], tally: Counter[str]
) -> None:
    async with connect(server.url, compression=None, max_size=None) as bystander:
        await _setup(bystander)
        hostile = await connect(server.url, compression=None, max_size=None)
        if set_up:
            await _setup(hostile)
        for step in steps:
            await _take(server, hostile, step, tally)
        await asyncio.sleep(SETTLED)
        tally[f"session: {'over' if hostile.close_code is not None else 'open'}"] += 1
        hostile.transport.abort()
        await _answered(bystander)
    await _behaves(server)
    if await ask(server.url, b"GET /operator/sessions HTTP/1.1\r\nHost: x\r\n\r\n") != 200:
        raise Defect("what happened in the sessions cannot be shown")
    await server.reset()
    # The ends of all these connections are on their way.
    await asyncio.sleep(0.1)


async def _take(
    server: LiveServer, hostile: ClientConnection, step: tuple[Any, ...], tally: Counter[str]
) -> None:
    tally[step[0] if step[0] != "flood" else f"flood of {step[1]}"] += 1
    match step:
        case ("frame", opcode, data):
            await _write(hostile, frame(opcode, data, mask=True))
        case ("raw", data):
            await _write(hostile, data)
        case ("flood", name, count):
            for _ in range(count):
                await _write(hostile, frame(1, _FLOODS[name], mask=True))
        case (_, method, path, body):
            head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
            status = await ask(server.url, head.encode() + body)
            tally[f"answered: {status}"] += 1
            if status is not None and status >= 500:
                raise Defect(f"{method} {path} is answered with {status}")
    await asyncio.sleep(0.05)


async def _write(socket: ClientConnection, data: bytes) -> None:
    if not socket.transport.is_closing():
        socket.transport.write(data)
    for _ in range(2000):
        if socket.transport.get_write_buffer_size() <= 1 << 16 or socket.transport.is_closing():
            return
        await asyncio.sleep(0.001)


async def _setup(socket: ClientConnection) -> None:
    await socket.send(json.dumps({"setup": samples.LIVE_SETUP}))
    await _until(socket, "setupComplete")


async def _answered(socket: ClientConnection) -> None:
    """Check that a session that behaves is answered."""
    await socket.send(json.dumps({"realtimeInput": {"text": "hello"}}))
    await _until(socket, "turnComplete")


async def _until(socket: ClientConnection, word: str) -> None:
    try:
        async with asyncio.timeout(60):
            while word.encode() not in await socket.recv():
                pass
    except (TimeoutError, ConnectionClosed) as error:
        raise Defect(f"a session that nobody attacked got no {word}: {error!r}") from None


async def _behaves(server: LiveServer) -> None:
    async with connect(server.url, compression=None, max_size=None) as socket:
        await _setup(socket)
        await _answered(socket)
        with suppress(ConnectionClosed):
            await socket.close()
