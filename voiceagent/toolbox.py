"""The tools of one call: collected from the agent, offered as far as the line can do them, run by name."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from voiceagent.call.base import Capabilities
from voiceagent.live import ToolCall, ToolDeclaration
from voiceagent.tool import CallContext, Tool, is_tool

logger = logging.getLogger(__name__)


class Toolbox:
    """Tools by name.

    Args:
        functions: Functions and bound methods.
        capabilities: What the line can do; a tool that requires more is left out.

    Raises:
        TypeError: a function cannot be a tool.
        ValueError: two tools have the same name.
    """

    def __init__(self, functions: Iterable[Callable[..., Any]], capabilities: Capabilities) -> None:
        self._tools: dict[str, Tool] = {}
        for function in functions:
            tool = Tool(function)
            required = tool.options.requires
            if required is not None and not getattr(capabilities, required):
                continue
            name = tool.declaration.name
            if name in self._tools:
                raise ValueError(f"two tools are called {name!r}: give one of them @tool(name=...)")
            self._tools[name] = tool

    @property
    def declarations(self) -> tuple[ToolDeclaration, ...]:
        """The tools as the model sees them."""
        return tuple(tool.declaration for tool in self._tools.values())

    async def run(self, call: ToolCall, context: CallContext) -> dict[str, Any]:
        """Run a tool call of the model; every failure becomes an ``error`` for it."""
        tool = self._tools.get(call.name)
        if tool is None:
            logger.warning("call %s: the model called %r, which is no tool", context.call_id, call.name)
            return {"error": f"there is no tool {call.name!r}; the tools are {', '.join(self._tools)}"}
        return await tool.run(call.args, context)


def tools_of(owner: object) -> Iterator[Callable[..., Any]]:
    """The methods of ``owner`` that are marked with ``@tool``, in the order of their definition."""
    names = dict.fromkeys(name for base in reversed(type(owner).__mro__) for name in vars(base))
    for name in names:
        if is_tool(getattr(type(owner), name, None)):
            yield getattr(owner, name)


def functions_in(sources: Iterable[object]) -> Iterator[Callable[..., Any]]:
    """Functions as they are, and the marked methods of every other object.

    Raises:
        TypeError: a source is no function and has no marked method.
    """
    for source in sources:
        methods = () if isinstance(source, type) else tuple(tools_of(source))
        if methods:
            yield from methods
        elif callable(source) and not isinstance(source, type):
            yield source
        else:
            raise TypeError(f"{source!r} is no tool: give a function, or an object with @tool methods")
