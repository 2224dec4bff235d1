"""A call that one process is offered and another one serves."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.call.line import CALLEE, CALLER, Line, config, noise
from tests.call.scripted import TOKEN, ScriptedServer
from tests.call.test_lifecycle import tasks_of_the_client
from tests.virtual_time import virtual_time
from voiceagent.call import ActiveCall, CallClient, CallClientConfig, CallState, EndReason, events
from voiceagent.call.exceptions import WSSCallClosedError, WSSCallCommandError, WSSMediaError
from voiceagent.sandbox.exchange import CallState as There
from voiceagent.sandbox.exchange import Exchange
from voiceagent.wire import control, encode

OFFER = {
    "channel": "TELCO",
    "id": "call-1",
    "caller": "+15550100",
    "callee": "",
    "session_url": "ws://127.0.0.1:1/media",
    "session_token": TOKEN,
}
SETTINGS = CallClientConfig.sandbox("key-0123456789", "connector", base_url="ws://127.0.0.1:1")


@asynccontextmanager
async def dispatcher(max_calls: int | None = None) -> AsyncIterator[Line]:
    """An exchange, and a client that opens no media link by itself."""
    async with Exchange() as exchange:
        client = CallClient(config(exchange), max_calls=max_calls, media_on_demand=True)
        async with client:
            yield Line(exchange, client)
            assert [call.violations.snapshot() for call in exchange.calls if call.violations.snapshot()] == []


@virtual_time
async def test_a_call_that_was_handed_off_is_served_by_another_process_to_its_end() -> None:
    async with dispatcher() as line:
        there, offered = await line.ring()
        reasons: list[str] = []
        offered.on(events.CALL_TERMINATED, lambda details: reasons.append(details["reason"]))
        text = offered.to_json()
        assert offered.state is CallState.DISCONNECTED
        assert offered.end_reason is EndReason.HANDED_OFF
        await offered.wait_terminated()
        assert line.client.calls == ()
        async with ActiveCall.from_json(text) as call:
            assert (call.call_id, call.caller_number, call.callee_number) == (there.call_id, CALLER, CALLEE)
            assert call.state is CallState.PENDING
            await call.answer()
            greeting = noise(300)
            await call.send_audio(greeting)
            await call.drained()
            await call.connect()
            assert there.state is There.BRIDGED
        assert call.state is CallState.DISCONNECTED
        assert there.state is There.DETACHED, (
            "leaving the block leaves the call, and connected parties talk on"
        )
        assert greeting in there.caller.heard()
        assert reasons == ["handed_off"]
        there.caller.hang_up()


@virtual_time
async def test_leaving_the_block_ends_an_answered_call_and_leaves_nothing_behind() -> None:
    async with dispatcher() as line:
        there, offered = await line.ring()
        saved: list[str] = []
        async with ActiveCall.from_json(offered.to_json(), config(line.exchange)) as call:

            @call.on(events.CALL_TERMINATED)
            async def save() -> None:
                await asyncio.sleep(1)
                saved.append(call.call_id)

            await call.answer()
        assert there.end_reason == "agent_close"
        assert saved == [there.call_id]
    assert tasks_of_the_client() == []


@virtual_time
@pytest.mark.parametrize("failure", [RuntimeError("the program fails"), asyncio.CancelledError()])
async def test_a_program_that_fails_in_the_block_does_not_strand_the_caller(failure: BaseException) -> None:
    async with dispatcher() as line:
        there, offered = await line.ring()
        with pytest.raises(type(failure)) as raised:
            async with ActiveCall.from_json(offered.to_json(), config(line.exchange)) as call:
                await call.answer()
                raise failure
        assert raised.value is failure
        assert there.end_reason == "agent_close"


@virtual_time
async def test_that_the_caller_hangs_up_on_a_busy_block_is_no_error() -> None:
    async with dispatcher() as line:
        there, offered = await line.ring()
        async with ActiveCall.from_json(offered.to_json()) as call:
            await call.answer()
            there.caller.hang_up()
            while True:
                await call.send_audio(noise(20), wait=True)
                await asyncio.sleep(0.02)
        assert call.end_reason is EndReason.TERMINATED


@virtual_time
async def test_a_cancelled_task_ends_its_call_too() -> None:
    async with dispatcher() as line:
        there, offered = await line.ring()
        talking = asyncio.Event()

        async def serve(text: str) -> None:
            async with ActiveCall.from_json(text, config(line.exchange)) as call:
                await call.answer()
                talking.set()
                await call.wait_terminated()

        serving = asyncio.create_task(serve(offered.to_json()))
        await talking.wait()
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        assert there.end_reason == "agent_close"
    assert tasks_of_the_client() == []


@virtual_time
async def test_a_dispatcher_may_serve_a_call_itself() -> None:
    async with dispatcher() as line:
        there, call = await line.ring()
        assert there.agent is None, "no media link yet"
        await call.send_audio(noise(100))
        await call.answer()
        assert there.state is There.ANSWERED
        await call.drained()
        assert noise(100) in there.caller.heard()
        await call.disconnect()
        assert there.end_reason == "agent_disconnect"
        there, call = await line.ring()
        await call.close()
        assert there.end_reason == "rejected"


@virtual_time
async def test_a_call_that_is_torn_down_before_its_link_is_open_does_not_ring_on() -> None:
    async with dispatcher() as line:
        there, call = await line.ring()
        await call.force_disconnect()
        assert call.end_reason is EndReason.FORCED
        await asyncio.sleep(1)
        assert there.end_reason == "rejected"
        assert line.inbox.empty
    assert tasks_of_the_client() == []


@virtual_time
async def test_several_commands_at_once_open_one_media_link() -> None:
    async with dispatcher() as line:
        there, call = await line.ring()
        outcomes = await asyncio.gather(call.answer(), call.answer(), call.close(), return_exceptions=True)
        await call.wait_terminated()
        assert there.state is There.ENDED
        assert {type(outcome) for outcome in outcomes} <= {
            type(None),
            WSSCallCommandError,
            WSSCallClosedError,
        }


@virtual_time
async def test_a_call_whose_media_link_is_wanted_here_cannot_be_handed_off() -> None:
    async with dispatcher() as line:
        _, call = await line.ring()
        await call.answer()
        with pytest.raises(WSSCallCommandError, match=r"INVALID_STATE.* media_on_demand=True"):
            call.to_json()
        await call.disconnect()
        with pytest.raises(WSSCallClosedError, match="has ended"):
            call.to_json()


@virtual_time
async def test_without_media_on_demand_the_link_is_open_and_the_error_says_what_to_do() -> None:
    async with Exchange() as exchange, CallClient(config(exchange)) as client:
        _, call = await Line(exchange, client).ring()
        with pytest.raises(WSSCallCommandError, match="media_on_demand=True"):
            call.to_json()
        assert call.state is CallState.PENDING, "the call goes on"


@virtual_time
async def test_handing_off_makes_room_for_the_next_call() -> None:
    async with dispatcher(max_calls=1) as line:
        for _ in range(3):
            there, call = await line.ring()
            async with ActiveCall.from_json(call.to_json(), config(line.exchange)) as taken:
                await taken.answer()
            assert there.state is There.ENDED


@virtual_time
async def test_a_caller_who_gives_up_meanwhile_reaches_nobody() -> None:
    async with dispatcher() as line:
        there, offered = await line.ring()
        text = offered.to_json()
        there.caller.hang_up()
        with pytest.raises(WSSMediaError, match="404"):
            async with ActiveCall.from_json(text, config(line.exchange)):
                pytest.fail("there is no call")
        there, offered = await line.ring()
        there.caller.hang_up()
        await offered.wait_terminated()
        assert offered.end_reason is EndReason.TERMINATED
    assert tasks_of_the_client() == []


@virtual_time
async def test_a_call_that_nobody_takes_is_offered_again() -> None:
    async with dispatcher() as line:
        there, offered = await line.ring()
        text = offered.to_json()
        again = await line.inbox.take()
        assert again.call_id == there.call_id
        with pytest.raises(WSSMediaError, match="the token does not open this call"):
            async with ActiveCall.from_json(text, config(line.exchange)):
                pytest.fail("the token is worth nothing any more")
        await again.answer()


@virtual_time
async def test_a_session_that_was_handed_off_is_not_taken_again_when_it_is_announced() -> None:
    async with ScriptedServer() as server:
        client = CallClient(server.config(), media_on_demand=True)
        calls: asyncio.Queue[ActiveCall] = asyncio.Queue()
        client.on(events.INCOMING_CALL, calls.put)
        link = await server.connected(client)
        await server.offer(link)
        (await calls.get()).to_json()
        await server.offer(link)
        await asyncio.sleep(1)
        assert calls.empty()
        await link.send(encode(control.SessionClosed(session_id="session-1")))
        await server.offer(link)
        assert (await calls.get()).call_id == "call-1"
        await client.disconnect()


@virtual_time
async def test_the_text_is_that_of_the_public_client_and_its_secret_is_in_no_repr() -> None:
    async with dispatcher() as line:
        _, call = await line.ring()
        text = call.to_json()
        offer = json.loads(text)
        assert offer == {
            "channel": "TELCO",
            "id": call.call_id,
            "caller": CALLER,
            "callee": CALLEE,
            "session_url": offer["session_url"],
            "session_token": offer["session_token"],
            "sample_rate": 24000,
        }
        async with ActiveCall.from_json(text, config(line.exchange)) as taken:
            for secret in (offer["session_token"], CALLER, CALLEE):
                assert secret not in repr(call) + repr(taken) + repr(vars(taken)) + repr(vars(call))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"session_token": ...}, "missing required field `session_token`"),
        ({"session_token": ""}, "`session_token` is empty"),
        ({"session_url": 5}, r"Expected `str`, got `int` - at `\$.session_url`"),
        ({"channel": "WA"}, "channel is not TELCO"),
        ({"sample_rate": 8000}, "the call has 8000 Hz, but the config 24000 Hz"),
    ],
)
def test_a_text_that_is_no_hand_off_is_refused_without_being_shown(
    change: dict[str, object], message: str
) -> None:
    offer = {name: value for name, value in (OFFER | change).items() if value is not ...}
    with pytest.raises(ValueError, match=message) as error:
        ActiveCall.from_json(json.dumps(offer), SETTINGS)
    assert TOKEN not in str(error.value)


@pytest.mark.parametrize("text", ["", "[]", "null", '{"channel"', "\ud800", b"\xff\xfe", "[" * 100_000])
def test_what_is_no_json_object_is_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError, match="not a handed-off call"):
        ActiveCall.from_json(text, SETTINGS)


def test_the_public_clients_text_needs_a_config_for_the_sample_rate() -> None:
    with pytest.raises(ValueError, match="does not tell the sample rate of the call: pass a config"):
        ActiveCall.from_json(json.dumps(OFFER))


def test_a_hand_off_that_is_used_without_entering_it_says_how() -> None:
    offered = ActiveCall.from_json(json.dumps(OFFER), SETTINGS)
    assert repr(offered) == "<handed-off call call-1: enter it with 'async with'>"
    with pytest.raises(AttributeError, match=r"no 'answer' .* async with ActiveCall.from_json"):
        offered.answer()  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match=r"takes the text of to_json\(\), not dict"):
        ActiveCall.from_json(OFFER, SETTINGS)  # type: ignore[arg-type]


@virtual_time
async def test_entering_a_hand_off_keeps_to_the_programs_deadline() -> None:
    loop = asyncio.get_running_loop()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        text = json.dumps(OFFER | {"session_url": f"ws://127.0.0.1:{port}/media"})
        began = loop.time()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1), ActiveCall.from_json(text, SETTINGS):
                pytest.fail("the server says nothing")
        assert loop.time() - began < 3


@virtual_time
async def test_a_server_that_is_not_there_is_an_error_on_entering() -> None:
    with pytest.raises(WSSMediaError, match="cannot reach"):
        async with ActiveCall.from_json(json.dumps(OFFER), SETTINGS):
            pytest.fail("nobody is there")
    assert tasks_of_the_client() == []


WORKER = """
import asyncio, sys

from voiceagent.call import ActiveCall

async def main():
    async with ActiveCall.from_json(sys.stdin.readline()) as call:
        await call.answer()
        async for chunk in call.audio_stream():
            await call.send_audio(chunk)
    print(call.end_reason)

asyncio.run(main())
"""


@pytest.mark.realtime
async def test_two_processes_one_is_offered_the_call_and_the_other_talks_to_the_caller() -> None:
    async with dispatcher() as line, asyncio.timeout(60):
        there, offered = await line.ring()
        worker = await asyncio.create_subprocess_exec(
            sys.executable, "-c", WORKER, stdin=PIPE, stdout=PIPE, env={}
        )
        try:
            speech = noise(1000)
            talking = asyncio.create_task(worker.communicate(offered.to_json().encode() + b"\n"))
            await there.caller.answered()
            there.caller.say(speech)
            while speech not in there.caller.heard():
                await asyncio.wait((talking,), timeout=0.05)
                assert not talking.done(), "the worker ended early"
            there.caller.hang_up()
            assert (await talking)[0].split() == [b"terminated"]
        finally:
            if worker.returncode is None:
                worker.kill()
                await worker.wait()
    assert worker.returncode == 0
