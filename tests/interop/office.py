"""An exchange with people on its telephones, and a program that takes their calls."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from tests.interop.official import DEADLINE, Program, from_text, to_text
from tests.pcm import noise_ms, spoken
from tests.sandbox.raw_client import CALLEE, CALLER
from voiceagent.sandbox.exchange import Exchange, ExchangeCall, Party
from voiceagent.sandbox.leg import Leg

RATE = 16000
RINGS_MS = 20
"""How long the callee lets it ring."""


def noise(ms: float, seed: int, rate: int = RATE) -> bytes:
    """PCM without a silent sample, that no other seed produces."""
    return noise_ms(ms, seed, rate)


async def heard_by(leg: Leg, pcm: bytes) -> None:
    """Return once the party has heard ``pcm``."""
    await _line(leg, lambda: pcm in spoken(leg.heard()), f"{len(pcm)} bytes of speech")


async def line_time(leg: Leg, ms: float) -> None:
    """Let this much pass on the line, as its audio counts time."""
    end = leg.heard_bytes + int(ms * leg.sample_rate / 1000) * 2
    await _line(leg, lambda: leg.heard_bytes >= end, f"{ms} ms of audio")


async def _line(leg: Leg, reached: Callable[[], bool], what: str) -> None:
    tick = asyncio.Event()
    stop = leg.listen(lambda pcm: tick.set())
    try:
        async with asyncio.timeout(DEADLINE):
            while not reached():
                tick.clear()
                await tick.wait()
    except TimeoutError:
        heard = leg.heard()
        raise AssertionError(
            f"{leg} did not hear {what}, but {len(spoken(heard))} bytes of speech in {len(heard)}"
        ) from None
    finally:
        stop()


async def until(reached: Callable[[], bool], what: str) -> None:
    """Return once something holds that nobody reports."""
    try:
        async with asyncio.timeout(DEADLINE):
            while not reached():  # noqa: ASYNC110 - there is nothing to wait for but the state itself
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"still not: {what}") from None


class Agent:
    """The program's side of one call."""

    def __init__(self, program: Program, call_id: str, session_id: str = "") -> None:
        self.program = program
        self.id = call_id
        self.session_id = session_id

    async def do(self, what: str, **details: Any) -> Any:
        return await self.program.do(what, call=self.id, **details)

    async def begin(self, what: str, **details: Any) -> asyncio.Future[Any]:
        return await self.program.begin(what, call=self.id, **details)

    async def ok(self, command: str, **details: Any) -> None:
        """Give a command that must succeed."""
        assert await self.do(command, **details) == {"success": True, "error": None, "text": None}

    async def say(self, pcm: bytes) -> None:
        await self.do("say", pcm=to_text(pcm))

    async def hear(self, pcm: bytes, channel: int = 0) -> None:
        await self.do("hear", pcm=to_text(pcm), channel=channel)

    async def heard(self, channel: int = 0) -> bytes:
        return from_text(await self.do("heard", channel=channel))

    async def over(self, reason: str) -> None:
        """Return once the program knows in every way that the call is over."""
        await self.program.event(event="terminated", call=self.id)
        await self.program.event(event="audio_ended", call=self.id, channel=0)
        await self.closed(reason)
        assert await self.do("state") == "TERMINATED"

    async def closed(self, reason: str) -> None:
        closed = await self.program.event(event="session_closed", session=self.session_id)
        assert closed["reason"] == reason


class Office:
    """An exchange, and a program that is linked to it."""

    def __init__(self, exchange: Exchange, program: Program) -> None:
        self.exchange = exchange
        self.program = program

    async def ring(self) -> tuple[ExchangeCall, Agent]:
        """Somebody phones: the exchange's side of the call, and the program's."""
        there = self.exchange.phone(CALLER, CALLEE)
        return there, await taken(self.program, there)

    async def talk(self) -> tuple[ExchangeCall, Agent]:
        """A call that was answered."""
        there, here = await self.ring()
        await here.ok("answer")
        return there, here

    async def meet(self) -> tuple[ExchangeCall, Agent]:
        """A call that was answered and connected to the callee."""
        there, here = await self.talk()
        await here.ok("connect")
        return there, here


async def taken(program: Program, there: ExchangeCall) -> Agent:
    """The call, as the program that took it has it."""
    event = await program.event(event="incoming_call", call=there.call_id)
    assert (event["caller"], event["callee"]) == (CALLER, CALLEE)
    return Agent(program, there.call_id, event["session"])


def variables(exchange: Exchange, **changes: str) -> dict[str, str]:
    """What a program is told about an exchange."""
    return {
        "CALL_URL": exchange.url,
        "WSS_API_KEY": exchange.api_key,
        "WSS_CONNECTOR_UUID": exchange.connector_uuid,
    } | changes


@asynccontextmanager
async def open_exchange(ssl_context: ssl.SSLContext | None = None) -> AsyncIterator[Exchange]:
    """An exchange whose callee answers fast. Its agents must have kept to the protocol."""
    async with Exchange(ssl_context=ssl_context) as exchange:
        exchange.parties[CALLEE] = Party(after_ms=RINGS_MS)
        yield exchange
        assert [call.violations.snapshot() for call in exchange.calls if call.violations.snapshot()] == []
        links = [link.snapshot() for link in exchange.controls]
        assert [link["violations"] for link in links if link["violations"]] == []


@asynccontextmanager
async def linked(
    exchange: Exchange, *, complaints: Sequence[str] = (), **setup: Any
) -> AsyncIterator[Program]:
    """A program with a control link to the exchange."""
    async with Program.run("program.py", variables(exchange), complaints=complaints) as program:
        assert await program.do("link", **setup)
        yield program
        await program.leave()


@asynccontextmanager
async def office(*, complaints: Sequence[str] = (), **setup: Any) -> AsyncIterator[Office]:
    """An exchange, and a program that takes its calls."""
    async with open_exchange() as exchange, linked(exchange, complaints=complaints, **setup) as program:
        yield Office(exchange, program)
