"""A voice agent is an ADK agent: in text it is the same agent as on the phone."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from google.adk.agents import LlmAgent
from google.adk.tools import FunctionTool
from google.adk.tools.tool_context import ToolContext

from tests.adk.chat import ChatError, chat_with, text_model
from voiceagent import CallContext, ToolError, VoiceAgent, tool
from voiceagent.adk import agent_of, lazy_root_agent
from voiceagent.sandbox.scenario import parse_scenario

pytestmark = pytest.mark.filterwarnings("ignore:.*EXPERIMENTAL:UserWarning")

SCENARIO = parse_scenario("""\
model:
  - {on: start, say: "Hello."}
  - {on: caller_done, heard: order one, call: {order: {pieces: 1}}}
  - {on: tool_result, say: "Done."}
  - {on: caller_done, heard: order many, call: {order: {pieces: 500}}}
  - {on: tool_result, say: "Too many."}
  - {on: caller_done, heard: order some, call: {order: {pieces: some}}}
  - {on: tool_result, say: "How many?"}
  - {on: caller_done, heard: order one more, call: {order: {pieces: 1}}}
  - {on: tool_result, say: "Done."}
  - {on: caller_done, heard: forget it, call: {cancel_order: {}}}
  - {on: tool_result, say: "Forgotten."}
  - {on: caller_done, heard: I want a person, call: {transfer_call: {}, end_call: {}}}
  - {on: tool_result, say: "I am sorry."}
""")


class Basket:
    """Something that JSON cannot hold."""

    def __init__(self) -> None:
        self.pieces = 0


class Shop(VoiceAgent):
    """Takes orders.

    More than one line.
    """

    instruction = "You sell bicycles to {caller}, whose number of calls is {calls}."
    temperature = 0.3

    def __init__(self) -> None:
        self.opened = self.closed = self.started = 0

    async def on_startup(self) -> None:
        self.opened += 1

    async def on_shutdown(self) -> None:
        self.closed += 1

    async def on_start(self, call: CallContext) -> None:
        self.calls = call.state.setdefault("calls", 0) + 1
        call.state["calls"] = self.calls
        call.state["basket"] = Basket()

    def facts(self, call: CallContext) -> dict[str, object]:
        return {"caller": call.caller_number or "somebody", "calls": self.calls}

    @tool
    async def order(self, call: CallContext, pieces: int) -> dict[str, Any]:
        """Order bicycles."""
        if pieces > 100:
            raise ToolError("A hundred at most.")
        assert self.opened > self.closed
        basket: Basket = call.state["basket"]
        basket.pieces += pieces
        call.state["ordered"] = basket.pieces
        return {"ordered": basket.pieces, "for": call.caller_number}

    @tool
    async def cancel_order(self, call: CallContext) -> str:
        """Cancel the order."""
        del call.state["ordered"]
        return "cancelled"


async def test_its_tools_run_as_in_a_call_with_the_same_errors() -> None:
    async with text_model(SCENARIO), chat_with(Shop().as_adk(), caller_number="+15550100") as chat:
        assert await chat.say("hello") == "Hello."
        assert await chat.say("order one") == "Done."
        assert chat.results == [("order", {"ordered": 1, "for": "+15550100"})]
        assert await chat.say("order many") == "Too many."
        assert chat.results == [("order", {"error": "A hundred at most."})]
        assert await chat.say("order some") == "How many?"
        assert "pieces: Input should be a valid integer" in chat.results[0][1]["error"]
        await chat.say("I want a person")
        assert chat.results == [
            ("transfer_call", {"result": "not on a call"}),
            ("end_call", {"result": "not on a call"}),
        ]


async def test_what_a_call_remembers_lasts_as_long_as_the_session() -> None:
    async with text_model(SCENARIO), chat_with(Shop().as_adk()) as chat:
        await chat.say("order one")
        await chat.say("order one more")
        assert chat.results == [("order", {"ordered": 2, "for": None})]
        assert await chat.state() == {"calls": 1, "ordered": 2}

        await chat.say("forget it")
        assert await chat.state() == {"calls": 1, "ordered": None}


class Speechless(Shop):
    """Has nothing to be told."""

    instruction = ""


async def test_a_session_begins_once_also_without_an_instruction() -> None:
    async with text_model(SCENARIO), chat_with(Speechless().as_adk()) as chat:
        await chat.say("order one")
        await chat.say("order one more")
        assert chat.results == [("order", {"ordered": 2, "for": None})]
        assert (await chat.state())["calls"] == 1


async def test_a_session_goes_on_after_a_restart() -> None:
    async with text_model(SCENARIO), chat_with(Shop().as_adk()) as chat:
        await chat.say("order one")

        restarted = await chat.other(Shop().as_adk())
        await restarted.say("order one more")

        # on_start has filled the basket anew, and found what JSON could hold.
        assert restarted.results == [("order", {"ordered": 1, "for": None})]
        assert (await restarted.state())["calls"] == 2
        await restarted.runner.close()


async def test_sessions_have_a_call_each() -> None:
    agent = Shop().as_adk()
    async with text_model(SCENARIO), chat_with(agent, caller_number="+1") as one, chat_with(agent) as other:
        await asyncio.gather(one.say("order one"), other.say("order one"))

    assert one.results == [("order", {"ordered": 1, "for": "+1"})]
    assert other.results == [("order", {"ordered": 1, "for": None})]


async def test_the_instruction_is_built_once_for_a_session() -> None:
    instructions: list[Any] = []

    def watch(callback_context: Any, llm_request: Any) -> None:
        instructions.append(llm_request.config.system_instruction)
        assert llm_request.config.temperature == 0.3

    agent = agent_of(Shop(), before_model_callback=watch)
    async with text_model(SCENARIO), chat_with(agent, caller_number="+15550100") as chat:
        await chat.say("order one")
        await chat.say("hello")

    assert len(instructions) == 3
    assert all("You sell bicycles to +15550100, whose number of calls is 1." in text for text in instructions)


async def test_a_trial_may_change_who_is_calling() -> None:
    async with text_model(SCENARIO), chat_with(Shop().as_adk()) as chat:
        await chat.say("order one")
        await chat.say("order one more", caller_number="+15550111")

    assert chat.results == [("order", {"ordered": 1, "for": "+15550111"})]


async def test_what_it_opens_is_open_while_it_is_used_and_closed_with_the_runner() -> None:
    shop = Shop()
    agent = shop.as_adk()
    assert (shop.opened, shop.closed) == (0, 0)
    async with text_model(SCENARIO):
        async with chat_with(agent) as chat:
            await chat.say("order one")
            await chat.say("order one more")
            assert (shop.opened, shop.closed) == (1, 0)
        assert (shop.opened, shop.closed) == (1, 1)

        async with chat_with(agent) as chat:
            await chat.say("order one")
        assert (shop.opened, shop.closed) == (2, 2)


def test_it_works_in_one_event_loop_after_another() -> None:
    shop = Shop()
    agent = shop.as_adk()

    async def hold_a_chat() -> None:
        async with text_model(SCENARIO), chat_with(agent) as chat:
            assert await chat.say("order one") == "Done."

    asyncio.run(hold_a_chat())
    asyncio.run(hold_a_chat())
    assert (shop.opened, shop.closed) == (2, 2)


async def test_a_start_that_fails_is_not_passed_over() -> None:
    class Broken(Shop):
        async def on_startup(self) -> None:
            raise ConnectionError("no database")

    async with text_model(SCENARIO), chat_with(Broken().as_adk()) as chat:
        with pytest.raises(ChatError, match="no database"):
            await chat.say("hello")


async def test_its_adk_tools_are_given_to_adk_as_they_are() -> None:
    async def order(pieces: int, tool_context: ToolContext) -> str:
        """Order bicycles."""
        tool_context.state["ordered"] = pieces
        return f"{tool_context.session.app_name}, {tool_context.user_id}"

    class Small(VoiceAgent):
        tools = (FunctionTool(order),)

    class Plain(VoiceAgent):
        tools = (order,)

    for agent in (Small().as_adk(), Plain().as_adk()):
        async with text_model(SCENARIO), chat_with(agent) as chat:
            await chat.say("order one")
            assert chat.results == [("order", {"result": "chats, somebody"})]
            assert (await chat.state())["ordered"] == 1


def test_it_is_named_and_described_after_its_class() -> None:
    class HTTPDesk(VoiceAgent):
        pass

    agent = Shop().as_adk()
    assert (agent.name, agent.description) == ("shop", "Takes orders.")
    assert (HTTPDesk().as_adk().name, HTTPDesk().as_adk().description) == ("http_desk", "")
    assert Shop().as_adk(name="other").name == "other"


def test_the_model_is_one_for_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VOICEAGENT_TEXT_MODEL", raising=False)
    assert Shop().as_adk().canonical_model.model == LlmAgent.DEFAULT_MODEL
    monkeypatch.setenv("VOICEAGENT_TEXT_MODEL", "gemini-9-flash")
    assert Shop().as_adk().canonical_model.model == "gemini-9-flash"
    assert Shop().as_adk(model="gemini-9-pro").canonical_model.model == "gemini-9-pro"


def test_a_tool_that_cannot_be_offered_fails_at_once() -> None:
    class Twice(VoiceAgent):
        @tool(name="end_call")
        async def other(self) -> str:
            """End it."""
            return ""

    with pytest.raises(ValueError, match="two tools are called 'end_call'"):
        Twice().as_adk()


def test_a_module_has_its_root_agent_when_it_is_asked_for() -> None:
    made: list[VoiceAgent] = []

    def make() -> VoiceAgent:
        made.append(Shop())
        return made[-1]

    module_getattr = lazy_root_agent(make)
    assert not made
    with pytest.raises(AttributeError, match="no attribute 'app'"):
        module_getattr("app")
    assert module_getattr("root_agent").name == "shop"
    assert module_getattr("root_agent") is module_getattr("root_agent")
    assert len(made) == 1
