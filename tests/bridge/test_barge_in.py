"""What a sound of the caller does to an answer: as the model decides, as the bridge hears it, or nothing."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import numpy as np
import pytest

from tests.bridge.model import LISTENING, RATE, Listener, answered, tone
from tests.phone import loud_ms, phone_system, samples
from tests.virtual_time import virtual_time
from voiceagent import CallContext, VoiceAgent
from voiceagent.report import BargeIn, PlaybackPaused, PlaybackResumed, TurnEnded
from voiceagent.testing import phone_line
from voiceagent.testing.audio import contains_speech, speech_at

NOTICE = "This call is recorded for the training of our staff. Please stay on the line."
LONG = "We are open from nine to five on every weekday, and on Saturday until noon, except in August."


def noise(seconds: float, seed: int = 1) -> bytes:
    """Audio of which no two pieces are alike."""
    return np.random.default_rng(seed).integers(-9000, 9000, int(RATE * seconds)).astype("<i2").tobytes()


COUGH = noise(0.2, seed=2)
TALK = noise(4.0, seed=3)


class Local(Listener):
    barge_in = "local"


class Unstoppable(Listener):
    barge_in = "off"


def heard_parts(heard: bytes, spoken: bytes) -> list[tuple[int, int, int]]:
    """Where which part of the model's audio was heard: (heard at, from, to), in samples, in order."""
    ear, said = samples(heard), samples(spoken)
    size = RATE // 50
    parts: list[tuple[int, int, int]] = []
    place = 0
    while place + size <= len(ear):
        if not ear[place]:
            place += 1
            continue
        found = spoken.find(heard[2 * place : 2 * (place + size)])
        if found < 0:
            place += 1
            continue
        start = found // 2
        end, until = start, place
        while until < len(ear) and end < len(said) and ear[until] == said[end]:
            until, end = until + 1, end + 1
        parts.append((place, start, end))
        place = until
    return parts


# The bridge's own ear --------------------------------------------------------------------------------------


@virtual_time
async def test_an_answer_pauses_at_once_when_the_caller_coughs_and_goes_on_without_a_word_lost() -> None:
    spoken = noise(5.0)
    async with phone_system(Local, LISTENING) as phone:
        call, model = await answered(phone)
        await model.speaks(spoken)
        await model.ends_turn()
        await asyncio.sleep(1.5)
        coughed = len(call.caller.heard()) // 2
        call.caller.say(COUGH)
        await phone.reports.get()
        heard = call.leg("caller").heard()
        assert len(phone.seen(PlaybackPaused)) == len(phone.seen(PlaybackResumed)) == 1
        assert phone.seen(BargeIn) == []
        (ended,) = phone.seen(TurnEnded)
    first, second = heard_parts(heard, spoken)
    stopped_after = first[0] + (first[2] - first[1]) - coughed
    assert stopped_after <= RATE * 0.1, "it falls silent within 100 ms of the onset"
    again = first[2] - second[1]
    assert 0 <= again <= RATE * 0.06, "nothing is lost, and hardly anything heard twice"
    assert second[2] == len(spoken) // 2, "it is heard to its end"
    assert second[0] - (first[0] + first[2] - first[1]) < RATE * 1.0, "it goes on soon"
    assert not ended.interrupted
    assert ended.heard_ms == pytest.approx(5000, abs=1)
    assert ended.sent_ms == pytest.approx(5000, abs=1)


@virtual_time
async def test_an_answer_that_the_model_gives_up_after_the_pause_is_never_resumed() -> None:
    spoken = noise(5.0)
    async with phone_system(Local, LISTENING) as phone:
        call, model = await answered(phone)
        await model.speaks(spoken)
        await asyncio.sleep(1.5)
        call.caller.say(TALK)
        await asyncio.sleep(0.3)
        await model.is_interrupted()
        await phone.reports.get()
        heard = call.leg("caller").heard()
        assert len(phone.seen(PlaybackPaused)) == len(phone.seen(BargeIn)) == 1
        assert phone.seen(PlaybackResumed) == []
        ended = phone.seen(TurnEnded)[0]
    assert len(heard_parts(heard, spoken)) == 1
    assert ended.interrupted
    assert ended.heard_ms == pytest.approx(1500, abs=200)


@virtual_time
async def test_a_paused_answer_is_dropped_when_the_model_gives_another_one() -> None:
    old, new = noise(5.0), noise(1.0, seed=7)
    async with phone_system(Local, LISTENING) as phone:
        call, model = await answered(phone)
        await model.speaks(old)
        await model.ends_turn()
        await asyncio.sleep(1.5)
        call.caller.say(noise(0.4, seed=4))
        await asyncio.sleep(0.4)
        await model.speaks(new)
        await model.ends_turn()
        await phone.reports.get()
        heard = call.leg("caller").heard()
    assert len(heard_parts(heard, old)) == 1, "nothing of the old answer is heard again"
    assert [(start, end) for _, start, end in heard_parts(heard, new)] == [(0, RATE)]


@virtual_time
async def test_a_sound_that_does_not_end_and_is_no_speech_holds_an_answer_up_only_once() -> None:
    spoken = noise(6.0)
    async with phone_system(Local, LISTENING) as phone:
        call, model = await answered(phone)
        await model.speaks(spoken)
        await model.ends_turn()
        await asyncio.sleep(1.0)
        call.caller.say(TALK)
        await phone.reports.get()
        heard = call.leg("caller").heard()
        assert len(phone.seen(PlaybackPaused)) == 1
    assert heard_parts(heard, spoken)[-1][2] == len(spoken) // 2


@virtual_time
async def test_what_the_model_adds_while_it_is_paused_is_heard_in_its_place() -> None:
    spoken = noise(4.0)
    half = len(spoken) // 2
    async with phone_system(Local, LISTENING) as phone:
        call, model = await answered(phone)
        await model.speaks(spoken[:half])
        await asyncio.sleep(1.0)
        call.caller.say(COUGH)
        await asyncio.sleep(0.3)
        await model.speaks(spoken[half:])
        await model.ends_turn()
        await phone.reports.get()
        heard = call.leg("caller").heard()
    parts = heard_parts(heard, spoken)
    assert parts[-1][2] == len(spoken) // 2
    for (_, _, end), (_, start, _) in pairwise(parts):
        assert end - RATE * 0.06 <= start <= end


@virtual_time
async def test_a_cough_before_the_answer_or_after_it_pauses_nothing() -> None:
    async with phone_system(Local, LISTENING) as phone:
        call, model = await answered(phone)
        call.caller.say(COUGH)
        await asyncio.sleep(1.5)
        await model.speaks(tone(1.0))
        await model.ends_turn()
        await asyncio.sleep(2.0)
        call.caller.say(COUGH)
        await phone.reports.get()
        assert phone.seen(PlaybackPaused) == []
        ((start, end),) = loud_ms(call.leg("caller").heard(), RATE)
    assert end - start == 1000


# Not at all ------------------------------------------------------------------------------------------------


@virtual_time
async def test_with_barge_in_off_the_answer_is_heard_to_its_end_and_the_caller_is_heard_too() -> None:
    spoken = noise(4.0)
    async with phone_system(Unstoppable, LISTENING) as phone:
        call, model = await answered(phone)
        await model.speaks(spoken)
        await asyncio.sleep(1.0)
        call.caller.say(TALK)
        await model.content(interrupted=True)
        await model.ends_turn()
        await phone.reports.get()
        heard = call.leg("caller").heard()
        (record,) = phone.live.records
        assert phone.seen(BargeIn) == []
    assert [(start, end) for _, start, end in heard_parts(heard, spoken)] == [(0, len(spoken) // 2)]
    assert "NO_INTERRUPTION" in str(record.setup["realtimeInputConfig"])
    assert loud_ms(record.audio, 16000), "the model has heard the caller"


# Answers that have to be heard -----------------------------------------------------------------------------


class Noticed(VoiceAgent):
    instruction = "You answer."
    greeting = f'Say: "{NOTICE}"'
    greeting_interruptible = False


IMPATIENT = {
    "script": [
        {"interrupt_after": 1.0},
        {"say": "When are you open?"},
        {"wait": "agent_done"},
        {"wait": "agent_done"},
        "hangup",
    ],
    "model": [
        {"on": "start", "say": NOTICE},
        {"on": "caller_done", "heard": "When are you open?", "say": LONG},
    ],
}


@virtual_time
async def test_a_caller_who_speaks_over_a_legal_notice_hears_it_to_its_end_and_is_answered() -> None:
    async with phone_line(Noticed, IMPATIENT) as line:
        played = await line.call()
    heard = played.caller.heard
    notice, answer = speech_at(heard, NOTICE), speech_at(heard, LONG)
    assert notice is not None
    assert answer is not None and answer > notice
    assert played.seen(BargeIn) == []


@virtual_time
async def test_without_that_the_same_caller_cuts_the_same_notice_off() -> None:
    class Ordinary(Noticed):
        greeting_interruptible = True

    async with phone_line(Ordinary, IMPATIENT) as line:
        played = await line.call()
    assert not contains_speech(played.caller.heard, NOTICE)
    assert len(played.seen(BargeIn)) == 1


class Announcer(Listener):
    async def on_answered(self, call: CallContext) -> None:
        call.tell(f'Say this to the caller, and nothing else: "{NOTICE}"', interruptible=False)


@virtual_time
async def test_a_remark_may_have_to_be_heard_too() -> None:
    async with phone_line(Announcer, {**IMPATIENT, "model": IMPATIENT["model"][1:]}) as line:
        played = await line.call()
    assert contains_speech(played.caller.heard, NOTICE)
    assert contains_speech(played.caller.heard, LONG)


# What the model only believes ------------------------------------------------------------------------------


class Plain(VoiceAgent):
    instruction = "You answer."


@virtual_time
async def test_after_an_interruption_by_nobody_the_model_goes_on_where_the_caller_heard_it_last() -> None:
    plot = {
        "script": [{"wait": 14}, "hangup"],
        "model": [{"on": "start", "say": LONG}],
        "faults": [{"at": 0, "phantom_interrupt": True}],
    }
    async with phone_line(Plain, plot) as line:
        played = await line.call()
        (record,) = line.live.records
    first, second = played.seen(TurnEnded)[:2]
    assert first.interrupted
    assert f"{first.text} {second.text}" == LONG
    assert any("Nobody interrupted you" in text for text in record.texts)


@virtual_time
async def test_that_is_so_also_right_after_the_caller_has_spoken() -> None:
    plot = {
        "script": [{"wait": "agent_done"}, {"say": "When are you open?"}, {"wait": 16}, "hangup"],
        "model": [{"on": "start", "say": "Hello."}, {"on": "caller_done", "say": LONG}],
        "faults": [{"at": 2.0, "phantom_interrupt": True}],
    }
    async with phone_line(Plain, plot) as line:
        played = await line.call()
    cut, rest = played.seen(TurnEnded)[1:3]
    assert cut.interrupted
    assert f"{cut.text} {rest.text}" == LONG


@virtual_time
async def test_repeated_interruptions_silence_the_line_once() -> None:
    async with phone_system(Listener, LISTENING) as phone:
        call, model = await answered(phone)
        await model.speaks(tone(3.0))
        await asyncio.sleep(1.0)
        call.caller.say(TALK)
        await asyncio.sleep(0.3)
        for _ in range(10):
            await model.content(interrupted=True)
        await model.content(turnComplete=True)
        await model.speaks(tone(1.0, 880))
        await model.ends_turn()
        await phone.reports.get()
        assert len(phone.seen(BargeIn)) == 1
        first, second = phone.seen(TurnEnded)[:2]
    assert first.heard_ms == pytest.approx(1300, abs=150)
    assert second.heard_ms == pytest.approx(1000, abs=1)


@virtual_time
async def test_a_model_that_never_ends_the_interrupted_turn_is_heard_again_all_the_same() -> None:
    async with phone_system(Listener, LISTENING) as phone:
        call, model = await answered(phone)
        await model.speaks(tone(3.0))
        await asyncio.sleep(1.0)
        call.caller.say(noise(1.0))
        await asyncio.sleep(0.3)
        await model.content(interrupted=True)
        await asyncio.sleep(4.0)
        await model.speaks(tone(1.0, 880))
        await model.ends_turn()
        await phone.reports.get()
        spans = loud_ms(call.leg("caller").heard(), RATE)
    assert len(spans) == 2
    assert spans[1][1] - spans[1][0] == pytest.approx(1000, abs=40)


# What the model is told ------------------------------------------------------------------------------------


class Telling(VoiceAgent):
    instruction = "You answer."
    tell_heard = True


@virtual_time
async def test_the_model_can_be_told_which_word_the_caller_heard_last() -> None:
    plot = {
        "script": [{"interrupt_after": 1.5}, {"say": "And on Sunday?"}, {"wait": "agent_done"}, "hangup"],
        "model": [{"on": "start", "say": LONG}, {"on": "caller_done", "say": "Never on Sunday."}],
    }
    async with phone_line(Telling, plot) as line:
        played = await line.call()
        (record,) = line.live.records
    cut = played.transcript[0]
    assert cut.interrupted
    assert LONG.startswith(cut.text) and 10 < len(cut.text) < len(LONG) - 10
    (told,) = [text for text in record.texts if "interrupted you" in text]
    assert told.endswith(f'"{cut.text}"')
    assert contains_speech(played.caller.heard, "Never on Sunday.")
