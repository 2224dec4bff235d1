"""ADK's tools stand among a voice agent's own, and find in a call what they find in ADK."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
from typing import Any, Literal

import pytest
from google.adk.agents import LlmAgent
from google.adk.tools import FunctionTool, LongRunningFunctionTool, google_search
from google.adk.tools.agent_tool import AgentTool
from google.adk.tools.base_tool import BaseTool
from google.adk.tools.base_toolset import BaseToolset
from google.adk.tools.tool_context import ToolContext
from google.genai import types

from tests.adk.chat import text_model
from voiceagent import CallContext, ToolError, VoiceAgent, tool
from voiceagent.adk import offer
from voiceagent.call.base import Capabilities
from voiceagent.live import ToolCall, ToolDeclaration
from voiceagent.sandbox.scenario import parse_scenario
from voiceagent.toolbox import EVERYTHING, Toolbox, ToolsetError, Toolsets, functions_in

pytestmark = pytest.mark.filterwarnings("ignore:.*EXPERIMENTAL:UserWarning")


def weather(city: str, tool_context: ToolContext, days: int = 1) -> dict[str, Any]:
    """What the weather will be like."""
    asked = [*tool_context.state.get("asked", []), city]
    tool_context.state["asked"] = asked
    return {"forecast": "rain", "asked": asked, "user": tool_context.user_id, "days": days}


async def run(call: CallContext, name: str, *sources: object, **args: Any) -> dict[str, Any]:
    return await Toolbox(functions_in(sources), EVERYTHING).run(ToolCall("1", name, args), call)


@pytest.fixture
def call() -> CallContext:
    return CallContext("call-1", caller_number="+15550100", state={"asked": ["Oslo"]})


async def test_a_function_tool_is_offered_as_it_is(call: CallContext) -> None:
    (declaration,) = Toolbox(functions_in([FunctionTool(weather)]), EVERYTHING).declarations

    assert declaration.name == "weather"
    assert "weather will be like" in declaration.description
    assert set(declaration.parameters["properties"]) == {"city", "days"}
    assert declaration.parameters["required"] == ["city"]
    assert declaration.parameters["properties"]["days"]["type"] == "integer"


async def test_its_state_is_the_state_of_the_call(call: CallContext) -> None:
    first = await run(call, "weather", FunctionTool(weather), city="Rome")
    second = await run(call, "weather", FunctionTool(weather), city="Bern", days=2)

    assert first == {"forecast": "rain", "asked": ["Oslo", "Rome"], "user": "+15550100", "days": 1}
    assert second["asked"] == ["Oslo", "Rome", "Bern"]
    assert call.state == {"asked": ["Oslo", "Rome", "Bern"]}


async def test_a_plain_function_and_a_method_get_a_tool_context_too(call: CallContext) -> None:
    class Desk(VoiceAgent):
        tools = (weather,)

        @tool
        async def note(self, text: str, call: CallContext, context: ToolContext | None) -> str:
            """Take a note."""
            assert context is not None
            context.state["note"] = text
            assert call.state["note"] == text
            return (context.function_call_id and "noted") or ""

    toolbox = Toolbox(Desk().tool_functions(), EVERYTHING)
    shown = {d.name: set(d.parameters["properties"]) for d in toolbox.declarations}

    assert shown["weather"] == {"city", "days"}
    assert shown["note"] == {"text"}
    assert await toolbox.run(ToolCall("1", "note", {"text": "hello"}), call) == {"result": "noted"}
    assert (await toolbox.run(ToolCall("2", "weather", {"city": "Rome"}), call))["user"] == "+15550100"
    assert call.state == {"asked": ["Oslo", "Rome"], "note": "hello"}


async def test_the_model_cannot_name_another_caller(call: CallContext) -> None:
    wrong = await run(call, "weather", weather, city="Rome", tool_context={"user_id": "+1666"})

    assert "tool_context" in wrong["error"]


async def test_a_withheld_number_is_no_user() -> None:
    assert (await run(CallContext("call-2"), "weather", weather, city="Rome"))["user"] == ""


async def test_a_sync_tool_does_not_hold_up_the_audio(call: CallContext) -> None:
    began, may_end = threading.Event(), threading.Event()

    def slow() -> str:
        """Take time."""
        began.set()
        assert may_end.wait(5)
        return "done"

    running = asyncio.create_task(run(call, "slow", FunctionTool(slow)))
    assert await asyncio.to_thread(began.wait, 5)
    assert not running.done()
    may_end.set()
    assert await running == {"result": "done"}


async def test_a_missing_argument_and_a_defect_are_errors_for_the_model(call: CallContext) -> None:
    def broken(city: str) -> str:
        """Break."""
        raise RuntimeError("secret detail")

    assert "city" in (await run(call, "weather", FunctionTool(weather)))["error"]
    assert await run(call, "broken", FunctionTool(broken), city="x") == {
        "error": "broken failed; it cannot be used right now"
    }


async def test_a_tool_may_refuse_with_a_sentence(call: CallContext) -> None:
    def refuse() -> str:
        """Refuse."""
        raise ToolError("We are closed.")

    assert await run(call, "refuse", FunctionTool(refuse)) == {"error": "We are closed."}


async def test_a_tool_that_takes_too_long_is_stopped(call: CallContext) -> None:
    async def hang() -> str:
        """Hang."""
        await asyncio.sleep(3600)
        return ""

    result = await run(call, "hang", offer(FunctionTool(hang), timeout=0.05))

    assert result == {"error": "hang took too long and was stopped"}


async def test_an_offer_may_require_what_the_line_can_do() -> None:
    handed = offer(FunctionTool(weather), requires="transfer")

    assert Toolbox(functions_in([handed]), Capabilities()).declarations == ()
    assert len(Toolbox(functions_in([handed]), Capabilities(transfer=True)).declarations) == 1


async def test_confirmation_and_sign_in_are_refused_with_a_sentence(call: CallContext) -> None:
    needs_yes = FunctionTool(weather, require_confirmation=True)

    error = (await run(call, "weather", needs_yes, city="Rome"))["error"]
    assert "confirmation" in error and "phone call" in error
    assert call.state == {"asked": ["Oslo"]}

    async def sign_in(tool_context: ToolContext) -> str:
        """Sign in."""
        tool_context.request_credential(None)  # type: ignore[arg-type]
        return "in"

    assert "sign in" in (await run(call, "sign_in", FunctionTool(sign_in)))["error"]


async def test_actions_of_the_runner_are_ignored_and_logged(
    call: CallContext, caplog: pytest.LogCaptureFixture
) -> None:
    async def leave(tool_context: ToolContext) -> str:
        """Leave."""
        tool_context.actions.escalate = True
        tool_context.actions.transfer_to_agent = "other"
        return "left"

    with caplog.at_level(logging.INFO, "voiceagent"):
        assert await run(call, "leave", FunctionTool(leave)) == {"result": "left"}

    said = [record.getMessage() for record in caplog.records if record.name.startswith("voiceagent")]
    assert len(said) == 2
    assert all("call-1" in line and "ignored" in line for line in said)
    assert "+15550100" not in caplog.text


async def test_a_long_running_tool_gives_what_it_has(call: CallContext) -> None:
    def ticket() -> dict[str, str]:
        """Open a ticket."""
        return {"status": "pending"}

    assert await run(call, "ticket", LongRunningFunctionTool(ticket)) == {"status": "pending"}


async def test_a_tool_of_the_models_own_service_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="google_search is run by the model's service"):
        list(functions_in([google_search]))


def test_an_older_form_of_declaration_is_understood() -> None:
    class Old(BaseTool):
        def _get_declaration(self) -> types.FunctionDeclaration:
            day = types.Schema(type=types.Type.STRING, enum=["monday", "tuesday"], description="Which day.")
            schema = types.Schema(type=types.Type.OBJECT, properties={"day": day}, required=["day"])
            return types.FunctionDeclaration(name="old", description="Old.", parameters=schema)

    (declaration,) = Toolbox(functions_in([Old(name="old", description="Old.")]), EVERYTHING).declarations

    assert declaration == ToolDeclaration(
        "old",
        "Old.",
        {
            "type": "object",
            "properties": {
                "day": {"type": "string", "enum": ["monday", "tuesday"], "description": "Which day."}
            },
            "required": ["day"],
        },
    )


class Shelf(BaseToolset):
    """A toolset whose opening can fail, and that knows whether it was closed."""

    def __init__(self, *tools: BaseTool, mood: Literal["good", "dead", "unclosable"] = "good") -> None:
        super().__init__()
        self.mood = mood
        self.closed_by: asyncio.Task[Any] | None = None
        self._tools = list(tools)

    async def get_tools(self, readonly_context: Any = None) -> list[BaseTool]:
        if self.mood == "dead":
            raise ConnectionError("connection refused")
        return self._tools

    async def close(self) -> None:
        self.closed_by = asyncio.current_task()
        if self.mood == "unclosable":
            raise RuntimeError("stuck")


async def test_toolsets_are_open_between_open_and_close(call: CallContext) -> None:
    shelf, toolsets = Shelf(FunctionTool(weather)), Toolsets()

    await toolsets.open((weather, offer(shelf, timeout=3.0)))
    (offered,) = toolsets.tools
    assert offered.options.timeout == 3.0
    assert (await offered.run({"city": "Rome"}, call))["forecast"] == "rain"
    await toolsets.close()

    assert toolsets.tools == ()
    assert shelf.closed_by is asyncio.current_task()


async def test_where_one_toolset_fails_the_others_are_closed(caplog: pytest.LogCaptureFixture) -> None:
    good, unclosable, toolsets = Shelf(), Shelf(mood="unclosable"), Toolsets()

    with pytest.raises(ToolsetError, match=r"tools of Shelf cannot be listed: connection refused\. Start it"):
        await toolsets.open((good, unclosable, Shelf(mood="dead")))

    assert good.closed_by is not None
    assert "closing Shelf: stuck" in caplog.text


def test_toolsets_wait_for_the_service_to_open_them() -> None:
    assert list(functions_in([Shelf(mood="dead")])) == []


@pytest.mark.parametrize("source", [weather, VoiceAgent(), None])
def test_only_what_comes_from_adk_needs_an_offer(source: object) -> None:
    with pytest.raises(TypeError, match="offer"):
        offer(source)


def test_an_offer_has_a_positive_timeout() -> None:
    with pytest.raises(ValueError, match="timeout"):
        offer(FunctionTool(weather), timeout=0)


def test_without_adk_an_agent_says_what_to_install() -> None:
    code = (
        "import sys\n"
        "sys.modules['google.adk'] = None\n"
        "from voiceagent import VoiceAgent\n"
        "try:\n"
        "    VoiceAgent().as_adk()\n"
        "except ImportError as error:\n"
        "    assert \"pip install 'voiceagent[adk]'\" in str(error), error\n"
        "else:\n"
        "    raise AssertionError\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


async def test_an_agent_of_adk_may_be_a_tool_of_a_call(call: CallContext) -> None:
    scenario = parse_scenario("model: [{on: start, say: It is a bargain.}]")
    async with text_model(scenario):
        advice = AgentTool(LlmAgent(name="adviser", description="Gives advice.", model="gemini-3.5-flash"))

        assert await run(call, "adviser", advice, request="what about it") == {"result": "It is a bargain."}


def test_adk_is_not_imported_for_a_phone_call() -> None:
    code = (
        "import sys, voiceagent.service, voiceagent.adk, voiceagent.toolbox\n"
        "from voiceagent import CallContext, VoiceAgent, tool\n"
        "from voiceagent.adk import lazy_root_agent, offer\n"
        "from voiceagent.toolbox import EVERYTHING, Toolbox\n"
        "Toolbox(VoiceAgent().tool_functions(), EVERYTHING)\n"
        "assert not [name for name in sys.modules if name.startswith('google.adk')]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
