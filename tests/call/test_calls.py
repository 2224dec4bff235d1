"""Commands, states and events of a call, against the exchange."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.call.line import CALLEE, CALLER, line, noise, record, settle
from tests.call.scripted import ScriptedCall, ScriptedServer
from tests.virtual_time import virtual_time
from voiceagent.call import ActiveCall, Call, CallEvent, CallState, EndReason, events
from voiceagent.call.exceptions import (
    BufferClosedError,
    WSSCallClosedError,
    WSSCallCommandError,
    WSSCallCommandTimeoutError,
    WSSMediaError,
)
from voiceagent.sandbox.exchange import Behaviour, Mode, Party
from voiceagent.sandbox.exchange import CallState as There
from voiceagent.sandbox.exchange.faults import Fault


@virtual_time
async def test_a_call_that_comes_in_says_who_calls_and_what_the_line_can_do() -> None:
    async with line(sample_rate=16000) as phone:
        there, call = await phone.ring()
        assert (call.call_id, call.direction) == (there.call_id, "MT")
        assert (call.caller_number, call.callee_number) == (CALLER, CALLEE)
        assert (call.state, call.end_reason, call.sample_rate) == (CallState.PENDING, None, 16000)
        assert call.capabilities.transfer and call.capabilities.whisper and call.capabilities.exact_playback
        assert phone.client.get_call(call.call_id) is call
        assert phone.client.calls == (call,)
        assert there.agent is not None, "the media link is open before the handler runs"
        assert there.sample_rate == 16000
        as_protocol: Call = call
        assert CALLER not in repr(as_protocol) and CALLEE not in repr(as_protocol)


@virtual_time
async def test_answer_connect_modes_and_leaving() -> None:
    async with line() as phone:
        there, call = await phone.ring()
        seen = record(call)
        await call.answer()
        assert (call.state, there.state) == (CallState.ANSWERED, There.ANSWERED)
        await call.connect(ring_time_seconds=30)
        assert (call.state, there.state, there.mode) == (CallState.CONNECTED, There.BRIDGED, Mode.BARGE)
        await call.whisper()
        assert there.mode is Mode.WHISPER
        await call.spy()
        assert there.mode is Mode.SPY
        await call.barge()
        assert there.mode is Mode.BARGE
        await call.close()
        assert (call.state, call.end_reason) == (CallState.DISCONNECTED, EndReason.CLOSED)
        await settle()
        assert there.state is There.DETACHED, "caller and callee talk on"
        assert seen == [
            (events.CALL_ANSWERED, {}),
            (events.CALL_CONNECTED, {}),
            (events.CALL_TERMINATED, {"reason": "closed"}),
        ]
        assert phone.client.get_call(call.call_id) is None
        there.caller.hang_up()


@virtual_time
async def test_a_ringing_call_can_be_connected_without_an_answer() -> None:
    async with line() as phone:
        there, call = await phone.ring()
        await call.connect()
        assert (call.state, there.state) == (CallState.CONNECTED, There.BRIDGED)
        await call.disconnect()
        assert (there.end_reason, call.end_reason) == ("agent_disconnect", EndReason.DISCONNECTED)


@virtual_time
async def test_closing_an_answered_call_ends_it_for_the_caller() -> None:
    async with line() as phone:
        there, call = await phone.talk()
        await call.close()
        await settle()
        assert (there.state, there.end_reason) == (There.ENDED, "agent_close")


@pytest.mark.parametrize("end", ["close", "disconnect", "hangup", "force_disconnect"])
@pytest.mark.parametrize("state", list(CallState))
def test_a_call_can_be_ended_in_every_state_as_often_as_one_likes(end: str, state: CallState) -> None:
    @virtual_time
    async def run() -> None:
        async with line() as phone:
            there, call = await phone.ring()
            seen = record(call)
            if state is not CallState.PENDING:
                await call.answer()
            if state is CallState.CONNECTED:
                await call.connect()
            if state is CallState.DISCONNECTED:
                there.caller.hang_up()
                await call.wait_terminated()
            await asyncio.gather(getattr(call, end)(), getattr(call, end)())
            await getattr(call, end)()
            assert call.state is CallState.DISCONNECTED
            await settle()
            assert there.agent is None
            assert there.state is (
                There.DETACHED if (state, end) == (CallState.CONNECTED, "close") else There.ENDED
            )
            if state is CallState.PENDING:
                assert there.end_reason == "rejected"
            assert [name for name, _ in seen].count(events.CALL_TERMINATED) == 1
            there.caller.hang_up()

    run()


@virtual_time
async def test_an_unanswered_callee_is_an_error_after_which_the_call_goes_on() -> None:
    async with line() as phone:
        phone.exchange.parties[CALLEE] = Party(Behaviour.NOANSWER, None)
        _, call = await phone.talk()
        seen = record(call)
        began = asyncio.get_running_loop().time()
        with pytest.raises(WSSCallCommandError) as error:
            await call.connect(ring_time_seconds=7)
        assert asyncio.get_running_loop().time() - began == pytest.approx(7, abs=0.1)
        assert (error.value.error_code, str(error.value)) == (
            "CALL_UNANSWERED",
            "CALL_UNANSWERED: unanswered",
        )
        assert call.state is CallState.ANSWERED
        del phone.exchange.parties[CALLEE]
        await call.connect()
        assert call.state is CallState.CONNECTED
        await settle()
        assert seen == [
            (events.CALL_CONNECT_FAILED, {"error_code": "CALL_UNANSWERED", "error_message": "unanswered"}),
            (events.CALL_CONNECTED, {}),
        ]


@virtual_time
async def test_an_answer_that_fails_leaves_the_call_ringing() -> None:
    async with line() as phone:
        phone.exchange.faults.order("call.answer", Fault("TTS_SESSION_ERROR", "no channel"))
        _, call = await phone.ring()
        seen = record(call)
        with pytest.raises(WSSCallCommandError, match="TTS_SESSION_ERROR: no channel"):
            await call.answer()
        assert call.state is CallState.PENDING
        await call.answer()
        await settle()
        assert [name for name, _ in seen] == [events.CALL_ANSWER_FAILED, events.CALL_ANSWERED]


@virtual_time
async def test_what_the_state_forbids_is_refused_without_asking_the_server() -> None:
    async with line() as phone:
        there, call = await phone.ring()

        async def refused(*commands: str) -> None:
            for command in commands:
                with pytest.raises(WSSCallCommandError, match="the call is") as error:
                    await getattr(call, command)()
                assert error.value.error_code == "INVALID_STATE"

        await refused("whisper", "barge", "spy")
        await call.answer()
        await refused("answer", "whisper", "barge", "spy")
        await call.connect()
        await refused("answer", "connect")
        commands = [event["command"] for event in there.log.snapshot() if event["event"] == "command"]
        assert commands == ["call.answer", "call.connect"]
        await call.disconnect()
        for command in ("answer", "connect", "whisper", "barge", "spy"):
            with pytest.raises(WSSCallClosedError):
                await getattr(call, command)()
        with pytest.raises(BufferClosedError):
            await call.send_audio(bytes(960))
        await call.clear_send_audio_buffer()
        await call.drained()


@virtual_time
async def test_a_ring_time_that_the_line_cannot_do_is_refused() -> None:
    async with line() as phone:
        _, call = await phone.talk()
        for seconds in (0, -1, 121):
            with pytest.raises(ValueError, match="must be 1 to 120"):
                await call.connect(seconds)


@virtual_time
async def test_a_number_to_ring_is_no_ring_time() -> None:
    async with line() as phone:
        _, call = await phone.ring()
        with pytest.raises(
            TypeError, match=r"must be a number, not str: connect\(\) rings the number that was"
        ):
            await call.connect("+15550177")  # type: ignore[arg-type]


@virtual_time
async def test_a_goodbye_that_is_cut_off_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    async with line() as phone:
        for drained in (False, True):
            caplog.clear()
            _, call = await phone.talk()
            await call.send_audio(noise(1000))
            if drained:
                await call.drained()
            await call.disconnect()
            assert ("1000 ms of its audio were not played: drained() waits" in caplog.text) is not drained


@virtual_time
async def test_a_server_that_does_not_answer_a_command_is_waited_for_its_deadline() -> None:
    async with line() as phone:
        phone.exchange.faults.order("call.answer", Fault(silent=True))
        _, call = await phone.ring()
        seen = record(call)
        began = asyncio.get_running_loop().time()
        with pytest.raises(WSSCallCommandTimeoutError, match=r"does not answer call\.answer"):
            await call.answer()
        assert asyncio.get_running_loop().time() - began == pytest.approx(15, abs=0.1)
        assert call.state is CallState.PENDING
        await settle()
        assert [name for name, _ in seen] == [events.CALL_ANSWER_FAILED]
        await call.answer()


@virtual_time
async def test_an_answer_counts_though_the_program_stopped_waiting_for_it() -> None:
    async with line() as phone:
        _, call = await phone.ring()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await call.connect()  # the callee picks up after 0.3 s
        assert call.state is CallState.PENDING
        await asyncio.sleep(1)
        assert call.state is CallState.CONNECTED


@virtual_time
async def test_when_a_party_hangs_up_everything_that_waits_goes_on() -> None:
    async with line() as phone:
        phone.exchange.parties[CALLEE] = Party(Behaviour.NOANSWER, None)
        there, call = await phone.talk()
        seen = record(call)

        async def expect_closed(command: Any) -> None:
            with pytest.raises(WSSCallClosedError):
                await command

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(expect_closed(call.connect()))
            listener = tasks.create_task(_count(call))
            await call.send_audio(noise(5000))
            tasks.create_task(call.drained())
            tasks.create_task(call.wait_terminated())
            await asyncio.sleep(1)
            there.caller.hang_up()
        assert listener.result() >= 49
        assert (call.state, call.end_reason) == (CallState.DISCONNECTED, EndReason.TERMINATED)
        await settle()
        assert seen == [(events.CALL_TERMINATED, {"reason": "terminated"})]


async def _count(call: ActiveCall) -> int:
    return len([chunk async for chunk in call.audio_stream()])


@virtual_time
async def test_a_broken_media_link_ends_the_call_at_once() -> None:
    async with line() as phone:
        phone.exchange.parties[CALLEE] = Party(Behaviour.NOANSWER, None)
        there, call = await phone.talk()
        seen = record(call)
        loop = asyncio.get_running_loop()
        connecting = asyncio.create_task(call.connect(ring_time_seconds=60))
        listening = asyncio.create_task(_count(call))
        await asyncio.sleep(1)
        assert there.agent is not None
        broke = loop.time()
        there.agent.abort()
        with pytest.raises(WSSMediaError):
            await connecting
        await listening
        await call.wait_terminated()
        assert loop.time() - broke < 0.1
        await settle()
        assert seen == [(events.CALL_TERMINATED, {"reason": "media_lost"})]
        assert call.end_reason is EndReason.MEDIA_LOST


@virtual_time
async def test_an_error_event_reaches_the_program_and_ends_nothing() -> None:
    async with line() as phone:
        there, call = await phone.talk()
        seen = record(call)
        assert there.agent is not None
        there.agent.send_error("TTS_SESSION_ERROR", "the voice is gone")
        await settle()
        assert seen == [
            (events.CALL_ERROR, {"error_code": "TTS_SESSION_ERROR", "error_message": "the voice is gone"})
        ]
        assert call.state is CallState.ANSWERED


@virtual_time
async def test_a_handler_that_is_late_for_the_end_is_called_all_the_same() -> None:
    async with line() as phone:
        there, call = await phone.talk()
        there.caller.hang_up()
        await call.wait_terminated()
        ended = asyncio.Event()
        call.register_event_handler(CallEvent.CALL_TERMINATED, ended.set)
        async with asyncio.timeout(1):
            await ended.wait()


@virtual_time
async def test_a_handler_that_never_ends_holds_back_no_other_event() -> None:
    async with line() as phone:
        there, call = await phone.ring()
        ended = asyncio.Event()

        @call.on(events.CALL_ANSWERED)
        async def talk() -> None:
            await asyncio.Event().wait()

        call.on(events.CALL_TERMINATED, ended.set)
        await call.answer()
        there.caller.hang_up()
        async with asyncio.timeout(1):
            await ended.wait()


@virtual_time
async def test_a_call_that_the_agent_ends_has_not_been_ended_by_the_caller() -> None:
    async with ScriptedServer() as server, ScriptedCall(server) as line:
        ending = asyncio.create_task(line.call.disconnect())
        command = await line.command()
        await line.event("call.terminated")
        await line.respond(command.command_id, success=True)
        await ending
        assert line.call.end_reason is EndReason.DISCONNECTED
    async with ScriptedServer() as server, ScriptedCall(server) as line:
        ending = asyncio.create_task(line.call.disconnect())
        command = await line.command()
        await line.respond(command.command_id, success=False, error_code="INTERNAL_ERROR")
        with pytest.raises(WSSCallCommandError):
            await ending
        await line.event("call.terminated")
        await line.call.wait_terminated()
        assert line.call.end_reason is EndReason.TERMINATED, (
            "the command was refused, the caller hung up later"
        )
