"""Runs programs that use the public package telcoflow 1.0.0, each as a process of its own.

Rule: a program gets the variables that it is given and nothing else of the tests' environment, everything
that waits for it has a deadline, it is killed in every case, and when a test fails, what it wrote to
standard error is shown.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ENVIRONMENT = HERE.parents[1] / ".tools" / "telcoflow-1.0.0"
PYTHON = ENVIRONMENT / "bin" / "python"

DEADLINE = 30.0
"""Seconds after which something that should have happened has not. Far more than a busy machine needs."""

MAX_LINE = 1 << 24


class OrderFailed(Exception):
    """What was ordered raised an exception in the program."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{name}: {text}")
        self.name = name
        self.text = text


class Program:
    """A running program."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._events: list[dict[str, Any]] = []
        self._outcomes: dict[int, asyncio.Future[Any]] = {}
        self._news = asyncio.Condition()
        self._ended = False
        self.stderr = ""

    @classmethod
    @asynccontextmanager
    async def run(
        cls, script: str, variables: dict[str, str], *, complaints: Sequence[str] = ()
    ) -> AsyncIterator[Program]:
        """Run ``script`` of this folder with the package's own Python.

        ``complaints`` are the texts of all warnings and errors that the package must have logged at the end.
        """
        if not PYTHON.exists():
            pytest.fail(f"{ENVIRONMENT} is missing: `make test` builds it", pytrace=False)
        process = await asyncio.create_subprocess_exec(
            *(PYTHON, "-I", HERE / script),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env={name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | variables,
            limit=MAX_LINE,
        )
        program = cls(process)
        reading = [asyncio.create_task(program._read()), asyncio.create_task(program._read_stderr())]
        try:
            try:
                yield program
            finally:
                if process.returncode is None:
                    process.kill()
                await process.wait()
                await asyncio.gather(*reading)
            assert re.findall(r"^(?:WARNING|ERROR|CRITICAL):[\w.]+:(.*)$", program.stderr, re.M) == [
                *complaints
            ]
        except Exception as error:
            error.add_note(f"standard error of {script}:\n{program.stderr or '(nothing)'}")
            raise

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            message = json.loads(line)
            async with self._news:
                self._take(message)
                self._news.notify_all()
        async with self._news:
            self._ended = True
            for outcome in self._outcomes.values():
                if not outcome.done():
                    outcome.set_exception(OrderFailed("Ended", "the program has ended"))
            self._news.notify_all()

    async def _read_stderr(self) -> None:
        assert self._process.stderr is not None
        while line := await self._process.stderr.readline():
            self.stderr += line.decode(errors="replace")

    def _take(self, message: dict[str, Any]) -> None:
        if "id" not in message:
            self._events.append(message)
            return
        outcome = self._outcomes[message["id"]]
        if outcome.done():
            return  # nobody waited so long
        if "error" in message:
            outcome.set_exception(OrderFailed(message["error"], message["text"]))
        else:
            outcome.set_result(message["result"])

    async def begin(self, what: str, **details: Any) -> asyncio.Future[Any]:
        """Give an order; the future has its outcome."""
        outcome: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        number = len(self._outcomes)
        self._outcomes[number] = outcome
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"id": number, "do": what, **details}).encode() + b"\n")
        async with asyncio.timeout(DEADLINE):
            await self._process.stdin.drain()
        return outcome

    async def do(self, what: str, **details: Any) -> Any:
        """Give an order and return its result."""
        async with asyncio.timeout(DEADLINE):
            return await (await self.begin(what, **details))

    async def leave(self) -> None:
        """Let the program close its links and end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        async with asyncio.timeout(DEADLINE):
            assert await self._process.wait() == 0

    def seen(self, **fields: Any) -> list[dict[str, Any]]:
        """The events with these fields that came and were not taken."""
        return [event for event in self._events if fields.items() <= event.items()]

    async def event(self, **fields: Any) -> dict[str, Any]:
        """Take the first event with these fields."""
        async with asyncio.timeout(DEADLINE), self._news:
            while not (events := self.seen(**fields)):
                assert not self._ended, f"the program ended without {fields}"
                await self._news.wait()
            self._events.remove(events[0])
            return events[0]


def to_text(pcm: bytes) -> str:
    """PCM as the programs' lines carry it."""
    return base64.b64encode(pcm).decode()


def from_text(text: str) -> bytes:
    """The reverse of :func:`to_text`."""
    return base64.b64decode(text)
