"""How a tool's work is done: in time, and without its failures reaching anybody but the model and the log."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, Future
from contextvars import copy_context
from functools import partial
from typing import Any, ParamSpec, TypeVar

from pydantic import TypeAdapter

from voiceagent.context import CallContext, ToolError, deadline_of_tool, is_own_cancellation
from voiceagent.tool_late import late_of_tool

logger = logging.getLogger(__name__)

_P = ParamSpec("_P")
_T = TypeVar("_T")

MOST_THREADS = 256
"""Sync tools that may run at once in this process; one more fails."""


async def guarded(
    name: str,
    timeout: float,
    context: CallContext,
    work: Callable[[], Awaitable[Any]],
    *,
    stoppable: bool = True,
) -> dict[str, Any]:
    """Do a tool's work; every failure becomes an ``error`` for the model, and so does taking too long.

    Where :data:`late_of_tool` is set, work that takes too long goes on, and its result is told later.

    Args:
        name: Of the tool.
        timeout: Seconds that it may take.
        context: The call.
        work: Returns what the model is to be told.
        stoppable: Whether cancelling ends it; a thread goes on.
    """
    late = late_of_tool.get()
    task: asyncio.Task[dict[str, Any]] | None = None
    deadline = asyncio.timeout(timeout)
    outer = deadline_of_tool.set(deadline)
    try:
        async with deadline:
            if late is None:
                result = await _outcome(name, context, work)
            else:
                task = late.start(_outcome(name, context, work))
                result = await _result_of(task, deadline)
        if not (deadline.expired() and "error" in result):
            return result
    except TimeoutError:
        pass
    except asyncio.CancelledError:
        if task is not None:
            task.cancel()
        raise
    finally:
        deadline_of_tool.reset(outer)
    logger.warning("call %s: tool %s took over %g s", context.call_id, name, timeout)
    if late is not None and task is not None:
        return late.leave(task)
    if not stoppable:
        return {"error": f"{name} took too long: nobody waits for it any longer, but it may still be done"}
    return {"error": f"{name} took too long and was stopped"}


async def _result_of(task: asyncio.Task[dict[str, Any]], deadline: asyncio.Timeout) -> dict[str, Any]:
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if not deadline.expired():
            # Nobody wants it any more. Its clean-up may still want to stop the clock, so that must be there.
            task.cancel()
            await asyncio.wait((task,))
        raise


async def _outcome(name: str, context: CallContext, work: Callable[[], Awaitable[Any]]) -> dict[str, Any]:
    try:
        return _response(await work())
    except ToolError as refusal:
        return {"error": str(refusal)}
    except (Exception, asyncio.CancelledError) as error:
        if is_own_cancellation(error):
            raise
        # The model can apologise and go on; the caller must not lose the call to a tool's defect.
        logger.exception("call %s: tool %s failed", context.call_id, name)
        return {"error": f"{name} failed; it cannot be used right now"}


_any = TypeAdapter(Any)


def _response(result: Any) -> dict[str, Any]:
    """What the model is given: JSON through and through, whatever the tool returned."""
    plain = json.loads(_any.dump_json(result))
    return plain if isinstance(plain, dict) else {"result": plain}


class _DaemonThreads(Executor):
    """A thread of its own for each job, which does not keep the process from ending.

    A pool would: Python waits for its threads at exit, however long they hang, and a pool whose threads all
    hang takes no more work.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = 0

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Run a function in a thread.

        Raises:
            RuntimeError: too many run already.
        """
        with self._lock:
            if self._running >= MOST_THREADS:
                raise RuntimeError(f"{MOST_THREADS} sync tools run already, so they must hang")
            self._running += 1
        future: Future[_T] = Future()
        thread = threading.Thread(
            target=self._work, args=(future, partial(fn, *args, **kwargs)), name="tool", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:
            self._ended()
            raise
        return future

    def _work(self, future: Future[_T], job: Callable[[], _T]) -> None:
        try:
            if future.set_running_or_notify_cancel():
                future.set_result(job())
        except StopIteration:
            # No coroutine can be given this one.
            future.set_exception(RuntimeError("the tool raised StopIteration"))
        except BaseException as error:
            future.set_exception(error)
        finally:
            self._ended()

    def _ended(self) -> None:
        with self._lock:
            self._running -= 1


_threads = _DaemonThreads()


async def in_thread(function: Callable[..., _T], /, **given: Any) -> _T:
    """Call a sync function in a thread, with the context variables of this task.

    When this is cancelled the thread goes on, because none can be stopped, and its result is dropped.
    """
    call = partial(copy_context().run, function, **given)
    return await asyncio.get_running_loop().run_in_executor(_threads, call)
