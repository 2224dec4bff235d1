"""What must not happen while something is attacked: logged exceptions, secrets and floods in the log, leaks.

Rule: the watch only notes; whoever ends it decides with :meth:`Watch.verdict`, so that the first symptom does
not hide the others.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web import RequestPayloadError

LONGEST_LINE = 2000
"""Characters of the longest log line: a peer must not decide how much is logged."""

_STATUS = Path("/proc/self/status")
_RESET_PEAK = Path("/proc/self/clear_refs")
_FILES = Path("/proc/self/fd")


class Defect(AssertionError):
    """What the attacked party did wrong."""


class Watch(logging.Handler):
    """Looks at the log and at the event loop's errors for as long as it is entered.

    Args:
        secrets: What no log line may hold.
    """

    def __init__(self, *secrets: str) -> None:
        super().__init__(logging.DEBUG)
        self._secrets = [secret for secret in secrets if secret]
        self.defects: list[str] = []

    def keep_secret(self, secret: str) -> None:
        """A secret that came up meanwhile."""
        self._secrets.append(secret)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
        except Exception as failure:
            self.defects.append(f"a log line of {record.name} cannot be formatted: {failure!r}")
            return
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, HttpProcessingError) and error.code < 500:
            # The web server's own way to say that it refuses a request that is none.
            return
        if isinstance(error, RequestPayloadError) and text == "Unhandled exception":
            # It answered, went on reading the rest of the body, and found that it is none.
            return
        if record.exc_info:
            trace = "".join(traceback.format_exception(*record.exc_info))
            self.defects.append(f"{record.name} logged an exception: {text[:300]}\n{trace}")
        elif record.name == "asyncio" and record.levelno >= logging.WARNING:
            self.defects.append(f"asyncio complained: {text[:2000]}")
        if len(text) > LONGEST_LINE:
            self.defects.append(f"a log line of {record.name} has {len(text)} characters: {text[:200]}...")
        if any(secret in text for secret in self._secrets):
            self.defects.append(f"a log line of {record.name} shows a secret: {text[:300]}")

    def __enter__(self) -> Watch:
        root = logging.getLogger()
        self._levels = [(logger, logger.level) for logger in (root, logging.getLogger("voiceagent"))]
        root.addHandler(self)
        for (logger, _), level in zip(self._levels, (logging.INFO, logging.DEBUG), strict=True):
            logger.setLevel(level)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger().removeHandler(self)
        for logger, level in self._levels:
            logger.setLevel(level)

    def loop_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """The event loop's exception handler."""
        error = context.get("exception")
        trace = "".join(traceback.format_exception(error)) if error is not None else ""
        self.defects.append(f"the event loop reports: {context.get('message')}\n{trace}")

    def verdict(self) -> None:
        """Raise what was noted.

        Raises:
            Defect: something was.
        """
        if self.defects:
            raise Defect("\n".join(self.defects[:5]))


async def no_tasks_left(*, within: float = 0.0) -> None:
    """Whoever has been closed has no task left, ``within`` seconds of the loop's clock.

    Raises:
        Defect: a task still runs.
    """
    for _ in range(5):
        await asyncio.sleep(0)
    left = asyncio.all_tasks() - {task for task in (asyncio.current_task(),) if task is not None}
    if left and within:
        _, left = await asyncio.wait(left, timeout=within)
    if left:
        raise Defect(f"{len(left)} tasks are left, such as {next(iter(left))!r}")


def resident() -> int:
    """Bytes of memory that this process has."""
    return _status("VmRSS") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _status(name: str) -> int:
    if not _STATUS.exists():
        return 0
    line = next((line for line in _STATUS.read_text().splitlines() if line.startswith(name + ":")), "0 0")
    return int(line.split()[1]) * 1024


class Memory:
    """How much memory was taken, at most, in the blocks that :meth:`bounded` was around.

    Attributes:
        peak: In bytes.
    """

    def __init__(self) -> None:
        self.peak = 0

    @contextmanager
    def bounded(self, most: int) -> Iterator[None]:
        """Neither more than ``most`` bytes may be taken inside, at any moment, nor a file be left open.

        Raises:
            Defect: they were.
        """
        open_before = _open_files()
        if _RESET_PEAK.exists():
            _RESET_PEAK.write_text("5")
        before = resident()
        yield
        taken = _status("VmHWM") - before if _RESET_PEAK.exists() else 0
        self.peak = max(self.peak, taken)
        if taken > most:
            raise Defect(f"{taken >> 20} MiB of memory were taken; the bound is {most >> 20} MiB")
        if _open_files() > open_before:
            gc.collect()
            if (left := _open_files() - open_before) > 0:
                raise Defect(f"{left} sockets or files are left open")


def _open_files() -> int:
    return len(os.listdir(_FILES)) if _FILES.exists() and sys.platform == "linux" else 0
