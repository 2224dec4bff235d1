"""An MCP server of a bicycle shop: ``python -m tests.adk.mcp_server`` on standard input and output.

:func:`over_http` runs it as streamable HTTP in the test's own event loop.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from mcp.server.mcpserver import Context, MCPServer


def bicycle_shop() -> MCPServer:
    server = MCPServer("bicycles", log_level="CRITICAL")

    @server.tool()
    async def bicycles_in_stock(model: str) -> dict[str, object]:
        """How many bicycles of a model are in stock."""
        return {"model": model, "in_stock": 7}

    @server.tool(structured_output=False)
    async def opening_hours() -> str:
        """When the shop is open."""
        return "Monday to Saturday, nine to six."

    @server.tool()
    async def my_bicycle(context: Context) -> str:
        """Which bicycle the customer has bought, whose number the request bears."""
        bought = {"+15550100": "a red tandem"}
        headers = context.headers or {}
        return bought.get(headers.get("x-caller", ""), "none")

    @server.tool()
    async def reserve(model: str) -> str:
        """Put a bicycle aside."""
        raise ValueError(f"all {model} are reserved")

    @server.tool()
    async def ask_the_warehouse(model: str) -> str:
        """Ask the warehouse for a bicycle. It takes its time."""
        await asyncio.sleep(3600)
        return "yes"

    @server.tool()
    async def take_inventory() -> str:
        """Count everything. The server does not survive it."""
        os._exit(1)

    return server


class HttpShop:
    """A bicycle shop on HTTP, which can be closed and opened again at the same address."""

    def __init__(self) -> None:
        self.port = 0
        self._server: uvicorn.Server | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    async def open(self) -> None:
        # Whoever connects from here on is served when the server has come up.
        listener = socket.create_server(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        self._server = uvicorn.Server(uvicorn.Config(bicycle_shop().streamable_http_app(), log_config=None))
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]), name="mcp server")

    async def die(self) -> None:
        """Cut every connection and be gone."""
        if self._server is not None and self._task is not None:
            self._server.should_exit = self._server.force_exit = True
            await self._task
            self._server = self._task = None


@asynccontextmanager
async def over_http() -> AsyncIterator[HttpShop]:
    shop = HttpShop()
    await shop.open()
    try:
        yield shop
    finally:
        await shop.die()


if __name__ == "__main__":
    bicycle_shop().run()
