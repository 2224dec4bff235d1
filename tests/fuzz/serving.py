"""A server that stays up for a whole round, on a jumping clock of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from typing import Any, Generic, TypeVar

from tests.fuzz.watch import Watch, no_tasks_left
from tests.virtual_time import VirtualTimeLoop

S = TypeVar("S")


class Serving(Generic[S]):
    """The server, its event loop and the watch on both. Use :meth:`serving` around a round."""

    def __init__(self) -> None:
        self._runner: asyncio.Runner
        self.server: S

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something in the server's loop; raises what the watch saw meanwhile, too."""
        with Watch() as watch:
            self._runner.get_loop().set_exception_handler(watch.loop_error)
            self._runner.run(work)
        watch.verdict()

    @contextmanager
    def serving(self, server: AbstractAsyncContextManager[S], *, lingering: float) -> Iterator[None]:
        """Run ``server``; afterwards it has no task left, ``lingering`` seconds later at most."""
        stack = AsyncExitStack()

        async def begin() -> None:
            self.server = await stack.enter_async_context(server)

        async def end() -> None:
            await stack.aclose()
            await no_tasks_left(within=lingering)

        with asyncio.Runner(loop_factory=VirtualTimeLoop) as self._runner:
            self._runner.run(begin())
            try:
                yield
            finally:
                self._runner.run(end())
