"""Clients that mean harm, or are broken: the live server says what is wrong, and keeps within its bounds."""

from __future__ import annotations

import time

import aiohttp
import pytest

from tests.sandbox.live_client import connected, live_server, live_session, setup
from tests.virtual_time import virtual_time
from voiceagent.sandbox.live.record import MAX_TEXT_BYTES


@virtual_time
async def test_a_setup_with_half_a_character_in_a_name_is_refused() -> None:
    async with live_server() as server, connected(server) as client:
        await client.socket.send('{"\\ud800": 1}')
        code, reason = await client.closed()
        assert (code, reason) == (1007, "setup must be the first message, got ?")


@virtual_time
@pytest.mark.parametrize("field", ["silenceDurationMs", "prefixPaddingMs"])
async def test_a_time_that_is_no_number_of_32_bits_is_refused(field: str) -> None:
    async with live_server() as server, connected(server) as client:
        detection = {"automaticActivityDetection": {field: 10**4000}}
        await client.send({"setup": setup(realtimeInputConfig=detection)})
        code, reason = await client.closed()
        assert code == 1007
        assert reason.endswith(f"{field} must be an integer of 32 bits")


@virtual_time
async def test_what_is_nested_too_deep_is_counted_and_the_records_can_still_be_shown() -> None:
    async with live_server() as server, live_session(server) as client, aiohttp.ClientSession() as http:
        for depth in (99, 500, 930, 960, 100_000):
            nested = '{"a":' * depth + "1" + "}" * depth
            answer = f'{{"functionResponses":[{{"name":"book","response":{nested}}}]}}'
            await client.socket.send(f'{{"toolResponse":{answer}}}')
        await client.start()
        await client.next("turnComplete")
        async with http.get(f"{server.operator_url}/sessions") as response:
            assert response.status == 200
            (session,) = (await response.json())["sessions"]
        assert len(session["violations"]) == 5
        assert session["violations"][0] == "Invalid JSON payload received: it is nested too deep"


@virtual_time
async def test_of_what_a_client_says_only_the_latest_is_kept() -> None:
    async with live_server() as server, live_session(server) as client:
        text = "t" * 100_000
        for number in range(100):
            turn = {"parts": [{"text": f"{number} {text}"}]}
            await client.send({"clientContent": {"turns": [turn]}})
        await client.start()
        await client.next("turnComplete")
        record = server.records[0]
        assert record.texts[-2].startswith("99 "), "before the cue to begin"
        assert sum(map(len, record.texts)) <= MAX_TEXT_BYTES
        assert max(len(str(event)) for event in record.events) < 1000


QUOTE = "<<<BEGIN_QUOTED_AGENT_CONTENT>>>"


@virtual_time
@pytest.mark.parametrize(
    "text",
    ["well then " * 200_000, QUOTE * 50_000, 'nothing else: "' * 100_000, "`transfer" * 200_000],
    ids=["words", "quotes", "requests", "calls"],
)
async def test_a_long_history_does_not_stop_the_server(text: str) -> None:
    rules = ", ".join(f"{{on: caller_done, say: well then number {number}}}" for number in range(30))
    async with live_server(f"model: [{rules}]") as server, live_session(server) as client:
        began = time.process_time()
        turns = [("model", text), ("user", text)] + 2000 * [("model", "well then a word or two of it")]
        await client.content(*turns)
        await client.content(("user", text), complete=True)
        await client.next("turnComplete")
        assert time.process_time() - began < 5
