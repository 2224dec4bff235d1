"""The caller never hears a byte of what is meant for the callee, whatever goes wrong while it is said."""

from __future__ import annotations

import asyncio

import pytest

from tests.agents_.call_monitoring.stage import (
    CALLEE_SAYS,
    CALLER_SAYS,
    RATE,
    SUGGESTION,
    WHISPER,
    Hand,
    Monitoring,
    assert_heard_only,
    listening,
    over,
)
from tests.bridge.model import FOR_GOOD, tone
from voiceagent.report import EndReason, ToolFinished, ToolStarted, Whispered
from voiceagent.sandbox.exchange.faults import Fault
from voiceagent.sandbox.exchange.mixer import Mode
from voiceagent.sandbox.speech import speak
from voiceagent.testing import contains_speech, loud_spans, virtual_time


async def begins_to_whisper(hand: Hand, seconds: float = 0.5) -> None:
    """The suggestion is on its way into the callee's ear, and that long of it has been heard."""
    assert "alone hears you" in (await hand.coaches())["result"]
    await hand.model.writes(SUGGESTION)
    await hand.model.speaks(WHISPER)
    await asyncio.sleep(seconds)
    assert hand.mode is Mode.WHISPER


@virtual_time
async def test_the_callee_hears_the_suggestion_and_the_caller_hears_the_callee_to_the_bit() -> None:
    async with listening() as hand:
        hand.call.callee.say(CALLEE_SAYS)
        await asyncio.sleep(4)
        hand.call.caller.say(CALLER_SAYS)
        await asyncio.sleep(4)
        await begins_to_whisper(hand)
        # The callee goes on talking while they listen, and so does the caller.
        hand.call.callee.say(CALLEE_SAYS)
        hand.call.caller.say(CALLER_SAYS)
        await hand.model.ends_turn()
        await hand.whispered()
        await asyncio.sleep(5)
        assert hand.modes == ["spy", "whisper", "spy"]
        assert hand.mode is Mode.SPY
        assert_heard_only(hand.caller_heard, CALLEE_SAYS, CALLEE_SAYS)
        assert contains_speech(hand.call.callee.heard(), SUGGESTION, RATE)
        played = await over(hand)
        (suggestion,) = (await hand.notes()).suggestions
    assert played.ended is EndReason.CONFERENCE_ENDED and played.violations == []
    assert (suggestion.state, suggestion.heard) == ("played", SUGGESTION)


@virtual_time
async def test_a_model_that_talks_unasked_is_heard_by_nobody() -> None:
    async with listening() as hand:
        for _ in range(3):
            await hand.model.speaks(tone(3))
            hand.call.callee.say(CALLEE_SAYS)
            await asyncio.sleep(4)
            await hand.model.ends_turn()
        # In one answer: talk, the tool, and talk again, of which only the last part is a whisper.
        await hand.model.speaks(tone(2))
        await begins_to_whisper(hand)
        await hand.model.ends_turn()
        await hand.whispered()
        await hand.model.speaks(tone(3))
        await asyncio.sleep(5)
        assert_heard_only(hand.caller_heard, CALLEE_SAYS, CALLEE_SAYS, CALLEE_SAYS)
        assert_heard_only(hand.call.callee.heard(), WHISPER)
        await over(hand)


@virtual_time
async def test_a_whisper_that_is_interrupted_ends_there() -> None:
    async with listening() as hand:
        await begins_to_whisper(hand, seconds=1)
        await hand.model.is_interrupted()
        await hand.whispered()
        # What is late of the old answer, and an answer to what interrupted it.
        await hand.model.speaks(WHISPER)
        await hand.model.ends_turn()
        await asyncio.sleep(5)
        assert hand.modes == ["spy", "whisper", "spy"]
        assert_heard_only(hand.caller_heard)
        ((start, end),) = loud_spans(hand.call.callee.heard(), RATE)
        assert end - start < 1200
        await over(hand)
        (suggestion,) = (await hand.notes()).suggestions
    assert suggestion.state == "cut_off" and suggestion.heard != SUGGESTION


@virtual_time
async def test_a_line_that_refuses_to_whisper_plays_nothing_to_anybody() -> None:
    async with listening() as hand:
        hand.line.exchange.faults.order("agent.whisper", Fault(error_code="INTERNAL_ERROR"))
        assert "INTERNAL_ERROR" in (await hand.coaches())["error"]
        await hand.model.speaks(WHISPER)
        await hand.model.ends_turn()
        hand.call.callee.say(CALLEE_SAYS)
        await asyncio.sleep(25)
        assert_heard_only(hand.caller_heard, CALLEE_SAYS)
        assert_heard_only(hand.call.callee.heard())
        # The next one works.
        await begins_to_whisper(hand)
        await hand.model.ends_turn()
        await hand.whispered()
        assert_heard_only(hand.caller_heard, CALLEE_SAYS)
        assert_heard_only(hand.call.callee.heard(), WHISPER)
        await over(hand)
        suggestions = (await hand.notes()).suggestions
    assert [suggestion.state for suggestion in suggestions] == ["not_played", "played"]


@virtual_time
async def test_a_line_that_never_answers_the_command_plays_nothing_to_anybody() -> None:
    async with listening() as hand:
        hand.line.exchange.faults.order("agent.whisper", Fault(silent=True))
        asked = await hand.asks_to_coach()
        for _ in range(4):
            await hand.model.speaks(WHISPER)
            await asyncio.sleep(8)
        done = await hand.call.until(ToolFinished, lambda done: done.id == asked)
        assert "Nobody heard you" in done.result["error"]
        assert_heard_only(hand.caller_heard)
        assert_heard_only(hand.call.callee.heard())
        await over(hand)
        (suggestion,) = (await hand.notes()).suggestions
    assert suggestion.state == "not_played"


@virtual_time
async def test_a_line_that_stays_in_whisper_is_given_nothing_more() -> None:
    async with listening() as hand:
        await begins_to_whisper(hand)
        hand.line.exchange.faults.order("agent.spy", Fault(error_code="INTERNAL_ERROR"))
        await hand.model.ends_turn()
        await hand.whispered()
        await hand.model.speaks(tone(3))
        await hand.model.ends_turn()
        await asyncio.sleep(25)
        assert hand.modes == ["spy", "whisper"]
        assert_heard_only(hand.caller_heard)
        assert_heard_only(hand.call.callee.heard(), WHISPER)
        # The next whisper brings it back.
        await begins_to_whisper(hand)
        await hand.model.ends_turn()
        await hand.whispered(times=2)
        await asyncio.sleep(1)
        assert hand.mode is Mode.SPY
        assert_heard_only(hand.caller_heard)
        await over(hand)


@virtual_time
async def test_a_line_on_which_both_would_hear_the_agent_is_given_nothing() -> None:
    async with listening(mode=Mode.BARGE) as hand:
        await hand.model.speaks(tone(3))
        await hand.model.ends_turn()
        hand.call.callee.say(CALLEE_SAYS)
        await asyncio.sleep(5)
        assert hand.mode is Mode.BARGE
        assert_heard_only(hand.caller_heard, CALLEE_SAYS)
        assert_heard_only(hand.call.callee.heard())
        await begins_to_whisper(hand)
        await hand.model.ends_turn()
        await hand.whispered()
        await asyncio.sleep(1)
        assert hand.modes == ["whisper", "spy"]
        assert_heard_only(hand.caller_heard, CALLEE_SAYS)
        assert_heard_only(hand.call.callee.heard(), WHISPER)
        await over(hand)


@virtual_time
async def test_a_line_that_lets_both_hear_the_agent_and_refuses_to_whisper() -> None:
    async with listening(mode=Mode.BARGE) as hand:
        hand.line.exchange.faults.order("agent.whisper", Fault(silent=True))
        asked = await hand.asks_to_coach()
        await hand.model.speaks(WHISPER)
        await hand.call.until(ToolFinished, lambda done: done.id == asked)
        await hand.model.speaks(WHISPER)
        await hand.model.ends_turn()
        await asyncio.sleep(10)
        assert hand.mode is Mode.BARGE
        assert_heard_only(hand.caller_heard)
        assert_heard_only(hand.call.callee.heard())
        await over(hand)


@pytest.mark.parametrize("sample_rate", [8000, 16000])
@virtual_time
async def test_on_a_line_of_another_rate(sample_rate: int) -> None:
    said = speak("hello this is Ben", sample_rate=sample_rate)
    async with listening(sample_rate=sample_rate) as hand:
        await begins_to_whisper(hand)
        hand.call.callee.say(said)
        await hand.model.ends_turn()
        await hand.whispered()
        await asyncio.sleep(2)
        assert_heard_only(hand.caller_heard, said)
        assert contains_speech(hand.call.callee.heard(), SUGGESTION, sample_rate)
        await over(hand)


@virtual_time
async def test_a_second_suggestion_during_the_first_is_refused_and_the_first_is_played_whole() -> None:
    async with listening() as hand:
        await begins_to_whisper(hand)
        refusal = await hand.coaches("Say you are sorry.")
        await hand.model.ends_turn()
        await hand.whispered()
        await asyncio.sleep(3)
        assert_heard_only(hand.caller_heard)
        assert_heard_only(hand.call.callee.heard(), WHISPER)
        assert "Too soon" in refusal["error"]
        assert hand.modes == ["spy", "whisper", "spy"]
        await over(hand)
        assert [each.text for each in (await hand.notes()).suggestions] == [SUGGESTION]


class Hasty(Monitoring):
    """One that may suggest as often as it likes."""

    seconds_between = 0


@virtual_time
async def test_two_suggestions_without_a_pause_between_them_are_still_two_whispers() -> None:
    async with listening(Hasty) as hand:
        await begins_to_whisper(hand)
        assert "hears you already" in (await hand.coaches("Say you are sorry."))["error"]
        await hand.model.ends_turn()
        await hand.whispered()
        await begins_to_whisper(hand)
        await hand.model.ends_turn()
        await hand.whispered(times=2)
        await asyncio.sleep(1)
        assert_heard_only(hand.caller_heard)
        assert_heard_only(hand.call.callee.heard(), WHISPER, WHISPER)
        assert hand.modes == ["spy", "whisper", "spy", "whisper", "spy"]
        await over(hand)


@pytest.mark.parametrize("party", ["caller", "callee"])
@virtual_time
async def test_a_party_that_hangs_up_in_mid_whisper_ends_the_call(party: str) -> None:
    async with listening() as hand:
        await begins_to_whisper(hand, seconds=1)
        hand.call.exchange_call.leg(party).hang_up()
        played = await hand.call.over()
        assert_heard_only(hand.caller_heard)
        (suggestion,) = (await hand.notes()).suggestions
    assert played.ended is EndReason.CONFERENCE_ENDED and played.end_reason == f"{party}_hangup"
    assert suggestion.state == "cut_off" and SUGGESTION.startswith(suggestion.heard) and suggestion.heard


@virtual_time
async def test_a_whisper_is_heard_out_when_the_model_is_lost_in_it_and_the_two_talk_on() -> None:
    async with listening(more=FOR_GOOD) as hand:
        await begins_to_whisper(hand, seconds=1)
        await hand.model.leaves()
        played = await hand.call.over()
        assert hand.call.exchange_call.snapshot()["state"] == "detached"
        hand.call.callee.say(CALLEE_SAYS)
        hand.call.caller.say(CALLER_SAYS)
        await asyncio.sleep(5)
        assert_heard_only(hand.caller_heard, CALLEE_SAYS)
        assert_heard_only(hand.call.callee.heard(), WHISPER, CALLER_SAYS)
        (suggestion,) = (await hand.notes()).suggestions
    assert played.ended is EndReason.TRANSFERRED and suggestion.state == "played"


@virtual_time
async def test_a_model_that_never_stops_whispering_is_silenced() -> None:
    async with listening() as hand:
        await begins_to_whisper(hand)
        for _ in range(80):
            await hand.model.speaks(tone(1))
            await asyncio.sleep(1)
        assert hand.mode is Mode.SPY
        assert_heard_only(hand.caller_heard)
        ((start, end),) = loud_spans(hand.call.callee.heard(), RATE, pause_ms=3000)
        assert 55_000 < end - start < 65_000
        await over(hand)


@virtual_time
async def test_a_model_that_says_nothing_after_all_whispers_nothing() -> None:
    async with listening() as hand:
        await hand.coaches()
        # Longer than the model gets to begin.
        await asyncio.sleep(7)
        await hand.model.speaks(WHISPER)
        await asyncio.sleep(5)
        assert hand.call.seen(Whispered) == []
        assert hand.modes == ["spy", "whisper", "spy"]
        assert_heard_only(hand.caller_heard)
        assert_heard_only(hand.call.callee.heard())
        await over(hand)
        (suggestion,) = (await hand.notes()).suggestions
    assert suggestion.state == "not_played"


@virtual_time
async def test_a_whisper_that_the_model_takes_back_while_the_line_is_switched() -> None:
    async with listening() as hand:
        hand.line.exchange.faults.order("agent.whisper", Fault(silent=True))
        asked = await hand.asks_to_coach()
        await hand.call.until(ToolStarted)
        await asyncio.sleep(1)
        await hand.model.cancels(asked)
        await hand.model.speaks(WHISPER)
        hand.call.callee.say(CALLEE_SAYS)
        await asyncio.sleep(25)
        assert_heard_only(hand.caller_heard, CALLEE_SAYS)
        assert_heard_only(hand.call.callee.heard())
        await over(hand)


@virtual_time
async def test_an_agent_that_leaves_in_mid_whisper_is_heard_out_by_the_callee_alone() -> None:
    async with listening() as hand:
        await begins_to_whisper(hand)
        await hand.model.calls({"id": "leave", "name": "end_call", "args": {}})
        await hand.model.ends_turn()
        played = await hand.call.over()
        assert hand.call.exchange_call.snapshot()["state"] == "detached"
        assert_heard_only(hand.caller_heard)
        assert_heard_only(hand.call.callee.heard(), WHISPER)
        (suggestion,) = (await hand.notes()).suggestions
    assert played.ended is EndReason.TRANSFERRED and suggestion.state == "played"
