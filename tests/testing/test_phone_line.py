"""A telephone system around an agent: whole calls, one after the other and at once, and what a test sees."""

from __future__ import annotations

import asyncio
import wave
from pathlib import Path

import pytest

from tests.testing.shop import (
    ASKS,
    GREETING,
    HAND_OVER,
    OPENING,
    PUT_THROUGH,
    READY,
    REPAIR,
    SILENT,
    Shop,
)
from voiceagent import CallContext, Decision, VoiceAgent
from voiceagent.report import Answered, BargeIn, ToolStarted, TransferStarted
from voiceagent.sandbox.exchange import registry
from voiceagent.sandbox.scenario import ScenarioError
from voiceagent.service import StartupError
from voiceagent.testing import Fault, ScriptState, phone_line, run_virtual, virtual_time


@virtual_time
async def test_a_played_call_tells_what_was_said_heard_and_done() -> None:
    async with phone_line(Shop, REPAIR) as line:
        played = await line.call()

    assert played.ended == "agent_hung_up"
    assert played.tool_names == ["is_it_ready", "end_call"]
    assert played.tools[0].arguments == {"number": 12}
    assert played.state == {"asked": 12}
    assert played.caller_said == ["is repair number twelve ready", "thank you, goodbye"]
    assert [line.interrupted for line in played.transcript if line.who == "agent"] == [False, True, False]
    assert len(played.seen(BargeIn)) == 1
    assert played.violations == []
    assert (played.line_state, played.end_reason) == ("ended", "agent_disconnect")

    assert played.caller.said == ["is repair number twelve ready", "thank you, goodbye"]
    assert played.caller.heard_speech(GREETING) and played.caller.heard_speech("Goodbye.")
    assert not played.caller.heard_speech(READY), "it was interrupted"
    assert len(played.caller.heard_ms) == 3
    assert not played.caller.hung_up
    assert played.caller.answered and not played.callee.answered
    assert (played.callee.heard, played.callee.script) == (b"", ScriptState.NONE)


@virtual_time
async def test_the_callee_is_a_scripted_person_too() -> None:
    async with phone_line(Shop, PUT_THROUGH) as line:
        played = await line.call()

    assert played.ended == "transferred"
    assert played.callee.hung_up and played.end_reason == "callee_hangup"
    assert played.callee.script is ScriptState.DONE
    assert played.caller.script is ScriptState.RUNNING, "it was cut short"
    assert played.caller.heard_speech(OPENING, voice="en-GB")
    assert not played.callee.heard_speech(HAND_OVER)
    ringing, bridged = (
        next(event["at_ms"] for event in played.events if event["event"] == name)
        for name in ("callee_ringing", "bridged")
    )
    assert bridged - ringing == 2500


@virtual_time
async def test_many_calls_at_once_are_told_apart() -> None:
    numbers = [f"+1555010{number}" for number in range(6)]
    async with phone_line(Shop, REPAIR) as line:
        played = await line.calls(numbers)
    assert [one.report.caller for one in played] == numbers
    assert len({one.call_id for one in played}) == 6
    for one in played:
        assert one.ended == "agent_hung_up"
        assert one.tool_names == ["is_it_ready", "end_call"]
        assert one.caller.heard_speech(GREETING)


@virtual_time
async def test_each_call_may_bring_its_own_scenario_when_the_one_before_is_over() -> None:
    async with phone_line(Shop, REPAIR) as line:
        first = await line.call()
        second = await line.call(PUT_THROUGH, caller="+15550142")
        third = await line.call()
    assert (first.ended, second.ended, third.ended) == ("agent_hung_up", "transferred", "transferred")
    assert second.report.caller == "+15550142"


@virtual_time
async def test_calls_at_once_cannot_have_different_models() -> None:
    async with phone_line(Shop, REPAIR) as line, line.ringing() as running:
        await running.until(Answered)
        with pytest.raises(ValueError, match="calls at once share one scenario"):
            await line.call(PUT_THROUGH)


@virtual_time
async def test_a_test_may_step_in_while_the_call_runs() -> None:
    async with phone_line(Shop, REPAIR) as line, line.ringing() as running:
        started = await running.until(ToolStarted, lambda moment: moment.name == "is_it_ready")
        running.caller.hang_up()
    assert started.arguments == {"number": 12}
    assert running.played.ended == "caller_hung_up"
    assert running.played.caller.hung_up


@virtual_time
async def test_waiting_for_what_no_longer_can_happen_fails_at_once() -> None:
    async with phone_line(Shop, SILENT) as line, line.ringing() as running:
        with pytest.raises(LookupError, match=r"the call ended \(caller_hung_up\) without TransferStarted"):
            await running.until(TransferStarted, seconds=10_000)


@virtual_time
async def test_waiting_in_vain_says_what_is_going_on() -> None:
    async with phone_line(Shop, {**SILENT, "script": [{"wait": 50}, "hangup"]}) as line:
        async with line.ringing() as running:
            with pytest.raises(TimeoutError) as told:
                await running.until(TransferStarted, seconds=20)
    assert "no TransferStarted within 20 s: it is answered" in str(told.value)
    assert "the caller is at 'wait: 50'" in str(told.value)


@virtual_time
async def test_a_call_without_end_says_what_is_going_on() -> None:
    async with phone_line(Shop, {**REPAIR, "script": [{"wait": "agent_done"}]}) as line:
        with pytest.raises(TimeoutError) as told:
            await line.call(seconds=30)
    assert str(told.value).startswith(
        "the call was not over after 30 s: it is answered; the last of the agent"
    )


@virtual_time
async def test_a_call_that_nobody_takes_says_so() -> None:
    async with phone_line(Shop, SILENT, max_calls=1) as line, line.ringing() as first:
        await first.until(Answered)
        with pytest.raises(TimeoutError, match="it is ringing; no agent has taken it"):
            await line.call(seconds=2)


@virtual_time
async def test_a_caller_whom_no_agent_took_has_no_report() -> None:
    async with phone_line(Shop, {**SILENT, "script": [{"wait": 20}, "hangup"]}, max_calls=1) as line:
        async with line.ringing() as first:
            await first.until(Answered)
            async with line.ringing() as second:
                second.caller.hang_up()
        with pytest.raises(LookupError, match="no agent took the call, which is ended"):
            _ = second.played.report
        assert "no agent reported; on the line: caller_hangup" in second.played.story()
    assert first.played.ended == "caller_hung_up"


@virtual_time
async def test_people_who_have_nothing_more_to_do_and_stay_are_named() -> None:
    async with phone_line(Shop, {**SILENT, "script": [{"wait": 1}]}) as line:
        with pytest.raises(TimeoutError, match="the caller has done all of the script and stays on the line"):
            await line.call(seconds=30)


@virtual_time
async def test_what_the_line_refuses_can_be_ordered() -> None:
    faults = {"call.connect": Fault("CALL_UNANSWERED", times=2)}
    scenario = {**PUT_THROUGH, "script": [*ASKS, {"wait": 10}, "hangup"]}
    async with phone_line(Shop, scenario, faults=faults) as line:
        played = await line.call()
    assert played.report.transfers_failed == ["CALL_UNANSWERED"]
    assert played.caller.heard_speech("I am sorry, nobody is there.")
    assert faults["call.connect"].times == 2, "the test's own fault is not used up"


@virtual_time
async def test_a_fault_of_a_command_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match=r"faults: 'call.conect' is none of call.answer, call.connect"):
        async with phone_line(Shop, SILENT, faults={"call.conect": "CALL_UNANSWERED"}):
            pytest.fail("the line is open")


class Broken(Shop):
    async def on_startup(self) -> None:
        raise OSError("the database is locked")


@virtual_time
async def test_an_agent_that_cannot_start_is_no_call() -> None:
    with pytest.raises(StartupError, match=r"Broken.on_startup failed: OSError: the database is locked"):
        async with phone_line(Broken, SILENT):
            pytest.fail("the line is open")


@pytest.mark.parametrize(
    ("agent", "complaint"),
    [(None, "an agent is a subclass of VoiceAgent"), ("Shop", "an agent is a subclass of VoiceAgent")],
)
@virtual_time
async def test_what_is_no_agent_is_refused(agent: VoiceAgent, complaint: str) -> None:
    with pytest.raises(TypeError, match=complaint):
        async with phone_line(agent, SILENT):
            pytest.fail("the line is open")


@pytest.mark.parametrize(
    ("scenario", "complaint"),
    [
        ({"skript": []}, "scenario: skript: unknown key 'skript'; use one of caller, script, callee, model"),
        ("script:\n  - sing: la\n", r"scenario:2: script\[0\].sing: unknown key 'sing'"),
        ({"callee": {"after": -1}}, "scenario: callee.after: must be from 0 to 3600 seconds, got -1"),
        ("missing.yaml", "missing.yaml: cannot read the scenario: No such file or directory"),
    ],
)
@virtual_time
async def test_a_malformed_scenario_is_told_by_field(
    scenario: str | dict[str, object], complaint: str
) -> None:
    with pytest.raises(ScenarioError, match=complaint):
        async with phone_line(Shop, scenario):
            pytest.fail("the line is open")


@virtual_time
async def test_what_is_no_scenario_is_refused() -> None:
    with pytest.raises(TypeError, match="a scenario is a path, YAML text or a mapping, not int"):
        async with phone_line(Shop, 12):  # type: ignore[arg-type]
            pytest.fail("the line is open")


@virtual_time
async def test_an_error_of_the_test_comes_out_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        async with phone_line(Shop, REPAIR) as line, line.ringing() as running:
            await running.until(Answered)
            _ = 1 / 0
    assert running.state == "ended", "nobody is left on the line"


class Rejecting(Shop):
    async def on_incoming(self, call: CallContext) -> Decision:
        call.state["rejected"] = True
        return Decision.REJECT


@virtual_time
async def test_a_rejected_call_is_a_played_call_too() -> None:
    async with phone_line(Rejecting, REPAIR) as line:
        played = await line.call()
    assert (played.ended, played.end_reason) == ("rejected", "rejected")
    assert played.state == {"rejected": True}
    assert played.caller.heard == b""


async def _played_after_the_recording_is_gone(recording: Path) -> None:
    script = [{"wait": 1}, {"play": str(recording)}]
    async with phone_line(Shop, {**SILENT, "script": script}) as line:
        await asyncio.to_thread(recording.unlink)
        await line.call()


def test_a_script_that_cannot_be_played_fails_the_test(tmp_path: Path) -> None:
    recording = tmp_path / "hello.wav"
    with wave.open(str(recording), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(1600))
    with pytest.raises(RuntimeError, match=r"the script of the caller failed: cannot read .*hello.wav"):
        run_virtual(_played_after_the_recording_is_gone(recording))


@virtual_time
async def test_no_key_and_no_address_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY", "WSS_API_KEY", "WSS_CONNECTOR_UUID"):
        monkeypatch.setenv(name, "a-real-secret")
    monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", "true")
    monkeypatch.setenv("VOICEAGENT_CALL_URL", "ws://127.0.0.1:9")
    monkeypatch.setenv("VOICEAGENT_LIVE_URL", "ws://127.0.0.1:9")
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with phone_line(Shop, REPAIR) as line:
        played = await line.call()
    assert played.ended == "agent_hung_up"


@virtual_time
async def test_of_many_calls_the_first_that_goes_wrong_is_told() -> None:
    async with phone_line(Shop, {**SILENT, "script": [{"wait": 100}, "hangup"]}) as line:
        with pytest.raises(TimeoutError, match="the call was not over after 20 s"):
            await line.calls(["+15550101", "+15550102"], seconds=20)


@virtual_time
async def test_audio_that_was_dropped_is_not_taken_for_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "MAX_ENDED_HEARD_BYTES", 300_000)
    async with phone_line(Shop, SILENT) as line:
        first = await line.call()
        second = await line.call()
    assert len(second.caller.heard) == pytest.approx(5 * 48_000, abs=2000)
    with pytest.raises(LookupError, match="what the caller heard is gone"):
        _ = first.caller.heard
