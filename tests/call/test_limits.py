"""What a server can do to a client by sending too much, too little or too late."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from tests.call.line import noise
from tests.call.scripted import ScriptedCall, ScriptedServer
from tests.virtual_time import virtual_time
from voiceagent.call import CallClient, CallState, ConnectionState, EndReason, _intake
from voiceagent.call._incoming import MAX_CHUNKS, IncomingAudio
from voiceagent.call._websocket import MAX_FRAGMENTS, MAX_UNREAD
from voiceagent.call.exceptions import WSSCallCommandTimeoutError
from voiceagent.wire import MAX_MESSAGE_BYTES, control, encode


def text_of(size: int) -> str:
    """A message that every client skips, of exactly this many bytes."""
    head, tail = '{"type":"from_the_future","padding":"', '"}'
    return head + "x" * (size - len(head) - len(tail)) + tail


def now() -> float:
    return asyncio.get_running_loop().time()


@virtual_time
async def test_a_message_as_large_as_the_limit_is_read_on_both_links() -> None:
    async with ScriptedServer() as server, ScriptedCall(server) as line:
        await line.link.send(text_of(MAX_MESSAGE_BYTES))
        await line.media.send(text_of(MAX_MESSAGE_BYTES))
        largest = b"\0" + bytes(MAX_MESSAGE_BYTES - 2)
        await line.media.send(largest)
        await line.media.send(b"\0ab")
        # The frame is larger than what may wait for the program, so only the next one is left of both.
        assert await anext(line.call.audio_stream()) == b"ab"
        assert line.call.counters.incoming_dropped_bytes == len(largest) - 1
        await server.offer(line.link, number=2)
        await server.medias.get()
        assert line.call.state is CallState.PENDING
        assert line.client.state is ConnectionState.CONNECTED
        assert line.call.counters.malformed_messages == 0


@pytest.mark.parametrize("message", [bytes(MAX_MESSAGE_BYTES + 1), text_of(MAX_MESSAGE_BYTES + 1)])
def test_a_message_over_the_limit_ends_the_call_whose_link_it_comes_on(message: str | bytes) -> None:
    @virtual_time
    async def run() -> None:
        async with ScriptedServer() as server, ScriptedCall(server) as line:
            await line.media.send(message)
            await line.call.wait_terminated()
            assert line.call.end_reason is EndReason.MEDIA_LOST
            assert line.media.close_code == 1009

    run()


@virtual_time
async def test_a_message_over_the_limit_on_the_control_link_breaks_that_link_and_no_call() -> None:
    async with ScriptedServer() as server, ScriptedCall(server) as line:
        await line.link.send(text_of(MAX_MESSAGE_BYTES + 1))
        await line.link.wait_closed()
        assert line.link.close_code == 1009
        link = await server.accepted()
        await asyncio.sleep(0.1)
        assert line.client.state is ConnectionState.CONNECTED
        assert line.call.state is CallState.PENDING
        await server.offer(link, number=2)
        await server.medias.get()


def fragments(count: int, piece: bytes) -> Iterator[bytes]:
    """A message in so many pieces: the library appends an empty one, which is the last."""
    yield b"\0ab"
    for _ in range(count - 2):
        yield piece


@virtual_time
async def test_a_message_in_many_pieces_is_read_up_to_a_limit() -> None:
    async with ScriptedServer() as server, ScriptedCall(server) as line:
        stream = line.call.audio_stream()
        for piece in (b"", b"cd"):
            await line.media.send(fragments(MAX_FRAGMENTS, piece))
            assert await anext(stream) == b"ab" + piece * (MAX_FRAGMENTS - 2)
        with suppress(ConnectionClosed):
            await line.media.send(fragments(MAX_FRAGMENTS + 1, b""))
        await line.call.wait_terminated()
        assert line.call.end_reason is EndReason.MEDIA_LOST
        assert line.media.close_code == 1009


@virtual_time
async def test_pings_between_the_pieces_do_not_lift_the_limit() -> None:
    async with ScriptedServer() as server, ScriptedCall(server) as line:
        transport = line.media.transport
        transport.write(Frame(Opcode.BINARY, b"\0ab", fin=False).serialize(mask=False))
        for _ in range(MAX_FRAGMENTS):
            transport.write(Frame(Opcode.CONT, b"", fin=False).serialize(mask=False))
            transport.write(Frame(Opcode.PING, b"").serialize(mask=False))
        await line.call.wait_terminated()
        assert line.media.close_code == 1009


@virtual_time
async def test_what_leaves_is_cut_into_short_frames() -> None:
    async with ScriptedServer() as server, ScriptedCall(server, buffer_size=4 << 20) as line:
        speech = noise(1000) * 50
        assert len(speech) > 2 * MAX_MESSAGE_BYTES
        await line.grant(len(speech))
        await line.call.send_audio(speech)
        received = bytearray()
        while len(received) < len(speech):
            frame = await line.media.recv()
            assert isinstance(frame, bytes)
            assert len(frame) <= 1 + 1920, "40 ms"
            received += frame[1:]
        assert received == speech


GOODBYE = Frame(Opcode.CLOSE, (1000).to_bytes(2, "big")).serialize(mask=False)


def say_goodbye_and_stay(link: ServerConnection) -> None:
    link.transport.pause_reading()  # so that this side never learns that it may hang up
    link.transport.write(GOODBYE)


@virtual_time
async def test_a_call_is_over_when_its_server_says_goodbye_without_hanging_up() -> None:
    async with ScriptedServer() as server, ScriptedCall(server) as line:
        began = now()
        say_goodbye_and_stay(line.media)
        await line.call.wait_terminated()
        assert now() - began < 1.1
        line.media.transport.resume_reading()


@virtual_time
async def test_a_control_link_whose_server_says_goodbye_without_hanging_up_is_opened_again() -> None:
    async with ScriptedServer() as server, ScriptedCall(server) as line:
        began = now()
        say_goodbye_and_stay(line.link)
        await server.accepted()
        assert now() - began < 2
        assert line.call.state is CallState.PENDING
        line.link.transport.resume_reading()


@virtual_time
async def test_a_client_that_leaves_does_not_wait_for_a_server_that_says_nothing() -> None:
    async with ScriptedServer() as server, ScriptedCall(server) as line:
        line.media.transport.pause_reading()
        line.link.transport.pause_reading()
        began = now()
        await line.call.force_disconnect()
        await line.client.disconnect()
        assert now() - began < 2.5
        line.media.transport.resume_reading()
        line.link.transport.resume_reading()


@virtual_time
async def test_a_server_that_pings_and_never_reads_the_pongs_is_given_up() -> None:
    async with ScriptedServer() as server, ScriptedCall(server) as line:
        line.media.transport.pause_reading()
        raw = line.media.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        ping = Frame(Opcode.PING, bytes(125)).serialize(mask=False)
        sent = 0
        while line.call.end_reason is None:
            assert sent < 5 * MAX_UNREAD, "the pongs pile up without end"
            line.media.transport.write(ping * 1000)
            sent += 1000 * len(ping)
            await asyncio.sleep(0.01)
        assert line.call.end_reason is EndReason.MEDIA_LOST


def test_audio_in_the_smallest_chunks_does_not_fill_the_memory() -> None:
    incoming = IncomingAudio(24000)
    for _ in range(MAX_CHUNKS + 100):
        incoming.put(b"ab")
    assert incoming.dropped_bytes == 200


@virtual_time
async def test_audio_and_answers_that_come_too_late_are_counted() -> None:
    async with ScriptedServer() as server, ScriptedCall(server) as line:
        call = line.call
        answering = asyncio.create_task(call.answer())
        command = await line.command()
        with pytest.raises(WSSCallCommandTimeoutError):
            await answering
        assert call.counters.late_answers == 0
        await line.respond(command.command_id, success=True)
        await line.media.send(b"\0ab")
        assert await anext(call.audio_stream()) == b"ab"
        assert call.state is CallState.ANSWERED, "a late answer changes the call all the same"
        assert call.counters.late_answers == 1
        await line.event("call.terminated")
        for _ in range(3):
            await line.media.send(b"\0cd")
        await call.wait_terminated()
        await asyncio.sleep(0.1)
        assert [chunk async for chunk in call.audio_stream()] == []
        assert call.counters.late_frames == 3


@virtual_time
async def test_calls_that_ring_without_end_are_left_to_others(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(_intake, "MAX_CLAIMS", 3)
    async with ScriptedServer() as server:
        client = CallClient(server.config())
        link = await server.connected(client)
        for number in range(10):
            await link.send(encode(control.SessionNotify(session_id=f"s{number}", channel="TELCO")))
        await asyncio.sleep(35)  # without a handler, a call is claimed to be rejected
        claims: set[str] = set()
        while len(claims) < 3:
            message = control.decode_client(await link.recv())
            assert isinstance(message, control.SessionOpen)
            claims.add(message.session_id)
        assert claims == {"s0", "s1", "s2"}
        assert caplog.text.count("more than 3 calls ring at once") == 1
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await link.recv()
        await client.disconnect()


@pytest.mark.parametrize("bad", ["call-1\nERROR forged record", "x" * 257])
def test_an_id_that_would_forge_log_records_is_no_id(bad: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "voiceagent.call")

    @virtual_time
    async def run() -> None:
        async with ScriptedServer() as server, ScriptedCall(server) as line:
            await line.link.send(encode(control.SessionNotify(session_id=bad, channel="TELCO")))
            await line.link.send(encode(control.CallIn(session_id="session-1", call_id=bad)))
            await line.media.send(f'{{"type": "{"y" * 300}"}}')
            await line.event("call.error", error_code="NO\nERROR forged", error_message="forged\r\n")
            await server.offer(line.link, number=2)
            await server.medias.get()

    run()
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("voiceagent.call")]
    assert any("malformed 'session.notify' message: `session_id` is no id" in text for text in ours)
    assert all(text.isprintable() and len(text) < 300 for text in ours)
