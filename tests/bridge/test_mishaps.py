"""A full disk, a bad observer, a program that is stopped: the call goes on, or its report is written."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import wave
from pathlib import Path
from typing import Any

import pytest

from tests.bridge.model import LISTENING, Listener, answered, tone
from tests.phone import phone_system
from tests.virtual_time import virtual_time
from voiceagent import CallContext, CallReport, Service, VoiceAgent, serve
from voiceagent.audio import StereoWavWriter
from voiceagent.live import LiveConfig, LiveSession
from voiceagent.report import EndReason, Moment

RATE = 24000
GREETING = "Hello, what can I do for you?"
LONG = "We are open from nine to five on every weekday, and on Saturday until noon, except in August. " * 3
PLOT = {"script": [{"wait": 5}, "hangup"], "model": [{"on": "start", "say": GREETING}]}
ENDLESS = {"script": [{"wait": 60}, "hangup"], "model": [{"on": "start", "say": LONG}]}


class Agent(VoiceAgent):
    instruction = "You answer."

    def __init__(self) -> None:
        self.ended: list[EndReason | None] = []

    async def on_end(self, report: CallReport) -> None:
        self.ended.append(report.ended)


def saved_reports(folder: Path) -> dict[str, Any]:
    """The reports in a folder, by the name of their call's folder."""
    return {path.parent.name: json.loads(path.read_text()) for path in folder.glob("*/report.json")}


def full_disk(*_: object) -> None:
    raise OSError(28, "No space left on device")


@virtual_time
async def test_a_full_disk_costs_the_recording_and_not_the_call(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StereoWavWriter, "write", full_disk)
        async with phone_system(Agent, PLOT, reports=tmp_path) as phone:
            _, report = await phone.call()
    assert report.ended is EndReason.CALLER_HUNG_UP
    assert report.transcript[0].text == GREETING
    assert caplog.text.count("No space left") == 1


@virtual_time
async def test_reports_that_have_no_place_do_not_cost_the_call(tmp_path: Path) -> None:
    (tmp_path / "calls").write_text("a file")
    async with phone_system(Agent, PLOT, reports=tmp_path / "calls") as phone:
        _, report = await phone.call()
    assert report.ended is EndReason.CALLER_HUNG_UP
    assert report.audio is None


@virtual_time
async def test_an_observer_that_raises_is_logged_and_costs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def broken(context: CallContext, moment: Moment) -> None:
        raise RuntimeError("broken observer")

    agent = Agent()
    async with phone_system(agent, PLOT) as phone:
        phone.service._observer = broken
        _, report = await phone.call()
    assert report.ended is EndReason.CALLER_HUNG_UP
    assert agent.ended == [EndReason.CALLER_HUNG_UP]
    assert "broken observer" in caplog.text


@virtual_time
async def test_a_connection_that_breaks_is_not_blamed_on_the_caller() -> None:
    async with phone_system(Agent, ENDLESS) as phone:
        call = phone.ring()
        await call.caller.answered()
        await asyncio.sleep(3)
        assert call.agent is not None
        call.agent.abort()
        report = await phone.reports.get()
    assert report.ended is EndReason.LINE_LOST


class Thoughtful(Agent):
    async def on_start(self, call: CallContext) -> None:
        await asyncio.sleep(3)


@virtual_time
async def test_a_call_that_is_offered_again_leaves_the_first_report_as_it_is(tmp_path: Path) -> None:
    async with phone_system(Thoughtful, PLOT, reports=tmp_path) as phone:
        call = phone.ring()
        await asyncio.sleep(2)
        assert call.agent is not None
        call.agent.abort()
        first, second = await phone.reports.get(), await phone.reports.get()
    assert (first.transcript, second.transcript[0].text) == ([], GREETING)
    assert sorted(saved_reports(tmp_path)) == [call.call_id, f"{call.call_id}-2"]


@virtual_time
async def test_audio_that_fits_the_lines_queue_only_in_pieces_is_heard_whole() -> None:
    async with phone_system(Listener, LISTENING, buffer_size=RATE) as phone:
        _, model = await answered(phone)
        await model.speaks(tone(2))
        await model.ends_turn()
        report = await phone.reports.get()
    assert report.turns[0].heard_ms == pytest.approx(2000, abs=1)


@virtual_time
async def test_a_program_that_is_ended_in_mid_call_leaves_report_and_recording(tmp_path: Path) -> None:
    agent = Agent()
    with pytest.raises(asyncio.CancelledError):
        async with phone_system(agent, ENDLESS, reports=tmp_path) as phone:
            phone.ring()
            await asyncio.sleep(4)
            raise asyncio.CancelledError
    ((call_id, report),) = saved_reports(tmp_path).items()
    assert report["ended"] == "shutdown"
    assert agent.ended == [EndReason.SHUTDOWN]
    (turn,) = report["turns"]
    assert 2000 < turn["heard_ms"] < turn["generated_ms"]
    assert LONG.startswith(report["transcript"][0]["text"])
    with wave.open(str(tmp_path / call_id / "call.wav")) as file:
        assert file.getnframes() > 2 * RATE


@virtual_time
async def test_a_second_signal_ends_the_call_and_says_so(tmp_path: Path) -> None:
    agent = Agent()
    async with phone_system(Agent, ENDLESS) as phone:
        phone.service.stop()
        service = Service(agent, config=phone.config, connector=phone.service._connector, reports=tmp_path)
        ready = asyncio.Event()
        serving = asyncio.create_task(serve(service, ready=ready.set))
        await ready.wait()
        call = phone.ring()
        await asyncio.sleep(4)
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(2)
        assert call.snapshot()["state"] == "answered", "the first one lets it go on"
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(5):
            await serving
        assert call.snapshot()["state"] == "ended"
    ((call_id, report),) = saved_reports(tmp_path).items()
    assert report["ended"] == "shutdown"
    assert agent.ended == [EndReason.SHUTDOWN]
    with wave.open(str(tmp_path / call_id / "call.wav")) as file:
        assert file.getnframes() > 5 * RATE


class Hesitant:
    """A connector whose service does not answer."""

    async def check(self) -> None:
        pass

    async def open(self, config: LiveConfig) -> LiveSession:
        await asyncio.sleep(60)
        raise AssertionError("nobody waits so long")


@virtual_time
async def test_a_call_that_still_rings_is_rejected_when_the_program_is_ended(tmp_path: Path) -> None:
    agent = Agent()
    with pytest.raises(asyncio.CancelledError):
        async with phone_system(agent, PLOT, reports=tmp_path, connector=Hesitant()) as phone:
            phone.ring()
            await asyncio.sleep(2)
            raise asyncio.CancelledError
    assert agent.ended == [EndReason.SHUTDOWN]
    (report,) = saved_reports(tmp_path).values()
    assert report["ended"] == "shutdown"


@virtual_time
async def test_whoever_cancels_serve_sees_it_cancelled() -> None:
    async with phone_system(Agent, PLOT) as phone:
        service = Service(Agent, config=phone.config, connector=phone.service._connector, reports=None)
        ready = asyncio.Event()
        serving = asyncio.create_task(serve(service, ready=ready.set))
        await ready.wait()
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
