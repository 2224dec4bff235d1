"""How tools run: in threads, in time, and beyond it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Coroutine
from contextvars import ContextVar
from typing import Any

import pytest

from tests.virtual_time import virtual_time
from voiceagent import CallContext, ToolError, tool
from voiceagent.call.base import Capabilities
from voiceagent.live import ToolCall
from voiceagent.tool_late import late_of_tool
from voiceagent.toolbox import Toolbox, functions_in

CALL = CallContext("call-1", caller_number="+15550100")


def box(*sources: object) -> Toolbox:
    return Toolbox(functions_in(sources), Capabilities(transfer=True))


@tool
def greet(guest: str) -> str:
    """Greet somebody."""
    return f"Good morning, {guest}"


async def test_tools_that_hang_keep_no_other_tool_from_running() -> None:
    release = threading.Event()

    @tool
    def hang() -> str:
        """Hang."""
        release.wait(30)
        return "done"

    tools = box(hang, greet)
    hanging = [asyncio.create_task(tools.run(ToolCall("1", "hang", {}), CALL)) for _ in range(100)]
    try:
        async with asyncio.timeout(10):
            result = await tools.run(ToolCall("2", "greet", {"guest": "Ada"}), CALL)
    finally:
        release.set()
    assert result == {"result": "Good morning, Ada"}
    await asyncio.gather(*hanging)


async def test_threads_without_end_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voiceagent.tool_run.MOST_THREADS", 2)
    release = threading.Event()

    @tool
    def hang() -> str:
        """Hang."""
        release.wait(30)
        return "done"

    tools = box(hang)
    hanging = [asyncio.create_task(tools.run(ToolCall("1", "hang", {}), CALL)) for _ in range(3)]
    done, _ = await asyncio.wait(hanging, return_when=asyncio.FIRST_COMPLETED)
    release.set()
    assert [task.result() for task in done] == [{"error": "hang failed; it cannot be used right now"}]
    await asyncio.gather(*hanging)
    assert await tools.run(ToolCall("1", "hang", {}), CALL) == {"result": "done"}


def test_a_tool_that_hangs_does_not_keep_the_process_from_ending() -> None:
    program = """
import asyncio, time
from voiceagent import CallContext, tool
from voiceagent.tool import Tool

@tool(timeout=0.2)
def hang() -> str:
    \"\"\"Hang.\"\"\"
    time.sleep(60)
    return "done"

print(asyncio.run(Tool(hang).run({}, CallContext("call-1"))))
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True
    )
    assert "it may still be done" in ended.stdout


async def test_a_thread_sees_the_context_variables_of_its_call() -> None:
    customer: ContextVar[str] = ContextVar("customer")

    @tool
    def ask() -> str:
        """Ask."""
        return customer.get()

    customer.set("Ada")
    assert await box(ask).run(ToolCall("1", "ask", {}), CALL) == {"result": "Ada"}


async def test_a_sync_tool_that_ends_its_generator_has_failed() -> None:
    @tool
    def run_dry() -> object:
        """Take from nothing."""
        return next(iter(()))

    result = await box(run_dry).run(ToolCall("1", "run_dry", {}), CALL)
    assert result == {"error": "run_dry failed; it cannot be used right now"}


class Ringing:
    """A call on which every transfer takes ten seconds."""

    def hang_up_after_goodbye(self, reason: str) -> bool:
        raise AssertionError

    async def transfer(self, ring_seconds: int, note: str, *, brief: bool, stay: bool) -> str | None:
        await asyncio.sleep(10)
        return "CALL_UNANSWERED"

    async def whisper(self) -> str | None:
        raise AssertionError

    async def collect_keys(
        self, prompt: str | None, *, most: int, end: str, timeout: float, between: float, secret: bool
    ) -> tuple[str, bool] | None:
        raise AssertionError

    async def heard_out(self) -> None:
        raise AssertionError

    def tell(self, text: str, *, interruptible: bool = True) -> None:
        raise AssertionError


@pytest.mark.parametrize(("more", "result"), [(3, "Nobody answered"), (5, "took too long")])
@virtual_time
async def test_the_time_of_a_transfer_does_not_count_against_the_tool(more: float, result: str) -> None:
    @tool(timeout=5)
    async def put_through(call: CallContext) -> str:
        """Put the caller through."""
        await asyncio.sleep(1)
        said = await call.transfer()
        await asyncio.sleep(more)
        return said

    answer = await box(put_through).run(
        ToolCall("1", "put_through", {}), CallContext("call-1", controls=Ringing())
    )
    assert result in str(answer)


class Patience:
    """Lets tools go on after their time."""

    def __init__(self) -> None:
        self.left: list[asyncio.Task[dict[str, Any]]] = []

    def start(self, work: Coroutine[Any, Any, dict[str, Any]]) -> asyncio.Task[dict[str, Any]]:
        return asyncio.create_task(work)

    def leave(self, task: asyncio.Task[dict[str, Any]]) -> dict[str, Any]:
        self.left.append(task)
        return {"status": "later"}


@virtual_time
async def test_a_tool_may_go_on_after_its_time_and_fail_as_any_other() -> None:
    patience = Patience()
    late_of_tool.set(patience)

    @tool(timeout=5, late="tell")
    async def refuse() -> str:
        """Refuse, late."""
        await asyncio.sleep(8)
        raise ToolError("No.")

    assert await box(refuse).run(ToolCall("1", "refuse", {}), CALL) == {"status": "later"}
    assert await patience.left[0] == {"error": "No."}


@virtual_time
async def test_a_late_tool_has_no_deadline_left_that_a_transfer_could_stop() -> None:
    patience = Patience()
    late_of_tool.set(patience)

    @tool(timeout=5, late="tell")
    async def put_through(call: CallContext) -> str:
        """Put the caller through twice: in time, and late."""
        await call.transfer()
        await asyncio.sleep(6)
        return await call.transfer()

    began = asyncio.get_running_loop().time()
    context = CallContext("call-1", controls=Ringing())
    assert await box(put_through).run(ToolCall("1", "put_through", {}), context) == {"status": "later"}
    assert asyncio.get_running_loop().time() - began == pytest.approx(15), "ringing does not count"
    assert "Nobody answered" in str(await patience.left[0])


@virtual_time
async def test_a_cancelled_call_stops_also_a_tool_that_may_be_late() -> None:
    patience = Patience()
    late_of_tool.set(patience)
    stopped: list[bool] = []

    @tool(timeout=50, late="tell")
    async def put_through(call: CallContext) -> str:
        """Put the caller through."""
        try:
            return await call.transfer()
        finally:
            stopped.append(True)

    context = CallContext("call-1", controls=Ringing())
    running = asyncio.create_task(box(put_through).run(ToolCall("1", "put_through", {}), context))
    await asyncio.sleep(1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert stopped == [True]
