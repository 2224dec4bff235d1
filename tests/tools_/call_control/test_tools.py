"""A model that drives the line itself: who is connected, who hears it, and when it leaves."""

from __future__ import annotations

from typing import Any

import pytest

from tools.call_control import CallControlTools
from voiceagent import CallContext, ToolError, VoiceAgent
from voiceagent.call.base import Capabilities
from voiceagent.report import EndReason
from voiceagent.testing import PlayedCall, phone_line, virtual_time
from voiceagent.toolbox import Toolbox, functions_in

ASKS = "please connect me"


class Driver(VoiceAgent):
    """Leaves everything to its model."""

    instruction = "You connect callers."
    tools = (CallControlTools(),)
    ring_seconds = 20


def driven(
    *rules: object, caller: tuple[object, ...] = ({"wait": 60}, "hangup"), answers: bool = True
) -> Any:
    return {
        "script": [{"wait": "agent_done"}, {"say": ASKS}, *caller],
        "callee": {"answers": answers, "script": [{"wait": 1}, {"say": "hello this is Ben"}, {"wait": 60}]}
        if answers
        else {"answers": False},
        "model": [{"on": "start", "say": "Hello."}, *rules],
    }


def modes(played: PlayedCall) -> list[str]:
    return [event["mode"] for event in played.events if event["event"] == "mode"]


@virtual_time
async def test_the_model_connects_listens_whispers_and_leaves() -> None:
    plot = driven(
        {"on": "caller_done", "heard": ASKS, "say": "One moment.", "call": {"connect_and_listen": {}}},
        {"on": "tool_result"},
        {"on": "caller_done", "heard": "hello this is Ben", "call": {"whisper_to_callee": {}}},
        {"on": "tool_result", "say": "She wants the blue one."},
        {"after": 6, "call": {"leave_call": {"reason": "they get on well"}}},
    )
    async with phone_line(Driver, plot) as line:
        played = await line.call()
    assert played.ended is EndReason.TRANSFERRED and modes(played) == ["spy", "whisper", "spy"]
    assert played.callee.heard_speech("She wants the blue one.")
    assert not played.caller.heard_speech("She wants the blue one.")
    assert [use.ok for use in played.tools] == [True] * 3


@virtual_time
async def test_the_model_connects_with_a_briefing_and_is_gone() -> None:
    plot = driven(
        {
            "on": "caller_done",
            "say": "One moment.",
            "call": {"connect_with_briefing": {"briefing": "She wants blue."}},
        },
        {"on": "tool_result", "result": "She wants blue.", "say": "She wants the blue one."},
    )
    async with phone_line(Driver, plot) as line:
        played = await line.call()
    assert played.ended is EndReason.TRANSFERRED and modes(played) == ["whisper"]
    assert played.callee.heard_speech("She wants the blue one.")
    assert not played.caller.heard_speech("She wants the blue one.")


@virtual_time
async def test_when_nobody_answers_the_model_goes_on_with_the_caller() -> None:
    plot = driven(
        {"on": "caller_done", "say": "One moment.", "call": {"connect_and_listen": {}}},
        {
            "on": "tool_result",
            "result": "Nobody answered",
            "say": "Nobody is there. Goodbye.",
            "call": {"leave_call": {}},
        },
        answers=False,
    )
    async with phone_line(Driver, plot) as line:
        played = await line.call()
    assert played.ended is EndReason.AGENT_HUNG_UP
    assert played.caller.heard_speech("Nobody is there. Goodbye.")


@virtual_time
async def test_whispering_to_nobody_is_refused() -> None:
    plot = driven(
        {"on": "caller_done", "call": {"whisper_to_callee": {}}},
        {"on": "tool_result", "say": "I am sorry."},
        caller=({"wait": 12}, "hangup"),
    )
    async with phone_line(Driver, plot) as line:
        played = await line.call()
    assert "nobody to whisper to" in str(played.tools[0].result)
    assert played.caller.heard_speech("I am sorry.") and modes(played) == []


async def test_an_empty_briefing_is_refused() -> None:
    with pytest.raises(ToolError, match="briefing is empty"):
        await CallControlTools().connect_with_briefing(CallContext(call_id="1"), " ... ")


async def test_outside_a_call_nothing_is_done() -> None:
    tools, call = CallControlTools(), CallContext(call_id="1")
    answers = {
        str(await tools.connect_and_listen(call)),
        str(await tools.connect_with_briefing(call, "She wants blue.")),
        await tools.whisper_to_callee(call),
        await tools.leave_call(call),
    }
    assert answers == {"not on a call"}


def test_a_line_that_cannot_whisper_is_offered_only_what_it_can() -> None:
    offered = Toolbox(functions_in([CallControlTools()]), Capabilities(transfer=True)).declarations
    assert [declaration.name for declaration in offered] == ["leave_call"]
