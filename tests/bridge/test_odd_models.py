"""What live services do besides what their documentation shows; none of it costs the call or the truth."""

from __future__ import annotations

import asyncio

import pytest

from tests.bridge.model import LISTENING, Listener, answered, tone
from tests.phone import loud_ms, phone_system
from tests.virtual_time import virtual_time
from voiceagent import CallContext, Line, tool
from voiceagent.report import BargeIn, EndReason, FirstAudio, TurnEnded


@virtual_time
async def test_text_may_come_in_pieces_before_its_audio_and_be_cut_all_the_same() -> None:
    async with phone_system(Listener, LISTENING) as phone:
        _, model = await answered(phone)
        await model.writes("One two ")
        await model.writes("three four.")
        await model.speaks(tone(4))
        await asyncio.sleep(2)
        await model.is_interrupted()
        report = await phone.reports.get()
        ended = phone.seen(TurnEnded)[0]
    assert report.ended is EndReason.CALLER_HUNG_UP
    assert ended.text == "One two"


@virtual_time
async def test_an_answer_is_interrupted_also_where_all_that_came_of_it_was_heard() -> None:
    async with phone_system(Listener, LISTENING) as phone:
        call, model = await answered(phone)
        await model.speaks(tone(0.4))
        await asyncio.sleep(2)
        await model.content(interrupted=True)
        await model.speaks(tone(0.4, 880))
        await model.content(turnComplete=True)
        await phone.reports.get()
        # Since nobody spoke, the model is asked to go on, which it does after a while.
        heard = loud_ms(call.leg("caller").heard()[: 2 * 24 * 2500], 24000)
        assert len(phone.seen(BargeIn)) == 1
        assert phone.seen(TurnEnded)[0].interrupted
    assert len(heard) == 1, "nothing of the old answer is heard after the interruption"


@virtual_time
async def test_an_interruption_of_nothing_is_no_barge_in() -> None:
    async with phone_system(Listener, LISTENING) as phone:
        _, model = await answered(phone)
        await model.is_interrupted()
        await model.speaks(tone(0.4))
        await model.ends_turn()
        await asyncio.sleep(3)
        await model.is_interrupted()
        await phone.reports.get()
        assert phone.seen(BargeIn) == []
        assert not phone.seen(TurnEnded)[0].interrupted


@pytest.mark.parametrize("rate", [8000, 24000])
@virtual_time
async def test_audio_that_ends_in_half_a_sample_is_left_out(
    rate: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with phone_system(Listener, LISTENING, sample_rate=rate) as phone:
        _, model = await answered(phone)
        await model.speaks(tone(0.1) + b"x")
        await model.speaks(tone(0.1) + b"x")
        await model.speaks(tone(0.5))
        await model.ends_turn()
        report = await phone.reports.get()
    assert report.ended is EndReason.CALLER_HUNG_UP
    assert report.turns[0].heard_ms == pytest.approx(500, abs=1)
    assert caplog.text.count("half a sample") == 1


@virtual_time
async def test_an_answer_in_tiny_pieces_has_one_beginning() -> None:
    pcm = tone(0.5)
    async with phone_system(Listener, LISTENING, sample_rate=8000) as phone:
        _, model = await answered(phone)
        for start in range(0, len(pcm), 240):
            await model.speaks(pcm[start : start + 240])
        await model.ends_turn()
        await phone.reports.get()
        assert len(phone.seen(FirstAudio)) == 1


@virtual_time
async def test_an_answer_that_goes_on_after_its_generation_was_complete_is_heard_whole() -> None:
    async with phone_system(Listener, LISTENING, sample_rate=8000) as phone:
        _, model = await answered(phone)
        await model.speaks(tone(0.5))
        await model.content(generationComplete=True)
        await model.speaks(tone(0.5))
        await model.content(turnComplete=True)
        report = await phone.reports.get()
    assert report.turns[0].generated_ms == pytest.approx(1000, abs=1)


class Writer(Listener):
    def __init__(self) -> None:
        self.seen: list[str] = []

    async def on_transcript(self, call: CallContext, line: Line) -> None:
        self.seen.append(line.text)


@virtual_time
async def test_a_transcript_that_lags_behind_the_answer_is_told_once_and_whole() -> None:
    agent = Writer()
    async with phone_system(agent, LISTENING) as phone:
        _, model = await answered(phone)
        await model.content(inputTranscription={"text": "when are"})
        await model.speaks(tone(0.2))
        await model.content(inputTranscription={"text": " you open"})
        await asyncio.sleep(0.1)
        await model.writes("Every day.")
        await model.speaks(tone(0.2))
        await model.ends_turn()
        report = await phone.reports.get()
    assert agent.seen == [line.text for line in report.transcript] == ["when are you open", "Every day."]


class Pair(Listener):
    @tool
    async def one(self) -> str:
        """Count to one."""
        return "1"

    @tool
    async def two(self) -> str:
        """Count to two."""
        return "2"


@virtual_time
async def test_tool_calls_without_ids_are_told_apart() -> None:
    async with phone_system(Pair, LISTENING) as phone:
        _, model = await answered(phone)
        await model.calls({"name": "one"}, {"name": "two"})
        report = await phone.reports.get()
    assert [(use.name, use.result) for use in report.tools] == [
        ("one", {"result": "1"}),
        ("two", {"result": "2"}),
    ]
