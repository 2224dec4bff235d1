"""What goes to this machine, or in the clear, goes past every proxy of the environment."""

from __future__ import annotations

import asyncio

import pytest

from tests.call.line import CALLEE, CALLER, Inbox, config
from tests.virtual_time import virtual_time
from voiceagent.call import CallClient
from voiceagent.sandbox.exchange import Exchange

VARIABLES = ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "WS_PROXY", "WSS_PROXY", "SOCKS_PROXY")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])
def test_neither_link_is_seen_by_a_proxy(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(4096))
        writer.close()

    @virtual_time
    async def run() -> None:
        async with (
            Exchange(host="0.0.0.0" if host == "0.0.0.0" else "127.0.0.1") as exchange,
            await asyncio.start_server(listen, "127.0.0.1", 0) as proxy,
        ):
            for variable in VARIABLES:
                for name in (variable, variable.lower()):
                    monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}")
            monkeypatch.delenv("NO_PROXY", raising=False)
            monkeypatch.delenv("no_proxy", raising=False)
            port = exchange.url.rpartition(":")[2]
            settings = config(exchange, base_url=f"ws://{host}:{port}", allow_insecure=host == "0.0.0.0")
            async with CallClient(settings) as client:
                inbox = Inbox(client)
                exchange.phone(CALLER, CALLEE)
                await (await inbox.take()).disconnect()
        assert asked == []

    run()
