"""Programs that set up logging for the documented names get the records there, and only there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.call.line import line
from tests.dropin.test_names import SDKS, sdk_of
from tests.virtual_time import virtual_time
from voiceagent.call import ActiveCall
from voiceagent.sandbox.exchange import Exchange


class Records(logging.Handler):
    """A handler that keeps what it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def texts(self, level: int) -> list[str]:
        return [record.getMessage() for record in self.records if record.levelno == level]

    def count(self, text: str) -> int:
        return sum(record.getMessage().endswith(text) for record in self.records)


@contextmanager
def listening(name: str, level: int) -> Iterator[Records]:
    """A program that has set the level of one logger and given it a handler."""
    logger, handler = logging.getLogger(name), Records()
    before = logger.level
    logger.setLevel(level)
    logger.addHandler(handler)
    try:
        yield handler
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


def a_call(package: str, prefix: str) -> None:
    """Somebody phones, is answered, heard and hung up on by a program; then the control link drops."""
    sdk = sdk_of(package)

    @virtual_time
    async def run() -> None:
        async with Exchange() as exchange:
            config = getattr(sdk, f"{prefix}ClientConfig").sandbox(
                api_key=exchange.api_key, connector_uuid=exchange.connector_uuid, base_url=exchange.url
            )
            async with getattr(sdk, f"{prefix}Client")(config) as client:

                async def handle(call: ActiveCall) -> None:
                    await call.answer()
                    await call.send_audio(bytes(48_000))
                    await call.drained()
                    await call.disconnect()

                client.on(sdk.events.INCOMING_CALL, handle)
                exchange.phone("+15550100", "+15550199")
                await asyncio.sleep(5)
                exchange.drop_control()
                await asyncio.sleep(5)

    run()


@pytest.mark.parametrize(("package", "prefix"), SDKS)
def test_each_link_has_a_logger_of_its_own(package: str, prefix: str) -> None:
    with (
        listening(f"{package}.media_connection", logging.DEBUG) as media,
        listening(f"{package}.control_connection", logging.DEBUG) as control,
        listening(package, logging.INFO) as program,
        listening("voiceagent", logging.DEBUG) as elsewhere,
        listening("", logging.DEBUG) as everything,
    ):
        a_call(package, prefix)
    for text in ("sent call.answer", "sent call.disconnect"):
        assert media.count(text) == 1
        assert program.count(text) == 1, "the same record, on its way up"
        assert everything.count(text) == 1, "and nothing repeats it"
    assert media.count("received command_response") == 2
    assert not any("buffer_request" in text for text in media.texts(logging.DEBUG)), "not for each frame"
    assert len(media.records) < 20, "one second of audio leaves no trace"
    assert any("the media link is open" in text for text in media.texts(logging.INFO))
    for text in ("sent setup", "received setup.done", "sent session.open", "received call.in"):
        assert control.count(text) >= 1, text
    assert any("the control link broke" in text for text in control.texts(logging.WARNING))
    assert any("reconnecting" in text for text in control.texts(logging.WARNING))
    assert any("over: disconnected" in text for text in program.texts(logging.INFO)), "call activity"
    ours = [record for record in elsewhere.records if record.name.startswith("voiceagent.call")]
    assert ours == []


@pytest.mark.parametrize(("package", "prefix"), SDKS)
def test_a_level_of_the_package_holds_for_its_links(package: str, prefix: str) -> None:
    with listening(package, logging.WARNING) as program:
        a_call(package, prefix)
    assert program.records != []
    assert all(record.levelno >= logging.WARNING for record in program.records)


@pytest.mark.parametrize(("package", "prefix"), SDKS)
def test_the_library_brings_no_handler_that_prints(package: str, prefix: str) -> None:
    sdk_of(package)
    # Not even one that does nothing: it would keep Python from printing errors where nobody set up logging.
    for name in (package, f"{package}.media_connection", f"{package}.control_connection"):
        assert logging.getLogger(name).handlers == []


def test_a_program_that_uses_the_name_of_the_project_finds_the_records_there() -> None:
    with listening("voiceagent.call", logging.DEBUG) as project, listening("telcoflow_sdk", 1) as other:

        @virtual_time
        async def run() -> None:
            async with line() as phone:
                _, call = await phone.talk()
                await call.disconnect()

        run()
    names = {record.name for record in project.records}
    assert names == {
        "voiceagent.call",
        "voiceagent.call.control_connection",
        "voiceagent.call.media_connection",
    }
    assert other.records == []
