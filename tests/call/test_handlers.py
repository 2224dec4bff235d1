"""Handlers: sync or async, with one argument or none."""

from __future__ import annotations

import functools
import logging
from typing import Any

import pytest

from voiceagent.call import CallEvent, events
from voiceagent.call._handlers import Handlers, run

logger = logging.getLogger("tests")


async def call_all(handlers: Handlers, argument: object) -> list[bool]:
    return [await run(call, logger, "call 7") for call in handlers.calls(events.CALL_ERROR, argument)]


async def test_a_handler_gets_the_argument_if_it_takes_one() -> None:
    seen: list[Any] = []

    class Program:
        async def method(self) -> None:
            seen.append("method")

        def method_with(self, details: object) -> None:
            seen.append(details)

        async def __call__(self, details: object) -> None:
            seen.append(details)

    def none() -> None:
        seen.append("none")

    async def optional(details: object = None) -> None:
        seen.append(details)

    def starred(*details: object) -> None:
        seen.append(details[0])

    def prepared(extra: str, details: object) -> None:
        seen.append(details)

    program = Program()
    handlers = Handlers(CallEvent, "call")
    for handler in (
        none,
        program.method,
        program.method_with,
        program,
        optional,
        starred,
        functools.partial(prepared, "x"),
        seen.append,
    ):
        handlers.add(events.CALL_ERROR, handler)
    assert await call_all(handlers, 42) == [True] * 8
    assert seen == ["none", "method", 42, 42, 42, 42, 42, 42]


async def test_the_string_and_the_enum_name_the_same_event() -> None:
    seen: list[str] = []
    handlers = Handlers(CallEvent, "call")
    handlers.add("call.error", lambda: seen.append("by string"))
    handlers.add(CallEvent.CALL_ERROR, lambda: seen.append("by member"))
    await call_all(handlers, None)
    assert seen == ["by string", "by member"]
    assert {CallEvent.CALL_ERROR: 1}[events.CALL_ERROR] == 1
    assert str(CallEvent.CALL_ERROR) == f"{CallEvent.CALL_ERROR}" == events.CALL_ERROR


async def test_a_handler_that_raises_is_logged_with_its_call(caplog: pytest.LogCaptureFixture) -> None:
    async def broken() -> None:
        raise LookupError("no such customer")

    handlers = Handlers(CallEvent, "call")
    handlers.add(events.CALL_ERROR, broken)
    assert await call_all(handlers, None) == [False]
    assert "call 7: the handler failed" in caplog.text
    assert "no such customer" in caplog.text


def test_mistakes_show_when_the_handler_is_registered() -> None:
    handlers = Handlers(CallEvent, "call")
    with pytest.raises(ValueError, match=r"no event 'call.eror' on a call: it has call.answer_failed, "):
        handlers.add("call.eror", print)
    with pytest.raises(TypeError, match="needs more"):
        handlers.add(events.CALL_ERROR, lambda a, b: None)
    with pytest.raises(TypeError, match="keyword argument"):
        handlers.add(events.CALL_ERROR, lambda *, a: None)
    with pytest.raises(TypeError, match="must be a function, not int"):
        handlers.add(events.CALL_ERROR, 5)  # type: ignore[arg-type]
