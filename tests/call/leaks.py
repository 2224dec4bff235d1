"""Watches everything that a run lets out, and searches it for secrets.

Looked at are all records of all loggers at DEBUG (with their tracebacks and all that they carry), warnings,
standard error, and every exception with its whole chain: its text, its arguments, and a traceback with the
variables of each frame, as error reporters send it. The servers that tests play live in the same process and
know the secrets; what the library logs for them is theirs.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import traceback
import warnings
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import pytest

SERVERS = ("websockets.server", "aiohttp", "voiceagent.sandbox")

WINDOW = 8
"""Characters in a row of a secret that count as a leak: a part is as good as a clue."""


class Watch(logging.Handler):
    """Everything that came out."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.formatter = logging.Formatter("%(levelname)s %(name)s %(message)s %(pathname)s %(funcName)s")
        self.texts: list[str] = []
        self.errors: list[BaseException] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith(SERVERS):
            return
        self.texts.append(self.format(record))
        self.texts.append(repr(vars(record)))
        if record.exc_info and record.exc_info[1] is not None:
            self.error(record.exc_info[1])

    @property
    def text(self) -> str:
        return "\n".join(self.texts)

    def shown(self, *things: object) -> None:
        """Whatever a program may print."""
        for thing in things:
            self.texts += [repr(thing), str(thing), f"{thing}", "%s %r" % (thing, thing)]  # noqa: UP031

    def error(self, error: BaseException) -> None:
        """An exception, and all those behind it, whether they would be printed or not."""
        pending, seen = [error], set[int]()
        while pending:
            error = pending.pop()
            if id(error) in seen:
                continue
            seen.add(id(error))
            self.errors.append(error)
            self.texts += [repr(error), str(error), repr(error.args), repr(vars(error))]
            self.texts += traceback.format_exception(error)
            self.texts += traceback.TracebackException.from_exception(error, capture_locals=True).format()
            pending += [each for each in (error.__cause__, error.__context__) if each is not None]
            if isinstance(error, BaseExceptionGroup):
                pending += error.exceptions

    def raised(self, action: Callable[..., Any], *arguments: Any, **named: Any) -> BaseException:
        """Call what must fail."""
        try:
            action(*arguments, **named)
        except Exception as error:
            return self._caught(error)
        pytest.fail("nothing was raised")

    async def failed(self, work: Awaitable[Any]) -> BaseException:
        """Await what must fail."""
        try:
            await work
        except (Exception, asyncio.CancelledError) as error:
            return self._caught(error)
        pytest.fail("nothing was raised")

    def _caught(self, error: BaseException) -> BaseException:
        # The first frame is this file's, and knows what the test knows.
        trace = error.__traceback__
        assert trace is not None
        self.error(error.with_traceback(trace.tb_next))
        return error

    def leaks(self, *secrets: str) -> set[str]:
        """What of the secrets came out: eight characters in a row, as they are or encoded."""
        text = self.text
        return {
            f"{part!r}"
            for secret in secrets
            for form in _forms(secret)
            for part in (form[at : at + WINDOW] for at in range(max(1, len(form) - WINDOW + 1)))
            if part in text
        }


def _forms(secret: str) -> Iterator[str]:
    yield secret
    yield quote(secret, safe="")
    yield secret.encode().hex()
    for before in range(3):
        yield base64.b64encode(bytes(before) + secret.encode()).decode()[4:-4]


@contextmanager
def watching() -> Iterator[Watch]:
    """Watch the block. Pass :func:`talkative` loops for what asyncio says in debug mode."""
    watch, root = Watch(), logging.getLogger()
    level = root.level
    root.setLevel(logging.DEBUG)
    root.addHandler(watch)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield watch
        for warning in caught:
            watch.texts.append(f"{warning.message} {warning.source!r}")
    finally:
        root.removeHandler(watch)
        root.setLevel(level)


def talkative() -> None:
    """Let asyncio log each step of this loop with its arguments, as it does for slow ones in debug mode."""
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = -1
