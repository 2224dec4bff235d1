"""A worker built on the public package telcoflow: it takes calls, and does what it is told line by line.

It runs in the package's own environment, with nothing but that package and the standard library. Each line
on standard input is an order, ``{"id": 1, "do": "answer", "call": ID}``. Each line on standard output is the
outcome of one, ``{"id": 1, "result": ...}`` or ``{"id": 1, "error": CLASS, "text": ...}``, or something that
happened, ``{"event": "terminated", "call": ID}``. Orders overlap; PCM is base64. It ends with its input.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import asdict

from telcoflow import (
    AudioMode,
    Call,
    CallAudioConfig,
    CallEvent,
    CallFlowBuilder,
    ChannelType,
    InboundCallMode,
    Session,
    SessionManager,
    SessionManagerConfig,
    SessionNotification,
)

MAX_LINE = 1 << 24
DRAIN_POLL = 0.005


def tell(**message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


class Line:
    """One call, and what was heard on it."""

    def __init__(self, call: Call, session: Session | None = None) -> None:
        self.call = call
        self.session = session
        self.heard: defaultdict[int, bytearray] = defaultdict(bytearray)
        self._readers: dict[int, asyncio.Task[None]] = {}
        self._news = asyncio.Condition()
        call.on_terminated(lambda: tell(event="terminated", call=call.id))
        call.on_call_event(CallEvent.CALL_ERROR)(lambda data: tell(event="error", call=call.id, **data))

    def listen(self, channel: int = 0) -> None:
        """Read what comes in on a channel, from now on."""
        if channel not in self._readers and self.call.voice_session is not None:
            self._readers[channel] = asyncio.create_task(self._read(channel))

    async def _read(self, channel: int) -> None:
        async for chunk in self.call.audio_stream(channel):
            async with self._news:
                self.heard[channel] += chunk
                self._news.notify_all()
        tell(event="audio_ended", call=self.call.id, channel=channel)

    async def hear(self, pcm: bytes, channel: int) -> None:
        """Return once ``pcm`` was heard, in one piece."""
        self.listen(channel)
        async with self._news:
            await self._news.wait_for(lambda: pcm in self.heard[channel])

    async def play_out(self) -> None:
        """Return once all audio has left the package's buffer."""
        while await self.call.get_send_audio_buffer_size():  # noqa: ASYNC110 - all that the package offers
            await asyncio.sleep(DRAIN_POLL)


class Worker:
    """Carries out the orders: one method each, called as the order is."""

    def __init__(self, links: AsyncExitStack) -> None:
        self._links = links
        self._lines: dict[str, Line] = {}
        self._manager: SessionManager | None = None
        self._audio = CallAudioConfig()

    async def obey(self, order: dict) -> None:
        number, what = order.pop("id"), order.pop("do")
        try:
            result = await getattr(self, f"do_{what}")(**order)
        except Exception as error:
            tell(id=number, error=type(error).__name__, text=str(error))
        else:
            tell(id=number, result=result)

    # The control link ---------------------------------------------------------------------------------

    async def do_link(self, sample_rate=16000, audio_mode="mixed", claim=True):
        """Connect to the call server that the environment names."""
        self._audio = CallAudioConfig(sample_rate=sample_rate, audio_mode=AudioMode(audio_mode))
        config = SessionManagerConfig.create(
            api_key=os.environ.get("WSS_API_KEY"),
            connector_uuid=os.environ.get("WSS_CONNECTOR_UUID"),
            cert_path=os.environ.get("CLIENT_CERTIFICATE"),
            key_path=os.environ.get("CLIENT_KEY"),
            base_url=os.environ["CALL_URL"],
            call_audio=self._audio,
        )
        self._manager = await self._links.enter_async_context(SessionManager(config))

        @self._manager.on_session_notification
        async def offered(notification: SessionNotification) -> None:
            tell(event="offered", **asdict(notification))
            if claim:
                await self.do_claim(notification.session_id)

        return self._manager.id

    async def do_link_id(self):
        return self._manager.id

    async def do_claim(self, session_id):
        session = await self._manager.open_session(session_id)

        @session.on_incoming_call
        async def incoming(call: Call) -> None:
            self._lines[call.id] = Line(call, session)
            numbers = {"caller": call.caller_number, "callee": call.callee_number}
            tell(event="incoming_call", call=call.id, session=session.id, **numbers)

        @session.on_closed
        async def closed(reason) -> None:
            tell(event="session_closed", session=session.id, reason=reason)

        await session.ready()

    async def do_route(self, inbound):
        await self._manager.setup_call_flow(CallFlowBuilder().inbound_call(InboundCallMode(inbound)).build())

    async def do_sessions(self):
        return [asdict(info) for info in await self._manager.list_sessions(channel=ChannelType.TELCO)]

    async def do_close_session(self, call):
        await self._lines[call].session.close()

    # Calls --------------------------------------------------------------------------------------------

    async def _command(self, call, name, **data):
        line = self._lines[call]
        result = await getattr(line.call, name)(**data)
        line.listen()
        return {"success": result.success, "error": result.error_code, "text": result.error_message}

    async def do_answer(self, call):
        return await self._command(call, "answer")

    async def do_connect(self, call, ring=5):
        return await self._command(call, "connect", ring_time_seconds=ring)

    async def do_whisper(self, call):
        return await self._command(call, "whisper")

    async def do_barge(self, call):
        return await self._command(call, "barge")

    async def do_spy(self, call):
        return await self._command(call, "spy")

    async def do_close(self, call):
        return await self._command(call, "close")

    async def do_disconnect(self, call):
        return await self._command(call, "disconnect")

    async def do_state(self, call):
        return self._lines[call].call.state

    async def do_to_json(self, call):
        return self._lines[call].call.to_json()

    async def do_from_json(self, text, sample_rate=16000):
        call = Call.from_json(text, CallAudioConfig(sample_rate=sample_rate))
        self._lines[call.id] = Line(call)
        return {"call": call.id, "caller": call.caller_number, "callee": call.callee_number}

    # Audio --------------------------------------------------------------------------------------------

    async def do_say(self, call, pcm):
        """Queue speech."""
        await self._lines[call].call.send_audio(base64.b64decode(pcm))

    async def do_play_out(self, call):
        await self._lines[call].play_out()

    async def do_interrupt(self, call):
        """How many bytes the package still held."""
        return await self._lines[call].call.clear_send_audio_buffer()

    async def do_hear(self, call, pcm, channel=0):
        await self._lines[call].hear(base64.b64decode(pcm), channel)

    async def do_heard(self, call, channel=0):
        return base64.b64encode(self._lines[call].heard[channel]).decode()


async def orders() -> AsyncIterator[dict]:
    reader = asyncio.StreamReader(limit=MAX_LINE)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    while line := await reader.readline():
        yield json.loads(line)


async def main() -> None:
    async with AsyncExitStack() as links:
        worker = Worker(links)
        running: set[asyncio.Task[None]] = set()
        async for order in orders():
            task = asyncio.create_task(worker.obey(order))
            running.add(task)
            task.add_done_callback(running.discard)


if __name__ == "__main__":
    # What the package itself complains about goes to standard error, where the tests look for it.
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    asyncio.run(main())
