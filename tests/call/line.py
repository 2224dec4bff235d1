"""An exchange and a client on loopback, for the tests of the client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.pcm import noise_ms
from voiceagent.call import ActiveCall, CallClient, CallClientConfig, events
from voiceagent.sandbox.exchange import Exchange, ExchangeCall

CALLER, CALLEE = "+15550100", "+15550199"


def noise(ms: float, seed: int = 1, rate: int = 24000) -> bytes:
    """PCM without a silent sample, that no other seed produces."""
    return noise_ms(ms, seed, rate)


def config(exchange: Exchange, **changes: Any) -> CallClientConfig:
    settings = {
        "api_key": exchange.api_key,
        "connector_uuid": exchange.connector_uuid,
        "base_url": exchange.url,
    }
    return CallClientConfig.sandbox(**(settings | changes))


class Inbox:
    """The calls that came in. The handler stays, as a program's does, until the test lets it go."""

    def __init__(self, client: CallClient) -> None:
        self._calls: asyncio.Queue[ActiveCall] = asyncio.Queue()
        client.on(events.INCOMING_CALL, self._calls.put)

    async def take(self) -> ActiveCall:
        async with asyncio.timeout(60):
            return await self._calls.get()

    @property
    def empty(self) -> bool:
        return self._calls.empty()


class Line:
    """An exchange, a client connected to it, and the calls that the client got."""

    def __init__(self, exchange: Exchange, client: CallClient) -> None:
        self.exchange = exchange
        self.client = client
        self.inbox = Inbox(client)

    async def ring(self) -> tuple[ExchangeCall, ActiveCall]:
        """Somebody phones: the exchange's side of the call, and the program's."""
        there = self.exchange.phone(CALLER, CALLEE)
        return there, await self.inbox.take()

    async def talk(self) -> tuple[ExchangeCall, ActiveCall]:
        """A call that was answered."""
        there, here = await self.ring()
        await here.answer()
        return there, here


@asynccontextmanager
async def line(**changes: Any) -> AsyncIterator[Line]:
    async with Exchange() as exchange, CallClient(config(exchange, **changes)) as client:
        yield Line(exchange, client)
        assert [call.violations.snapshot() for call in exchange.calls if call.violations.snapshot()] == []
        assert [link.snapshot()["violations"] for link in exchange.controls] in ([], [[]], [[], []])


def record(call: ActiveCall) -> list[tuple[str, dict[str, Any]]]:
    """All events of a call from now on, in order, with their details."""
    seen: list[tuple[str, dict[str, Any]]] = []
    for event in events.CallEvent:

        def note(details: dict[str, Any], name: str = event.value) -> None:
            seen.append((name, details))

        call.on(event, lambda details, note=note: note(details))
    return seen


async def settle() -> None:
    """Let everything happen that is on its way; on the jumping clock this takes no time."""
    await asyncio.sleep(0.3)
