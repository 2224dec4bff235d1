"""Handlers: sync or async, with one argument or none."""

from __future__ import annotations

import asyncio
import functools
import logging
from typing import Any

import pytest

from voiceagent.call import ActiveCall, CallClient, CallClientConfig, CallEvent, events
from voiceagent.call._handlers import Handlers, run
from voiceagent.call.exceptions import BufferClosedError, WSSCallClosedError

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


def test_forgotten_brackets_show_at_once() -> None:
    with pytest.raises(TypeError, match=r"@client.on\(events.INCOMING_CALL\)"):

        @CallClient(CallClientConfig.sandbox("key-0123456789", "connector")).on  # type: ignore[call-overload]
        async def handle(call: ActiveCall) -> None:
            """Never registered."""


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


async def test_that_several_tasks_of_a_program_notice_the_end_of_the_call_is_no_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def play() -> None:
        raise BufferClosedError("the call has ended")

    async def command() -> None:
        raise WSSCallClosedError("the call has ended")

    async def program() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(play())
            tasks.create_task(command())

    async def broken() -> None:
        raise LookupError("no such customer")

    async def broken_program() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(play())
            tasks.create_task(broken())

    handlers = Handlers(CallEvent, "call")
    handlers.add(events.CALL_ERROR, program)
    assert await call_all(handlers, None) == [True]
    assert caplog.records == []
    handlers.add(events.CALL_ERROR, broken_program)
    assert await call_all(handlers, None) == [True, False]
    assert "no such customer" in caplog.text


async def test_a_handler_that_stumbles_over_its_own_cancelled_task_has_failed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def program() -> None:
        helper = asyncio.create_task(asyncio.Event().wait())
        helper.cancel()
        await helper

    handlers = Handlers(CallEvent, "call")
    handlers.add(events.CALL_ERROR, program)
    assert await call_all(handlers, None) == [False]
    assert "call 7: the handler failed" in caplog.text


async def test_a_handler_that_is_cancelled_from_outside_is_cancelled() -> None:
    handlers = Handlers(CallEvent, "call")
    handlers.add(events.CALL_ERROR, asyncio.Event().wait)
    running = asyncio.create_task(call_all(handlers, None))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
