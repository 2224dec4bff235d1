"""Tools: what the model sees of a function, and what happens to arguments that it makes up."""

from __future__ import annotations

import asyncio
import logging
import threading
from datetime import date
from enum import Enum
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from tests.virtual_time import virtual_time
from voiceagent import CallContext, ToolError, VoiceAgent, tool
from voiceagent.call.base import Capabilities
from voiceagent.live import ToolCall
from voiceagent.tool import Tool
from voiceagent.toolbox import Toolbox, functions_in

CALL = CallContext("call-1", caller_number="+15550100")
LINE = Capabilities(transfer=True)


class Weekday(Enum):
    MONDAY = "monday"
    SUNDAY = "sunday"


class Guest(BaseModel):
    name: str
    title: str = ""


class Desk:
    """A toolset: every marked method is a tool."""

    @tool
    async def book(
        self,
        call: CallContext,
        day: Weekday,
        guests: Annotated[int, Field(ge=1, le=8)],
        when: date | None = None,
    ) -> dict[str, Any]:
        """Book a table.

        A booking can be changed later.

        Args:
            day: Day of the week.
            guests: How many come.
        """
        return {"day": day, "guests": guests, "caller": call.caller_number, "when": when}

    @tool(name="greet_guest", timeout=1)
    def greet(self, guest: Guest) -> Guest:
        """Greet somebody."""
        assert isinstance(guest, Guest)
        return Guest(name=guest.name, title=threading.current_thread().name)

    @tool
    async def refuse(self) -> str:
        """Say no."""
        raise ToolError("We are closed on Sundays.")

    @tool
    async def crash(self) -> str:
        """Have a defect."""
        raise RuntimeError("secret detail")

    @tool(timeout=5)
    async def dawdle(self) -> str:
        """Take too long."""
        await asyncio.sleep(60)
        return "done"

    @tool
    async def nonsense(self) -> object:
        """Return something that is no JSON."""
        return object()

    @tool
    async def numbers(self) -> object:
        """Return what is almost JSON."""
        return {"nan": float("nan"), 1: (n for n in range(3))}

    @tool
    async def give_up(self) -> str:
        """Wait for a task that somebody cancelled."""
        task = asyncio.ensure_future(asyncio.sleep(60))
        task.cancel()
        await task
        return "done"

    @tool
    async def ask_elsewhere(self) -> str:
        """Run into a timeout of its own."""
        raise TimeoutError

    @tool
    async def reserved(
        self, schema: int, model_config: int, _hidden: int, call: CallContext | None = None
    ) -> list[object]:
        """Take names that pydantic has for itself."""
        return [schema, model_config, _hidden, call is CALL]

    def helper(self) -> None:
        """No tool: it is not marked."""


def box(*sources: object, line: Capabilities = LINE) -> Toolbox:
    return Toolbox(functions_in(sources or (Desk(),)), line)


async def run(name: str, **args: Any) -> dict[str, Any]:
    return await box().run(ToolCall("1", name, args), CALL)


def test_the_model_sees_name_description_and_schema_but_not_the_call() -> None:
    book = Tool(Desk().book).declaration
    assert book.name == "book"
    assert book.description == "Book a table.\nA booking can be changed later."
    assert set(book.parameters["properties"]) == {"day", "guests", "when"}
    assert book.parameters["properties"]["day"] == {
        "enum": ["monday", "sunday"],
        "type": "string",
        "description": "Day of the week.",
    }
    assert book.parameters["required"] == ["day", "guests"]
    assert "$ref" not in str(book.parameters)


def test_a_property_called_title_is_kept() -> None:
    guest = Tool(Desk().greet).declaration.parameters["properties"]["guest"]
    assert set(guest["properties"]) == {"name", "title"}


def test_only_marked_methods_are_taken_from_an_object() -> None:
    names = [declaration.name for declaration in box().declarations]
    assert names == [
        "book",
        "greet_guest",
        "refuse",
        "crash",
        "dawdle",
        "nonsense",
        "numbers",
        "give_up",
        "ask_elsewhere",
        "reserved",
    ]


async def test_arguments_are_converted_and_the_caller_comes_from_the_line() -> None:
    result = await run("book", day="monday", guests=2, when="2026-12-24")
    assert result == {"day": "monday", "guests": 2, "caller": "+15550100", "when": "2026-12-24"}


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({"day": "someday", "guests": 2}, "day: Input should be 'monday' or 'sunday'"),
        ({"day": "monday", "guests": 99}, "guests: Input should be less than or equal to 8"),
        ({"day": "monday"}, "guests: Field required"),
        (
            {"day": "monday", "guests": 2, "caller_number": "+1999"},
            "caller_number: Extra inputs are not permitted",
        ),
        ({"day": "monday", "guests": 2, "call": {"caller_number": "+1999"}}, "call: Extra inputs"),
    ],
)
async def test_bad_arguments_become_an_error_that_the_model_can_mend(args: dict[str, Any], said: str) -> None:
    error = (await run("book", **args))["error"]
    assert error.startswith("wrong arguments: ")
    assert said in error
    assert "+1999" not in error


async def test_a_sync_tool_runs_in_a_thread() -> None:
    result = await run("greet_guest", guest={"name": "Ada"})
    assert result["name"] == "Ada"
    assert result["title"] != threading.current_thread().name


async def test_slow_sync_tools_leave_the_event_loops_threads_alone() -> None:
    release = threading.Event()

    @tool
    def wait() -> str:
        """Wait."""
        release.wait(30)
        return "done"

    tools = box(wait)
    waiting = [asyncio.create_task(tools.run(ToolCall("1", "wait", {}), CALL)) for _ in range(40)]
    try:
        async with asyncio.timeout(10):
            await asyncio.get_running_loop().getaddrinfo("localhost", 80)
    finally:
        release.set()
    assert await asyncio.gather(*waiting) == [{"result": "done"}] * 40


async def test_a_refusal_is_told_to_the_model() -> None:
    assert await run("refuse") == {"error": "We are closed on Sundays."}


async def test_a_defect_is_logged_and_its_details_stay_here(caplog: pytest.LogCaptureFixture) -> None:
    assert await run("crash") == {"error": "crash failed; it cannot be used right now"}
    assert "secret detail" in caplog.text
    assert "call-1" in caplog.text


@virtual_time
async def test_a_tool_that_takes_too_long_is_stopped() -> None:
    began = asyncio.get_running_loop().time()
    assert await run("dawdle") == {"error": "dawdle took too long and was stopped"}
    assert asyncio.get_running_loop().time() - began == pytest.approx(5)


async def test_a_result_that_is_no_json_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    assert await run("nonsense") == {"error": "nonsense failed; it cannot be used right now"}


async def test_a_result_is_made_json_through_and_through() -> None:
    assert await run("numbers") == {"nan": None, "1": [0, 1, 2]}


@pytest.mark.parametrize("name", ["give_up", "ask_elsewhere"])
async def test_a_tool_that_breaks_off_by_itself_has_failed(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert await run(name) == {"error": f"{name} failed; it cannot be used right now"}
    assert "took over" not in caplog.text


@virtual_time
async def test_a_tool_that_is_cancelled_ends() -> None:
    running = asyncio.create_task(run("dawdle"))
    await asyncio.sleep(1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_parameters_may_have_any_name() -> None:
    assert set(Tool(Desk().reserved).declaration.parameters["properties"]) == {
        "schema",
        "model_config",
        "_hidden",
    }
    assert await run("reserved", schema=1, model_config=2, _hidden=3) == {"result": [1, 2, 3, True]}


async def test_an_unknown_tool_is_named_with_those_that_exist() -> None:
    error = (await run("fly"))["error"]
    assert "'fly'" in error
    assert "book" in error


def test_every_agent_can_end_and_transfer_where_the_line_can() -> None:
    class Plain(VoiceAgent):
        pass

    agent = Plain()
    names = {d.name for d in Toolbox(agent.tool_functions(), LINE).declarations}
    assert names == {"end_call", "transfer_call"}
    names = {d.name for d in Toolbox(agent.tool_functions(), Capabilities()).declarations}
    assert names == {"end_call"}


def test_a_subclass_can_replace_and_remove_tools() -> None:
    class Strict(VoiceAgent):
        transfer_call = None  # type: ignore[assignment]

        @tool
        async def end_call(self, call: CallContext, summary: str) -> str:  # type: ignore[override]
            """End the call with a summary."""
            return await call.end(summary)

    (declaration,) = Toolbox(Strict().tool_functions(), LINE).declarations
    assert declaration.description == "End the call with a summary."


async def test_outside_of_a_call_the_call_cannot_be_driven() -> None:
    assert await CALL.end() == "not on a call"
    assert await CALL.transfer() == "not on a call"


def test_two_tools_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two tools are called 'book'"):
        box(Desk(), Desk())


def no_docstring(x: int) -> int:
    return x


def no_annotation(x) -> int:  # type: ignore[no-untyped-def]
    """Do it."""
    return x  # type: ignore[no-any-return]


def any_number(*numbers: int) -> int:
    """Sum up."""
    return sum(numbers)


def no_schema(x: threading.Thread) -> None:
    """Take what no model can give."""


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (no_schema, "tool no_schema: a parameter's type cannot be described to a model"),
        (no_docstring, "tool no_docstring has no docstring"),
        (no_annotation, "parameter 'x' needs a type annotation"),
        (any_number, "has no name that the model could give"),
        (Desk, "is no tool: give a function, or an object with @tool methods"),
        ("book", "is no tool"),
    ],
)
def test_what_cannot_be_a_tool_is_refused_at_the_start(function: object, said: str) -> None:
    with pytest.raises(TypeError, match=said.replace("*", r"\*")):
        box(function)


def test_the_caller_number_is_not_in_a_repr() -> None:
    assert "+1555" not in repr(CALL)
