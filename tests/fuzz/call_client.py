"""The call client, attacked by its call server: on the control link, on the media link, and below both.

One input is a list of steps. Around them stand two calls: the victim, whose links are attacked, and a
bystander that must not notice. Afterwards the bystander still talks, another call comes in, whatever the
program awaited has come to an end, and nothing of the client is left.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.fuzz import samples
from tests.fuzz.hostile_server import KEY, HostileServer, Peer
from tests.fuzz.hunt import Unprepared
from tests.fuzz.program import Conversation, Program
from tests.fuzz.server_steps import FLOODS, HAND_OFF, most_of, server_flood, server_steps
from tests.fuzz.watch import Defect, Watch, no_tasks_left
from tests.virtual_time import run_virtual
from voiceagent.call import ActiveCall, CallClient, CallState
from voiceagent.call.exceptions import WSSError
from voiceagent.wire import WireError, control, encode, frames, media

MEMORY = 48 << 20
"""Bytes that one attack may make this process take, the attacker's own included. The client lets 10,000 calls
ring at once, at some 4 kB each."""

SETTLED = 130.0
"""Seconds of the jumping clock after which every timeout of a link has struck: pings, claims, commands."""

MANY_RINGING = 10_000
MANY_TASKS = 1000
"""Tasks that may be started by a flood of calls, and by a flood of anything else."""

MANY_FRAGMENTS = 10_000
"""No message comes in more pieces. Empty ones take memory that no limit of sizes bounds."""

DEADLINE = 3600.0
"""Seconds of the jumping clock after which something hangs."""


class ClientUnderAttack(Unprepared):
    """The client with real sockets, on the jumping clock."""

    name = "call-client"
    share = 5.0
    examples = 25

    def inputs(self) -> SearchStrategy[Any]:
        return st.tuples(st.booleans(), st.lists(server_steps(), min_size=1, max_size=8))

    def always(self) -> Iterable[Any]:
        for link, floods in FLOODS.items():
            for flood in floods:
                yield True, [(link, "flood", flood, most_of(flood))]

    def check(self, value: tuple[bool, list[tuple[Any, ...]]], tally: Counter[str]) -> None:
        answered, steps = value
        with Watch(samples.TOKEN, KEY) as watch, self.memory.bounded(MEMORY):
            run_virtual(_attack(answered, steps, watch, tally))
        watch.verdict()


async def _attack(answered: bool, steps: list[tuple[Any, ...]], watch: Watch, tally: Counter[str]) -> None:
    asyncio.get_running_loop().set_exception_handler(watch.loop_error)
    async with asyncio.timeout(DEADLINE), HostileServer() as server:
        client = CallClient(server.config())
        program = Program(client)
        await client.connect()
        bystander = await program.good_call(server, "bystander-5c1d7e")
        victim = await program.good_call(server, "victim", answer=answered)
        siege = Siege(server, program, victim)
        for step in steps:
            await siege.take(step)
            tally[_name(step)] += 1
        await asyncio.sleep(SETTLED)
        siege.victim_is_consistent(tally)
        await bystander.still_talks()
        await (await program.good_call(server, "afterwards")).still_talks()
        for call in program.calls.values():
            await call.force_disconnect()
        await client.disconnect()
        await program.is_over()
        tally[f"control links needed: {len(server.controls)}"] += 1
    await no_tasks_left()


def _name(step: tuple[Any, ...]) -> str:
    match step:
        case (link, "flood", what, count):
            return f"{link}: flood of {count} {what}"
        case ("offer" | "address" | "tarpit" | "connect" as kind, *_):
            return str(kind)
        case (link, kind, *_):
            return f"{link}: {kind}"
    raise ValueError(step)


class Siege:
    """What the server does to its client, step by step."""

    def __init__(self, server: HostileServer, program: Program, victim: Conversation) -> None:
        self._server = server
        self._program = program
        self._victim = victim
        self._offers = 0
        self._malformed = 0
        self._orderly = True

    async def take(self, step: tuple[Any, ...]) -> None:
        match step:
            case ("program", name):
                self._program.begin(name, self._victim.call)
            case ("offer", text):
                await self._offer(text)
            case ("address", url, token):
                url = url.replace("SERVER-URL", self._server.url)
                call_in = {"type": "call.in", "sessionId": samples.SESSION, "callId": samples.CALL}
                await self._offer(json.dumps({**call_in, "url": url, "token": token}))
            case ("tarpit", response, ending):
                await self._tarpit(response, ending)
            case ("connect", response, ending):
                await self._connect(response, ending)
            case (link, *what):
                peer = self._victim.peer if link == "media" else self._server.link
                if peer is not None:
                    await self._strike(peer, link == "media", what)

    async def _strike(self, peer: Peer, at_media: bool, what: list[Any]) -> None:
        match what:
            case ["text", text]:
                text = self._fill_in(text, peer)
                self._expect(at_media, media.decode_server, text)
                await peer.frame(1, text.encode(errors="surrogatepass"))
                self._orderly &= text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text)
            case ["frame", 1, data]:
                self._orderly = False
                await peer.frame(1, data)
            case ["frame", _, data]:
                self._expect(at_media, frames.decode_frame, data)
                await peer.frame(2, data)
            case ["raw", data]:
                self._orderly = False
                await peer.raw(data)
            case ["flood", name, count]:
                self._malformed += count * (at_media and name == "malformed")
                self._orderly &= name != "fragments"
                before = len(asyncio.all_tasks())
                await peer.pour(server_flood(name, peer, f"s-{self._victim.call.call_id}"), count)
                # The clock stands until the client has read all of it.
                await asyncio.sleep(0.01)
                started = len(asyncio.all_tasks()) - before
                if started > (MANY_RINGING if name == "notify" else MANY_TASKS):
                    raise Defect(f"{count} messages of a flood of {name} make {started} tasks")
                if name == "fragments" and count > MANY_FRAGMENTS:
                    await asyncio.sleep(5)
                    if not peer.closed:
                        raise Defect(f"a message may come in {count} fragments, and more")
            case ["close", _]:
                await peer.frame(8, b"\x03\xe8")
            case ["reset", _]:
                peer.reset()
            case _:
                peer.end()
        await asyncio.sleep(0.5)

    def _expect(self, at_media: bool, decode: Any, data: Any) -> None:
        if at_media:
            try:
                decode(data)
            except WireError:
                self._malformed += 1

    def _fill_in(self, text: str, peer: Peer) -> str:
        text = text.replace(samples.COMMAND, peer.last_command).replace(samples.REQUEST, peer.last_request)
        return text.replace(samples.SESSION, f"s-{self._victim.call.call_id}").replace(
            samples.CALL, self._victim.call.call_id
        )

    async def _offer(self, text: str) -> None:
        """Offer a call whose address is not what it should be."""
        self._offers += 1
        session = f"s-offer-{self._offers}"
        text = text.replace(samples.SESSION, session).replace(samples.CALL, f"offer-{self._offers}")
        try:
            await self._server.offer(session, text)
        except TimeoutError:
            return
        await asyncio.sleep(0.5)

    async def _tarpit(self, response: bytes, ending: str) -> None:
        """Offer a call whose media link is answered with ``response``."""
        url = self._server.tarpit(response, ending)
        await self._offer(
            encode(
                control.CallIn(session_id=samples.SESSION, call_id=samples.CALL, url=url, token=samples.TOKEN)
            )
        )

    async def _connect(self, response: bytes, ending: str) -> None:
        """Let a client connect, and a call be taken over, where ``response`` answers the handshake."""
        url = self._server.tarpit(response, ending)
        try:
            async with asyncio.timeout(300):
                with suppress(WSSError):
                    async with CallClient(self._server.config(url)):
                        pass
                with suppress(WSSError):
                    async with ActiveCall.from_json(json.dumps(HAND_OFF | {"session_url": url})) as call:
                        call.clear_audio()
        except TimeoutError:
            raise Defect("a client that connects, or takes a call over, hangs") from None

    def victim_is_consistent(self, tally: Counter[str]) -> None:
        """Check what the program sees of the attacked call against what was done to it."""
        call, peer = self._victim.call, self._victim.peer
        tally[f"victim: {call.end_reason or call.state}"] += 1
        over = call.state is CallState.DISCONNECTED
        if peer.closed and not over:
            raise Defect(f"the media link is closed, and the call is {call.state}")
        if over and self._program.ended[call.call_id] != 1:
            raise Defect(f"CALL_TERMINATED fired {self._program.ended[call.call_id]} times")
        if not over and self._orderly:
            counted = call.counters.malformed_messages
            if counted < self._malformed:
                raise Defect(f"{self._malformed} messages were malformed, and {counted} were counted")
            tally["malformed messages counted"] += counted
