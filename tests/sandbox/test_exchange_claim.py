"""Who gets a call: control links, claims, refusals, and calls that are offered again."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.sandbox.raw_client import CALLEE, CALLER, Agent, Worker, answered_call
from tests.virtual_time import virtual_time
from voiceagent.sandbox.exchange import Exchange
from voiceagent.wire import control, media


@virtual_time
async def test_the_first_to_open_a_session_has_the_call_and_the_others_are_told_who() -> None:
    async with Exchange() as exchange, Worker.connect(exchange) as first, Worker.connect(exchange) as second:
        await asyncio.sleep(0.2)
        call = exchange.phone(CALLER, CALLEE)
        notified = await first.inbox.take(control.SessionNotify)
        assert (notified.remote_address, notified.local_address) == (CALLER, CALLEE)
        assert notified == await second.inbox.take(control.SessionNotify)
        won = await first.open(notified.session_id)
        lost = await second.open(notified.session_id)
        assert won.ok
        assert won.content["session"]["id"] == notified.session_id
        assert (lost.error_code, lost.error_content) == ("SESSION_BUSY", {"boundSmWsId": first.id})
        assert (await first.open(notified.session_id)).ok
        call.caller.hang_up()
        assert (await first.inbox.take(control.SessionClosed)).reason == "CALL_TERMINATED"
        assert (await first.open(notified.session_id)).error_code == "SESSION_CLOSED"
        assert (await first.open("never heard of")).error_code == "SESSION_NOT_FOUND"


@pytest.mark.parametrize(
    ("key", "connector", "words"),
    [("wrong", None, "the API key is not valid"), (None, "wrong", "the connector is not known")],
)
async def test_a_wrong_key_is_answered_with_401_and_a_short_text(
    key: str | None, connector: str | None, words: str
) -> None:
    async with Exchange() as exchange:
        headers = {
            control.API_KEY_HEADER: key or exchange.api_key,
            control.CONNECTOR_HEADER: connector or exchange.connector_uuid,
        }
        with pytest.raises(InvalidStatus) as refused:
            await connect(exchange.url + control.PATH, additional_headers=headers)
        assert refused.value.response.status_code == 401
        assert refused.value.response.body == words.encode()


@virtual_time
async def test_a_token_opens_its_own_call_once() -> None:
    async with Exchange() as exchange, Worker.connect(exchange) as worker:
        exchange.phone(CALLER, CALLEE)
        call_in = await worker.claim()
        assert call_in.token not in repr(call_in)
        stolen = control.CallIn(session_id="", call_id="", url=call_in.url, token="guess")
        with pytest.raises(InvalidStatus) as refused:
            await Agent.connect(stolen, []).__aenter__()
        assert refused.value.response.status_code == 401
        async with Agent.connect(call_in, worker.journal) as agent:
            with pytest.raises(InvalidStatus) as refused:
                await Agent.connect(call_in, []).__aenter__()
            assert refused.value.response.status_code == 409
            await agent.ok(media.ANSWER)


@virtual_time
async def test_a_setup_that_makes_no_sense_is_answered_and_the_link_stays() -> None:
    async with Exchange() as exchange, Worker.connect(exchange, set_up=False) as worker:
        await worker.send('{"type": "session.open", "reqId": "early", "sessionId": "x"}')
        assert (await worker.inbox.take(control.Response)).error_code == "INVALID_REQUEST"
        await worker.send(control.Setup(data=control.SetupData(sample_rate=44100)))
        answer = await worker.inbox.take(control.Response)
        assert (answer.ok, answer.error_code) == (False, "INVALID_REQUEST")
        assert "44100" in answer.error_content["message"]
        await worker.send('{"type": "setup", "data": {"sampleRate": "loud"}}')
        assert not (await worker.inbox.take(control.Response)).ok
        await worker.send("no JSON")
        assert not (await worker.inbox.take(control.Response)).ok
        await worker.send(b"\0\1")
        await worker.send(control.Setup(data=control.SetupData(sample_rate=8000)))
        await worker.inbox.take(control.SetupDone)
        (link,) = exchange.controls
        assert len(link.snapshot()["violations"]) == 5
        assert link.snapshot()["sample_rate"] == 8000


@virtual_time
async def test_a_call_that_came_while_nobody_was_there_is_offered_to_who_comes() -> None:
    async with Exchange() as exchange:
        call = exchange.phone(CALLER, CALLEE)
        await asyncio.sleep(5)
        async with Worker.connect(exchange) as worker, worker.take_call() as agent:
            await agent.ok(media.ANSWER)
            assert call.state == "answered"


@virtual_time
async def test_a_call_is_offered_again_when_its_claimant_is_lost_before_media() -> None:
    async with Exchange() as exchange, Worker.connect(exchange) as second:
        async with Worker.connect(exchange) as first:
            await asyncio.sleep(0.2)
            call = exchange.phone(CALLER, CALLEE)
            missed = await second.inbox.take(control.SessionNotify)
            await first.claim()
        async with second.take_call() as agent:
            await agent.ok(media.ANSWER)
            assert call.state == "answered"
            # A client never opens the same session id twice.
            assert missed.session_id not in [s.id for s in exchange._board.sessions if s.state == "OPEN"]


@virtual_time
async def test_a_call_is_offered_again_when_its_media_is_lost_before_the_answer() -> None:
    async with Exchange() as exchange, Worker.connect(exchange) as worker:
        call = exchange.phone(CALLER, CALLEE)
        call_in = await worker.claim()
        async with Agent.connect(call_in, worker.journal):
            pass
        assert (await worker.inbox.take(control.SessionClosed)).reason == "FORCE_CLOSE"
        async with worker.take_call() as agent:
            await agent.ok(media.ANSWER)
            assert call.state == "answered"
        with pytest.raises(InvalidStatus):
            await Agent.connect(call_in, []).__aenter__()


@virtual_time
async def test_a_claim_without_media_expires() -> None:
    async with Exchange() as exchange, Worker.connect(exchange) as worker:
        call = exchange.phone(CALLER, CALLEE)
        await worker.claim()
        await asyncio.sleep(29)
        assert not worker.inbox.has(control.SessionNotify)
        async with worker.take_call() as agent:
            await agent.ok(media.ANSWER)
        assert [event["event"] for event in call.log.snapshot()].count("claimed") == 2


@virtual_time
async def test_a_link_that_wants_no_calls_is_not_told_until_it_does() -> None:
    async with Exchange() as exchange, Worker.connect(exchange) as worker:
        await asyncio.sleep(0.2)
        await worker.send(control.CallFlowSetup(req_id="1", data=control.CallFlowData(inbound_call="NO")))
        assert (await worker.inbox.take(control.Response)).ok
        exchange.phone(CALLER, CALLEE)
        await asyncio.sleep(1)
        assert not worker.inbox.has(control.SessionNotify)
        await worker.send(control.CallFlowSetup(req_id="2", data=control.CallFlowData(inbound_call="ALL")))
        await worker.inbox.take(control.SessionNotify)


@virtual_time
async def test_a_dropped_control_link_leaves_its_call_alone_and_is_refused_for_a_while() -> None:
    async with Exchange() as exchange:
        async with answered_call(exchange) as (call, agent, worker):
            exchange.drop_control(refuse_for=2)
            await worker.socket.wait_closed()
            assert exchange.controls == []
            with pytest.raises(InvalidStatus) as refused:
                await Worker.connect(exchange).__aenter__()
            assert refused.value.response.status_code == 503
            await asyncio.sleep(2.1)
            async with Worker.connect(exchange) as again:
                await asyncio.sleep(1)
                assert call.state == "answered"
                assert not again.inbox.has(control.SessionNotify)
                await agent.ok(media.DISCONNECT)
                # The link that claimed it is gone: who is there now is told.
                await again.inbox.take(control.SessionClosed)


@virtual_time
async def test_requests_that_the_exchange_cannot_do_are_answered() -> None:
    async with Exchange() as exchange, Worker.connect(exchange) as worker:
        requests = [
            control.SessionCreate(req_id="1", channel="TELCO", remote_address="+1"),
            control.MessageOut(req_id="2", data={"sessionId": "unknown"}),
        ]
        for request in requests:
            await worker.send(request)
        codes = [(await worker.inbox.take(control.Response, req_id=r.req_id)).error_code for r in requests]
        assert codes == ["CHANNEL_NOT_CONFIGURED", "SESSION_NOT_FOUND"]
        await worker.send(control.SessionReady(session_id="not mine"))
        await worker.send('{"type": "of the future"}')
        await worker.send('{"type": "session.what", "reqId": "3"}')
        assert (await worker.inbox.take(control.Response, req_id="3")).error_code == "INVALID_REQUEST"
        await asyncio.sleep(0.1)
        (link,) = exchange.controls
        assert link.snapshot()["violations"] == ["session.ready for a session that this link did not open"]


@virtual_time
async def test_a_malformed_request_is_answered_and_the_link_stays(caplog: pytest.LogCaptureFixture) -> None:
    async with Exchange() as exchange, Worker.connect(exchange) as worker:
        await worker.send('{"type": "session.open", "reqId": "mine", "sessionId": 5}')
        answer = await worker.inbox.take(control.Response, req_id="mine")
        assert (answer.ok, answer.error_code) == (False, "INVALID_REQUEST")
        assert "$.sessionId" in answer.error_content["message"]
        await worker.send("x" * ((1 << 20) + 1))
        assert (await worker.open("unknown")).error_code == "SESSION_NOT_FOUND"
        (link,) = exchange.controls
        assert len(link.snapshot()["violations"]) == 2
    assert len(caplog.records) == 1


@virtual_time
async def test_rest_lists_open_sessions_and_closes_them() -> None:
    async with Exchange() as exchange, aiohttp.ClientSession() as http:
        url = exchange.url.replace("ws", "http", 1) + "/public/v1/sessions"
        headers = {
            control.API_KEY_HEADER: exchange.api_key,
            control.CONNECTOR_HEADER: exchange.connector_uuid,
        }
        async with http.get(url) as refused:
            assert refused.status == 401
            assert (await refused.json())["code"] == "UNAUTHORIZED"
        async with answered_call(exchange) as (call, _, worker):
            async with http.get(url, params={"state": "OPEN"}, headers=headers) as listed:
                (item,) = (await listed.json())["items"]
            assert (item["remoteAddress"], item["channel"], item["state"]) == (CALLER, "TELCO", "OPEN")
            async with http.get(url, params={"remoteAddress": "+49"}, headers=headers) as listed:
                assert (await listed.json())["items"] == []
            async with http.post(f"{url}/{item['id']}/close", headers=headers) as closed:
                assert (await closed.json())["reason"] == "SDK_REQUEST"
            assert call.end_reason == "agent_close"
            await worker.inbox.take(control.SessionClosed)
            async with http.post(f"{url}/unknown/close", headers=headers) as closed:
                assert closed.status == 404
