"""The tools of one call: collected from the agent, offered as far as the line can do them, run by name."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Protocol, runtime_checkable

from voiceagent.adk.sources import adopt
from voiceagent.call.base import Capabilities
from voiceagent.live import ToolCall, ToolDeclaration
from voiceagent.live.models import facts_about
from voiceagent.tool import CallContext, Tool, ToolOptions, is_tool
from voiceagent.tool_policy import ToolPolicy
from voiceagent.words import Words

logger = logging.getLogger(__name__)

HIDDEN = "***"
"""Stands for the value of a secret argument."""

EVERYTHING = Capabilities(transfer=True, whisper=True, exact_playback=True, dtmf=True)
"""A line that can do all that a line may be able to do: every tool is offered on it."""


@runtime_checkable
class AnyTool(Protocol):
    """What a toolbox can offer: a function (:class:`voiceagent.tool.Tool`), or a tool of another library.

    Attributes:
        declaration: Name, description and JSON schema, as the model sees them.
        options: How it is offered.
    """

    declaration: ToolDeclaration
    options: ToolOptions

    async def run(self, args: Mapping[str, Any], context: CallContext) -> dict[str, Any]:
        """Call it; every failure becomes an ``error`` for the model."""


class ToolsetError(Exception):
    """The tools of a toolset cannot be had; the text says of which, why, and what to do."""


class ToolSource(ABC):
    """Tools that have to be fetched before the first call, such as those of an MCP server."""

    @abstractmethod
    async def open(self) -> Sequence[AnyTool]:
        """Connect, and say which tools there are.

        Raises:
            ToolsetError: they cannot be had.
        """

    @abstractmethod
    async def close(self) -> None:
        """Disconnect; never raises."""


class Toolbox:
    """Tools by name.

    Args:
        tools: Functions, bound methods, and other tools.
        capabilities: What the line can do; a tool that requires more is left out.

    Raises:
        TypeError: a function cannot be a tool.
        ValueError: two tools have the same name.
    """

    def __init__(self, tools: Iterable[Callable[..., Any] | AnyTool], capabilities: Capabilities) -> None:
        self._tools: dict[str, AnyTool] = {}
        # By the id of the call.
        self._brought: dict[str, AnyTool] = {}
        for member in tools:
            tool = member if isinstance(member, AnyTool) else Tool(member)
            required = tool.options.requires
            if required is not None and not getattr(capabilities, required):
                continue
            name = tool.declaration.name
            if name in self._tools:
                raise ValueError(f"two tools are called {name!r}: give one of them @tool(name=...)")
            self._tools[name] = tool

    @property
    def declarations(self) -> tuple[ToolDeclaration, ...]:
        """The tools as a model sees them."""
        return tuple(tool.declaration for tool in self._tools.values())

    def declared(self, model: str, words: Callable[[Words], str]) -> tuple[ToolDeclaration, ...]:
        """The tools as the model of one call sees them.

        Args:
            model: Its name.
            words: Gives a text in the language of the call.
        """
        return tuple(
            tool.options.declared(tool.declaration, _waits(model, tool.declaration), words)
            for tool in self._tools.values()
        )

    @property
    def tools(self) -> Mapping[str, AnyTool]:
        """The tools by name."""
        return self._tools

    def options(self, name: str) -> ToolOptions:
        """The options of a tool; the defaults where there is none of that name."""
        tool = self._tools.get(name)
        return ToolOptions() if tool is None else tool.options

    def bring(self, call_id: str, tool: AnyTool) -> None:
        """Let one call of the model be run by a tool of the engine's own, whatever its name.

        Args:
            call_id: Id of the call.
            tool: Runs it.
        """
        self._brought[call_id] = tool

    def forget(self, call_id: str) -> None:
        """That call is over."""
        self._brought.pop(call_id, None)

    def _tool(self, call: ToolCall) -> AnyTool | None:
        return self._brought.get(call.id) or self._tools.get(call.name)

    def policy(self, call: ToolCall, model: str, words: Callable[[Words], str]) -> ToolPolicy:
        """How a call is handled; the other arguments are those of :meth:`declared`."""
        tool = self._tool(call)
        if tool is None:
            return ToolPolicy()
        return tool.options.policy(_waits(model, tool.declaration), words)

    def shown(self, call: ToolCall) -> dict[str, Any]:
        """The arguments of a call as reports and displays may show them.

        Where a tool has secret parameters, a model may give their values to the wrong tool or under another
        name: then whatever is not declared is hidden, too.
        """
        tool = self._tool(call)
        secretive = any(each.options.secret for each in self._tools.values())
        if not secretive and (tool is None or not tool.options.secret):
            return dict(call.args)
        declared = {} if tool is None else tool.declaration.parameters.get("properties", {})
        secret = () if tool is None else tool.options.secret
        return {
            name: value if name in declared and name not in secret else HIDDEN
            for name, value in call.args.items()
        }

    async def run(self, call: ToolCall, context: CallContext) -> dict[str, Any]:
        """Run a tool call of the model; every failure becomes an ``error`` for it."""
        tool = self._tool(call)
        if tool is None:
            logger.warning("call %s: the model called %r, which is no tool", context.call_id, call.name)
            return {"error": f"there is no tool {call.name!r}; the tools are {', '.join(self._tools)}"}
        return await tool.run(call.args, context)


def _waits(model: str, tool: ToolDeclaration) -> bool:
    """Whether a model says nothing before it has the result of a tool."""
    return facts_about(model).waits(tool.blocking)


class Toolsets:
    """The toolsets of an agent, open from before the first call until after the last.

    One task opens and closes them: some hold scopes that must be left where they were entered.

    Attributes:
        tools: Of all of them; empty while they are closed.
    """

    def __init__(self) -> None:
        self.tools: tuple[AnyTool, ...] = ()
        self._stack = AsyncExitStack()

    async def open(self, sources: Iterable[object]) -> None:
        """Open the toolsets among an agent's ``tools``; where one cannot be opened, all are closed again.

        Raises:
            ToolsetError: the tools of one cannot be had.
            TypeError: one has a tool that cannot be offered to a model.
        """
        async with AsyncExitStack() as stack:
            tools: list[AnyTool] = []
            for source in map(adopt, sources):
                if isinstance(source, ToolSource):
                    stack.push_async_callback(source.close)
                    tools += await source.open()
            self.tools = tuple(tools)
            self._stack = stack.pop_all()

    async def close(self) -> None:
        """Close them, the last one first."""
        self.tools = ()
        await self._stack.aclose()


def tools_of(owner: object) -> Iterator[Callable[..., Any]]:
    """The methods of ``owner`` that are marked with ``@tool``, in the order of their definition."""
    names = dict.fromkeys(name for base in reversed(type(owner).__mro__) for name in vars(base))
    for name in names:
        if is_tool(getattr(type(owner), name, None)):
            yield getattr(owner, name)


def functions_in(sources: Iterable[object]) -> Iterator[Callable[..., Any] | AnyTool]:
    """Functions and tools as they are, and the marked methods of every other object.

    Toolsets are passed over: their tools are known when :class:`Toolsets` has opened them.

    Raises:
        TypeError: a source is no function, no tool, and has no marked method.
    """
    for source in map(adopt, sources):
        if isinstance(source, ToolSource):
            continue
        methods = () if isinstance(source, type) else tuple(tools_of(source))
        if methods:
            yield from methods
        elif not isinstance(source, type) and (isinstance(source, AnyTool) or callable(source)):
            yield source
        else:
            raise TypeError(f"{source!r} is no tool: give a function, or an object with @tool methods")
