"""Rows of the compatibility table that are about commands, events and numbers, each shown on a real call."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable

import pytest

from tests.call.line import CALLEE, Inbox, line, noise, settle
from tests.call.scripted import TOKEN, ScriptedCall, ScriptedServer
from tests.virtual_time import virtual_time
from voiceagent.call import ActiveCall, CallClient, CallState, Capabilities, EndReason, events
from voiceagent.call.exceptions import BufferFullError, WSSCallCommandError, WSSCallCommandTimeoutError
from voiceagent.sandbox.exchange import Behaviour, ExchangeCall, Party
from voiceagent.sandbox.exchange.faults import Fault
from voiceagent.wire import control, encode

EVENT_STRINGS = {
    "INCOMING_CALL": "call.incoming",
    "CONNECTION_ESTABLISHED": "connection.established",
    "CONNECTION_LOST": "connection.lost",
    "CALL_ANSWERED": "call.answered",
    "CALL_CONNECTED": "call.connected",
    "CALL_TERMINATED": "call.terminated",
    "CALL_ANSWER_FAILED": "call.answer_failed",
    "CALL_CONNECT_FAILED": "call.connect_failed",
    "CALL_ERROR": "call.error",
}


def test_the_strings_of_the_events_are_fixed() -> None:
    assert {name: getattr(events, name) for name in EVENT_STRINGS} == EVENT_STRINGS
    members = {**events.ClientEvent.__members__, **events.CallEvent.__members__}
    assert members == EVENT_STRINGS


@virtual_time
async def test_a_withheld_number_is_none() -> None:
    async with ScriptedServer() as server:
        client = CallClient(server.config())
        inbox = Inbox(client)
        link = await server.connected(client)
        await link.send(encode(control.SessionNotify(session_id="s1", channel="TELCO")))
        claim = control.decode_client(await link.recv())
        assert isinstance(claim, control.SessionOpen)
        await link.send(encode(control.Response(req_id=claim.req_id, ok=True, content={})))
        assert isinstance(control.decode_client(await link.recv()), control.SessionReady)
        await link.send(
            encode(control.CallIn(session_id="s1", call_id="c1", url=f"{server.url}/media/1", token=TOKEN))
        )
        call = await inbox.take()
        assert (call.caller_number, call.callee_number, call.direction) == (None, None, "MT")
        await call.force_disconnect()
        await client.disconnect()


@virtual_time
async def test_the_handler_of_an_event_begins_before_the_command_returns() -> None:
    async with line() as phone:
        phone.exchange.parties[CALLEE] = Party(Behaviour.REJECT, 100)
        phone.exchange.faults.order("call.answer", Fault("TTS_SESSION_ERROR", "no channel"))
        _, call = await phone.ring()
        order: list[tuple[str, CallState]] = []

        def note(name: str) -> None:
            order.append((name, call.state))

        for event in events.CallEvent:
            call.on(event, functools.partial(note, event.value))

        async def give(command: str) -> None:
            try:
                await getattr(call, command)()
            except WSSCallCommandError as error:
                order.append((error.error_code, call.state))
            else:
                order.append((command, call.state))

        for command in ("answer", "answer", "connect", "disconnect"):
            await give(command)
        assert order == [
            ("call.answer_failed", CallState.PENDING),
            ("TTS_SESSION_ERROR", CallState.PENDING),
            ("call.answered", CallState.ANSWERED),
            ("answer", CallState.ANSWERED),
            ("call.connect_failed", CallState.ANSWERED),
            ("CALL_UNANSWERED", CallState.ANSWERED),
            ("call.terminated", CallState.DISCONNECTED),
            ("disconnect", CallState.DISCONNECTED),
        ]


@virtual_time
async def test_a_command_that_the_state_forbids_fires_no_event() -> None:
    async with line() as phone:
        _, call = await phone.ring()
        fired: list[str] = []
        for event in events.CallEvent:
            call.on(event, functools.partial(fired.append, event.value))
        await call.answer()
        with pytest.raises(WSSCallCommandError):
            await call.answer()
        with pytest.raises(ValueError, match="ring_time_seconds"):
            await call.connect(0)
        await settle()
        assert fired == ["call.answered"]


@virtual_time
async def test_of_two_answers_at_once_the_server_refuses_the_second() -> None:
    async with line() as phone:
        _, call = await phone.ring()
        first, second = await asyncio.gather(call.answer(), call.answer(), return_exceptions=True)
        assert first is None
        assert isinstance(second, WSSCallCommandError)
        assert second.error_code == "INVALID_STATE"
        assert call.state is CallState.ANSWERED


@virtual_time
async def test_a_command_that_is_answered_too_late_still_changes_the_call() -> None:
    async with ScriptedServer() as server, ScriptedCall(server) as line:
        answering = asyncio.create_task(line.call.answer())
        command = await line.command()
        with pytest.raises(WSSCallCommandTimeoutError):
            await answering
        assert line.call.state is CallState.PENDING
        await line.respond(command.command_id, success=True)
        await settle()
        assert line.call.state is CallState.ANSWERED


@virtual_time
async def test_after_a_timeout_the_error_comes_before_the_event() -> None:
    async with ScriptedServer() as server, ScriptedCall(server) as line:
        order: list[str] = []

        @line.call.on(events.CALL_ANSWER_FAILED)
        def failed(details: dict[str, str]) -> None:
            order.append(details["error_code"])

        try:
            await line.call.answer()
        except WSSCallCommandTimeoutError:
            order.append("raised")
        await settle()
        assert order == ["raised", "TIMEOUT"]


@virtual_time
async def test_closing_a_ringing_call_rejects_it_and_counts_as_disconnecting() -> None:
    async with line() as phone:
        there, call = await phone.ring()
        await call.close()
        await settle()
        assert (there.end_reason, call.end_reason) == ("rejected", EndReason.DISCONNECTED)


@virtual_time
async def test_closing_while_the_callee_rings_ends_the_call() -> None:
    async with line() as phone:
        phone.exchange.parties[CALLEE] = Party(Behaviour.NOANSWER, None)
        there, call = await phone.talk()
        ringing = asyncio.create_task(call.connect())
        await asyncio.sleep(1)
        await call.close()
        with pytest.raises(Exception, match="the call has ended"):
            await ringing
        assert (there.end_reason, call.end_reason) == ("agent_close", EndReason.CLOSED)


@virtual_time
async def test_who_hears_the_agent_in_each_mode() -> None:
    async with line() as phone:
        there, call = await phone.talk()
        await call.connect()
        for number, (mode, caller_hears, callee_hears) in enumerate(
            (("barge", True, True), ("whisper", False, True), ("spy", False, False), ("barge", True, True))
        ):
            await getattr(call, mode)()
            there.caller.clear_heard()
            there.callee.clear_heard()
            words = noise(300, number)
            await call.send_audio(words)
            await call.drained()
            assert (words in there.caller.heard()) is caller_hears, mode
            assert (words in there.callee.heard()) is callee_hears, mode
        await call.disconnect()


@virtual_time
async def test_each_way_to_end_a_call_has_its_reason() -> None:
    async def reason_of(end: Callable[[ExchangeCall, ActiveCall], object]) -> EndReason | None:
        async with line() as phone:
            there, call = await phone.talk()
            reasons: list[str] = []
            call.on(events.CALL_TERMINATED, lambda details: reasons.append(details["reason"]))
            outcome = end(there, call)
            if isinstance(outcome, Awaitable):
                await outcome
            await call.wait_terminated()
            await settle()
            assert reasons == [call.end_reason]
            return call.end_reason

    assert await reason_of(lambda there, call: call.close()) is EndReason.CLOSED
    assert await reason_of(lambda there, call: call.disconnect()) is EndReason.DISCONNECTED
    assert await reason_of(lambda there, call: call.hangup()) is EndReason.DISCONNECTED
    assert await reason_of(lambda there, call: call.force_disconnect()) is EndReason.FORCED
    assert await reason_of(lambda there, call: there.caller.hang_up()) is EndReason.TERMINATED
    assert await reason_of(lambda there, call: there.agent and there.agent.abort()) is EndReason.MEDIA_LOST


@virtual_time
async def test_chunks_that_were_refused_are_counted() -> None:
    async with line(buffer_size=960) as phone:
        _, call = await phone.ring()
        await call.send_audio(noise(20))
        for _ in range(2):
            with pytest.raises(BufferFullError):
                await call.send_audio(noise(20))
        assert call.counters.outgoing_overflows == sum(call.counters) == 2


@virtual_time
async def test_the_line_can_do_all_but_key_presses() -> None:
    async with line() as phone:
        _, call = await phone.ring()
        assert call.capabilities == Capabilities(transfer=True, whisper=True, exact_playback=True, dtmf=False)
        await call.disconnect()
