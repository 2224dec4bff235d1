"""What crosses the wire, in which order, and what the client makes of a server that does it wrong."""

from __future__ import annotations

import asyncio
import logging

import pytest
from websockets.datastructures import Headers
from websockets.http11 import Response

from tests.call.line import noise
from tests.call.scripted import CONNECTOR, KEY, TOKEN, ScriptedCall, ScriptedServer
from tests.virtual_time import virtual_time
from voiceagent.call import ActiveCall, CallClient, CallState, EndReason, events
from voiceagent.call.exceptions import WSSCallClosedError, WSSConnectionError
from voiceagent.wire import MAX_MESSAGE_BYTES, control, encode, media


@virtual_time
async def test_who_authenticates_how() -> None:
    async with ScriptedServer() as server, ScriptedCall(server):
        control_link, media_link = server.requests
        assert control_link.headers["x-api-key"] == KEY
        assert control_link.headers["x-connector-uuid"] == CONNECTOR
        assert "Authorization" not in control_link.headers
        assert media_link.headers["Authorization"] == f"Bearer {TOKEN}"
        assert "x-api-key" not in media_link.headers
        for request in server.requests:
            assert request.headers["x-sdk-version"] == "1.0.0"
            assert "Sec-WebSocket-Extensions" not in request.headers, "audio is not compressed"


@virtual_time
async def test_an_interruption_follows_the_old_audio_and_precedes_the_new() -> None:
    async with ScriptedServer() as server, ScriptedCall(server) as line:
        call = line.call
        await line.grant(9600)
        old, new = noise(1000, 1), noise(100, 2)
        await call.send_audio(old)
        for _ in range(5):
            assert len(await line.media.recv()) == 1 + 1920
        call.clear_audio()
        await call.send_audio(new)
        command = await line.command()
        assert command.command == media.INTERRUPT
        await line.grant(4800)
        received = b""
        while len(received) < len(new):
            frame = await line.media.recv()
            assert isinstance(frame, bytes)
            received += frame[1:]
        assert received == new


@virtual_time
async def test_audio_leaves_in_the_step_in_which_it_is_sent() -> None:
    async with ScriptedServer() as server, ScriptedCall(server) as line:
        await line.grant(38_400)
        await asyncio.sleep(0.1)
        piece = noise(20)
        sending = line.call.send_audio(piece)
        with pytest.raises(StopIteration):
            sending.send(None)  # one step, without the event loop
        assert line.call.get_send_audio_buffer_size() == 0
        assert await line.media.recv() == b"\0" + piece


@virtual_time
async def test_malformed_messages_on_the_media_link_are_survived(caplog: pytest.LogCaptureFixture) -> None:
    async with ScriptedServer() as server, ScriptedCall(server) as line:
        nonsense: list[str | bytes] = [
            b"",
            b"\0",
            b"\0a",
            b"\0abc",
            "",
            "nonsense",
            "[]",
            "{}",
            '{"type": 5}',
            '{"type": "buffer_request"}',
            '{"type": "buffer_request", "data": {"requested_bytes": "many"}}',
            '{"type": "call_event", "data": []}',
            '{"type": "command_response", "data": {"success": true}}',
            "[" * 10_000,
        ]
        for message in nonsense:
            await line.media.send(message)
        await line.media.send('{"type": "from_the_future", "data": 1}')
        await line.media.send(b"\x01abcd")
        await line.respond("never-sent", success=True)
        await line.event("call.from_the_future")
        await line.grant(-1)
        await line.grant(960, channel=2)
        await line.media.send(b"\0abcd")
        assert await anext(line.call.audio_stream()) == b"abcd"
        assert line.call.counters == (len(nonsense), 1, 0, 0, 0, 0)
        assert caplog.text.count("dropped a malformed message") == 1
        await line.call.send_audio(noise(20))
        assert line.call.get_send_audio_buffer_size() == 960, "credit for another channel is not ours"


@virtual_time
async def test_malformed_messages_on_the_control_link_are_survived(caplog: pytest.LogCaptureFixture) -> None:
    async with ScriptedServer() as server, ScriptedCall(server) as line:
        for message in (b"binary", "nonsense", '{"type": "session.notify"}', '{"type": "new"}', "[1]"):
            await line.link.send(message)
        await line.link.send(encode(control.Response(req_id="never-sent", ok=True)))
        await line.link.send(encode(control.CallIn(session_id="not-ours", call_id="other")))
        await line.link.send(encode(control.SessionClosed(session_id="not-ours")))
        await line.link.send(encode(control.SessionNotify(session_id="s", channel="WA")))
        await server.offer(line.link, number=2)
        await server.medias.get()
        assert caplog.text.count("dropped a malformed message") == 1


@virtual_time
async def test_a_message_over_the_size_limit_breaks_the_link_and_ends_the_call() -> None:
    async with ScriptedServer() as server, ScriptedCall(server) as line:
        await line.media.send(bytes(MAX_MESSAGE_BYTES + 1))
        await line.call.wait_terminated()
        assert line.call.end_reason is EndReason.MEDIA_LOST
        assert line.media.close_code == 1009


@virtual_time
async def test_repeated_notifications_and_calls_are_harmless() -> None:
    async with ScriptedServer() as server, ScriptedCall(server) as line:
        seen: list[ActiveCall] = []
        line.client.on(events.INCOMING_CALL, seen.append)
        await server.offer(line.link)  # a server that lost its memory
        await asyncio.sleep(1)
        assert seen == []
        assert line.client.calls == (line.call,)
        assert line.call.state is CallState.PENDING


@virtual_time
async def test_a_session_that_closes_ends_a_call_whose_media_link_says_nothing() -> None:
    async with ScriptedServer() as server, ScriptedCall(server) as line:
        await line.link.send(encode(control.SessionClosed(session_id="session-1", reason="CALL_TERMINATED")))
        async with asyncio.timeout(2):
            await line.call.wait_terminated()
        assert line.call.end_reason is EndReason.TERMINATED


@virtual_time
async def test_what_arrives_before_the_end_is_still_heard() -> None:
    async with ScriptedServer() as server, ScriptedCall(server) as line:
        for number in range(10):
            await line.media.send(b"\0" + bytes([number, 0]))
        await line.event("call.terminated")
        await line.media.close()
        assert [chunk[0] async for chunk in line.call.audio_stream()] == list(range(10))


@virtual_time
async def test_a_command_to_a_call_that_the_server_thinks_is_over_ends_it() -> None:
    async with ScriptedServer() as server, ScriptedCall(server) as line:
        answering = asyncio.create_task(line.call.answer())
        command = await line.command()
        await line.respond(command.command_id, success=False, error_code="CALL_TERMINATED")
        with pytest.raises(WSSCallClosedError):
            await answering
        assert line.call.state is CallState.DISCONNECTED


@virtual_time
async def test_the_end_of_a_call_is_not_undone_by_an_answer_that_comes_with_it() -> None:
    async with ScriptedServer() as server, ScriptedCall(server) as line:
        answering = asyncio.create_task(line.call.answer())
        command = await line.command()
        await line.event("call.terminated")
        await line.respond(command.command_id, success=True)
        with pytest.raises(WSSCallClosedError):
            await answering
        assert line.call.state is CallState.DISCONNECTED


@virtual_time
async def test_a_media_link_that_opens_late_is_tried_again() -> None:
    async with ScriptedServer() as server:
        client = CallClient(server.config())
        calls: asyncio.Queue[ActiveCall] = asyncio.Queue()
        client.on(events.INCOMING_CALL, calls.put)
        link = await server.connected(client)
        server.refusals = [Response(503, "Not yet", Headers(), b"wait")] * 2
        await server.offer(link)
        await calls.get()
        assert len(server.requests) == 4
        await client.disconnect()


@pytest.mark.parametrize("refusals", [[401], [503] * 3])
def test_a_media_link_that_does_not_open_leaves_no_call(
    refusals: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    @virtual_time
    async def run() -> None:
        async with ScriptedServer() as server:
            client = CallClient(server.config())
            client.on(events.INCOMING_CALL, lambda: pytest.fail("there is no call to handle"))
            link = await server.connected(client)
            server.refusals = [
                Response(code, "No", Headers(), f"bad token {TOKEN}\n".encode()) for code in refusals
            ]
            await server.offer(link)
            await asyncio.sleep(5)
            assert client.calls == ()
            assert len(server.requests) == 1 + len(refusals)
            assert "the media link cannot be opened" in caplog.text
            assert "bad token ***" in caplog.text
            assert TOKEN not in caplog.text
            await client.disconnect()

    run()


@virtual_time
async def test_a_media_link_in_the_clear_to_another_machine_is_refused(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with ScriptedServer() as server:
        client = CallClient(server.config())
        client.on(events.INCOMING_CALL, lambda: pytest.fail("there is no call to handle"))
        link = await server.connected(client)
        await server.offer(link, url="ws://media.example/call")
        await asyncio.sleep(1)
        assert client.calls == ()
        assert "the media URL is plain ws:// to media.example" in caplog.text
        await client.disconnect()


@virtual_time
async def test_no_redirect_carries_the_key_elsewhere() -> None:
    async with ScriptedServer() as server, ScriptedServer() as elsewhere:
        target = Headers({"Location": f"{elsewhere.url}{control.PATH}"})
        server.refusals = [Response(302, "Found", target, b"over there")]
        with pytest.raises(WSSConnectionError, match="HTTP 302: over there"):
            await CallClient(server.config()).connect()
        assert elsewhere.requests == []


@virtual_time
async def test_a_setup_that_is_not_answered_is_an_error_after_ten_seconds() -> None:
    async with ScriptedServer() as server:
        began = asyncio.get_running_loop().time()
        with pytest.raises(WSSConnectionError, match="does not answer the setup"):
            await CallClient(server.config()).connect()
        assert asyncio.get_running_loop().time() - began == pytest.approx(10, abs=0.2)


@virtual_time
async def test_a_setup_that_is_refused_or_cut_short_is_an_error() -> None:
    async with ScriptedServer() as server:
        connecting = asyncio.create_task(CallClient(server.config()).connect())
        link = await server.controls.get()
        await link.send(encode(control.Response(req_id="", ok=False, error_code="INVALID_REQUEST")))
        with pytest.raises(WSSConnectionError, match="refuses the setup: INVALID_REQUEST"):
            await connecting
        connecting = asyncio.create_task(CallClient(server.config()).connect())
        await (await server.controls.get()).close(1011, "out of order")
        with pytest.raises(WSSConnectionError, match="closed the link during setup"):
            await connecting


@virtual_time
async def test_a_claim_that_is_not_answered_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    async with ScriptedServer() as server:
        client = CallClient(server.config())
        client.on(events.INCOMING_CALL, lambda: pytest.fail("there is no call to handle"))
        link = await server.connected(client)
        await link.send(encode(control.SessionNotify(session_id="s1", channel="TELCO")))
        await link.recv()
        await asyncio.sleep(31)
        assert "session s1: not claimed: the call server does not answer" in caplog.text
        await link.send(encode(control.SessionNotify(session_id="s1", channel="TELCO")))
        claim = control.decode_client(await link.recv())
        assert isinstance(claim, control.SessionOpen)
        await link.send(encode(control.Response(req_id=claim.req_id, ok=True, content={})))
        await link.recv()
        await asyncio.sleep(31)
        assert "session s1: claimed, but no call came within 30 s" in caplog.text
        await client.disconnect()


@virtual_time
async def test_a_network_that_takes_nothing_leaves_the_audio_where_it_can_be_cleared() -> None:
    async with ScriptedServer() as server, ScriptedCall(server) as line:
        call = line.call
        await line.grant(1 << 30)
        await asyncio.sleep(0.1)
        line.media.transport.pause_reading()
        second = noise(1000)
        sent = 0
        while call.get_send_audio_buffer_size() < 100_000:
            assert sent < 1000, "the network takes everything"
            await call.send_audio(second)
            sent += 1
        call.clear_audio()
        marker = noise(20, 99)
        await call.send_audio(marker)
        line.media.transport.resume_reading()
        received: list[str | bytes] = []
        while not received or received[-1] != b"\0" + marker:
            received.append(await line.media.recv())
        audio = b"".join(frame[1:] for frame in received[:-1] if isinstance(frame, bytes))
        assert 0 < len(audio) < sent * len(second)
        assert (second * sent).startswith(audio)
        assert isinstance(received[-2], str), "the interruption is the last thing before the new audio"


@virtual_time
async def test_secrets_and_numbers_are_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with ScriptedServer() as server, ScriptedCall(server) as line:

        @line.client.on(events.INCOMING_CALL)
        async def broken(call: ActiveCall) -> None:
            raise LookupError("gone")

        await server.offer(line.link, number=2)
        answering = asyncio.create_task(line.call.answer())
        command = await line.command()
        await line.respond(command.command_id, success=False, error_code="INTERNAL_ERROR", error_message="no")
        with pytest.raises(Exception, match="INTERNAL_ERROR") as error:
            await answering
        await line.media.send("nonsense")
        await line.event("call.error", error_code="TTS_SESSION_ERROR", error_message="no voice")
        await asyncio.sleep(1)
        await line.link.close(1011, "broken")
        await asyncio.sleep(0.2)
        server.refusals = [Response(401, "No", Headers(), f"unknown key {KEY}".encode())] * 3
        await asyncio.sleep(3)
        ours = [record for record in caplog.records if not record.name.startswith("websockets.server")]
        log = "\n".join(caplog.handler.format(record) for record in ours)
        text = log + repr(error.value) + repr(line.client) + repr(line.call)
        assert "LookupError" in text and "unknown key ***" in text
        for secret in (KEY, TOKEN, "5550100", "5550199"):
            assert secret not in text
