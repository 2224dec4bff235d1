"""Traces of whole calls: call > turn > tool, at the times when it happened, and without what was said."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from tests.bridge.model import LISTENING, answered, tone
from tests.phone import CALLEE, CALLER, phone_system
from tests.telemetry.conftest import Telemetry
from tests.virtual_time import virtual_time
from voiceagent import CallContext, Decision, ToolError, VoiceAgent, tool
from voiceagent.report import CallReport, Ended, EndReason, IdlePrompted, ModelReopened, Nudged, ToolStarted
from voiceagent.telemetry import KEY_VARIABLE, CallTelemetry, hashed

tracer = trace.get_tracer("the agent's own")


class Practice(VoiceAgent):
    instruction = "You answer for a practice."
    language = "en-US"

    async def on_start(self, call: CallContext) -> None:
        with tracer.start_as_current_span("look up the caller"):
            pass

    @tool
    async def slots(self, day: str) -> str:
        """Free slots."""
        with tracer.start_as_current_span("query"):
            await asyncio.sleep(2)
        return "ten and eleven"

    @tool
    async def refuse(self, why: str) -> str:
        """Refuse."""
        await asyncio.sleep(1)
        raise ToolError("Frau Mustermann may not.")


PLOT: dict[str, Any] = {
    "script": [
        {"wait": "agent_done"},
        {"say": "is monday free"},
        {"wait": "agent_done"},
        {"say": "and what about tuesday"},
        {"interrupt_after": 1},
        {"say": "no thank you"},
        {"wait": "agent_done"},
        {"dtmf": "12#"},
        {"wait": 2},
        "hangup",
    ],
    "model": [
        {"on": "start", "say": "Riverside Dental, hello?"},
        {"on": "caller_done", "heard": "is monday free", "call": {"slots": {"day": "monday"}}},
        {"on": "tool_result", "say": "Ten and eleven are free."},
        {
            "on": "caller_done",
            "heard": "and what about tuesday",
            "say": "On Tuesday there is a lot free, at nine and at ten and at eleven, and later on as well.",
        },
        {"on": "caller_done", "heard": "no thank you", "say": "Goodbye then."},
    ],
}


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def below(child: ReadableSpan, parent: ReadableSpan) -> bool:
    return (
        child.parent is not None
        and parent.context is not None
        and child.parent.span_id == parent.context.span_id
    )


def ms(call: ReadableSpan, time_ns: int | None) -> float:
    """Milliseconds since the call began, as the report counts them."""
    assert time_ns is not None and call.start_time is not None
    return (time_ns - call.start_time) / 1e6


@virtual_time
async def test_a_call_is_a_trace_of_its_turns_and_tools_at_the_times_of_the_report(
    telemetry: Telemetry,
) -> None:
    async with phone_system(Practice, PLOT) as phone:
        _, report = await phone.call()
    call, turns, used = (
        telemetry.one("call Practice"),
        telemetry.named("turn"),
        telemetry.one("execute_tool slots"),
    )
    assert call.kind is SpanKind.SERVER
    assert call.parent is None
    assert ms(call, call.end_time) == pytest.approx(report.duration_ms, abs=0.1)
    about = attributes(call)
    assert about["gen_ai.conversation.id"] == report.call_id
    assert about["gen_ai.agent.name"] == "Practice"
    assert about["gen_ai.request.model"] == report.model
    assert about["voiceagent.call.end_reason"] == "caller_hung_up"
    assert about["voiceagent.call.language"] == "en-US"
    assert about["voiceagent.call.barge_ins"] == report.barge_ins == 1
    assert about["voiceagent.call.keys"] == 3
    assert about["voiceagent.call.reconnects"] == about["voiceagent.call.nudges"] == 0
    assert about["gen_ai.usage.input_tokens"] == report.prompt_tokens

    assert len(turns) == len(report.turns) >= 4
    for turn, timing in zip(turns, report.turns, strict=True):
        assert below(turn, call)
        about = attributes(turn)
        assert about["voiceagent.turn.number"] == timing.turn
        assert about["voiceagent.turn.heard_ms"] == timing.heard_ms
        assert about["voiceagent.turn.generated_ms"] == timing.generated_ms
        assert about["voiceagent.turn.interrupted"] == timing.interrupted
        for name in ("latency_ms", "model_ms", "tool_ms"):
            assert about.get(f"voiceagent.turn.{name}") == getattr(timing, name)
        (first,) = [event for event in turn.events if event.name == "first_audio"]
        assert ms(call, first.timestamp) == pytest.approx(timing.at_ms, abs=0.1)
    plain = turns[2]
    assert ms(call, plain.start_time) == pytest.approx(
        report.turns[2].at_ms - (report.turns[2].latency_ms or 0), abs=0.1
    ), "a turn begins when the caller stops speaking"
    assert "barge_in" in [event.name for event in plain.events]

    assert below(used, turns[1])
    (use,) = report.tools
    assert ms(call, used.start_time) == pytest.approx(use.at_ms, abs=0.1)
    assert ms(call, used.end_time) == pytest.approx(use.at_ms + 2000, abs=1)
    assert attributes(used)["voiceagent.tool.ok"] is True
    assert (report.turns[1].tool_ms or 0) >= 1900


@virtual_time
async def test_what_the_agent_traces_itself_is_found_below_its_call_and_its_tool(
    telemetry: Telemetry,
) -> None:
    async with phone_system(Practice, PLOT) as phone:
        await phone.call()
    assert below(telemetry.one("query"), telemetry.one("execute_tool slots"))
    assert below(telemetry.one("look up the caller"), telemetry.one("call Practice"))


@virtual_time
async def test_calls_at_once_keep_their_spans_apart(telemetry: Telemetry) -> None:
    async with phone_system(Practice, PLOT) as phone:
        phone.ring()
        await asyncio.sleep(0.7)
        phone.ring()
        for _ in range(2):
            await phone.reports.get()
    first, second = telemetry.named("call Practice")
    assert first.context is not None and second.context is not None
    for call in (first, second):
        assert call.context is not None
        own = [s for s in telemetry.spans.get_finished_spans() if s.context.trace_id == call.context.trace_id]
        (used,) = [span for span in own if span.name == "execute_tool slots"]
        (query,) = [span for span in own if span.name == "query"]
        assert below(query, used)
        assert len([span for span in own if span.name == "turn"]) >= 4


@virtual_time
async def test_numbers_and_words_are_not_told(telemetry: Telemetry) -> None:
    plot = {**PLOT, "model": [*PLOT["model"]]}
    plot["model"][1] = {
        "on": "caller_done",
        "heard": "is monday free",
        "call": {"refuse": {"why": "Frau Mustermann called"}},
    }
    async with phone_system(Practice, plot) as phone:
        _, report = await phone.call()
    shown = telemetry.exported()
    for secret in (CALLER, CALLEE, CALLER[1:], "monday", "Ten and eleven", "Mustermann", "12#"):
        assert secret not in shown
    assert "refuse" in shown
    call, refused = telemetry.one("call Practice"), telemetry.one("execute_tool refuse")
    assert attributes(call)["voiceagent.caller.hash"] == hashed(CALLER)
    assert attributes(call)["voiceagent.callee.hash"] == hashed(CALLEE)
    assert refused.status.status_code is StatusCode.ERROR
    assert call.status.status_code is StatusCode.UNSET
    assert report.tools[0].ok is False


@virtual_time
async def test_numbers_and_words_are_told_where_the_agent_asks_for_it(telemetry: Telemetry) -> None:
    class Open(Practice):
        telemetry_numbers = True
        telemetry_texts = True

        def redact(self, call: CallContext, text: str) -> str:
            return text.replace("eleven", "***").replace(CALLEE, "the practice")

    async with phone_system(Open, PLOT) as phone:
        await phone.call()
    call, used, answer = (
        telemetry.one("call Open"),
        telemetry.one("execute_tool slots"),
        telemetry.named("turn")[1],
    )
    assert attributes(call)["voiceagent.caller.number"] == CALLER
    assert attributes(call)["voiceagent.callee.number"] == "the practice"
    assert attributes(used)["gen_ai.tool.call.arguments"] == '{"day": "monday"}'
    assert attributes(used)["gen_ai.tool.call.result"] == '{"result": "ten and ***"}'
    assert attributes(answer)["voiceagent.turn.text"] == "Ten and *** are free."


@virtual_time
async def test_what_cannot_be_answered_is_an_error(telemetry: Telemetry) -> None:
    class Broken(Practice):
        def build_instruction(self, call: CallContext) -> str:
            raise RuntimeError("the database of Frau Mustermann is gone")

        async def on_model_unavailable(self, call: CallContext) -> Decision:
            return Decision.REJECT

    async with phone_system(Broken, PLOT) as phone:
        await phone.call()
    call = telemetry.one("call Broken")
    assert call.status.status_code is StatusCode.ERROR
    assert attributes(call)["error.type"] == "RuntimeError"
    assert "Mustermann" not in telemetry.exported()


@virtual_time
async def test_a_caller_who_is_turned_away_leaves_a_call_without_turns(telemetry: Telemetry) -> None:
    class Closed(Practice):
        async def on_incoming(self, call: CallContext) -> Decision:
            return Decision.REJECT

    async with phone_system(Closed, PLOT) as phone:
        await phone.call()
    assert attributes(telemetry.one("call Closed"))["voiceagent.call.end_reason"] == "rejected"
    assert telemetry.named("turn") == []
    assert telemetry.measured("voiceagent.call.active") == 0


@virtual_time
async def test_metrics_add_up_to_the_report(telemetry: Telemetry) -> None:
    async with phone_system(Practice, PLOT) as phone:
        phone.ring()
        await asyncio.sleep(5)
        assert telemetry.measured("voiceagent.call.active") == 1
        report = await phone.reports.get()
    assert telemetry.measured("voiceagent.call.active") == 0
    ends = {"voiceagent.call.end_reason": "caller_hung_up", "gen_ai.agent.name": "Practice"}
    assert telemetry.measured("voiceagent.call.ended", **ends) == 1
    assert telemetry.measured("voiceagent.call.duration") == pytest.approx(
        report.duration_ms / 1000, abs=0.01
    )
    assert telemetry.measured("voiceagent.turn.latency") == pytest.approx(
        sum(report.latencies_ms) / 1000, abs=0.01
    )
    tools = {"gen_ai.tool.name": "slots"}
    assert telemetry.measured("voiceagent.tool.duration", **tools) == pytest.approx(2.0, abs=0.01)
    assert telemetry.measured("voiceagent.turn.tool_time") == pytest.approx(
        sum(turn.tool_ms or 0 for turn in report.turns) / 1000, abs=0.01
    )
    assert telemetry.measured("voiceagent.barge_ins") == 1
    assert telemetry.measured("voiceagent.keys") == 3
    assert (
        telemetry.measured("gen_ai.client.token.usage") == report.prompt_tokens + report.response_tokens > 0
    )


class TestNumbers:
    def test_with_one_key_a_number_has_one_hash_everywhere(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(KEY_VARIABLE, "a key")
        assert hashed("+15550100") == hashed("+15550100") == "51d98d99d56c86a8"
        assert hashed("+15550101") != hashed("+15550100")
        monkeypatch.setenv(KEY_VARIABLE, "another key")
        assert hashed("+15550100") != "51d98d99d56c86a8"

    def test_without_a_key_it_has_one_in_this_process(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv(KEY_VARIABLE, raising=False)
        assert hashed("+15550100") == hashed("+15550100") != hashed("+15550101")


@virtual_time
async def test_a_turn_that_only_calls_a_tool_goes_on_with_the_answer(telemetry: Telemetry) -> None:
    """A model that does not wait for its tool ends its turn, and answers in the next."""

    class Waiting(Practice):
        greeting = None

    async with phone_system(Waiting, LISTENING) as phone:
        _, model = await answered(phone)
        await model.content(inputTranscription={"text": "is monday free"})
        await model.calls({"id": "1", "name": "slots", "args": {"day": "monday"}})
        await model.content(turnComplete=True)
        await asyncio.sleep(4)
        await model.speaks(tone(1))
        await model.ends_turn()
        await phone.reports.get()
    turn, used = telemetry.one("turn"), telemetry.one("execute_tool slots")
    assert below(used, turn)
    assert turn.start_time <= used.start_time <= used.end_time <= turn.end_time  # type: ignore[operator]
    assert attributes(turn)["voiceagent.turn.generated_ms"] == pytest.approx(1000, abs=40)


def test_reconnects_nudges_and_a_tool_that_has_no_end(telemetry: Telemetry) -> None:
    report = CallReport(
        call_id="1", agent="Desk", model="a-model", caller=None, callee=None, started_at=datetime.now(UTC)
    )
    observer = CallTelemetry(report, (None, None), turn=lambda: 1)
    with observer.current():
        for moment in (
            ModelReopened(1000.0, "closed with 1006", 120.0, True),
            Nudged(2000.0, "silent turn"),
            IdlePrompted(3000.0, 1),
            ToolStarted(4000.0, "a", "slots", {}),
            Ended(5000.0, EndReason.MODEL_UNAVAILABLE),
        ):
            observer(moment)
    call, used, turn = telemetry.one("call Desk"), telemetry.one("execute_tool slots"), telemetry.one("turn")
    about = attributes(call)
    assert about["voiceagent.call.reconnects"] == about["voiceagent.call.nudges"] == 1
    assert about["voiceagent.call.idle_prompts"] == 1
    assert about["error.type"] == "model_unavailable"
    assert not {"voiceagent.caller.hash", "voiceagent.caller.number"} & about.keys(), "it was withheld"
    assert [event.name for event in call.events] == ["model_reopened", "model_nudged", "caller_prompted"]
    assert [ms(call, event.timestamp) for event in call.events] == [1000, 2000, 3000]
    assert ms(call, used.end_time) == ms(call, turn.end_time) == 5000
    assert telemetry.measured("voiceagent.reconnects", resumed=True) == 1
    assert telemetry.measured("voiceagent.nudges", why="silent turn") == 1


WITHOUT_SDK = """
import time
from datetime import UTC, datetime
from voiceagent.report import AgentText, BargeIn, CallReport, CallerText, FirstAudio, TurnEnded
from voiceagent.telemetry import CallTelemetry

report = CallReport(call_id="1", agent="A", model="m", caller="+1", callee="+2", started_at=datetime.now(UTC))
costs = []
for _ in range(5):
    began = time.process_time()
    for _ in range(200):
        observer = CallTelemetry(report, ("+1", "+2"))
        for turn in range(20):
            observer(CallerText(1.0, "hello"))
            observer(FirstAudio(2.0, turn, 500.0))
            for _ in range(10):
                observer(AgentText(3.0, turn, "a word"))
            observer(BargeIn(4.0, turn, 2.0))
            observer(TurnEnded(5.0, turn, "text", 1.0, 1.0, True))
    costs.append((time.process_time() - began) / 200)
print(min(costs))
"""


def test_without_an_sdk_a_call_of_twenty_turns_costs_less_than_two_milliseconds() -> None:
    run = subprocess.run([sys.executable, "-c", WITHOUT_SDK], capture_output=True, text=True, check=True)
    # Usually 0.4 ms: a call of twenty turns lasts three minutes.
    assert float(run.stdout) < 0.002
