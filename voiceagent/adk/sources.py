"""Recognises ADK's tools and toolsets among the ``tools`` of an agent, without importing ADK."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from voiceagent.tool_options import ToolOptions


@dataclass(frozen=True)
class Offer:
    """An ADK tool or toolset, and how its tools are offered."""

    source: object
    options: ToolOptions


def offer(source: object, **options: Any) -> Offer:
    """Say how an ADK tool, or every tool of an ADK toolset, is offered: what ``@tool`` says of a function.

    Args:
        source: The tool or toolset.
        options: Those of ``@tool``, but for ``name``: ``timeout``, ``requires``, ``filler`` and so on.

    Raises:
        TypeError: it is neither a tool nor a toolset of ADK, or there is no such option.
        ValueError: an option has a value that makes no sense.
    """
    if "name" in options:
        raise TypeError("a tool of ADK keeps its own name: offer() takes no name")
    if not (is_adk_tool(source) or is_adk_toolset(source)):
        raise TypeError(
            f"offer() takes a tool or toolset of ADK, not {source!r}; a function is marked with @tool"
        )
    return Offer(source, ToolOptions(**options))


def is_adk_tool(source: object) -> bool:
    """Whether this is a tool of ADK."""
    module = sys.modules.get("google.adk.tools.base_tool")
    return module is not None and isinstance(source, module.BaseTool)


def is_adk_toolset(source: object) -> bool:
    """Whether this is a toolset of ADK."""
    module = sys.modules.get("google.adk.tools.base_toolset")
    return module is not None and isinstance(source, module.BaseToolset)


def adopt(source: object) -> object:
    """An ADK tool as :class:`~voiceagent.toolbox.AnyTool`, a toolset as ``ToolSource``, the rest as it is.

    Raises:
        TypeError: a tool of ADK that only the model's own service can run.
    """
    offered = source if isinstance(source, Offer) else Offer(source, ToolOptions())
    if is_adk_tool(offered.source) or is_adk_toolset(offered.source):
        from voiceagent.adk import adopted

        return adopted.adopt(offered.source, offered.options)
    return source
