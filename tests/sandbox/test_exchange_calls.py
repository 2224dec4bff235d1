"""Commands, hangups and the end of a call."""

from __future__ import annotations

import asyncio

import pytest

from tests.pcm import noise
from tests.sandbox.raw_client import CALLEE, CALLER, Worker, answered_call
from tests.virtual_time import virtual_time
from voiceagent.sandbox.exchange import Behaviour, Exchange, Party
from voiceagent.wire import control, media


def names(call: object) -> list[str]:
    return [event["event"] for event in call.log.snapshot()]  # type: ignore[attr-defined]


@virtual_time
async def test_a_callee_answers_after_a_moment_and_the_mode_is_barge() -> None:
    async with Exchange() as exchange, answered_call(exchange) as (call, agent, _):
        connecting = await agent.ask(media.CONNECT, ringTimeSeconds=5)
        await asyncio.sleep(0.2)
        assert (call.callee.state, call.state) == ("ringing", "answered")
        assert (await agent.answer_to(connecting)).success
        assert (call.callee.state, call.state, call.mode) == ("up", "bridged", "barge")
        await agent.ok(media.DISCONNECT)
        assert (call.callee.state, call.state, call.mode) == ("ended", "ended", None)


@virtual_time
async def test_a_ringing_call_can_be_connected_without_an_answer() -> None:
    async with Exchange() as exchange, Worker.connect(exchange) as worker:
        call = exchange.phone(CALLER, CALLEE)
        async with worker.take_call() as agent:
            await agent.ok(media.CONNECT)
            assert (call.caller.state, call.callee.state, call.state) == ("up", "up", "bridged")
            assert (await agent.do(media.ANSWER)).error_code == "INVALID_STATE"


@virtual_time
async def test_an_unanswered_callee_leaves_the_call_live_for_another_try() -> None:
    async with Exchange() as exchange, answered_call(exchange) as (call, agent, _):
        loop = asyncio.get_running_loop()
        exchange.parties[CALLEE] = Party(Behaviour.NOANSWER, None)
        began = loop.time()
        response = await agent.do(media.CONNECT, ringTimeSeconds=3)
        assert response.error_code == "CALL_UNANSWERED"
        assert loop.time() - began == pytest.approx(3, abs=0.1)
        assert (call.state, call.callee.state) == ("answered", "idle")
        exchange.parties[CALLEE] = Party(Behaviour.REJECT, 100)
        response = await agent.do(media.CONNECT, ringTimeSeconds=3)
        assert (response.error_code, response.error_message) == ("CALL_UNANSWERED", "rejected")
        exchange.parties[CALLEE] = Party(Behaviour.ANSWER, 5000)
        assert (await agent.do(media.CONNECT, ringTimeSeconds=2)).error_message == "unanswered"
        del exchange.parties[CALLEE]
        await agent.ok(media.CONNECT)
        assert call.state == "bridged"


@virtual_time
async def test_a_callee_who_declines_while_it_rings_has_rejected() -> None:
    async with Exchange() as exchange, answered_call(exchange) as (call, agent, _):
        exchange.parties[CALLEE] = Party(Behaviour.NOANSWER, None)
        connecting = await agent.ask(media.CONNECT)
        await asyncio.sleep(1)
        assert (await agent.do(media.CONNECT)).error_code == "INVALID_STATE"
        call.callee.hang_up()
        assert (await agent.answer_to(connecting)).error_message == "rejected"
        assert call.state == "answered"


@virtual_time
async def test_commands_that_the_state_forbids_are_refused() -> None:
    async with Exchange() as exchange, answered_call(exchange) as (call, agent, _):
        for command in (media.WHISPER, media.BARGE, media.SPY, media.ANSWER):
            assert (await agent.do(command)).error_code == "INVALID_STATE"
        assert (await agent.do("call.levitate")).error_code == "UNKNOWN_COMMAND"
        for seconds in (0, 121, "long", True, None):
            response = await agent.do(media.CONNECT, ringTimeSeconds=seconds)
            assert response.error_code == "INVALID_PAYLOAD"
        await agent.ok(media.CONNECT)
        assert (await agent.do(media.CONNECT)).error_code == "INVALID_STATE"
        assert call.violations.snapshot() == []


@virtual_time
async def test_a_hangup_settles_everything_in_order() -> None:
    async with Exchange() as exchange, answered_call(exchange) as (call, agent, worker):
        exchange.parties[CALLEE] = Party(Behaviour.NOANSWER, None)
        connecting = await agent.ask(media.CONNECT)
        await asyncio.sleep(1)
        agent.journal.clear()
        call.caller.hang_up()
        assert (call.state, call.end_reason) == ("ended", "caller_hangup")
        assert (await agent.answer_to(connecting)).error_code == "CALL_TERMINATED"
        await agent.closed.wait()
        assert (await worker.inbox.take(control.SessionClosed)).reason == "CALL_TERMINATED"
        in_order = [name for name in agent.journal if name != "SessionClosed"]
        assert in_order == ["response", media.TERMINATED_EVENT, "media closed"]
        assert agent.socket.close_code == 1000
        call.caller.hang_up()
        assert names(call).count("ended") == 1


@virtual_time
async def test_a_hangup_in_mid_speech_reaches_an_agent_that_is_sending() -> None:
    async with Exchange() as exchange, answered_call(exchange) as (call, agent, _):
        await agent.speak(noise(16000 * 10, 1))
        await asyncio.sleep(1)
        call.caller.hang_up()
        await agent.inbox.take(media.CallEventData, event=media.TERMINATED_EVENT)
        await agent.closed.wait()
        assert agent.socket.close_code == 1000


@virtual_time
async def test_disconnect_ends_the_call_for_everybody() -> None:
    async with Exchange() as exchange, answered_call(exchange) as (call, agent, worker):
        await agent.ok(media.CONNECT)
        await agent.ok(media.DISCONNECT)
        await agent.closed.wait()
        assert (call.caller.state, call.callee.state, call.end_reason) == (
            "ended",
            "ended",
            "agent_disconnect",
        )
        assert (await worker.inbox.take(control.SessionClosed)).reason == "SDK_REQUEST"
        await agent.inbox.take(media.CallEventData, event=media.TERMINATED_EVENT)


@virtual_time
async def test_an_agent_that_closes_a_connected_call_leaves_the_parties_talking() -> None:
    async with Exchange() as exchange, answered_call(exchange) as (call, agent, worker):
        await agent.ok(media.CONNECT)
        await agent.ok(media.CLOSE)
        await agent.closed.wait()
        await worker.inbox.take(control.SessionClosed)
        assert (call.state, call.agent) == ("detached", None)
        words = noise(8000, 1)
        call.caller.say(words)
        await call.caller.said()
        await asyncio.sleep(0.1)
        assert words in call.callee.heard()
        call.callee.hang_up()
        assert (call.state, call.end_reason) == ("ended", "callee_hangup")


@virtual_time
async def test_close_ends_an_answered_call_and_rejects_a_ringing_one() -> None:
    async with Exchange() as exchange:
        async with answered_call(exchange) as (call, agent, _):
            await agent.ok(media.CLOSE)
            await agent.closed.wait()
            assert call.end_reason == "agent_close"
        async with Worker.connect(exchange) as worker:
            call = exchange.phone(CALLER, CALLEE)
            async with worker.take_call() as agent:
                await agent.ok(media.CLOSE)
                await agent.closed.wait()
                assert (call.state, call.end_reason) == ("ended", "rejected")


@virtual_time
async def test_a_broken_media_link_ends_an_answered_call_and_leaves_a_connected_one() -> None:
    async with Exchange() as exchange:
        async with answered_call(exchange) as (call, agent, worker):
            assert call.agent is not None
            call.agent.abort()
            await agent.closed.wait()
            assert agent.socket.close_code == 1006
            await worker.inbox.take(control.SessionClosed)
            assert (call.state, call.end_reason) == ("ended", "media_lost")
        async with answered_call(exchange) as (call, agent, _):
            await agent.ok(media.CONNECT)
            await agent.socket.close()
            await asyncio.sleep(0.1)
            assert (call.state, call.mode) == ("detached", None)


@virtual_time
async def test_a_caller_who_gives_up_while_it_rings_is_gone() -> None:
    async with Exchange() as exchange, Worker.connect(exchange) as worker:
        call = exchange.phone(CALLER, CALLEE)
        notified = await worker.inbox.take(control.SessionNotify)
        call.caller.hang_up()
        assert (call.state, call.end_reason) == ("ended", "caller_hangup")
        await worker.inbox.take(control.SessionClosed)
        assert (await worker.open(notified.session_id)).error_code == "SESSION_CLOSED"


@virtual_time
async def test_a_listener_that_fails_ends_its_own_call_only() -> None:
    async with Exchange() as exchange, answered_call(exchange) as (call, _, _):
        async with answered_call(exchange) as (other, _, _):

            def broken(pcm: bytes) -> None:
                raise RuntimeError("a broken listener")

            call.caller.listen(broken)
            await call.caller.ended()
            assert call.end_reason == "internal_error"
            assert other.state == "answered"


@virtual_time
async def test_an_exchange_that_stops_says_goodbye_and_does_not_linger() -> None:
    exchange = await Exchange().__aenter__()
    async with answered_call(exchange) as (call, agent, worker):
        began = asyncio.get_running_loop().time()
        await exchange.__aexit__(None, None, None)
        assert asyncio.get_running_loop().time() - began < 0.5
        await agent.inbox.take(media.CallEventData, event=media.TERMINATED_EVENT)
        await worker.socket.wait_closed()
        assert worker.socket.close_code == 1001
        assert call.end_reason == "shutdown"
