"""A call passes between the agents of google-adk: at once, with all that was said, and with no word lost."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from google.adk.agents import LlmAgent
from google.adk.live import _live_llm_flow
from google.adk.tools.tool_context import ToolContext

from tests.adk.house import (
    AMOUNT,
    BILL,
    BILLING,
    GREETING,
    HANDOVER,
    REFUNDED,
    House,
    billing,
    call_house,
    declared,
    instruction,
    plot,
)
from tests.engines.office import talk
from tests.virtual_time import virtual_time
from voiceagent import CallContext, VoiceAgent, tool
from voiceagent.adk import AdkEngine
from voiceagent.report import BargeIn, EndReason
from voiceagent.testing.audio import audible_ms, contains_speech

RATE = 16000
AT_REFUND = {"on": "caller_done", "heard": AMOUNT, "call": {"refund": {"euros": 30}}}


def refund(euros: int, tool_context: ToolContext) -> str:
    """Pay money back."""
    tool_context.state["refunded"] = euros
    return f"{euros} euros"


@virtual_time
async def test_the_next_agent_has_its_own_words_and_tools_and_knows_what_was_said() -> None:
    engine = AdkEngine(sub_agents=[billing(refund)])
    call = await call_house(engine, plot(AT_REFUND, {"on": "tool_result", "say": REFUNDED}))
    assert call.said == [GREETING, HANDOVER, BILLING, REFUNDED]
    assert [text for text in call.said if not call.heard(text)] == []
    assert call.tools == [("transfer_to_agent", True), ("refund", True)]
    (context,) = call.phone.contexts.values()
    assert context.state["refunded"] == 30
    assert declared(call, 0) == {"transfer_to_agent", "end_call", "transfer_call"}
    assert declared(call, 1) == {"transfer_to_agent", "end_call", "transfer_call", "refund"}
    assert instruction(call, 0).startswith("You answer the phone.")
    assert instruction(call, 1).startswith("You do bills.")
    (told,) = call.sessions[1].texts
    assert told.index(GREETING) < told.index(BILL) < told.index("transfer_to_agent")


@virtual_time
async def test_a_hand_over_makes_no_pause() -> None:
    """google-adk's own transport pauses for 1.04 s here, and for 11 s where the old agent goes on talking."""
    talks_on = {"on": "tool_result", "say": "I am putting you through to my colleagues now. " * 8}
    scenario = plot()
    scenario["model"].insert(2, talks_on)
    call = await call_house(AdkEngine(sub_agents=[billing(refund)]), scenario)
    first, second = call.sessions
    (asked,) = (event["at_ms"] for event in first.events if event["event"] == "tool_call")
    (closed,) = (event["at_ms"] for event in first.events if event["event"] == "closed")
    assert closed - asked < 100
    spoken = [event["at_ms"] for event in second.events if event["event"] == "first_audio"]
    assert spoken[0] < 100
    gap = call.heard_at(BILLING) - call.heard_at(HANDOVER) - audible_ms(HANDOVER)
    assert gap < 900, "the pause between two sentences, and no more"


def test_others_in_the_process_keep_the_pause_of_google_adk() -> None:
    from voiceagent.adk import handover

    handover.install()
    handover.install()
    delay: Any = vars(_live_llm_flow)["DEFAULT_TRANSFER_AGENT_DELAY"]
    assert delay == 1.0
    assert not delay <= 0
    with handover.without_pause():
        assert delay <= 0
        assert not delay <= -1
    assert not delay <= 0


@virtual_time
async def test_what_the_caller_says_during_a_hand_over_reaches_the_next_agent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The next connection takes three seconds, and the caller speaks all the time."""
    from voiceagent.live.genai import GenaiConnector

    opened = GenaiConnector.open

    async def slow(self: GenaiConnector, config: Any, **options: Any) -> Any:
        if "You do bills" in config.instruction:
            await asyncio.sleep(3)
        return await opened(self, config, **options)

    monkeypatch.setattr(GenaiConnector, "open", slow)
    script = [
        {"wait": "agent_done"},
        {"say": BILL},
        # The model takes the hand-over up half a second later.
        {"wait": 0.8},
        {"say": AMOUNT},
        {"wait": 12},
        "hangup",
    ]
    scenario = plot(AT_REFUND, {"on": "tool_result", "say": REFUNDED}, script=script)
    call = await call_house(AdkEngine(sub_agents=[billing(refund)]), scenario)
    assert contains_speech(call.sessions[1].audio, AMOUNT, RATE, voice="en-GB")
    assert call.heard(REFUNDED)


@virtual_time
async def test_the_call_comes_back_to_the_first_agent() -> None:
    back: dict[str, Any] = {"transfer_to_agent": {"agent_name": "house"}}
    again = "Hello again, what else?"
    scenario = plot({"on": "caller_done", "heard": AMOUNT, "call": back}, {"on": "caller_done", "say": again})
    call = await call_house(AdkEngine(sub_agents=[billing()]), scenario)
    assert call.said == [GREETING, HANDOVER, BILLING, again]
    assert instruction(call, 2).startswith("You answer the phone.")
    assert [session.closed for session in call.sessions] == [True] * 3


@virtual_time
async def test_a_sub_agent_ends_the_call_after_its_goodbye() -> None:
    goodbye = "That was all, goodbye."
    scenario = plot({"on": "caller_done", "heard": AMOUNT, "say": goodbye, "call": {"end_call": {}}})
    call = await call_house(AdkEngine(sub_agents=[billing()]), scenario)
    assert call.report.ended is EndReason.AGENT_HUNG_UP
    assert call.heard(goodbye)


@virtual_time
async def test_a_sub_agent_is_interrupted_like_any_other() -> None:
    long = (
        "We can pay back what you have paid too much, within thirty days of the bill, to your account. " * 2
    )
    script = [
        {"wait": "agent_done"},
        {"say": BILL},
        {"interrupt_after": 4},
        {"say": AMOUNT},
        {"wait": 6},
        "hangup",
    ]
    scenario = plot({"on": "caller_done", "heard": AMOUNT, "say": REFUNDED}, script=script)
    scenario["model"][2]["say"] = long
    call = await call_house(AdkEngine(sub_agents=[billing()]), scenario)
    assert len(call.phone.seen(BargeIn)) == 1
    assert not call.heard(long.strip())
    assert call.heard(REFUNDED)


class Desk(VoiceAgent):
    """Pays money back."""

    instruction = "You pay back."
    voice = "Puck"

    @tool
    async def refund(self, call: CallContext, euros: int) -> str:
        """Pay money back."""
        call.state["refunded"] = euros
        return "done"


@virtual_time
async def test_a_voice_agent_is_a_sub_agent() -> None:
    scenario = plot(AT_REFUND, {"on": "tool_result", "say": REFUNDED})
    scenario["model"][1]["call"] = {"transfer_to_agent": {"agent_name": "desk"}}
    call = await call_house(AdkEngine(sub_agents=[Desk]), scenario)
    assert call.heard(REFUNDED)
    assert instruction(call, 1).startswith("You pay back.")
    assert [session.voice for session in call.sessions] == [None, "Puck"]
    (context,) = call.phone.contexts.values()
    assert context.state["refunded"] == 30


@virtual_time
async def test_a_ready_tree_of_agents_answers_calls() -> None:
    root = LlmAgent(name="root", instruction="You are the root.", sub_agents=[billing(refund)])
    engine = AdkEngine(agent=root, voices={"root": "Zephyr", "billing": "Puck"})

    class Ready(VoiceAgent):
        idle_seconds = None

    for _ in range(2):
        call = await call_house(engine, plot(), agent=Ready)
        assert call.said == [GREETING, HANDOVER, BILLING, "I am listening. Please go on."]
        assert instruction(call, 0).startswith("You are the root.")
        assert [session.voice for session in call.sessions] == ["Zephyr", "Puck"]
    assert root.sub_agents[0].parent_agent is root, "what was given is not changed"
    assert root.model == ""


@pytest.mark.parametrize("model", ["gemini-3.8-live", "gemini-2.5-flash-native-audio-preview-12-2025"])
@virtual_time
async def test_the_name_of_the_model_makes_no_difference(model: str) -> None:
    scenario = plot(AT_REFUND, {"on": "tool_result", "say": REFUNDED})
    call = await call_house(AdkEngine(sub_agents=[billing(refund)]), scenario, model=model)
    assert call.tools == [("transfer_to_agent", True), ("refund", True)]
    assert call.heard(REFUNDED)


@virtual_time
async def test_a_tool_that_runs_is_let_finish_before_a_hand_over() -> None:
    booked: list[str] = []

    class Booking(House):
        @tool
        async def book(self, day: str) -> str:
            """Book a day."""
            await asyncio.sleep(0.3)
            booked.append(day)
            return "booked"

    scenario = plot()
    scenario["model"][1]["call"] = {
        "book": {"day": "monday"},
        "transfer_to_agent": {"agent_name": "billing"},
    }
    call = await call_house(AdkEngine(sub_agents=[billing()]), scenario, agent=Booking)
    assert booked == ["monday"]
    assert call.heard(BILLING)
    assert ("book", True) in call.tools


@virtual_time
async def test_a_hand_over_to_nobody_is_an_error_for_the_model() -> None:
    scenario = plot()
    scenario["model"][1]["call"] = {"transfer_to_agent": {"agent_name": "nobody"}}
    scenario["model"][2] = {"on": "tool_result", "result": "no agent", "say": BILLING}
    call = await call_house(AdkEngine(sub_agents=[billing()]), scenario)
    assert call.heard(BILLING)
    assert len(call.sessions) == 1


@virtual_time
async def test_the_next_agent_goes_on_over_another_connection() -> None:
    scenario = plot(AT_REFUND, {"on": "tool_result", "say": REFUNDED})
    scenario["faults"] = [{"at": 2.0, "drop": True, "session": 2}]
    call = await talk(
        AdkEngine(sub_agents=[billing(refund)]), *scenario.pop("faults"), plot=scenario, agent=House
    )
    assert call.heard(REFUNDED)
    assert call.tools == [("transfer_to_agent", True), ("refund", True)]
    assert len(call.sessions) == 3
    assert instruction(call, 2).startswith("You do bills.")


@virtual_time
async def test_where_the_next_agent_cannot_be_connected_the_call_is_not_left_in_silence() -> None:
    refused = {"at": 0, "refuse": 503, "session": 2, "times": 99}
    call = await talk(AdkEngine(sub_agents=[billing()]), refused, plot=plot(), agent=House)
    assert call.report.ended is EndReason.MODEL_UNAVAILABLE
