"""Taking calls: decisions, limits, draining, hooks that fail, and many calls at once."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from tests.phone import CALLEE, another_service, phone_system, samples
from tests.virtual_time import virtual_time
from voiceagent import CallContext, CallReport, Decision, Line, Service, VoiceAgent, serve, tool
from voiceagent.call import CallClientConfig
from voiceagent.report import EndReason
from voiceagent.sandbox.exchange import Behaviour, Party

PLOT = {"script": [{"wait": "agent_done"}, "hangup"], "model": [{"on": "start", "say": "Hello there."}]}
RATE = 24000


class Deciding(VoiceAgent):
    instruction = "You answer."
    decision = Decision.ANSWER

    async def on_incoming(self, call: CallContext) -> Decision:
        return self.decision


class Rejecting(Deciding):
    decision = Decision.REJECT


class Connecting(Deciding):
    decision = Decision.CONNECT


@virtual_time
async def test_a_rejected_call_is_never_answered() -> None:
    async with phone_system(Rejecting, PLOT) as phone:
        call, report = await phone.call()
        events = [event["event"] for event in call.snapshot()["events"]]
        assert phone.live.records == []
    assert report.ended is EndReason.REJECTED
    assert "answered" not in events


@virtual_time
async def test_a_connected_call_goes_on_without_the_agent() -> None:
    async with phone_system(Connecting, PLOT) as phone:
        call, report = await phone.call()
        assert call.snapshot()["state"] == "detached"
    assert report.ended is EndReason.CONNECTED


@virtual_time
async def test_the_agent_answers_where_the_callee_does_not() -> None:
    async with phone_system(Connecting, PLOT) as phone:
        phone.exchange.parties[CALLEE] = Party(Behaviour.NOANSWER, 1000)
        _, report = await phone.call()
    assert report.transcript[0].text == "Hello there."


@virtual_time
async def test_calls_beyond_the_limit_ring_until_there_is_room() -> None:
    async with phone_system(Deciding, PLOT, max_calls=2) as phone:
        calls = [phone.ring() for _ in range(4)]
        most = 0
        reports = []
        for _ in calls:
            reports.append(await phone.reports.get())
            most = max(most, phone.service.active_calls)
        answered = sorted(
            event["at_ms"]
            for call in calls
            for event in call.snapshot()["events"]
            if event["event"] == "answered"
        )
    assert [report.ended for report in reports] == [EndReason.CALLER_HUNG_UP] * 4
    assert most <= 2
    assert answered[1] < 500 < answered[2]


@virtual_time
async def test_a_stopping_service_leaves_new_calls_to_others() -> None:
    async with phone_system(Deciding, PLOT) as phone:
        under_way = phone.ring()
        await under_way.caller.answered()
        phone.service.stop()
        late = phone.ring()
        await asyncio.sleep(1)
        assert late.snapshot()["state"] == "ringing"
        async with another_service(phone, Deciding) as reports:
            assert (await reports.get()).call_id == late.call_id
        assert (await phone.reports.get()).call_id == under_way.call_id
    assert late.snapshot()["end_reason"] == "caller_hangup"


@virtual_time
async def test_a_stopped_service_lets_its_calls_end() -> None:
    async with phone_system(Deciding, PLOT) as phone:
        call = phone.ring()
        await asyncio.sleep(1)
        phone.service.stop()
        report = await phone.reports.get()
    assert report.ended is EndReason.CALLER_HUNG_UP
    assert call.snapshot()["end_reason"] == "caller_hangup"


class Failing(VoiceAgent):
    instruction = "You answer."

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error or RuntimeError("broken hook")

    async def on_incoming(self, call: CallContext) -> Decision:
        raise self.error

    async def on_start(self, call: CallContext) -> None:
        raise self.error

    async def on_answered(self, call: CallContext) -> None:
        raise self.error

    async def on_transcript(self, call: CallContext, line: Line) -> None:
        raise self.error

    async def on_end(self, report: CallReport) -> None:
        raise self.error


@pytest.mark.parametrize(
    "error",
    [RuntimeError("broken hook"), asyncio.CancelledError("broken hook")],
    ids=["defect", "what it waited for was cancelled"],
)
@virtual_time
async def test_hooks_that_fail_are_logged_and_cost_nothing(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    async with phone_system(Failing(error), PLOT) as phone:
        _, report = await phone.call()
    assert report.ended is EndReason.CALLER_HUNG_UP
    assert caplog.text.count("Error: broken hook") == 5
    assert report.call_id in caplog.text


class Broken(VoiceAgent):
    def build_instruction(self, call: CallContext) -> str:
        raise RuntimeError("no instruction")


@virtual_time
async def test_a_defect_of_the_agent_ends_its_call_and_no_other() -> None:
    async with phone_system(Broken, PLOT) as phone:
        phone.exchange.parties[CALLEE] = Party(Behaviour.REJECT, 1000)
        call, report = await phone.call()
        assert call.snapshot()["state"] == "ended"
        assert phone.service.active_calls == 0
        phone.service.agent.build_instruction = lambda call: "You answer."  # type: ignore[method-assign]
        _, second = await phone.call()
    assert (report.ended, report.end_note) == (EndReason.FAILED, "RuntimeError")
    assert second.ended is EndReason.CALLER_HUNG_UP


@virtual_time
async def test_a_caller_of_an_agent_with_a_defect_gets_a_person(caplog: pytest.LogCaptureFixture) -> None:
    async with phone_system(Broken, PLOT) as phone:
        call, report = await phone.call()
        assert call.snapshot()["state"] == "detached"
    assert report.ended is EndReason.CONNECTED
    assert "RuntimeError: no instruction" in caplog.text


@virtual_time
async def test_neither_keys_nor_numbers_are_logged(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    caplog.set_level(logging.DEBUG, "voiceagent")
    async with phone_system(Failing, PLOT, reports=tmp_path) as phone:
        await phone.call()
        key = phone.exchange.api_key
    for secret in (key, "+15550100", "+15550199"):
        assert secret not in caplog.text


class Two(VoiceAgent):
    @tool
    async def check_out(self, call: CallContext) -> str:
        return "no docstring"


def test_a_tool_that_cannot_be_offered_fails_at_the_start() -> None:
    with pytest.raises(TypeError, match="tool check_out has no docstring"):
        Service(Two)


def test_a_missing_key_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WSS_API_KEY", "WSS_CONNECTOR_UUID"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ValueError, match="WSS_API_KEY"):
        Service(Deciding)


class Sync(VoiceAgent):
    def on_end(self, report: CallReport) -> None:  # type: ignore[override]
        pass


def test_a_hook_that_is_not_async_fails_at_the_start() -> None:
    with pytest.raises(TypeError, match=r"Sync\.on_end must be 'async def'"):
        Service(Sync)


def test_what_is_no_agent_is_refused() -> None:
    with pytest.raises(TypeError, match="an agent is a subclass of VoiceAgent"):
        Service(Path)  # type: ignore[arg-type]


class Stubborn(Deciding):
    async def on_shutdown(self) -> None:
        raise RuntimeError("the database is gone")


@virtual_time
async def test_services_run_side_by_side_and_end_on_one_signal(caplog: pytest.LogCaptureFixture) -> None:
    async with phone_system(Deciding, PLOT) as phone:
        phone.service.stop()
        config, connector = phone.config, phone.service._connector
        both = [
            Service(agent, config=config, connector=connector, reports=None) for agent in (Deciding, Stubborn)
        ]
        ready = asyncio.Event()
        serving = asyncio.create_task(serve(*both, ready=ready.set))
        await ready.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(30):
            await serving
    assert all(service.stopping for service in both)
    assert "Stubborn.on_shutdown failed" in caplog.text


@virtual_time
async def test_a_first_signal_says_what_another_one_does(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with phone_system(Deciding, PLOT) as phone:
        phone.service.stop()
        service = Service(Deciding, config=phone.config, connector=phone.service._connector, reports=None)
        ready = asyncio.Event()
        serving = asyncio.create_task(serve(service, ready=ready.set))
        await ready.wait()
        call = phone.ring()
        await call.caller.answered()
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(60):
            await serving
    assert call.snapshot()["end_reason"] == "caller_hangup", "the first signal lets it go on to its end"
    assert "calls that go on to their end: 1" in caplog.text
    assert "another signal ends the calls at once" in caplog.text


def test_a_limit_of_no_calls_is_refused() -> None:
    with pytest.raises(ValueError, match="max_calls is 0"):
        Service(Deciding, config=CallClientConfig.sandbox("k", "c", base_url="ws://127.0.0.1:1"), max_calls=0)


class Named(VoiceAgent):
    greeting = None

    def build_instruction(self, call: CallContext) -> str:
        return call.call_id


def tone(hertz: float, seconds: float) -> bytes:
    t = np.arange(int(RATE * seconds)) / RATE
    return (8000 * np.sin(2 * np.pi * hertz * t)).astype("<i2").tobytes()


def only_tone(pcm: bytes, rate: int, hertz: float) -> bool:
    """Whether nothing in ``pcm`` comes within 40 dB of a tone, but for the tone itself."""
    audio = samples(pcm).astype(float)
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(len(audio))))
    loud = np.flatnonzero(spectrum > spectrum.max() / 100) * rate / len(audio)
    return len(loud) > 0 and bool((np.abs(loud - hertz) < 15).all())


@virtual_time
async def test_twenty_calls_at_once_share_no_audio() -> None:
    caller_tones = [400 + 40 * index for index in range(20)]
    agent_tones = [1300 + 40 * index for index in range(20)]
    async with phone_system(Named, {"model": []}) as phone:
        calls = [phone.ring() for _ in range(20)]
        for call in calls:
            await call.caller.answered()
        sessions = {
            record.setup["systemInstruction"]["parts"][0]["text"]: record for record in phone.live.records
        }
        for call, hertz, back in zip(calls, caller_tones, agent_tones, strict=True):
            call.caller.say(tone(hertz, 3.0))
            audio = base64.b64encode(tone(back, 3.0)).decode()
            part = {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": audio}}
            session = phone.live.running(sessions[call.call_id].session_id)
            assert session is not None
            await session.emit(json.dumps({"serverContent": {"modelTurn": {"parts": [part]}}}).encode())
        await asyncio.sleep(5)
        heard = [call.caller.heard() for call in calls]
        reached = [sessions[call.call_id].audio for call in calls]
        for call in calls:
            call.caller.hang_up()
        reports = [await phone.reports.get() for _ in calls]
        assert phone.service.active_calls == 0
    assert {report.ended for report in reports} == {EndReason.CALLER_HUNG_UP}
    for index in range(20):
        assert only_tone(heard[index], RATE, agent_tones[index])
        assert only_tone(reached[index], 16000, caller_tones[index])


@virtual_time
async def test_a_folder_that_takes_no_reports_is_told_at_the_start_and_costs_no_call(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    taken = tmp_path / "calls"
    taken.write_text("a file")
    async with phone_system(Deciding, PLOT, reports=taken) as phone:
        assert "calls leave no report and no recording" in caplog.text
        _, report = await phone.call()
    assert report.ended is EndReason.CALLER_HUNG_UP
