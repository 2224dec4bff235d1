"""Callbacks and plugins of google-adk in phone calls: they are asked, and none of them can harm the call."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from google.adk.agents.callback_context import CallbackContext
from google.adk.events.event import Event
from google.adk.models.llm_request import LlmRequest
from google.adk.models.llm_response import LlmResponse
from google.adk.plugins.base_plugin import BasePlugin
from google.adk.tools.base_tool import BaseTool
from google.adk.tools.long_running_tool import LongRunningFunctionTool
from google.adk.tools.tool_context import ToolContext
from google.genai import types

from tests.adk.house import AMOUNT, BILL, GREETING, REFUNDED, House, billing, call_house, one_tool, plot
from tests.engines.office import talk
from tests.virtual_time import virtual_time
from voiceagent import CallContext, ToolError, tool
from voiceagent.adk import AdkEngine
from voiceagent.report import EndReason
from voiceagent.testing.audio import contains_speech

FAILED = {"error": "refund failed; it cannot be used right now"}


class Watcher(BasePlugin):
    """Notes what it is asked."""

    def __init__(self) -> None:
        super().__init__("watcher")
        self.seen: list[str] = []

    async def before_run_callback(self, **_: Any) -> None:
        self.seen.append("before run")

    async def after_run_callback(self, **_: Any) -> None:
        self.seen.append("after run")

    async def before_tool_callback(
        self, *, tool: BaseTool, tool_args: dict[str, Any], tool_context: ToolContext
    ) -> None:
        self.seen.append(f"before {tool.name} {tool_args}")

    async def after_tool_callback(
        self, *, tool: BaseTool, tool_args: dict[str, Any], tool_context: ToolContext, result: dict[str, Any]
    ) -> None:
        self.seen.append(f"after {tool.name} {result}")

    async def on_tool_error_callback(
        self, *, tool: BaseTool, tool_args: dict[str, Any], tool_context: ToolContext, error: BaseException
    ) -> None:
        self.seen.append(f"error {type(error).__name__}")

    async def on_event_callback(self, *, event: Event, **_: Any) -> None:
        if event.input_transcription and event.input_transcription.finished:
            self.seen.append(f"heard {event.input_transcription.text}")


class Paying(House):
    """Pays back."""

    @tool
    async def refund(self, call: CallContext, tool_context: ToolContext, euros: int) -> str:
        """Pay money back."""
        assert isinstance(tool_context, ToolContext)
        call.state["euros"] = tool_context.state["last"] = euros
        return f"{euros} euros"


async def paid(engine: AdkEngine, agent: type[House] = Paying, **options: Any) -> Any:
    return await call_house(engine, one_tool("refund", euros=30), agent=agent, **options)


@virtual_time
async def test_a_plugin_sees_the_call_from_beginning_to_end() -> None:
    watcher = Watcher()
    call = await paid(AdkEngine(plugins=[watcher]))
    assert watcher.seen == [
        "before run",
        f"heard {AMOUNT}",
        "before refund {'euros': 30}",
        "after refund {'result': '30 euros'}",
        "after run",
    ]
    assert call.heard(REFUNDED)


@virtual_time
async def test_callbacks_change_what_a_tool_gets_and_what_the_model_is_told() -> None:
    def before(tool: BaseTool, args: dict[str, Any], tool_context: ToolContext) -> None:
        args["euros"] = 20

    def after(
        tool: BaseTool, args: dict[str, Any], tool_context: ToolContext, tool_response: dict[str, Any]
    ) -> dict[str, Any]:
        return {"paid": tool_response["result"], "by": "card"}

    call = await paid(AdkEngine(before_tool_callback=before, after_tool_callback=after))
    (context,) = call.phone.contexts.values()
    assert context.state == {"euros": 20, "last": 20}
    (response,) = call.sessions[0].tool_responses
    assert response["response"] == {"paid": "20 euros", "by": "card"}
    (use,) = call.report.tools
    assert use.result == {"paid": "20 euros", "by": "card"}, "the report has what the model was told"


@virtual_time
async def test_a_callback_answers_in_the_place_of_a_tool() -> None:
    def refuse(tool: BaseTool, args: dict[str, Any], tool_context: ToolContext) -> dict[str, Any]:
        return {"error": "not without a bill"}

    call = await paid(AdkEngine(before_tool_callback=refuse))
    (context,) = call.phone.contexts.values()
    assert context.state == {}
    assert [use.result for use in call.report.tools] == [{"error": "not without a bill"}]
    assert call.heard(REFUNDED), "the scenario's model goes on all the same"


def broken(*_: Any, **__: Any) -> None:
    raise RuntimeError("broken callback")


@pytest.mark.parametrize("place", ["before_tool_callback", "after_tool_callback"])
@virtual_time
async def test_a_callback_that_raises_costs_the_result_and_not_the_call(place: str) -> None:
    callbacks: dict[str, Any] = {place: broken}
    call = await paid(AdkEngine(**callbacks))
    assert [use.result for use in call.report.tools] == [FAILED]
    assert call.heard(REFUNDED)
    assert call.report.ended is EndReason.CALLER_HUNG_UP


@virtual_time
async def test_a_callback_that_never_returns_costs_the_result_and_not_the_call() -> None:
    async def hang(*_: Any, **__: Any) -> None:
        await asyncio.Event().wait()

    scenario = one_tool("refund", euros=30)
    scenario["script"][2] = {"wait": 25}
    call = await call_house(AdkEngine(before_tool_callback=hang), scenario, agent=Paying)
    assert [use.ok for use in call.report.tools] == [False]
    assert call.heard(REFUNDED)


# Tools of ADK's agents -------------------------------------------------------------------------------------


async def fails(euros: int) -> str:
    """Pay money back."""
    raise OSError("the bank is closed")


def refuses(euros: int) -> str:
    """Pay money back."""
    raise ToolError("Ask for the bill first.")


async def hangs(euros: int) -> str:
    """Pay money back."""
    await asyncio.Event().wait()
    return ""


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (fails, FAILED),
        (refuses, {"error": "Ask for the bill first."}),
        (hangs, {"error": "refund took too long and was stopped"}),
    ],
)
@virtual_time
async def test_a_tool_of_a_sub_agent_that_fails_is_told_to_the_model(
    function: Any, told: dict[str, str]
) -> None:
    function.__name__ = "refund"
    watcher = Watcher()
    engine = AdkEngine(sub_agents=[billing(function)], plugins=[watcher], tool_timeout=2)
    asks = {"on": "caller_done", "heard": AMOUNT, "call": {"refund": {"euros": 30}}}
    call = await call_house(engine, plot(asks, {"on": "tool_result", "say": REFUNDED}))
    assert [use.result for use in call.report.tools if use.name == "refund"] == [told]
    assert call.heard(REFUNDED)
    assert any(entry.startswith("error ") for entry in watcher.seen)
    assert watcher.seen[-1] == "after run"


@virtual_time
async def test_the_agents_own_error_callback_comes_first() -> None:
    async def mend(tool: BaseTool, args: Any, tool_context: ToolContext, error: Exception) -> dict[str, str]:
        return {"result": f"mended: {error}"}

    fails.__name__ = "refund"
    engine = AdkEngine(tools=[fails], on_tool_error_callback=mend)
    call = await paid(engine, House)
    assert [use.result for use in call.report.tools] == [{"result": "mended: the bank is closed"}]


@virtual_time
async def test_a_sync_tool_runs_in_a_thread() -> None:
    threads: list[str] = []

    def refund(euros: int, tool_context: ToolContext) -> str:
        """Pay money back."""
        threads.append(threading.current_thread().name)
        tool_context.state["paid"] = euros
        return "done"

    call = await paid(AdkEngine(tools=[refund]), House)
    assert [name.rpartition("_")[0] for name in threads] == ["adk tool"]
    (context,) = call.phone.contexts.values()
    assert context.state["paid"] == 30


@virtual_time
async def test_a_long_running_tool_is_answered_at_once() -> None:
    def refund(euros: int) -> None:
        """Ask for money to be paid back."""

    call = await paid(AdkEngine(tools=[LongRunningFunctionTool(refund)]), House)
    assert [use.result for use in call.report.tools] == [{"status": "pending"}]


@virtual_time
async def test_a_slow_tool_of_a_sub_agent_holds_up_no_other_and_duplicates_run_once() -> None:
    ran: list[str] = []

    async def refund(euros: int) -> str:
        """Pay money back."""
        ran.append("refund")
        await asyncio.sleep(6)
        return "paid"

    async def address() -> str:
        """Where we are."""
        ran.append("address")
        return "in Bank Street"

    scenario = {
        "script": [
            {"wait": "agent_done"},
            {"say": AMOUNT},
            {"wait": 1},
            {"say": BILL},
            {"wait": 12},
            "hangup",
        ],
        "model": [
            {"on": "start", "say": GREETING},
            {"on": "caller_done", "heard": AMOUNT, "call": {"refund": {"euros": 30}}},
            {"on": "caller_done", "heard": BILL, "call": {"address": {}}},
            {"on": "tool_result", "result": "Bank Street", "say": "We are in Bank Street."},
            {"on": "tool_result", "result": "paid", "say": REFUNDED},
        ],
    }
    twice = {"at": 1.5, "duplicate_tool_call": True}
    call = await talk(AdkEngine(tools=[refund, address]), twice, plot=scenario, agent=House)
    assert ran == ["refund", "address"]
    assert call.heard_at("We are in Bank Street.") < call.heard_at(REFUNDED)
    assert len(call.sessions[0].tool_responses) == 2


@virtual_time
async def test_a_tool_may_ask_for_another_agent_by_itself() -> None:
    async def refund(euros: int, tool_context: ToolContext) -> str:
        """Pay money back."""
        tool_context.actions.transfer_to_agent = "billing"
        return "billing does it"

    scenario = one_tool("refund", euros=30)
    scenario["model"][2] = {"on": "start", "say": REFUNDED}
    engine = AdkEngine(tools=[refund], sub_agents=[billing()])
    call = await call_house(engine, scenario)
    assert len(call.sessions) == 2
    assert call.heard(REFUNDED)


# Guards ----------------------------------------------------------------------------------------------------


def in_place(text: str) -> LlmResponse:
    return LlmResponse(content=types.Content(role="model", parts=[types.Part(text=text)]))


@virtual_time
async def test_what_a_guard_says_in_the_models_place_is_heard_and_the_rest_is_not() -> None:
    instead = "I cannot tell you that."
    secret = "The code of the safe is one two three four, and the key is under the mat, behind the house."

    def guard(callback_context: CallbackContext, llm_response: LlmResponse) -> LlmResponse | None:
        said = llm_response.output_transcription
        return in_place(instead) if said and said.text and "house" in said.text else None

    scenario = one_tool("unused")
    scenario["model"] = [
        {"on": "start", "say": GREETING},
        {"on": "caller_done", "heard": AMOUNT, "say": secret},
    ]
    call = await call_house(AdkEngine(after_model_callback=guard), scenario)
    assert call.heard(instead)
    assert not call.heard(secret)
    assert call.spoken_ms < 7000


@virtual_time
async def test_a_guard_answers_what_the_caller_must_not_ask() -> None:
    instead = "Let us talk about your bill."

    def guard(callback_context: CallbackContext, llm_request: LlmRequest) -> LlmResponse | None:
        texts = [part.text or "" for content in llm_request.contents for part in content.parts or ()]
        return in_place(instead) if any(AMOUNT in text for text in texts) else None

    scenario = one_tool("unused")
    scenario["model"] = [
        {"on": "start", "say": GREETING},
        {"on": "caller_done", "heard": AMOUNT, "say": REFUNDED},
    ]
    call = await call_house(AdkEngine(before_model_callback=guard), scenario)
    assert call.heard(instead)
    assert not call.heard(REFUNDED)


# Runs that fail --------------------------------------------------------------------------------------------


class Breaks(Watcher):
    """Fails at the first thing the caller says."""

    broken = 0

    async def on_event_callback(self, *, event: Event, **_: Any) -> None:
        if event.input_transcription and self.broken < 1:
            self.broken += 1
            raise RuntimeError("broken plugin")


@virtual_time
async def test_a_run_that_fails_is_begun_again_beside_the_conversation() -> None:
    plugin = Breaks()
    scenario = one_tool("refund", euros=30)
    scenario["script"] = [
        {"wait": "agent_done"},
        {"say": BILL},
        {"wait": "agent_done"},
        {"say": AMOUNT},
        {"wait": 6},
        "hangup",
    ]
    scenario["model"].insert(1, {"on": "caller_done", "heard": BILL, "say": "Yes, please."})
    call = await call_house(AdkEngine(plugins=[plugin]), scenario, agent=Paying)
    assert plugin.broken == 1
    assert call.said == [GREETING, "Yes, please.", REFUNDED]
    assert call.tools == [("refund", True)]
    assert len(call.sessions) == 1


class NoHandover(Watcher):
    """Fails when the call is to be handed over."""

    async def after_tool_callback(self, *, tool: BaseTool, **_: Any) -> None:
        if tool.name == "transfer_to_agent":
            # Until the caller has begun to speak.
            await asyncio.sleep(1.5)
            raise RuntimeError("broken plugin")


@virtual_time
async def test_where_a_hand_over_fails_the_first_agent_goes_on_and_has_heard_all() -> None:
    scenario = plot(
        script=[{"wait": "agent_done"}, {"say": BILL}, {"wait": 1}, {"say": AMOUNT}, {"wait": 9}, "hangup"]
    )
    scenario["model"][2:] = [
        {"on": "tool_result", "result": "failed", "say": "Nobody is there."},
        {"on": "caller_done", "heard": AMOUNT, "say": REFUNDED},
    ]
    call = await call_house(AdkEngine(sub_agents=[billing()], plugins=[NoHandover()]), scenario)
    assert call.heard(REFUNDED)
    assert call.tools == [("transfer_to_agent", False)]
    assert contains_speech(call.sessions[0].audio, AMOUNT, 16000, voice="en-GB")
    assert len(call.sessions) == 1


class AlwaysBreaks(Breaks):
    """Fails at all that the caller says."""

    async def on_event_callback(self, *, event: Event, **_: Any) -> None:
        raise RuntimeError("broken plugin")


@virtual_time
async def test_where_the_run_fails_again_and_again_the_conversation_goes_on_without_it() -> None:
    call = await paid(AdkEngine(plugins=[AlwaysBreaks()]))
    assert call.report.ended is EndReason.CALLER_HUNG_UP
    assert call.heard(GREETING)
    assert [use.ok for use in call.report.tools] == [False]
