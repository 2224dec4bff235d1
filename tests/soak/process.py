"""One measured process: what it holds, what it logs, and the lines of JSON by which it is led.

Rule: a measured process keeps nothing about the calls that are over. It says each fact as it happens, on
standard output, and whoever leads it remembers. It runs on Linux with the GNU C library.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import json
import logging
import os
import sys
import threading
import time
import urllib.parse
import warnings
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

QUIET_SECONDS = 15.0
"""How long a process may take to be done with what is over: sockets that close, timers that run out."""

_LOOK_AGAIN = 0.1
_SAMPLE_SECONDS = 0.25
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TEXT_LIMIT = 500


@dataclass(frozen=True)
class Figures:
    """What a process holds.

    Attributes:
        tasks: asyncio tasks.
        files: open file descriptors.
        threads: threads.
        rss: resident memory in bytes, after what is free was given back.
        peak: the most resident memory since the last figures, in bytes.
        heap: bytes that ``malloc`` has given out: all that is larger than 512 bytes, hence all audio.
        blocks: blocks of any size that Python has in use: all that is smaller.
        cpu: seconds of CPU time since the process began.
        objects: objects that the garbage collector knows, by type; those of built-in types are left out.
        names: the tasks, for whoever has to find out what is left.
    """

    tasks: int
    files: int
    threads: int
    rss: int
    peak: int
    heap: int
    blocks: int
    cpu: float
    objects: dict[str, int]
    names: list[str]


class _MallInfo(ctypes.Structure):
    """``struct mallinfo2`` of the GNU C library."""

    _fields_: ClassVar = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


class Process:
    """Measures its own process; use it as an async context manager."""

    def __init__(self) -> None:
        self._peak = 0
        library = ctypes.CDLL(None)
        self._trim = library.malloc_trim
        self._malloc_info = library.mallinfo2
        self._malloc_info.restype = _MallInfo
        self._sampler: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Process:
        _log_to_output()
        self._sampler = asyncio.create_task(self._sample(), name="soak: sampler")
        return self

    async def __aexit__(self, *error: object) -> None:
        assert self._sampler is not None
        self._sampler.cancel()
        await asyncio.wait((self._sampler,))

    async def quiet(self, tasks: int, files: int) -> None:
        """Return when there are no more tasks and files than given, or it has been waited long enough."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + QUIET_SECONDS
        while loop.time() < deadline:
            gc.collect()
            if len(asyncio.all_tasks()) <= tasks and _files() <= files:
                break
            await asyncio.sleep(_LOOK_AGAIN)

    async def figures(self) -> Figures:
        """Measure, after what is free was given back.

        What the standard library keeps of the last URLs that it took apart is bounded, and is emptied.
        """
        urllib.parse.clear_cache()  # type: ignore[attr-defined]  # the stubs do not know it
        # Finalizers may make garbage, and the loop frees what was done with in its last step.
        for _ in range(3):
            await asyncio.sleep(0)
            gc.collect()
        self._trim(0)
        heap = self._malloc_info()
        peak, self._peak = max(self._peak, _rss()), 0
        return Figures(
            tasks=len(asyncio.all_tasks()),
            files=_files(),
            threads=threading.active_count(),
            rss=_rss(),
            peak=peak,
            heap=heap.uordblks + heap.hblkhd,
            blocks=sys.getallocatedblocks(),
            cpu=time.process_time(),
            objects=_census(),
            names=sorted(map(_describe, asyncio.all_tasks())),
        )

    async def _sample(self) -> None:
        while True:
            self._peak = max(self._peak, _rss())
            await asyncio.sleep(_SAMPLE_SECONDS)


def say(fact: str, **details: Any) -> None:
    """Tell a fact to whoever leads this process."""
    sys.stdout.write(json.dumps({"fact": fact, **details}) + "\n")
    sys.stdout.flush()


def say_figures(figures: Figures) -> None:
    """Tell what this process holds."""
    say("figures", **asdict(figures))


async def orders() -> AsyncIterator[dict[str, Any]]:
    """What whoever leads this process wants of it, until there is no more."""
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    try:
        while line := await reader.readline():
            yield json.loads(line)
    finally:
        transport.close()


def _rss() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


def _files() -> int:
    # Listing the directory opens one more.
    return len(os.listdir("/proc/self/fd")) - 1


def _census() -> dict[str, int]:
    types = Counter(map(type, gc.get_objects()))
    return {
        f"{kind.__module__}.{kind.__qualname__}": count
        for kind, count in types.items()
        if kind.__module__ != "builtins"
    }


def _describe(task: asyncio.Task[Any]) -> str:
    return f"{task.get_name()}: {getattr(task.get_coro(), '__qualname__', task.get_coro())}"


class _ToOutput(logging.Handler):
    """Tells every warning and error. Those of one kind have the same text before it was filled in."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        say(
            "logged",
            level=record.levelname,
            logger=record.name,
            kind=str(record.msg)[:_TEXT_LIMIT],
            text=record.getMessage()[:_TEXT_LIMIT],
            error=None if error is None else repr(error)[:_TEXT_LIMIT],
        )


def _log_to_output() -> None:
    warnings.simplefilter("always", ResourceWarning)
    logging.captureWarnings(True)
    logging.basicConfig(level=logging.INFO, handlers=[_ToOutput(level=logging.WARNING)])
