"""The tools of a phone call as ADK runs them: the voice agent's own, and those of ADK's agents.

Its rule: no tool holds up another one, a turn, or the event loop, and none can end the run by failing.
"""

from __future__ import annotations

import asyncio
import copy
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

from google.adk.tools.base_tool import BaseTool
from google.adk.tools.tool_context import ToolContext
from google.genai import types

from voiceagent.adk.context import context_of_runner
from voiceagent.adk.sessions import SharedState
from voiceagent.context import CallContext, ToolError
from voiceagent.live import ToolCall, ToolDeclaration
from voiceagent.tool import ToolOptions
from voiceagent.toolbox import Toolbox

if TYPE_CHECKING:
    from voiceagent.adk.run import AdkRun
    from voiceagent.adk.transport import Link

logger = logging.getLogger(__name__)

TRANSFER = "transfer_to_agent"
"""Name of ADK's own tool for passing the call to another agent."""

_threads = ThreadPoolExecutor(64, thread_name_prefix="adk tool")


class OwnTool(BaseTool):
    """A tool of the voice agent, for the model of an ADK agent."""

    def __init__(
        self, declaration: ToolDeclaration, toolbox: Toolbox, context: CallContext, state: SharedState
    ) -> None:
        super().__init__(name=declaration.name, description=declaration.description)
        if declaration.blocking is not None:
            blocks, does_not = types.Behavior.BLOCKING, types.Behavior.NON_BLOCKING
            self.behavior = blocks if declaration.blocking else does_not
        self.options = toolbox.tools[declaration.name].options
        self._toolbox = toolbox
        self._parameters = dict(declaration.parameters)
        self._context = context
        self._state = state

    def _get_declaration(self) -> types.FunctionDeclaration:
        return types.FunctionDeclaration(
            name=self.name,
            description=self.description,
            parameters_json_schema=self._parameters,
            behavior=self.behavior,
        )

    async def run_async(self, *, args: dict[str, Any], tool_context: ToolContext) -> dict[str, Any]:
        """Run it as in any call; its errors are results that the model can read."""
        self._state.read(tool_context.state.to_dict())
        outer = context_of_runner.set(tool_context)
        try:
            return await self._toolbox.run(ToolCall("", self.name, args), self._context)
        finally:
            context_of_runner.reset(outer)
            self._state.write(tool_context)


def for_call(tool: BaseTool, link: Link, adk: AdkRun, timeout: float) -> BaseTool:
    """A copy of a tool of ADK that runs beside the conversation, in one agent's part of a call."""
    mine = copy.copy(tool)
    function = getattr(tool, "func", None)
    if inspect.isasyncgenfunction(function):
        return mine
    if tool.name != TRANSFER:
        # ADK waits for all others, and hears nothing meanwhile; for a hand-over it must wait.
        mine.behavior = types.Behavior.NON_BLOCKING
        if function is not None and not _is_async(function):
            mine.func = _threaded(function)  # type: ignore[attr-defined]
    run = mine.run_async

    async def run_async(*, args: dict[str, Any], tool_context: ToolContext) -> Any:
        context = adk.begins(tool_context)
        try:
            if isinstance(tool, OwnTool):
                # It has its own deadline, which stands still while a telephone rings.
                work = run(args=args, tool_context=tool_context)
                return await asyncio.create_task(work, name=f"tool {tool.name}", context=context)
            async with asyncio.timeout(timeout):
                result = await run(args=args, tool_context=tool_context)
            if tool.is_long_running and not result:
                # ADK would give no result, and the model would wait for it.
                return {"status": "pending"}
            return result
        finally:
            adk.ended(link, tool.name, tool_context)

    mine.run_async = run_async  # type: ignore[method-assign]
    return mine


def _is_async(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004, a callable object may be async
    )


def _threaded(function: Callable[..., Any]) -> Callable[..., Any]:
    """A sync function in a thread; its signature stays."""

    @wraps(function)
    async def call(*args: Any, **kwargs: Any) -> Any:
        work = partial(copy_context().run, function, *args, **kwargs)
        result = await asyncio.get_running_loop().run_in_executor(_threads, work)
        return await result if inspect.isawaitable(result) else result

    return call


async def tell_model(
    tool: BaseTool, args: dict[str, Any], tool_context: ToolContext, error: Exception
) -> dict[str, Any]:
    """The last callback for a tool that raised: the model can apologise and go on."""
    del args
    if isinstance(error, ToolError):
        return {"error": str(error)}
    if isinstance(error, TimeoutError):
        logger.warning("session %s: tool %s took too long", tool_context.session.id, tool.name)
        return {"error": f"{tool.name} took too long and was stopped"}
    logger.error("session %s: tool %s failed", tool_context.session.id, tool.name, exc_info=error)
    return {"error": f"{tool.name} failed; it cannot be used right now"}


class ThroughAdk:
    """A call of the model that ADK runs. It implements :class:`voiceagent.toolbox.AnyTool`.

    Attributes:
        declaration: Of the tool.
        options: How it is offered.

    Args:
        work: Lets ADK run it, with its callbacks and plugins.
        declaration: Of the tool.
        options: How it is offered.
    """

    def __init__(
        self,
        work: Callable[[], Awaitable[dict[str, Any]]],
        declaration: ToolDeclaration,
        options: ToolOptions,
    ) -> None:
        self.declaration = declaration
        self.options = options
        self._work = work

    async def run(self, args: Mapping[str, Any], context: CallContext) -> dict[str, Any]:
        """Call it; every failure becomes an ``error`` for the model."""
        del args, context
        return await self._work()
