"""The place where one example happens: an event loop, an exchange, and the search for what is left behind.

Rule: nothing outlives an example. No task, no socket, no thread, no timer of the client, no error that nobody
looked at, and no error in the log but those that the example provoked.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import stat
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from tests.call.state_machine.delay import Network
from tests.virtual_time import VirtualTimeLoop
from voiceagent.sandbox.exchange import Exchange

T = TypeVar("T")

STEP_LIMIT = 400.0
"""Seconds on the jumping clock that one step of an example may take. More is a hang."""

BLINK = 1e-6
"""A time so short that nothing is due in it: the clock moves only when nothing else can happen."""

ROUNDS = 20
"""More rounds of the loop than it takes from a deadline to the handler that is told of it."""


class World:
    """An exchange on a loop of its own, kept alive from step to step."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self._sockets = _open_sockets()
        self._threads = set(threading.enumerate())
        self._errors = _Errors()
        # The other handlers would keep, and show, the log of every example that went well.
        self._handlers, logging.root.handlers = logging.root.handlers, [self._errors]
        self._unraisable, sys.unraisablehook = sys.unraisablehook, self._could_not_raise
        self._runner = asyncio.Runner(loop_factory=VirtualTimeLoop)
        self._loop = self._runner.get_loop()
        self._loop.set_exception_handler(self._nobody_caught)
        self.exchange = Exchange()
        self.run(self.exchange.__aenter__())
        self.url = self.exchange.url
        self._network: Network | None = None

    @property
    def now(self) -> float:
        """Seconds on the jumping clock."""
        return self._loop.time()

    def run(self, step: Coroutine[Any, Any, T]) -> T:
        """Run a step to its end, which must come."""

        async def in_time() -> T:
            async with asyncio.timeout(STEP_LIMIT):
                return await step

        return self._runner.run(in_time())

    def expect_error(self, expected: Callable[[logging.LogRecord], bool]) -> None:
        """Records of level ERROR that the example may provoke."""
        self._errors.expected.append(expected)

    async def move_away(self, delay: float) -> None:
        """Let everything between workers and exchange take ``delay`` seconds, each way."""
        if delay:
            port = int(self.url.rsplit(":")[-1])
            self._network = Network(delay)
            await self._network.open(port)
            self.url = self.url.replace(str(port), str(self._network.port))

    async def stop_exchange(self) -> None:
        """Close the exchange."""
        await self.exchange.__aexit__(None, None, None)

    async def look_for_tasks(self) -> None:
        """See that nothing goes on, when everybody has left."""
        if self._network is not None:
            await self._network.close()
            self.complaints += [f"a connection is left: {end!r}" for end in self._network.ends]
        await blink()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        self.complaints += [f"a task is left: {task!r}" for task in left]
        timers = [timer for timer in self._loop._scheduled if not timer.cancelled()]  # type: ignore[attr-defined]
        self.complaints += [
            f"a timer is left: {timer!r}" for timer in timers if "voiceagent/call" in repr(timer)
        ]

    def close(self) -> None:
        """Close the loop and see that nothing is left."""
        self._runner.close()
        gc.collect()
        sys.unraisablehook = self._unraisable
        logging.root.handlers = self._handlers
        self.complaints += [f"a socket is left: {one}" for one in _open_sockets() - self._sockets]
        self.complaints += [f"a thread is left: {one}" for one in set(threading.enumerate()) - self._threads]
        self.complaints += self._errors.unexpected

    def _nobody_caught(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.complaints.append(f"the loop: {context['message']}: {context.get('exception')!r}")

    def _could_not_raise(self, error: Any) -> None:
        self.complaints.append(f"ignored in {error.object!r}: {error.exc_value!r}")


async def blink() -> None:
    """Let everything happen that is on its way and needs no time."""
    await asyncio.sleep(BLINK)
    # Unless a deadline falls on the very end of it. What follows from that takes some rounds of the loop.
    for _ in range(ROUNDS):
        await asyncio.sleep(0)


class _Errors(logging.Handler):
    """The records of level ERROR and above that nobody expected."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.expected: list[Callable[[logging.LogRecord], bool]] = []
        self.unexpected: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if not any(expected(record) for expected in self.expected):
            self.unexpected.append(f"logged: {record.name}: {record.getMessage()} ({record.exc_info})")


def _open_sockets() -> set[tuple[int, int]]:
    """The sockets that this process has open, by number and inode."""
    found = set()
    for number in map(int, os.listdir("/dev/fd")):
        try:
            status = os.fstat(number)
        except OSError:
            continue  # the directory's own
        if stat.S_ISSOCK(status.st_mode):
            found.add((number, status.st_ino))
    return found
