"""What happens outside the agent, through the operator API and its client."""

from __future__ import annotations

import asyncio
import socket

import aiohttp
import pytest

from tests.pcm import noise
from tests.sandbox.raw_client import CALLEE, CALLER, Worker, answered_call
from tests.virtual_time import virtual_time
from voiceagent.sandbox.exchange import Exchange
from voiceagent.sandbox.operator import Operator, OperatorError
from voiceagent.wire import media


@virtual_time
async def test_a_call_is_placed_spoken_on_heard_and_ended() -> None:
    async with (
        Exchange(api_key="a key", connector_uuid="a connector") as exchange,
        Operator(exchange.operator_url) as operator,
        Worker.connect(exchange) as worker,
    ):
        info = await operator.info()
        assert (info["api_key"], info["connector_uuid"]) == ("a key", "a connector")
        assert {"faults", "drop_media", "call_error", "drop_control"} < set(info["features"])
        assert [link["id"] for link in await operator.controls()] == [worker.id]

        call_id = await operator.phone(CALLER, CALLEE)
        ringing = await operator.call(call_id)
        assert (ringing["state"], ringing["mode"], ringing["agent_connected"]) == ("ringing", None, False)
        assert ringing["legs"] == {"caller": "ringing", "callee": "idle"}
        async with worker.take_call() as agent:
            await agent.ok(media.ANSWER)
            await operator.wait_for(call_id, "answered")
            words = noise(8000, 1)
            await operator.say(call_id, words)
            await agent.speak(words)
            await asyncio.sleep(1)
            assert words in bytes(agent.heard[0])
            assert words in await operator.heard(call_id)
            await operator.clear_heard(call_id)
            assert not any(await operator.heard(call_id))
            await agent.ok(media.CONNECT)
            await operator.say(call_id, words, leg="callee")
            await asyncio.sleep(1)
            assert words in await operator.heard(call_id)
            await operator.hangup(call_id, leg="callee")
            call = await operator.wait_for(call_id, lambda call: call["end_reason"] is not None)
        assert (call["state"], call["end_reason"], call["violations"]) == ("ended", "callee_hangup", [])
        assert (call["direction"], call["from"], call["to"], call["sample_rate"]) == (
            "in",
            CALLER,
            CALLEE,
            16000,
        )
        names = [event["event"] for event in call["events"]]
        assert [name for name in names if name in ("ringing", "claimed", "answered", "bridged", "ended")] == [
            "ringing",
            "claimed",
            "answered",
            "bridged",
            "ended",
        ]
        assert all(isinstance(event["at_ms"], int) for event in call["events"])
        assert [one["call_id"] for one in await operator.calls()] == [call_id]


@virtual_time
async def test_faults_strike_as_often_as_ordered() -> None:
    async with Exchange() as exchange, Operator(exchange.operator_url) as operator:
        await operator.fault(media.ANSWER, "BAD_DAY", "try later", times=2)
        async with Worker.connect(exchange) as worker:
            call = exchange.phone(CALLER, CALLEE)
            async with worker.take_call() as agent:
                for _ in range(2):
                    response = await agent.do(media.ANSWER)
                    assert (response.error_code, response.error_message) == ("BAD_DAY", "try later")
                    assert call.state == "ringing"
                await agent.ok(media.ANSWER)


@virtual_time
async def test_a_silent_fault_never_answers() -> None:
    async with (
        Exchange() as exchange,
        Operator(exchange.operator_url) as operator,
        answered_call(exchange) as (call, agent, _),
    ):
        await operator.fault(media.CONNECT, silent=True)
        unanswered = await agent.ask(media.CONNECT)
        await asyncio.sleep(30)
        await agent.ok(media.CONNECT)
        call.caller.hang_up()
        await agent.closed.wait()
        assert unanswered not in [getattr(message, "command_id", "") for message in agent.inbox.messages]


@virtual_time
async def test_a_claim_can_be_made_to_fail() -> None:
    async with (
        Exchange() as exchange,
        Operator(exchange.operator_url) as operator,
        Worker.connect(exchange) as worker,
    ):
        await operator.fault("session.open", "SESSION_CLOSED")
        assert (await worker.open("any")).error_code == "SESSION_CLOSED"
        assert (await worker.open("any")).error_code == "SESSION_NOT_FOUND"


@virtual_time
async def test_the_line_reports_errors_and_breaks_on_order() -> None:
    async with (
        Exchange() as exchange,
        Operator(exchange.operator_url) as operator,
        answered_call(exchange) as (call, agent, worker),
    ):
        await operator.error(call.call_id, "TTS_SESSION_ERROR", "no voice")
        event = await agent.inbox.take(media.CallEventData)
        assert (event.event, event.error_code, event.error_message) == (
            "call.error",
            "TTS_SESSION_ERROR",
            "no voice",
        )
        await operator.party(CALLEE, "noanswer", after_ms=700)
        assert (await agent.do(media.CONNECT)).error_code == "CALL_UNANSWERED"
        await operator.drop_media(call.call_id)
        await agent.closed.wait()
        assert (await operator.wait_for(call.call_id, "ended"))["end_reason"] == "media_lost"
        with pytest.raises(OperatorError, match="the call has ended"):
            await operator.drop_media(call.call_id)
        await operator.drop_control(refuse_for_ms=1000)
        await worker.socket.wait_closed()
        assert await operator.controls() == []


@virtual_time
async def test_a_reset_forgets_everything_but_the_control_links() -> None:
    async with (
        Exchange() as exchange,
        Operator(exchange.operator_url) as operator,
        answered_call(exchange) as (call, agent, worker),
    ):
        await operator.fault(media.ANSWER, times=5)
        await operator.party(CALLEE, "reject")
        await operator.reset()
        await agent.closed.wait()
        assert call.end_reason == "reset"
        assert await operator.calls() == []
        assert [link["id"] for link in await operator.controls()] == [worker.id]
        exchange.phone(CALLER, CALLEE)
        async with worker.take_call() as again:
            await again.ok(media.ANSWER)
            await again.ok(media.CONNECT)


BAD_REQUESTS = [
    ("POST", "/calls", {"to": CALLEE}, 400, "from"),
    ("POST", "/calls", {"from": CALLER, "to": 7}, 400, "to"),
    ("POST", "/calls", [CALLER], 400, "JSON object"),
    ("POST", "/calls", {"from": "\ud800", "to": CALLEE}, 400, "from"),
    ("POST", "/calls", {"from": CALLER, "to": CALLEE, "script": [{"say": "\ud800"}]}, 400, "[0].say"),
    ("POST", "/parties", {"address": CALLEE, "behaviour": "sulk"}, 400, "behaviour"),
    ("POST", "/parties", {"address": CALLEE, "behaviour": "answer", "after_ms": -1}, 400, "after_ms"),
    ("POST", "/faults", {"command": "call.levitate"}, 400, "command"),
    ("POST", "/faults", {"command": "call.answer", "times": 0}, 400, "times"),
    ("POST", "/faults", {"command": "call.answer", "silent": "yes"}, 400, "silent"),
    ("POST", "/control/drop", {"refuse_for_ms": "long"}, 400, "refuse_for_ms"),
    ("POST", "/control/drop", {"refuse_for_ms": 10**400}, 400, "refuse_for_ms"),
    ("POST", "/parties", {"address": CALLEE, "behaviour": "answer", "after_ms": 10**400}, 400, "after_ms"),
    ("GET", "/calls/unknown", None, 404, "unknown"),
    ("POST", "/calls/unknown/hangup", None, 404, "unknown"),
    ("GET", "/calls/{call}/heard?leg=agent", None, 400, "leg"),
    ("POST", "/calls/{call}/hangup?leg=callee", None, 409, "not on the line"),
    ("POST", "/calls/{call}/drop_media", None, 409, "no agent"),
]


@virtual_time
async def test_bad_input_is_answered_with_what_is_wrong() -> None:
    async with Exchange() as exchange, aiohttp.ClientSession() as http:
        call = exchange.phone(CALLER, CALLEE)
        for method, path, body, status, words in BAD_REQUESTS:
            url = exchange.operator_url + path.format(call=call.call_id)
            async with http.request(method, url, json=body) as response:
                assert response.status == status, path
                assert words in (await response.json())["error"], path
        async with http.post(exchange.operator_url + "/calls", data=b"{") as response:
            assert response.status == 400
            assert "not JSON" in (await response.json())["error"]


@virtual_time
async def test_half_a_sample_and_an_ended_leg_are_refused() -> None:
    async with Exchange() as exchange, Operator(exchange.operator_url) as operator:
        call_id = await operator.phone(CALLER, CALLEE)
        with pytest.raises(OperatorError, match="half a sample"):
            await operator.say(call_id, b"\1\2\3")
        await operator.hangup(call_id)
        with pytest.raises(OperatorError, match="ended") as refused:
            await operator.say(call_id, b"\1\2")
        assert refused.value.status == 409
        with pytest.raises(TimeoutError, match="ended"):
            await operator.wait_for(call_id, "answered", timeout=0.1)


async def test_a_taken_port_is_a_clear_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port}"):
            async with Exchange(port=port):
                pytest.fail("it listens")


async def test_a_port_that_cannot_be_is_a_clear_error() -> None:
    with pytest.raises(OSError, match=r"127.0.0.1:70000: a port is a number from 0 to 65535"):
        async with Exchange(port=70000):
            pytest.fail("it listens")


async def test_an_exchange_that_is_not_there_is_a_clear_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with Operator(f"http://127.0.0.1:{port}/operator") as operator:
        with pytest.raises(OperatorError, match="did not answer"):
            await operator.info()


async def test_secrets_and_numbers_stay_out_of_reprs() -> None:
    async with Exchange() as exchange:
        call = exchange.phone(CALLER, CALLEE)
        shown = f"{exchange!r} {call!r} {call.caller!r}"
        assert exchange.api_key not in shown
        assert CALLER not in shown
