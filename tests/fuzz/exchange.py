"""The exchange, attacked by an agent: on both links, with HTTP requests, and with bytes that are neither.

One input is a list of steps. A bystander's call goes on meanwhile. Afterwards it still talks, another agent
takes another call, no request was answered with 500, and the exchange can be closed without a rest.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from websockets.asyncio.client import connect

from tests.fuzz import samples
from tests.fuzz.exchange_http import answered as answered_with
from tests.fuzz.exchange_http import request
from tests.fuzz.hostile_agent import FLOODS, HostileLink, agent_flood, agent_steps
from tests.fuzz.hunt import Unprepared
from tests.fuzz.inputs import frame
from tests.fuzz.watch import Defect, Watch, no_tasks_left
from tests.pcm import noise
from tests.sandbox.raw_client import CALLEE, CALLER, Agent, Worker
from tests.virtual_time import run_virtual
from voiceagent.sandbox.exchange import Exchange, ExchangeCall
from voiceagent.wire import WireError, control, encode, frames, media

MEMORY = 24 << 20
"""Bytes that one attack may make this process take, the attacker's own included."""

SETTLED = (2.0, 70.0)
"""Seconds of the jumping clock after which the links are quiet, and after which every timeout has struck."""

MOST_POURED = 24 << 20
"""Bytes of the largest flood."""

DEADLINE = 3600.0
LINGERING = 11.0


class ExchangeUnderAttack(Unprepared):
    """The exchange with real sockets, on the jumping clock."""

    name = "exchange"
    share = 4.0
    examples = 25

    def inputs(self) -> SearchStrategy[Any]:
        patience = st.sampled_from((0, 0, 0, 1))
        return st.tuples(st.booleans(), patience, st.lists(agent_steps(), min_size=1, max_size=8))

    def always(self) -> Iterable[Any]:
        for link, floods in FLOODS.items():
            for flood in floods:
                yield True, 0, [(link, "flood", flood, 60_000, "deaf")]

    def check(self, value: tuple[bool, int, list[tuple[Any, ...]]], tally: Counter[str]) -> None:
        answered, patience, steps = value
        with Watch() as watch, self.memory.bounded(MEMORY):
            run_virtual(_attack(answered, SETTLED[patience], steps, watch, tally))
        watch.verdict()


async def _attack(
    answered: bool, patience: float, steps: list[tuple[Any, ...]], watch: Watch, tally: Counter[str]
) -> None:
    asyncio.get_running_loop().set_exception_handler(watch.loop_error)
    async with asyncio.timeout(DEADLINE), AsyncExitStack() as stack:
        exchange = await stack.enter_async_context(Exchange())
        bystander = await stack.enter_async_context(_talking(exchange))
        siege = await stack.enter_async_context(_siege(exchange, answered))
        for step in steps:
            await siege.take(step)
            tally[_name(step)] += 1
        await asyncio.sleep(patience)
        siege.check_counts()
        tally[f"victim: {siege.victim.end_reason or siege.victim.state}"] += 1
        tally.update(siege.answers)
        await still_talks(*bystander)
        await siege.leave()
        async with _talking(exchange) as another:
            await still_talks(*another)
    # The web server goes on reading for 10 s what a peer announced that it had already answered.
    await no_tasks_left(within=LINGERING)


def _name(step: tuple[Any, ...]) -> str:
    match step:
        case (link, "flood", what, count, listens):
            return f"{link}: flood of {count} {what}, {listens}"
        case ("http" | "tcp" as kind, *_):
            return str(kind)
        case (link, kind, *_):
            return f"{link}: {kind}"
    raise ValueError(step)


@asynccontextmanager
async def _talking(exchange: Exchange) -> AsyncIterator[tuple[ExchangeCall, Agent]]:
    """A call that an agent which behaves has answered."""
    async with Worker.connect(exchange) as worker:
        call = exchange.phone(CALLER, CALLEE)
        while True:
            call_in = await worker.claim()
            if call_in.call_id == call.call_id:
                break
        async with Agent.connect(call_in, worker.journal) as agent:
            await agent.ok(media.ANSWER)
            # Offered calls of the siege are none of its business.
            await worker.send(
                control.CallFlowSetup(req_id="no-more", data=control.CallFlowData(inbound_call="NO"))
            )
            yield call, agent


async def still_talks(call: ExchangeCall, agent: Agent) -> None:
    """Check that audio goes both ways.

    Raises:
        Defect: it does not.
    """
    words, answer = noise(3200, 1), noise(3200, 2)
    agent.heard.clear()
    call.caller.clear_heard()
    call.caller.say(words)
    await agent.speak(answer)
    await asyncio.sleep(2)
    if words not in bytes(agent.heard[0]) or answer not in call.caller.heard():
        raise Defect(f"a call that nobody attacked lost its audio; it is {call.state}: {call.end_reason}")


@asynccontextmanager
async def _siege(exchange: Exchange, answered: bool) -> AsyncIterator[Siege]:
    """A hostile agent that has claimed a call and opened its media link."""
    headers = {control.API_KEY_HEADER: exchange.api_key, control.CONNECTOR_HEADER: exchange.connector_uuid}
    victim = exchange.phone(CALLER, CALLEE)
    async with asyncio.TaskGroup() as tasks:
        link = HostileLink(
            await connect(exchange.url + control.PATH, additional_headers=headers, compression=None)
        )
        link.read_in(tasks)
        await link.text(encode(control.Setup(data=control.SetupData())))
        notified = await link.until('"session.notify"')
        await link.text(encode(control.SessionOpen(req_id="1", session_id=notified["sessionId"])))
        await link.text(encode(control.SessionReady(session_id=notified["sessionId"])))
        call_in = await link.until('"call.in"')
        token = {"Authorization": f"Bearer {call_in['token']}"}
        voice = HostileLink(await connect(call_in["url"], additional_headers=token, compression=None))
        voice.read_in(tasks)
        if answered:
            command = media.CommandData(command_id="1", command=media.ANSWER, timeout_ms=1)
            await voice.text(encode(media.Command(data=command)))
            await voice.until('"command_response"')
        siege = Siege(exchange, victim, {"control": link, "media": voice}, call_in)
        try:
            yield siege
        finally:
            await siege.leave()


class Siege:
    """What the agent does to the exchange, step by step."""

    def __init__(
        self, exchange: Exchange, victim: ExchangeCall, links: dict[str, HostileLink], call_in: dict[str, Any]
    ) -> None:
        self._exchange = exchange
        self._links = links
        self._call_in = call_in
        self._malformed = 0
        self._orderly = True
        self.victim = victim
        self.answers: Counter[str] = Counter()

    async def take(self, step: tuple[Any, ...]) -> None:
        match step:
            case ("http", method, path, headers, body):
                await self._http(method, path, headers, body)
            case ("tcp", data):
                await self._ask(data)
            case (name, *what):
                await self._strike(self._links[name], name == "media", what)
        await asyncio.sleep(0.3)

    async def _strike(self, link: HostileLink, at_media: bool, what: list[Any]) -> None:
        match what:
            case ["text", text]:
                text = self._fill_in(text)
                if at_media:
                    try:
                        media.decode_client(text)
                    except WireError:
                        self._malformed += 1
                self._orderly &= not any("\ud800" <= char <= "\udfff" for char in text)
                await link.text(text)
            case ["frame", 1, data]:
                self._orderly = False
                await link.raw(frame(1, data, mask=True))
            case ["frame", _, data]:
                if at_media:
                    try:
                        frames.decode_frame(data)
                    except WireError:
                        self._malformed += 1
                await link.raw(frame(2, data, mask=True))
            case ["raw", data]:
                self._orderly = False
                await link.raw(data)
            case ["flood", name, count, listens]:
                if listens == "deaf":
                    link.stop_listening()
                self._orderly &= name != "fragments" and listens != "deaf"
                await self._flood(link, name, count)
            case ["close"]:
                await link.raw(frame(8, b"\x03\xe8", mask=True))
            case ["abort"]:
                link.abort()
            case _:
                link.stop_listening()
                self._orderly = False

    async def _flood(self, link: HostileLink, name: str, count: int) -> None:
        data = agent_flood(name, self._call_in["sessionId"])
        if name == "fragments":
            await link.raw(frame(1, b"", fin=False, mask=True))
        count = min(count, MOST_POURED // len(data))
        step = max(1, (1 << 16) // len(data))
        for start in range(0, count, step):
            if not await link.raw(data * min(step, count - start)):
                break

    def _fill_in(self, text: str) -> str:
        return text.replace(samples.SESSION, self._call_in["sessionId"]).replace(
            samples.CALL, self._call_in["callId"]
        )

    async def _http(self, method: str, path: str, headers: str, body: bytes) -> None:
        session, token = self._call_in["sessionId"], self._call_in["token"]
        await self._ask(request(self._exchange, self.victim, session, token, method, path, headers, body))

    async def _ask(self, data: bytes) -> None:
        self.answers[await answered_with(self._exchange, data)] += 1

    def check_counts(self) -> None:
        """Whatever was malformed on the media link was counted, unless the call ended first."""
        media_link = self._links["media"]
        counted = len(self.victim.violations.snapshot())
        if self._orderly and not media_link.closed and counted < min(self._malformed, 100):
            raise Defect(f"{self._malformed} messages were malformed, and {counted} were counted")

    async def leave(self) -> None:
        """Break the links, and end what the operator API was told to begin."""
        for link in self._links.values():
            link.abort()
        for call in self._exchange.calls:
            if call is self.victim or call.agent is None:
                call.end("reset", "FORCE_CLOSE")
        await asyncio.sleep(0.1)
