"""Something that the program tries with a call, and its judgement when it comes to an end."""

from __future__ import annotations

import asyncio
import math
from abc import ABC, abstractmethod
from collections import Counter, defaultdict

from tests.call.state_machine.calls import HandedOff, Seen
from voiceagent.call.exceptions import WSSCallCommandError, WSSCallCommandTimeoutError
from voiceagent.sandbox.exchange.faults import Fault
from voiceagent.wire import media

SLACK = 0.1
"""Seconds by which anything may be late."""


class Orders:
    """The faults that an example has ordered, by the command that meets them."""

    def __init__(self) -> None:
        self.codes: defaultdict[str, set[str]] = defaultdict(set)
        self.silent: set[str] = set()

    def add(self, wire: str, fault: Fault) -> None:
        """One more."""
        if fault.silent:
            self.silent.add(wire)
        else:
            self.codes[wire].add(fault.error_code)

    def free(self, *wires: str) -> bool:
        """Whether none of these commands was to fail."""
        return not any(self.codes[wire] or wire in self.silent for wire in wires)

    def may_fail(self, code: str, *wires: str) -> bool:
        """Whether the server may answer one of these commands with this code, because it was told to."""
        return any(code in self.codes[wire] for wire in wires)

    def may_time_out(self, *wires: str) -> bool:
        """Whether the server may have kept silent, or said that it ran out of time."""
        return self.may_fail(media.TIMEOUT, *wires) or not self.silent.isdisjoint(wires)


class Action(ABC):
    """Something that the program does with a call."""

    name: str

    @abstractmethod
    async def do(self, seen: Seen) -> object:
        """Do it. Notes on the call what it may lead to."""

    def deadline(self, attempt: Attempt) -> float:
        """When it must have come to an end."""
        return attempt.began

    def judge(self, attempt: Attempt, error: Exception | None) -> str | None:
        """What is wrong with its outcome."""
        return None if error is None else f"must not fail with {error!r}"


class Attempt:
    """One action on one call, in a task of its own."""

    def __init__(
        self,
        action: Action,
        seen: Seen,
        orders: Orders,
        outcomes: Counter[str],
        in_transit: list[HandedOff],
    ) -> None:
        self.action = action
        self.seen = seen
        self.orders = orders
        self.in_transit = in_transit
        self._outcomes = outcomes
        self.began = math.inf
        self.at_once = False
        self.state = seen.call.state
        self.given_up = False
        self.task: asyncio.Task[None] | None = None
        seen.attempts.append(self)

    def __repr__(self) -> str:
        return f"{self.action.name} on {self.seen!r}"

    def start(self) -> asyncio.Task[None]:
        """Begin, beside what comes next."""
        self.task = asyncio.create_task(self.run())
        return self.task

    def give_up(self) -> None:
        """The program cancels it, unless a handler waits for it."""
        if self.task is not None:
            self.given_up = True
            self.task.cancel()

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return asyncio.get_running_loop().time() - self.began

    async def run(self) -> None:
        """Do it, and judge what came of it."""
        loop = asyncio.get_running_loop()
        self.began = loop.time()
        self.state = self.seen.call.state
        others_ran: list[bool] = []
        loop.call_soon(others_ran.append, True)
        error: Exception | None = None
        result: object = None
        try:
            result = await self.action.do(self.seen)
        except asyncio.CancelledError:
            self._outcomes[f"{self.action.name}: cancelled"] += 1
            self.seen.unknown[self.action.name] += 1
            if not self.given_up:
                self.seen.problems.append(f"{self!r}: nobody cancelled it")
            raise
        except Exception as raised:
            error = raised
        finally:
            self.seen.attempts.remove(self)
        self.at_once = not others_ran
        if isinstance(error, WSSCallCommandError | WSSCallCommandTimeoutError) and not self.at_once:
            self.seen.failures[self.action.name] += 1
        code = getattr(error, "error_code", "")
        self._outcomes[f"{self.action.name}: {type(error).__name__ if error else 'done'} {code}".strip()] += 1
        problem = self.action.judge(self, error)
        if isinstance(result, str):
            self.in_transit.append(HandedOff(result, self.seen))
        if problem is None and loop.time() > self.action.deadline(self) + SLACK:
            problem = f"took {self.elapsed:.3f} s"
        if problem is not None:
            self.seen.problems.append(f"{self!r}, begun in {self.state}: {problem}")
