"""Event handlers: sync or async, with one argument or none; each runs in a task of its own."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

from voiceagent.call.exceptions import BufferClosedError, WSSCallClosedError

Handler = Callable[..., Any]
"""A function or coroutine function that takes zero arguments or one."""

AnyHandler = TypeVar("AnyHandler", bound=Handler)
"""A decorator gives back the handler that it got."""

Spawn = Callable[[Coroutine[Any, Any, None]], object]
"""Starts a task whose end the client waits for."""


_EXAMPLES = {"client": "INCOMING_CALL", "call": "CALL_TERMINATED"}


class Handlers:
    """The handlers of one client or one call, by event name."""

    def __init__(self, events: Iterable[str], owner: str) -> None:
        self._owner = owner
        self._handlers: dict[str, list[tuple[Handler, bool]]] = {str(event): [] for event in events}

    def add(self, event: str, handler: Handler) -> None:
        """Register a handler.

        Raises:
            ValueError: there is no such event.
            TypeError: the handler cannot be called, or needs more than one argument.
        """
        self.check(event)
        self._handlers[str(event)].append((handler, _takes_argument(handler)))

    def check(self, event: str) -> None:
        """Refuse what is no event.

        Raises:
            ValueError: there is no such event.
            TypeError: it is no name at all, but a handler, for example.
        """
        if not isinstance(event, str):
            raise TypeError(f"on() takes the event first: @{self._owner}.on(events.{_EXAMPLES[self._owner]})")
        if str(event) not in self._handlers:
            known = ", ".join(sorted(self._handlers))
            raise ValueError(f"no event {str(event)!r} on a {self._owner}: it has {known}")

    def has(self, event: str) -> bool:
        """Whether anybody listens."""
        return bool(self._handlers[str(event)])

    def calls(self, event: str, argument: object) -> list[Callable[[], Any]]:
        """One function without arguments for each handler of the event, in the order of registration."""
        return [_bind(handler, takes, argument) for handler, takes in self._handlers[str(event)]]


async def run(call: Callable[[], Any], logger: logging.Logger, what: str) -> bool:
    """Run one handler to its end. An error is logged with ``what``; tells whether there was none.

    That the call ended under a program that was still using it is the usual end of a program, and no error;
    also when the program noticed it in several tasks at once.
    """
    try:
        result = call()
        if inspect.isawaitable(result):
            await result
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        # Nobody cancelled the handler: it awaited a task of its own that was cancelled.
        logger.exception("%s: the handler failed", what)
        return False
    except Exception as error:
        if not comes_of_the_end(error):
            logger.exception("%s: the handler failed", what)
            return False
        logger.info("%s: the handler ended with the call: %s", what, error)
    return True


def comes_of_the_end(error: BaseException) -> bool:
    """Whether an error says no more than that the call has ended."""
    if isinstance(error, BaseExceptionGroup):
        return all(comes_of_the_end(each) for each in error.exceptions)
    return isinstance(error, (BufferClosedError, WSSCallClosedError))


def _bind(handler: Handler, takes_argument: bool, argument: object) -> Callable[[], Any]:
    return (lambda: handler(argument)) if takes_argument else handler


def _takes_argument(handler: Handler) -> bool:
    if not callable(handler):
        raise TypeError(f"a handler must be a function, not {type(handler).__name__}")
    try:
        parameters = inspect.signature(handler).parameters.values()
    except ValueError:
        # Some built-in functions do not tell their signature; those that serve as handlers take nothing.
        return False
    required = [p for p in parameters if p.default is p.empty and p.kind is not p.VAR_KEYWORD]
    if any(p.kind is p.KEYWORD_ONLY for p in required):
        raise TypeError(
            "a handler is called with one argument or none, but this one needs a keyword argument"
        )
    if sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in required) > 1:
        raise TypeError("a handler is called with one argument or none, but this one needs more")
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return any(p.kind in positional or p.kind is p.VAR_POSITIONAL for p in parameters)
