"""An event loop whose clock jumps: a minute of phone call passes in a second, always in the same order.

While a socket has data or a callback is ready, the clock stands. When everything waits for a timer, the
clock jumps to that timer. Sockets are real (loopback delivers within the ``send`` call), so client, exchange
and live server must live in this one loop. Work elsewhere holds the clock until it is done: executor jobs
are counted here, :mod:`.holds` knows of libraries with threads or servers of their own, and other work
announces itself with :meth:`VirtualTimeLoop.hold`.
"""

from __future__ import annotations

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from voiceagent.testing.holds import hold_for_libraries

P = ParamSpec("P")
T = TypeVar("T")

_STEP_SECONDS = 0.05
"""Real seconds for which held time stands before the loop looks again."""


class _JumpingSelector(selectors.DefaultSelector):
    """Polls; where the loop would sleep for a timer, moves the loop's clock instead."""

    loop: VirtualTimeLoop

    def select(self, timeout: float | None = None) -> Any:
        events = super().select(0)
        if events or timeout == 0:
            return events
        if timeout is None or self.loop.held:
            # Only a thread or another process can wake the loop: wait for it in real time, in short steps
            # where a timer is due, since whoever lets go of the clock need not wake the loop.
            return super().select(timeout if timeout is None else min(timeout, _STEP_SECONDS))
        self.loop.jump(timeout)
        return events


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """The loop of :func:`virtual_time`.

    Attributes:
        held: How many jobs outside the loop hold its clock.
    """

    def __init__(self) -> None:
        hold_for_libraries()
        self._now = 1000.0
        self.held = 0
        selector = _JumpingSelector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        """Seconds on the jumping clock."""
        return self._now

    def jump(self, seconds: float) -> None:
        """Move the clock."""
        self._now += seconds

    def hold(self) -> Callable[[], None]:
        """Hold the clock until the returned function is called (from any thread, through the loop)."""
        self.held += 1
        released = False

        def release() -> None:
            nonlocal released
            if not released:
                released = True
                self.held -= 1

        return release

    def run_in_executor(  # type: ignore[override]  # typeshed counts the arguments
        self, executor: Any, func: Any, *args: Any
    ) -> Any:
        """Run a function in a thread; the clock stands until it is done."""
        future = super().run_in_executor(executor, func, *args)
        release = self.hold()
        future.add_done_callback(lambda _: release())
        return future

    async def shutdown_default_executor(self, *args: Any) -> None:
        """Wait for the threads in real time: a clock that jumps would find their end overdue at once."""
        release = self.hold()
        try:
            await super().shutdown_default_executor(*args)
        finally:
            release()


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a loop with a jumping clock, as :func:`asyncio.run` does on a real one."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)


def virtual_time(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Decorate an async test: it runs on the jumping clock. Use context managers, not async fixtures."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        run_virtual(test(*args, **kwargs))

    return run
