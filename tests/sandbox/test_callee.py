"""The party that is called: whether they pick up, and what they say and hear when they do."""

from __future__ import annotations

import asyncio

import pytest

from tests.sandbox.raw_client import CALLEE, CALLER, Worker
from tests.virtual_time import virtual_time
from voiceagent.sandbox.exchange import Behaviour, Exchange, ExchangeCall, Party
from voiceagent.sandbox.operator import Operator, OperatorError
from voiceagent.sandbox.scenario import NO_SCRIPT, ScenarioError, parse_party, parse_scenario, parse_script
from voiceagent.testing import contains_speech, loud_spans
from voiceagent.wire import media

GREETING = "This is the front desk speaking."
QUESTION = "please help me with my invoice"


def party(**fields: object) -> Party:
    return parse_party(fields)


def heard(call: ExchangeCall, who: str, text: str) -> bool:
    return contains_speech(call.leg(who).heard(), text, call.sample_rate, voice="en-GB")


def at(call: ExchangeCall, event: str) -> int:
    """When something happened in a call, in milliseconds."""
    times: list[int] = [entry["at_ms"] for entry in call.log.snapshot() if entry["event"] == event]
    assert len(times) == 1, f"{event}: {times}"
    return times[0]


@virtual_time
async def test_a_callee_picks_up_after_their_time_and_both_parties_hear_each_other() -> None:
    callee = party(after=2.5, script=[{"say": GREETING}, {"wait": "agent_done"}, "hangup"])
    caller = parse_script([{"wait": "agent_done"}, {"say": QUESTION}])
    async with Exchange() as exchange, Worker.connect(exchange) as worker:
        call = exchange.phone(CALLER, CALLEE, caller, callee)
        async with worker.take_call() as agent:
            await agent.ok(media.CONNECT)
            assert at(call, "bridged") - at(call, "callee_ringing") == 2500
            await agent.closed.wait()
    assert call.end_reason == "callee_hangup"
    assert heard(call, "caller", GREETING)
    assert heard(call, "callee", QUESTION)
    assert not heard(call, "callee", GREETING), "nobody hears themselves"


@virtual_time
async def test_two_people_talk_on_when_the_agent_has_left() -> None:
    callee = party(script=[{"say": GREETING}])
    caller = parse_script([{"wait": "agent_done"}, {"say": QUESTION}, {"wait": 1}, "hangup"])
    async with Exchange() as exchange, Worker.connect(exchange) as worker:
        call = exchange.phone(CALLER, CALLEE, caller, callee)
        async with worker.take_call() as agent:
            await agent.ok(media.CONNECT)
            await agent.ok(media.CLOSE)
            assert call.state == "detached"
        await call.caller.ended()
    assert call.end_reason == "caller_hangup"
    assert heard(call, "callee", QUESTION)


@virtual_time
async def test_each_call_has_a_callee_of_its_own() -> None:
    async with Exchange() as exchange, Worker.connect(exchange) as worker:
        exchange.parties[CALLEE] = Party(Behaviour.REJECT)
        here = exchange.phone(CALLER, CALLEE, None, party(script=[{"say": GREETING}]))
        async with worker.take_call() as agent:
            await agent.ok(media.CONNECT)
            await exchange.acted_out(here)
        gone = exchange.phone(CALLER, CALLEE)
        async with worker.take_call() as agent:
            await agent.fails(media.CONNECT, media.CALL_UNANSWERED)
        assert heard(here, "caller", GREETING) and not heard(gone, "caller", GREETING)


@pytest.mark.parametrize(
    ("fields", "seconds", "event"),
    [
        ({"answers": False}, 12.0, "callee_unanswered"),
        ({"answers": False, "after": 4}, 4.0, "callee_unanswered"),
        ({"rejects": True}, 0.3, "callee_rejected"),
        ({"rejects": True, "after": "1500ms"}, 1.5, "callee_rejected"),
        ({"after": 30}, 12.0, "callee_unanswered"),
    ],
)
@virtual_time
async def test_a_callee_who_is_not_reached(fields: dict[str, object], seconds: float, event: str) -> None:
    async with Exchange() as exchange, Worker.connect(exchange) as worker:
        call = exchange.phone(CALLER, CALLEE, None, party(**fields))
        async with worker.take_call() as agent:
            await agent.fails(media.CONNECT, media.CALL_UNANSWERED, ringTimeSeconds=12)
            assert at(call, event) - at(call, "callee_ringing") == seconds * 1000
            assert call.callee.heard() == b""


@virtual_time
async def test_a_second_attempt_reaches_the_callee_who_was_away_the_first_time() -> None:
    async with Exchange() as exchange, Worker.connect(exchange) as worker:
        script = parse_script([{"say": GREETING}])
        call = exchange.phone(CALLER, CALLEE)
        exchange.parties[CALLEE] = Party(Behaviour.ANSWER, 20_000, script)
        async with worker.take_call() as agent:
            await agent.ok(media.ANSWER)
            await agent.fails(media.CONNECT, media.CALL_UNANSWERED, ringTimeSeconds=12)
            exchange.parties[CALLEE] = Party(Behaviour.ANSWER, 1000, script)
            await agent.ok(media.CONNECT)
            await exchange.acted_out(call)
            spoken = [entry for entry in call.log.snapshot() if entry["event"] == "script"]
    assert [(entry["who"], entry["step"]) for entry in spoken] == [("callee", f"say: {GREETING}")]
    assert len(loud_spans(call.caller.heard(), call.sample_rate)) == 1


@virtual_time
async def test_a_callee_comes_through_the_operator_api() -> None:
    async with (
        Exchange() as exchange,
        Operator(exchange.operator_url) as operator,
        Worker.connect(exchange) as worker,
    ):
        call_id = await operator.phone(
            CALLER, CALLEE, callee={"after": 1, "script": [{"say": GREETING}, "hangup"]}
        )
        async with worker.take_call() as agent:
            await agent.ok(media.CONNECT)
            await agent.closed.wait()
        ended = await operator.call(call_id)
        assert ended["end_reason"] == "callee_hangup"
        assert contains_speech(await operator.heard(call_id), GREETING, ended["sample_rate"], voice="en-GB")

        with pytest.raises(OperatorError, match=r"callee: answers: expected true or false, got 'maybe'"):
            await operator.phone(CALLER, CALLEE, callee={"answers": "maybe"})


def test_a_scenario_says_who_is_called() -> None:
    scenario = parse_scenario("callee:\n  after: 2.5\n  script:\n    - say: hello\n    - hangup\n")
    callee = scenario.callee
    assert callee is not None and callee.script is not None
    assert (callee.behaviour, callee.after_ms, len(callee.script.steps)) == (Behaviour.ANSWER, 2500, 2)
    assert parse_scenario("script: [hangup]").callee is None
    assert parse_scenario("model: []").script is NO_SCRIPT


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("callee: {answer: true}", "demo.yaml:1: callee.answer: unknown key 'answer'; use one of answers,"),
        ("callee:\n  answers: 1\n", "demo.yaml:2: callee.answers: expected true or false, got '1'"),
        ("callee: {answers: true, rejects: true}", "callee.rejects: a callee who rejects the call does not"),
        ("callee: {answers: false, script: [hangup]}", "callee.script: a callee who does not answer"),
        ("callee: {rejects: true, script: [hangup]}", "callee.script: a callee who does not answer"),
        ("callee: {script: [{sing: la}]}", "callee.script[0].sing: unknown key 'sing'"),
        ("callee: {after: soon}", "callee.after: expected seconds"),
        ("callee: yes", "callee: expected a mapping, got 'yes'"),
    ],
)
def test_a_malformed_callee_is_told_file_line_and_field(text: str, complaint: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        parse_scenario(text, "demo.yaml")
    assert complaint in str(refused.value)


@virtual_time
async def test_a_call_that_ends_while_it_rings_leaves_nobody_waiting() -> None:
    async with Exchange() as exchange, Worker.connect(exchange) as worker:
        call = exchange.phone(CALLER, CALLEE, None, party(after=50, script=[{"say": GREETING}]))
        async with worker.take_call() as agent:
            ringing = asyncio.create_task(agent.fails(media.CONNECT, media.CALL_TERMINATED_CODE))
            await asyncio.sleep(5)
            call.caller.hang_up()
            await ringing
        async with asyncio.timeout(1):
            await exchange.acted_out(call)
    assert call.end_reason == "caller_hangup"
