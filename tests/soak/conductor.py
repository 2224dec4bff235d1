"""Starts the two processes, leads them through the soak, and remembers what they tell.

Rule: it comes to an end in the time that it was given, whatever the processes do.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.soak.plan import WARM_UP
from tests.soak.process import QUIET_SECONDS, Figures

STOP_SECONDS = 5.0
"""How long a process may take to stop before it is killed."""

LONGEST_CALL = 15.0
"""Seconds that are kept free for the calls that go on when no more are placed."""

SPARE_SECONDS = 3.0
"""What starting, and looking at the results, may take."""

_LINE_LIMIT = 1 << 20

Facts = dict[str, list[dict[str, Any]]]
"""What a process told, by kind, in order."""


class Lost(Exception):
    """A process ended, or did not do in time what it was told."""


@dataclass
class Side:
    """What one process told.

    Attributes:
        facts: since the warm-up.
        idle: what it held when it was connected and had done nothing.
        before: what it held after the warm-up.
        after: what it held after the calls.
        exit_code: how it ended.
    """

    facts: Facts
    idle: Figures
    before: Figures
    after: Figures
    exit_code: int | None


@dataclass
class Run:
    """What happened.

    Attributes:
        calls: how many were ordered.
        at_once: how many of them at once.
        seconds: how long it all took.
        ran: what the callers told when the calls were over.
        exchange: the process with the exchange and the callers.
        program: the process with the program.
        closed: what the program held after its client was closed.
    """

    calls: int
    at_once: int
    seconds: float
    ran: dict[str, Any]
    exchange: Side
    program: Side
    closed: Figures


@dataclass
class _Child:
    """One process, and what it told so far."""

    name: str
    process: asyncio.subprocess.Process
    facts: Facts = field(default_factory=lambda: defaultdict(list))
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)
    _ended: bool = False

    async def read(self) -> None:
        """Remember what it tells, until it ends."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            fact = json.loads(line)
            async with self._news:
                self.facts[fact.pop("fact")].append(fact)
                self._news.notify_all()
        async with self._news:
            self._ended = True
            self._news.notify_all()

    async def next(self, fact: str) -> dict[str, Any]:
        """Take the oldest fact of a kind, when it was told.

        Raises:
            Lost: the process ended before.
        """
        async with self._news:
            await self._news.wait_for(lambda: self.facts.get(fact) or self._ended)
        if not self.facts.get(fact):
            raise Lost(f"the process of the {self.name} ended before it told {fact!r}")
        return self.facts[fact].pop(0)

    def order(self, do: str, **details: Any) -> None:
        """Tell it what to do."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": do, **details}).encode() + b"\n")

    async def stop(self) -> None:
        """Let it end; kill it if it does not."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()


@asynccontextmanager
async def _child(name: str, *arguments: str) -> AsyncIterator[_Child]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.soak",
        *("--side", name, *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_LINE_LIMIT,
    )
    child = _Child(name, process)
    reading = asyncio.create_task(child.read())
    try:
        yield child
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await reading


async def conduct(calls: int, at_once: int, warm_up: int, seconds: float, arguments: list[str]) -> Run:
    """Run the soak.

    Args:
        calls: how many.
        at_once: how many of them at the same time.
        warm_up: how many calls before, which are not counted.
        seconds: how long it may take.
        arguments: what the processes need to make the same plans.

    Raises:
        Lost: a process ended, or the time was over.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    deadline = began + seconds - QUIET_SECONDS - 2 * STOP_SECONDS - SPARE_SECONDS
    try:
        async with asyncio.timeout_at(began + seconds - 1), _child("callers", *arguments) as callers:
            place = json.dumps(await callers.next("ready"))
            async with _child("program", "--place", place, *arguments) as program:
                await program.next("ready")
                sides = (callers, program)
                idle = await _figures(sides, None)
                await _call(callers, WARM_UP, warm_up, at_once, deadline)
                before = await _figures(sides, idle)
                for side in sides:
                    side.facts.clear()
                ran = await _call(callers, 0, calls, at_once, deadline)
                after = await _figures(sides, before)
                await program.stop()
                closed = Figures(**await program.next("figures"))
            await callers.stop()
    except TimeoutError:
        raise Lost(f"the soak was not over after {loop.time() - began:.0f} s") from None
    return Run(
        calls=calls,
        at_once=at_once,
        seconds=loop.time() - began,
        ran=ran,
        exchange=Side(callers.facts, idle[0], before[0], after[0], callers.process.returncode),
        program=Side(program.facts, idle[1], before[1], after[1], program.process.returncode),
        closed=closed,
    )


async def _call(callers: _Child, first: int, count: int, at_once: int, deadline: float) -> dict[str, Any]:
    """Let so many calls be made, and return when they are over or, at the deadline, were given up."""
    room = deadline - asyncio.get_running_loop().time()
    callers.order(
        "call", first=first, count=count, at_once=at_once, place_for=room - LONGEST_CALL, give_up_after=room
    )
    return await callers.next("ran")


async def _figures(
    sides: tuple[_Child, _Child], like: tuple[Figures, Figures] | None
) -> tuple[Figures, Figures]:
    """What both hold, once they hold no more tasks and files than before, or cannot get there."""
    for side, held in zip(sides, like or (None, None), strict=True):
        most = (sys.maxsize, sys.maxsize) if held is None else (held.tasks, held.files)
        side.order("measure", tasks=most[0], files=most[1])
    one, other = [Figures(**await side.next("figures")) for side in sides]
    return one, other
