"""ADK's tools and toolsets as tools of a phone call.

Its rule: an ADK tool keeps its own name, description and behaviour, and gets what every tool of a call has: a
deadline, and errors that the model can read.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from google.adk.tools.base_tool import BaseTool
from google.adk.tools.base_toolset import BaseToolset
from google.genai.types import FunctionDeclaration

from voiceagent.adk.context import tool_context
from voiceagent.context import CallContext
from voiceagent.live import ToolDeclaration
from voiceagent.tool import ToolOptions, guarded, without_references
from voiceagent.toolbox import ToolsetError, ToolSource

logger = logging.getLogger(__name__)

OPEN_SECONDS = 20.0
"""A toolset has so long to list its tools when the service starts."""

CLOSE_SECONDS = 10.0
"""A toolset has so long to close."""

_MOST_REASON = 300
"""Characters of an error that are told: a server may send a whole page."""


def adopt(source: object, options: ToolOptions) -> AdoptedTool | AdoptedToolset:
    """A tool or toolset of ADK for use in calls."""
    if isinstance(source, BaseToolset):
        return AdoptedToolset(source, options)
    assert isinstance(source, BaseTool)
    return AdoptedTool(source, options)


class AdoptedTool:
    """A tool of ADK. It implements :class:`voiceagent.toolbox.AnyTool`.

    Attributes:
        declaration: Name, description and JSON schema.
        options: How it is offered.

    Raises:
        TypeError: the tool has no declaration: it is a part of the model's service, such as Google Search.
    """

    def __init__(self, tool: BaseTool, options: ToolOptions) -> None:
        declared = tool._get_declaration()
        if declared is None:
            raise TypeError(
                f"ADK's tool {tool.name} is run by the model's service, and not called by it as a function:"
                " it cannot be used in a call"
            )
        self.options = options
        self.declaration = ToolDeclaration(
            declared.name or tool.name, declared.description or "", schema_of(declared), options.blocking
        )
        self._tool = tool

    async def run(self, args: Mapping[str, Any], context: CallContext) -> dict[str, Any]:
        """Call the tool; every failure becomes an ``error`` for the model."""
        work = partial(self._call, dict(args), context)
        return await guarded(self.declaration.name, self.options.timeout, context, work)

    async def _call(self, args: dict[str, Any], context: CallContext) -> Any:
        result = await self._tool.run_async(args=args, tool_context=tool_context(context))
        return _mcp_result(self.declaration.name, result) if _is_mcp(self._tool) else result


class AdoptedToolset(ToolSource):
    """A toolset of ADK, such as the tools of an MCP server."""

    def __init__(self, toolset: BaseToolset, options: ToolOptions) -> None:
        self._toolset = toolset
        self._options = options

    async def open(self) -> tuple[AdoptedTool, ...]:
        """Connect, and list the tools.

        Raises:
            ToolsetError: the toolset cannot list its tools, or not in time.
            TypeError: a tool cannot be offered to a model.
        """
        where = _described(self._toolset)
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                tools = await self._toolset.get_tools_with_prefix()
        except Exception as error:
            reason = f"no answer in {OPEN_SECONDS:g} s" if isinstance(error, TimeoutError) else str(error)
            raise ToolsetError(
                f"the tools of {where} cannot be listed: {reason[:_MOST_REASON] or type(error).__name__}."
                " Start it, or take it out of the agent's tools"
            ) from error
        logger.info("%s offers %d tools", where, len(tools))
        return tuple(AdoptedTool(tool, self._options) for tool in tools)

    async def close(self) -> None:
        """Disconnect; what goes wrong is logged."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._toolset.close()
        except Exception as error:
            logger.warning("closing %s: %s", _described(self._toolset), error or type(error).__name__)


def schema_of(declared: FunctionDeclaration) -> dict[str, Any]:
    """The parameters of a declaration, which has them in one of two forms."""
    schema = declared.parameters_json_schema
    if schema is None and declared.parameters is not None:
        schema = declared.parameters.json_schema.model_dump(mode="json", by_alias=True, exclude_none=True)
    try:
        return without_references(schema or {})
    except RecursionError:
        raise TypeError(
            f"tool {declared.name}: a parameter's type contains itself; the model cannot see it"
        ) from None


def _is_mcp(tool: BaseTool) -> bool:
    module = sys.modules.get("google.adk.tools.mcp_tool.mcp_tool")
    return module is not None and isinstance(tool, module.McpTool)


def _mcp_result(name: str, result: Any) -> Any:
    """What an MCP server answered, without its envelope: the model is to speak of it, and words take time."""
    if not isinstance(result, dict):
        return result
    failed = f"{name} failed; it cannot be used right now"
    if "error" in result:
        # The server is gone, or there is no such tool. ADK has told the log; its words are about sockets.
        return {"error": failed}
    parts = result.get("content")
    texts = [part["text"] for part in parts if part.get("type") == "text"] if isinstance(parts, list) else []
    if result.get("isError"):
        return {"error": " ".join(texts) or failed}
    return result.get("structuredContent") or ({"result": "\n".join(texts)} if texts else result)


def _described(toolset: BaseToolset) -> str:
    """A toolset in words: with the command or the address of its server, but no secret in it."""
    name = type(toolset).__name__
    params = getattr(toolset, "connection_params", None)
    url = getattr(params, "url", None)
    if isinstance(url, str):
        parts = urlsplit(url)
        return f"{name} {parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"
    command = getattr(getattr(params, "server_params", params), "command", None)
    return f"{name} {command!r}" if command else name
