"""Playout on servers that ask for audio in other ways than the exchange does, and what a clear waits for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
from websockets.exceptions import ConnectionClosed

from tests.call.line import noise
from tests.call.scripted import ScriptedCall, ScriptedServer
from tests.virtual_time import virtual_time
from voiceagent.call import ActiveCall
from voiceagent.call._outgoing import DRAIN_GRACE, LINE_DELAY
from voiceagent.wire import media

TICK = 0.02
PIECE = 960
"""Bytes of a tick at 24 kHz."""

TARGET = 38_400
"""800 ms at 24 kHz."""


class Phone:
    """The server's end of a call: it asks for audio in its own way, and plays it a tick at a time.

    Args:
        line: The call.
        wanted: How much to ask for, in which pieces; asked after each tick and each frame.
    """

    def __init__(self, line: ScriptedCall, wanted: Callable[[Phone], Iterator[int]]) -> None:
        self._line = line
        self._wanted = wanted
        self.listening = False
        self.outstanding = 0
        self.buffered = bytearray()
        self.heard = bytearray()
        self.heard_at = 0.0

    async def play(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(TICK)
            if self.listening and self.buffered:
                self.heard += self.buffered[:PIECE]
                del self.buffered[:PIECE]
                self.heard_at = loop.time()
            await self._ask()

    async def take_messages(self) -> None:
        try:
            async for message in self._line.media:
                if isinstance(message, bytes):
                    assert len(message) - 1 <= self.outstanding, "more than was asked for"
                    self.outstanding -= len(message) - 1
                    self.buffered += message[1:]
                    await self._ask()
                else:
                    command = media.decode_client(message)
                    assert isinstance(command, media.Command)
                    await self._line.respond(command.data.command_id, success=True)
        except ConnectionClosed:
            pass

    async def _ask(self) -> None:
        for size in self._wanted(self):
            self.outstanding += size
            await self._line.grant(size)


def whole_target(phone: Phone) -> Iterator[int]:
    """As the exchange does."""
    if phone.listening:
        yield from (size for size in (TARGET - len(phone.buffered) - phone.outstanding,) if size > 0)


def before_the_answer(phone: Phone) -> Iterator[int]:
    """As the exchange does, but already while it rings."""
    yield from (size for size in (TARGET - len(phone.buffered) - phone.outstanding,) if size > 0)


def piece_by_piece(phone: Phone) -> Iterator[int]:
    """The next tick's audio when the last has come, until the target is buffered."""
    if phone.listening and not phone.outstanding and len(phone.buffered) < TARGET:
        yield PIECE


def many_odd_requests(phone: Phone) -> Iterator[int]:
    """The whole target, but in requests of an odd size."""
    while phone.listening and (missing := TARGET + 1 - len(phone.buffered) - phone.outstanding) > 0:
        yield min(missing, 333)


def when_half_empty(phone: Phone) -> Iterator[int]:
    """Nothing until half of the target has been played."""
    if phone.listening and len(phone.buffered) < TARGET // 2:
        yield from (size for size in (TARGET - len(phone.buffered) - phone.outstanding,) if size > 0)


def all_at_once(phone: Phone) -> Iterator[int]:
    """Credit for hours."""
    if phone.listening and not phone.outstanding:
        yield 1 << 30


def all_at_once_before_the_answer(phone: Phone) -> Iterator[int]:
    """Credit for hours, already while it rings."""
    if not phone.outstanding:
        yield 1 << 30


@asynccontextmanager
async def phone_call(
    wanted: Callable[[Phone], Iterator[int]],
) -> AsyncIterator[tuple[Phone, ActiveCall]]:
    async with ScriptedServer() as server, ScriptedCall(server) as line, asyncio.TaskGroup() as tasks:
        phone = Phone(line, wanted)
        running = [tasks.create_task(phone.play()), tasks.create_task(phone.take_messages())]
        yield phone, line.call
        for task in running:
            task.cancel()


TELLING = [whole_target, before_the_answer, piece_by_piece, many_odd_requests, when_half_empty]
SILENT = [all_at_once, all_at_once_before_the_answer]


@pytest.mark.parametrize("wanted", TELLING + SILENT)
def test_drained_cuts_nothing_and_wastes_little_however_the_server_asks(
    wanted: Callable[[Phone], Iterator[int]],
) -> None:
    @virtual_time
    async def run() -> None:
        async with phone_call(wanted) as (phone, call):
            loop = asyncio.get_running_loop()
            await call.send_audio(greeting := noise(3000))
            await asyncio.sleep(1)
            await call.answer()
            phone.listening = True
            said = greeting
            for seed in range(4):
                await call.drained()
                assert phone.heard == said
                assert (
                    loop.time() - phone.heard_at <= (DRAIN_GRACE if wanted in SILENT else LINE_DELAY) + TICK
                )
                assert call.playback.played_ms == call.playback.queued_ms
                await asyncio.sleep(0.7)
                said += (speech := noise(700 + 900 * seed, seed))
                await call.send_audio(speech)

    run()


@pytest.mark.parametrize("wanted", TELLING + SILENT)
def test_the_position_never_runs_ahead_of_the_listener(wanted: Callable[[Phone], Iterator[int]]) -> None:
    @virtual_time
    async def run() -> None:
        async with phone_call(wanted) as (phone, call):
            await call.send_audio(noise(2000))
            await asyncio.sleep(1)
            assert call.playback.played_ms == 0, "nobody listens yet"
            await call.answer()
            phone.listening = True
            heard_ms = 0.0
            while heard_ms < 2000:
                await asyncio.sleep(0.005)
                heard_ms = len(phone.heard) / 48
                ahead = call.playback.played_ms - heard_ms
                assert -421 < ahead < 21, "by half a target behind, or within the tick that is being played"

    run()


@virtual_time
async def test_a_server_that_starts_late_is_waited_for() -> None:
    async with phone_call(whole_target) as (phone, call):
        await call.answer()
        asyncio.get_running_loop().call_later(3, setattr, phone, "listening", True)
        await call.send_audio(speech := noise(3000))
        await call.drained()
        assert phone.heard == speech


@virtual_time
async def test_a_second_clear_waits_for_the_first() -> None:
    async with ScriptedServer() as server, ScriptedCall(server) as line:
        await line.grant(TARGET)
        await asyncio.sleep(0.1)
        await line.call.send_audio(noise(20))
        await line.media.recv()
        line.call.clear_audio()
        clearing = asyncio.create_task(line.call.clear_send_audio_buffer())
        command = await line.command()
        await asyncio.sleep(1)
        assert not clearing.done(), "the line may still play"
        await line.respond(command.command_id, success=True)
        await clearing
        await line.call.clear_send_audio_buffer()


@virtual_time
async def test_a_clear_that_the_server_never_confirms_is_an_error_once() -> None:
    async with ScriptedServer() as server, ScriptedCall(server) as line:
        await line.grant(TARGET)
        await asyncio.sleep(0.1)
        await line.call.send_audio(noise(20))
        with pytest.raises(Exception, match=r"does not answer agent\.interrupt"):
            await line.call.clear_send_audio_buffer()
        await line.call.clear_send_audio_buffer()
