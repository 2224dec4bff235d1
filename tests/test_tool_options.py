"""The options of tools: which make sense, and what they mean for a model."""

from __future__ import annotations

from typing import Any

import pytest

from voiceagent import CallContext, tool
from voiceagent.call.base import Capabilities
from voiceagent.live import Scheduling, ToolCall
from voiceagent.tool import Tool
from voiceagent.tool_options import ToolOptions
from voiceagent.tool_policy import ToolPolicy
from voiceagent.toolbox import Toolbox, functions_in
from voiceagent.words import Words, in_language

CALL = CallContext("call-1", caller_number="+15550100")


def box(*sources: object) -> Toolbox:
    return Toolbox(functions_in(sources), Capabilities(transfer=True))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"timeout": 0}, "timeout must be a positive number of seconds, not 0"),
        ({"timeout": float("nan")}, "timeout must be a positive number"),
        ({"filler_after": -1}, "filler_after must be a positive number"),
        ({"late": "later"}, "late must be one of 'drop', 'tell', not 'later'"),
        ({"scheduling": "WHEN_IDLE"}, "scheduling must be one of 'when_idle', 'interrupt', 'silent'"),
        ({"blocking": True, "scheduling": "silent"}, "leave out one of the two"),
        ({"blocking": "no"}, "blocking must be True, False or None"),
        ({"filler": ""}, "filler must be a text"),
        ({"filler": {}}, "filler must be a text"),
        ({"filler": 5}, "filler must be a text"),
        ({"max_result": 10}, "max_result must be at least 500 characters, not 10"),
        ({"requires": "flying"}, "requires must be one of 'transfer', 'whisper', 'dtmf'"),
        ({"secret": "code"}, "secret is a list of parameter names"),
        ({"timeuot": 5}, "timeuot"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises((TypeError, ValueError), match=said):
        tool(**options)


@tool
async def plain() -> None:
    """Do it."""


@tool(filler={"en": "One moment.", "de": "Einen Moment."}, scheduling="silent", late="tell", max_result=700)
async def slow() -> None:
    """Take long."""


OLDER = "gemini-2.5-flash-native-audio-preview-12-2025"


def in_german(words: Words) -> str:
    return in_language(words, "de-DE")


def test_a_model_that_waits_says_the_filler_before_it_calls_and_another_when_told() -> None:
    tools = box(slow, plain)
    first, second = tools.declared(OLDER, in_german)
    assert first.description.endswith('"Einen Moment."')
    assert second.description == "Do it."
    assert tools.policy(ToolCall("1", "slow", {}), OLDER, in_german).filler == ""

    first, _ = tools.declared("gemini-3.8-live", in_german)
    assert first.description == "Take long."
    assert tools.policy(ToolCall("1", "slow", {}), "gemini-3.8-live", in_german) == ToolPolicy(
        tell_late=True, scheduling=Scheduling.SILENT, filler="Einen Moment.", max_result=700
    )


def test_a_call_is_run_by_the_tool_that_was_brought_for_it() -> None:
    tools = box(plain)
    tools.bring("7", Tool(slow))
    assert tools.policy(ToolCall("7", "plain", {}), "gemini-3.8-live", in_german).tell_late
    assert not tools.policy(ToolCall("8", "plain", {}), "gemini-3.8-live", in_german).tell_late
    tools.forget("7")
    assert not tools.policy(ToolCall("7", "plain", {}), "gemini-3.8-live", in_german).tell_late
    assert tools.options("plain") == ToolOptions() == tools.options("no such tool")


def test_a_tool_says_whether_the_model_waits_for_it() -> None:
    @tool(blocking=True)
    async def wait() -> None:
        """Wait."""

    assert Tool(wait).declaration.blocking is True
    assert Tool(plain).declaration.blocking is None
