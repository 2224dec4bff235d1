"""The tools of an MCP server are tools of a call: over standard input and output, and over HTTP."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from google.adk.agents.readonly_context import ReadonlyContext
from google.adk.tools.mcp_tool import McpToolset, StdioConnectionParams, StreamableHTTPConnectionParams
from mcp import StdioServerParameters

from tests.adk.mcp_server import HttpShop, over_http
from voiceagent import CallContext, VoiceAgent
from voiceagent.adk import offer
from voiceagent.live import ToolCall
from voiceagent.service import StartupError
from voiceagent.testing import PlayedCall, phone_line, virtual_time
from voiceagent.toolbox import EVERYTHING, Toolbox, ToolsetError, Toolsets

pytestmark = pytest.mark.filterwarnings("ignore:.*EXPERIMENTAL:UserWarning")

NAMES = {"ask_the_warehouse", "bicycles_in_stock", "my_bicycle", "opening_hours", "reserve", "take_inventory"}
OUT_OF_ORDER = {"error": "take_inventory failed; it cannot be used right now"}


@pytest.fixture(autouse=True)
def without_google_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """ADK looks for Google's credentials before every HTTP connection, in the network as well."""
    monkeypatch.setenv("GOOGLE_API_USE_CLIENT_CERTIFICATE", "false")


def stdio() -> McpToolset:
    server = StdioServerParameters(command=sys.executable, args=["-m", "tests.adk.mcp_server"])
    return McpToolset(connection_params=StdioConnectionParams(server_params=server, timeout=20.0))


def http(shop: HttpShop, **options: Any) -> McpToolset:
    return McpToolset(connection_params=StreamableHTTPConnectionParams(url=shop.url), **options)


class Counter:
    """The opened tools, each called in a task of its own, as in a call."""

    def __init__(self, toolsets: Toolsets) -> None:
        self.toolbox = Toolbox(toolsets.tools, EVERYTHING)

    async def ask(self, name: str, *, caller: str | None = None, **args: Any) -> dict[str, Any]:
        call = CallContext("call-1", caller_number=caller)
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(self.toolbox.run(ToolCall("1", name, args), call))
        return task.result()


@asynccontextmanager
async def opened(*sources: object) -> AsyncIterator[Counter]:
    toolsets = Toolsets()
    await toolsets.open(sources)
    try:
        yield Counter(toolsets)
    finally:
        await toolsets.close()


async def test_a_server_on_standard_input_and_output() -> None:
    async with opened(offer(stdio(), timeout=2.0)) as counter:
        assert {declaration.name for declaration in counter.toolbox.declarations} == NAMES

        assert await counter.ask("bicycles_in_stock", model="Tourer") == {"model": "Tourer", "in_stock": 7}
        assert await counter.ask("opening_hours") == {"result": "Monday to Saturday, nine to six."}
        assert "reserve" in (await counter.ask("reserve", model="Tourer"))["error"]
        assert "model" in (await counter.ask("bicycles_in_stock"))["error"]
        assert await counter.ask("ask_the_warehouse", model="Tourer") == {
            "error": "ask_the_warehouse took too long and was stopped"
        }
        # The server was interrupted, and not lost; then it dies, and is started again for the next question.
        assert await counter.ask("opening_hours") == {"result": "Monday to Saturday, nine to six."}
        assert await counter.ask("take_inventory") == OUT_OF_ORDER
    async with opened(stdio()) as counter:
        assert await counter.ask("take_inventory") == OUT_OF_ORDER
        assert await counter.ask("opening_hours") == {"result": "Monday to Saturday, nine to six."}
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_command_that_is_not_there_is_named() -> None:
    params = StdioConnectionParams(server_params=StdioServerParameters(command="/no/such/server", args=[]))

    with pytest.raises(ToolsetError, match=r"McpToolset '/no/such/server' cannot be listed: .*No such file"):
        await Toolsets().open((McpToolset(connection_params=params),))


async def test_a_server_is_told_who_is_calling_by_the_line() -> None:
    def who(context: ReadonlyContext) -> dict[str, str]:
        return {"x-caller": context.user_id}

    async with over_http() as shop, opened(http(shop, header_provider=who)) as counter:
        assert await counter.ask("my_bicycle", caller="+15550100") == {"result": "a red tandem"}
        assert await counter.ask("my_bicycle", caller="+15550101") == {"result": "none"}
        assert await counter.ask("my_bicycle") == {"result": "none"}


SHOP_CALL = """\
script:
  - wait: agent_done
  - say: have you got a tourer
  - wait: agent_done
  - say: ask the warehouse please
  - wait: agent_done
  - say: then put one aside
  - wait: agent_done
  - say: when are you open
  - wait: agent_done
  - hangup
model:
  - {on: start, say: Hello.}
  - {on: caller_done, heard: have you got a tourer, call: {bicycles_in_stock: {model: Tourer}}}
  - {on: tool_result, say: There are seven of them.}
  - {on: caller_done, heard: ask the warehouse please, call: {ask_the_warehouse: {model: Tourer}}}
  - {on: tool_result, say: The warehouse does not answer.}
  - {on: caller_done, heard: then put one aside, call: {close_shop: {}}}
  - {on: tool_result, call: {bicycles_in_stock: {model: Tourer}}}
  - {on: tool_result, say: Something is wrong here., call: {open_shop: {}}}
  - {on: tool_result, say: Now it is fine again.}
  - {on: caller_done, heard: when are you open, call: {opening_hours: {}}}
  - {on: tool_result, say: From nine to six.}
"""


@virtual_time
async def test_a_phone_call_uses_a_server_that_hangs_dies_and_comes_back() -> None:
    async with over_http() as shop:

        async def close_shop() -> str:
            """The server dies."""
            await shop.die()
            return "closed"

        async def open_shop() -> str:
            """The server comes back."""
            await shop.open()
            return "open"

        class Bicycles(VoiceAgent):
            tools = (offer(http(shop), timeout=4.0), close_shop, open_shop)

        async with phone_line(Bicycles, SHOP_CALL) as line:
            played = await line.call()

    assert played.ended == "caller_hung_up"
    assert [answer(played, number) for number in range(len(played.tools))] == [
        ("bicycles_in_stock", True, {"model": "Tourer", "in_stock": 7}),
        ("ask_the_warehouse", False, {"error": "ask_the_warehouse took too long and was stopped"}),
        ("close_shop", True, {"result": "closed"}),
        ("bicycles_in_stock", False, {"error": "bicycles_in_stock failed; it cannot be used right now"}),
        ("open_shop", True, {"result": "open"}),
        ("opening_hours", True, {"result": "Monday to Saturday, nine to six."}),
    ]
    assert played.caller.heard_speech("There are seven of them.")
    assert played.caller.heard_speech("From nine to six.")


def answer(played: PlayedCall, number: int) -> tuple[str, bool, Any]:
    use = played.tools[number]
    return use.name, use.ok, use.result


@virtual_time
async def test_two_calls_at_once_share_a_server() -> None:
    async with over_http() as shop:

        class Bicycles(VoiceAgent):
            tools = (http(shop),)

        async with phone_line(Bicycles, SHOP_CALL.replace("close_shop", "opening_hours")) as line:
            both = await asyncio.gather(line.call(), line.call(caller="+15550101"))

    for played in both:
        assert answer(played, 0) == ("bicycles_in_stock", True, {"model": "Tourer", "in_stock": 7})


class Lost(VoiceAgent):
    """Its tools are on a server that is not there."""

    def __init__(self) -> None:
        params = StreamableHTTPConnectionParams(url="http://user:secret@127.0.0.1:1/mcp?key=secret")
        self.tools = (McpToolset(connection_params=params),)
        self.shut_down = False

    async def on_shutdown(self) -> None:
        self.shut_down = True


@virtual_time
async def test_a_server_that_is_not_there_stops_the_start() -> None:
    agent = Lost()

    with pytest.raises(StartupError) as failed:
        async with phone_line(agent, {"model": []}):
            pytest.fail("the service started without its tools")

    said = str(failed.value)
    assert "Lost: the tools of McpToolset http://127.0.0.1:1/mcp cannot be listed" in said
    assert "secret" not in said
    assert agent.shut_down


async def test_a_name_that_the_agent_has_too_stops_the_start() -> None:
    async def opening_hours() -> str:
        """When we are open."""
        return "Always."

    async with over_http() as shop:

        class Bicycles(VoiceAgent):
            tools = (http(shop), opening_hours)

        with pytest.raises(StartupError, match="two tools are called 'opening_hours'"):
            async with phone_line(Bicycles, {"model": []}):
                pytest.fail("the service started with two tools of one name")
