"""Everything that a call needs, on loopback: a telephone exchange and a Gemini Live server."""

from __future__ import annotations

from contextlib import AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

from voiceagent.sandbox.exchange import Exchange

if TYPE_CHECKING:
    from voiceagent.sandbox.live import LiveServer
    from voiceagent.sandbox.scenario import Scenario


class Sandbox:
    """An exchange and a live server. Use it as an async context manager.

    Attributes:
        exchange: the telephone exchange.
        live: the Gemini Live server.
    """

    exchange: Exchange
    live: LiveServer

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        live_port: int = 0,
        api_key: str | None = None,
        connector_uuid: str | None = None,
        scenario: Scenario | None = None,
    ) -> None:
        """Configure a sandbox.

        Args:
            host: address to listen on.
            port: of the exchange; 0 takes a free one.
            live_port: of the live server without TLS; 0 takes a free one.
            api_key: that the exchange asks for; a new one by default.
            connector_uuid: whose calls the exchange has; a new one by default.
            scenario: what the live server plays.
        """
        # The live server brings speech with it, which a bare exchange does without.
        from voiceagent.sandbox.live import LiveServer

        self.exchange = Exchange(host=host, port=port, api_key=api_key, connector_uuid=connector_uuid)
        self.live = LiveServer(host=host, port=live_port, scenario=scenario)
        self._running = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Listen.

        Raises:
            OSError: a port is taken.
        """
        async with AsyncExitStack() as starting:
            await starting.enter_async_context(self.live)
            await starting.enter_async_context(self.exchange)
            self._running = starting.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End everything that goes on, and stop listening."""
        await self._running.__aexit__(kind, error, trace)

    @property
    def ready(self) -> dict[str, str]:
        """Where everything is: the line that ``voiceagent sandbox --json`` prints. Holds the API key."""
        return {
            "call_url": self.exchange.url,
            "operator_url": self.exchange.operator_url,
            "live_url": self.live.url,
            "live_tls_url": self.live.tls_url,
            "ca_file": str(self.live.ca_file),
            "api_key": self.exchange.api_key,
            "connector_uuid": self.exchange.connector_uuid,
        }
