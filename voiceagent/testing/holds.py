"""Libraries that work where no event loop sees it: the virtual clock stands while they do.

Rule: a library is touched only where it is installed, once per process, and only calls made on a loop with
a virtual clock notice.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any


@contextmanager
def _clock_held() -> Iterator[None]:
    hold: Callable[[], Callable[[], None]] | None = getattr(asyncio.get_running_loop(), "hold", None)
    release = hold() if hold is not None else None
    try:
        yield
    finally:
        if release is not None:
            release()


@functools.cache
def hold_for_libraries() -> None:
    """Make the installed libraries hold the clock."""
    if find_spec("aiosqlite") is not None:
        _hold_for_sqlite()
    if find_spec("asyncpg") is not None:
        _hold_for_postgresql()


def _held(work: Any) -> Any:
    """The same coroutine function, which holds the clock while it runs."""

    @functools.wraps(work)
    async def holding(*args: Any, **kwargs: Any) -> Any:
        with _clock_held():
            return await work(*args, **kwargs)

    return holding


def _hold_for_sqlite() -> None:
    """SQLite works in threads of aiosqlite's own."""
    from aiosqlite.core import Connection

    # To open and to close a connection are jobs of that thread, too.
    for name in ("_connect", "_execute", "close"):
        setattr(Connection, name, _held(getattr(Connection, name)))


def _hold_for_postgresql() -> None:
    """PostgreSQL works in a process of its own, and answers whenever it is done."""
    asyncpg: Any = import_module("asyncpg")
    protocol: Any = import_module("asyncpg.protocol").Protocol

    asyncpg.connect = _held(asyncpg.connect)
    for name in ("prepare", "bind", "execute", "bind_execute", "bind_execute_many", "query", "close"):
        setattr(protocol, name, _held(getattr(protocol, name)))
