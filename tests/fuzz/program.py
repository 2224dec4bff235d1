"""The program behind an attacked client: it takes every call, notes how each ends, and gives commands."""

from __future__ import annotations

import asyncio
from collections import Counter

from tests.fuzz import samples
from tests.fuzz.hostile_server import HostileServer, Peer
from tests.fuzz.watch import Defect
from voiceagent.call import ActiveCall, CallClient, CallState, events
from voiceagent.call.exceptions import WSSError
from voiceagent.wire import control, encode, frames, media

OPERATIONS = ("answer", "connect", "whisper", "speak", "clear", "drained", "read", "close", "disconnect")

_PCM = b"\x01\x02" * 480
_ATTEMPTS = 4


class Conversation:
    """One call that both sides know: what the program has, and the server's end of its media link."""

    def __init__(self, call: ActiveCall, peer: Peer) -> None:
        self.call = call
        self.peer = peer

    async def still_talks(self) -> None:
        """Check that audio goes both ways.

        Raises:
            Defect: it does not.
        """
        if self.call.state is not CallState.ANSWERED:
            raise Defect(f"a call that nobody attacked is {self.call.state}: {self.call.end_reason}")
        pcm = frames.encode_frame(_PCM)
        await self.peer.frame(2, pcm)
        heard = await anext(self.call.audio_stream())
        await self.call.send_audio(_PCM)
        request = media.BufferRequestData(requested_bytes=len(_PCM))
        await self.peer.text(encode(media.BufferRequest(data=request)))
        if heard != _PCM or await self.peer.take(bytes) != pcm:
            raise Defect("a call that nobody attacked lost its audio")


class Program:
    """The program behind the client: it takes every call, and notes how each ends."""

    def __init__(self, client: CallClient) -> None:
        self.client = client
        self.calls: dict[str, ActiveCall] = {}
        self.ended: Counter[str] = Counter()
        self.operations: list[tuple[str, asyncio.Task[None]]] = []
        self._news = asyncio.Event()
        client.on(events.INCOMING_CALL, self._take)

    async def _take(self, call: ActiveCall) -> None:
        self.calls[call.call_id] = call
        call.on(events.CALL_TERMINATED, lambda: self.ended.update([call.call_id]))
        for event in (events.CALL_ERROR, events.CALL_ANSWERED, events.CALL_CONNECT_FAILED):
            call.on(event, lambda details: None)
        self._news.set()

    async def _incoming(self, call_id: str) -> ActiveCall:
        async with asyncio.timeout(60):
            while call_id not in self.calls:
                self._news.clear()
                await self._news.wait()
        return self.calls[call_id]

    async def good_call(self, server: HostileServer, name: str, *, answer: bool = True) -> Conversation:
        """A call from a server that behaves.

        Raises:
            Defect: it does not come about, in several attempts: each may find the control link broken.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            call_id = f"{name}-{attempt}"
            url = f"{server.url}/media/{call_id}"
            call_in = control.CallIn(session_id=f"s-{call_id}", call_id=call_id, url=url, token=samples.TOKEN)
            try:
                await server.offer(f"s-{call_id}", encode(call_in))
                peer = await server.media(call_id)
                call = await self._incoming(call_id)
            except TimeoutError:
                continue
            if answer:
                answering = asyncio.create_task(call.answer())
                command = await peer.take(media.Command)
                await peer.respond(command.data.command_id)
                await answering
            return Conversation(call, peer)
        raise Defect(f"no call came in, in {_ATTEMPTS} attempts; the client is {self.client.state}")

    def begin(self, name: str, call: ActiveCall) -> None:
        """Start one of :data:`OPERATIONS`; what it raises is judged in the end."""
        self.operations.append((name, asyncio.create_task(_operate(name, call))))

    async def is_over(self) -> None:
        """Check that whatever the program awaited has ended, and every call exactly once."""
        for name, operation in self.operations:
            try:
                async with asyncio.timeout(1):
                    await operation
            except WSSError:
                continue
            except TimeoutError:
                raise Defect(f"the program waits for ever in {name}") from None
        for call_id, call in self.calls.items():
            if call.state is not CallState.DISCONNECTED or self.ended[call_id] != 1:
                raise Defect(f"call {call_id} is {call.state} and ended {self.ended[call_id]} times")


async def _operate(name: str, call: ActiveCall) -> None:
    match name:
        case "answer":
            await call.answer()
        case "connect":
            await call.connect(ring_time_seconds=5)
        case "whisper":
            await call.whisper()
        case "speak":
            for _ in range(50):
                await call.send_audio(b"\x01\x02" * 20_000, wait=True)
        case "clear":
            await call.clear_send_audio_buffer()
        case "drained":
            await call.drained()
        case "read":
            try:
                async for _ in call.audio_stream():
                    pass
            except RuntimeError as error:
                if "another task" not in str(error):
                    raise
        case "close":
            await call.close()
        case _:
            await call.disconnect()
