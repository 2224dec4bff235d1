"""A call by hand, as its caller reads it: who answered, and how much was heard."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from voiceagent.call import ActiveCall, CallClient, CallClientConfig, events
from voiceagent.cli.call import run_call
from voiceagent.sandbox.exchange import Exchange

pytestmark = pytest.mark.realtime

Handler = Callable[[ActiveCall], Awaitable[None]]


async def answer_and_say_nothing(call: ActiveCall) -> None:
    await call.answer()


async def say_a_second_and_leave(call: ActiveCall) -> None:
    await call.answer()
    await call.send_audio(bytes(9_600) + bytes([1, 2]) * 24_000, wait=True)
    await call.drained()
    await call.disconnect()


async def reject(call: ActiveCall) -> None:
    await call.disconnect()


async def let_it_ring(call: ActiveCall) -> None:
    await call.wait_terminated()


@pytest.fixture
def caller(tmp_path: Path) -> Path:
    """Somebody who hangs up half a second after the answer, if the agent does not sooner."""
    path = tmp_path / "caller.yaml"
    path.write_text("script:\n  - wait: 0.5\n  - hangup\n")
    return path


@pytest.fixture
def patient(tmp_path: Path) -> Path:
    """Somebody who listens for as long as the agent likes."""
    path = tmp_path / "patient.yaml"
    path.write_text("script:\n  - wait: 30\n")
    return path


def phone(scenario: Path, handler: Handler | None, timeout: float = 10) -> int:
    """Run the command against an agent with this handler; returns its exit code."""

    def command(url: str) -> int:
        try:
            run_call(scenario, url, None, timeout)
        except SystemExit as exit_:
            assert isinstance(exit_.code, int)
            return exit_.code
        return 0

    async def run() -> int:
        async with Exchange() as exchange:
            key, connector = exchange.api_key, exchange.connector_uuid
            if handler is None:
                return await asyncio.to_thread(command, exchange.url)
            config = CallClientConfig.sandbox(key, connector, base_url=exchange.url)
            async with CallClient(config) as client:
                client.on(events.INCOMING_CALL, handler)
                return await asyncio.to_thread(command, exchange.url)

    return asyncio.run(run())


def last_lines(capsys: pytest.CaptureFixture[str], count: int) -> list[str]:
    return capsys.readouterr().out.splitlines()[-count:]


def test_an_agent_that_answers_and_stays_silent_is_seen(
    caller: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert phone(caller, answer_and_say_nothing) == 0

    assert last_lines(capsys, 2) == ["ended: caller_hangup", "caller heard nothing"]


def test_what_the_caller_heard_is_counted_without_the_silence(
    patient: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert phone(patient, say_a_second_and_leave) == 0

    assert last_lines(capsys, 2) == ["ended: agent_disconnect", "caller heard 1.0 s of audio"]


def test_the_agent_that_takes_a_call_says_the_sample_rate(
    caller: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    phone(caller, answer_and_say_nothing)

    (claimed,) = (line for line in capsys.readouterr().out.splitlines() if "claimed" in line)
    assert claimed.endswith("24000 Hz")


def test_a_call_that_the_agent_rejects_is_told_as_such(
    caller: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert phone(caller, reject) == 1

    assert last_lines(capsys, 2) == ["ended: rejected", "the agent rejected the call"]


def test_an_agent_that_does_not_answer_is_not_looked_for(
    patient: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert phone(patient, let_it_ring, timeout=1) == 1

    assert last_lines(capsys, 1) == ["an agent took the call but did not answer it: look at its log"]


def test_without_an_agent_one_is_asked_for(patient: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert phone(patient, None, timeout=1) == 1

    (said,) = last_lines(capsys, 1)
    assert said.startswith("nobody answered: is an agent connected?")
