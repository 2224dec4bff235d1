"""Keys of the telephone: what the agent is told of them, and tools that ask for digits."""

from __future__ import annotations

import asyncio
import logging
import re
import wave
from pathlib import Path

import numpy as np
import pytest

from tests.phone import phone_system, samples
from tests.virtual_time import virtual_time
from voiceagent import CallContext, CollectedDigits, ToolError, ToolUse, VoiceAgent, tool
from voiceagent.audio import DtmfDetector
from voiceagent.report import BargeIn, EndReason, KeysPressed, PlaybackPaused
from voiceagent.sandbox.tones import KEYS, key_tones
from voiceagent.testing.audio import contains_speech

RATES = [8000, 16000, 24000]
QUESTION = "wait a moment where do I find the rest of it"
EXPLANATION = "It is on your card, in the upper left corner."
LINE = "Please type your account number."


class Bank(VoiceAgent):
    instruction = "You answer for a bank."

    def __init__(self) -> None:
        self.collected: list[CollectedDigits] = []
        self.pressed: list[str] = []
        self.told_by_tool: list[str] = []
        self.wanted: dict[str, object] = {}

    async def on_dtmf(self, call: CallContext, digits: str) -> None:
        self.pressed.append(digits)
        await super().on_dtmf(call, digits)

    async def on_tool(self, call: CallContext, use: ToolUse) -> None:
        self.told_by_tool.append(str(use))

    @tool(timeout=2)
    async def account(self, call: CallContext) -> str:
        """Ask for the account number."""
        digits = await call.collect_digits(LINE, **self.wanted)  # type: ignore[arg-type]
        self.collected.append(digits)
        return "thank you" if digits.complete else "nothing complete was typed"

    @tool
    async def other(self, call: CallContext) -> str:
        """Ask for digits, too."""
        return await call.collect_digits()


def asked(*script: object, **rules: str) -> dict[str, object]:
    """A call in which the tool asks for digits, and what the caller does from then on."""
    return {
        "script": [{"wait": "agent_done"}, {"say": "my account please"}, *script],
        "model": [
            {"on": "start", "say": "Hello?"},
            {"on": "caller_done", "heard": "my account please", "call": {"account": {}}},
            {"on": "tool_result", "say": rules.get("after", "Thank you very much.")},
        ],
    }


@pytest.mark.parametrize("rate", RATES)
@virtual_time
async def test_a_tool_asks_for_an_account_number_and_gets_it(rate: int) -> None:
    agent = Bank()
    plot = asked({"wait": "agent_done"}, {"dtmf": "0815*4711#"}, {"wait": "agent_done"}, "hangup")
    async with phone_system(agent, plot, sample_rate=rate) as phone:
        call, report = await phone.call()
        heard = call.caller.heard()
    assert agent.collected == ["0815*4711"]
    assert agent.collected[0].complete
    assert agent.pressed == []
    assert [line.text for line in report.transcript if line.who == "caller"] == ["my account please"]
    assert contains_speech(heard, LINE, rate)
    assert contains_speech(heard, "Thank you very much.", rate)
    (keys,) = phone.seen(KeysPressed)
    assert (keys.digits, keys.collected) == ("0815*4711", True)
    (use,) = report.tools
    assert use.ok and (use.took_ms or 0) > 4000, "the time is the caller's, not the tool's"


@pytest.mark.parametrize("rate", RATES)
@virtual_time
async def test_what_is_pressed_unasked_is_told_to_the_model_when_the_caller_pauses(rate: int) -> None:
    agent = Bank()
    plot = {
        "script": [
            {"wait": "agent_done"},
            {"dtmf": "12"},
            {"wait": 0.5},
            {"dtmf": "3"},
            {"wait": "agent_done"},
            {"dtmf": "9#"},
            {"wait": 3},
            "hangup",
        ],
        "model": [{"on": "start", "say": "Press a key."}],
    }
    async with phone_system(agent, plot, sample_rate=rate) as phone:
        await phone.call()
    assert agent.pressed == ["123", "9#"]
    texts = [text for record in phone.live.records for text in record.texts]
    assert texts[1:] == ["The caller pressed the keys 1 2 3.", "The caller pressed the keys 9 #."]
    first, second = phone.seen(KeysPressed)
    assert not first.collected and second.at_ms > first.at_ms + 2000


@virtual_time
async def test_every_key_of_a_telephone_arrives() -> None:
    agent = Bank()
    keys = KEYS.replace("#", "") + "#"
    plot = {
        "script": [{"wait": "agent_done"}, {"dtmf": keys}, {"wait": 3}, "hangup"],
        "model": [{"on": "start", "say": "Press keys."}],
    }
    async with phone_system(agent, plot, sample_rate=8000) as phone:
        await phone.call()
    assert agent.pressed == [keys]


@virtual_time
async def test_the_model_does_not_take_tones_for_words_or_for_somebody_who_begins_to_speak() -> None:
    class Quiet(VoiceAgent):
        barge_in = "local"

        async def on_dtmf(self, call: CallContext, digits: str) -> None:
            """Tells the model nothing: that would cut off its answer."""

    story = "This is a long story that goes on and on and on while the caller presses keys."
    plot = {
        "script": [{"interrupt_after": 1}, {"dtmf": "1234567890"}, {"wait": "agent_done"}, "hangup"],
        "model": [{"on": "start", "say": story}],
    }
    async with phone_system(Quiet, plot, sample_rate=8000) as phone:
        _, report = await phone.call()
    assert phone.seen(BargeIn) == phone.seen(PlaybackPaused) == []
    assert report.transcript[0].text == story
    # What is left of a tone is its beginning, and no key can be read from it.
    (record,) = phone.live.records
    audio = samples(record.audio)
    loud = np.abs(audio).reshape(-1, 16).max(axis=1) > 500
    edges = np.flatnonzero(np.diff(loud.astype(int)))
    assert len(edges) >= 20
    assert max(np.diff(edges)[::2]) <= 65, "milliseconds"


@virtual_time
async def test_a_person_who_speaks_while_digits_are_collected_is_heard_and_not_timed_out() -> None:
    agent = Bank()
    agent.wanted = {"timeout": 4, "between": 4}
    plot = asked(
        {"wait": "agent_done"},
        {"dtmf": "08"},
        {"say": QUESTION},
        {"wait": "agent_done"},
        {"dtmf": "15#"},
        {"wait": "agent_done"},
        "hangup",
    )
    plot["model"].insert(2, {"on": "caller_done", "heard": QUESTION, "say": EXPLANATION})  # type: ignore[attr-defined]
    async with phone_system(agent, plot) as phone:
        call, report = await phone.call()
    assert agent.collected == ["0815"]
    assert agent.pressed == []
    assert QUESTION in [line.text for line in report.transcript]
    assert contains_speech(call.caller.heard(), EXPLANATION)


@virtual_time
async def test_a_caller_who_presses_nothing_is_not_waited_for_longer_than_was_said() -> None:
    agent = Bank()
    agent.wanted = {"timeout": 6}
    async with phone_system(agent, asked({"wait": "agent_done"}, {"wait": 20}, "hangup")) as phone:
        _, report = await phone.call()
    assert agent.collected == [""]
    assert not agent.collected[0].complete
    (use,) = report.tools
    # The prompt takes about three seconds, and is not counted.
    assert 7000 < (use.took_ms or 0) < 11000
    assert use.result == {"result": "nothing complete was typed"}


@virtual_time
async def test_a_caller_who_stops_typing_is_waited_for_a_while() -> None:
    agent = Bank()
    agent.wanted = {"between": 3}
    plot = asked({"wait": "agent_done"}, {"dtmf": "12"}, {"wait": 2}, {"dtmf": "34"}, {"wait": 8}, "hangup")
    async with phone_system(agent, plot) as phone:
        await phone.call()
    assert agent.collected == ["1234"]
    assert not agent.collected[0].complete


@virtual_time
async def test_digits_beyond_the_number_asked_for_go_to_the_agent_but_for_the_end_key() -> None:
    agent = Bank()
    agent.wanted = {"most": 4}
    plot = asked({"wait": "agent_done"}, {"dtmf": "1234#"}, {"wait": 3}, {"dtmf": "7"}, {"wait": 3}, "hangup")
    async with phone_system(agent, plot) as phone:
        await phone.call()
    assert agent.collected == ["1234"]
    assert agent.collected[0].complete
    assert agent.pressed == ["7"]


@virtual_time
async def test_without_an_end_key_it_is_a_digit() -> None:
    agent = Bank()
    agent.wanted = {"end": "", "most": 3}
    plot = asked({"wait": "agent_done"}, {"dtmf": "1#2"}, {"wait": 3}, "hangup")
    async with phone_system(agent, plot) as phone:
        await phone.call()
    assert agent.collected == ["1#2"]


@virtual_time
async def test_keys_pressed_just_before_the_tool_asks_count() -> None:
    agent = Bank()

    class Slow(Bank):
        @tool
        async def account(self, call: CallContext) -> str:
            """Ask for the account number."""
            await asyncio.sleep(1)
            agent.collected.append(await call.collect_digits())
            return "thank you"

    plot = asked({"wait": 1.0}, {"dtmf": "12"}, {"wait": 0.5}, {"dtmf": "34#"}, {"wait": 5}, "hangup")
    slow = Slow()
    async with phone_system(slow, plot) as phone:
        await phone.call()
    assert agent.collected == ["1234"]
    assert slow.pressed == []


@virtual_time
async def test_one_tool_at_a_time_asks_for_digits() -> None:
    agent = Bank()
    plot = asked({"wait": "agent_done"}, {"dtmf": "12#"}, {"wait": 5}, "hangup")
    plot["model"][1]["call"] = [{"account": {}}, {"other": {}}]  # type: ignore[index]
    async with phone_system(agent, plot) as phone:
        _, report = await phone.call()
    assert agent.collected == ["12"]
    other = next(use for use in report.tools if use.name == "other")
    assert other.result == {"error": "The caller is typing digits for something else already: wait for it."}


@virtual_time
async def test_a_call_that_ends_ends_the_waiting() -> None:
    agent = Bank()
    plot = asked({"wait": "agent_done"}, {"dtmf": "12"}, {"wait": 1}, "hangup")
    async with phone_system(agent, plot) as phone:
        _, report = await phone.call()
    assert report.ended is EndReason.CALLER_HUNG_UP
    assert agent.collected == ["12"]
    assert not agent.collected[0].complete


@virtual_time
async def test_keys_that_nobody_was_told_of_are_in_the_report_of_a_call_that_ends() -> None:
    plot = {
        "script": [{"wait": "agent_done"}, {"dtmf": "5"}, {"wait": 0.2}, "hangup"],
        "model": [{"on": "start", "say": "Hello?"}],
    }
    async with phone_system(Bank, plot) as phone:
        await phone.call()
    (keys,) = phone.seen(KeysPressed)
    assert keys.digits == "5"


@virtual_time
async def test_a_secret_is_in_no_report_recording_hook_log_or_display(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    agent = Bank()
    agent.wanted = {"secret": True, "most": 6}
    listened = bytearray()

    class Listening(Bank):
        async def on_answered(self, call: CallContext) -> None:
            call.listen(listened.extend)

    agent.__class__ = Listening
    plot = asked(
        {"wait": "agent_done"},
        {"dtmf": "704193"},
        {"wait": "agent_done"},
        {"dtmf": "88"},
        {"wait": 4},
        "hangup",
    )
    async with phone_system(agent, plot, reports=tmp_path, sample_rate=8000) as phone:
        _, report = await phone.call()
    assert agent.collected == ["704193"]
    assert agent.pressed == ["88"]
    secret, open_keys = phone.seen(KeysPressed)
    assert secret.digits == "••••••" and open_keys.digits == "88"
    folder = tmp_path / report.call_id
    shown = " ".join(
        (
            *(path.read_text() for path in folder.iterdir() if path.suffix in (".json", ".html")),
            *(str(moment) for moment in phone.moments),
            *agent.told_by_tool,
            *(text for record in phone.live.records for text in record.texts),
            caplog.text,
        )
    )
    assert "704193" not in re.sub(r"\s", "", shown)
    with wave.open(str(folder / "call.wav")) as file:
        stereo = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    for audio in (stereo[:, 0].tobytes(), bytes(listened)):
        assert DtmfDetector(8000).hear(audio) == "88"


class TestOutsideACall:
    async def test_there_is_nobody_who_could_type(self) -> None:
        with pytest.raises(ToolError, match="not on a call"):
            await CallContext("1").collect_digits()

    async def test_nonsense_is_refused_with_the_reason(self) -> None:
        call = CallContext("1")
        with pytest.raises(ValueError, match="most is 0, but must be 1 or more"):
            await call.collect_digits(most=0)
        with pytest.raises(ValueError, match="end is 'x', but must be one of 0 1 2"):
            await call.collect_digits(end="x")
        with pytest.raises(ValueError, match="must be more than 0 seconds"):
            await call.collect_digits(timeout=0)


def test_the_tones_of_a_key_are_in_the_recording_that_the_secret_test_reads() -> None:
    assert DtmfDetector(8000).hear(key_tones("704193", 8000) + bytes(3200)) == "704193"
