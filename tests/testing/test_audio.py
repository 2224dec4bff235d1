"""Is a sentence in this audio? Asked of what lines of every rate carried, alone and with others speaking."""

from __future__ import annotations

import numpy as np
import pytest

from voiceagent.audio import Resampler
from voiceagent.sandbox.speech import speak
from voiceagent.testing import audible_ms, contains_speech, loud_spans, speech_at

SENTENCES = (
    "Hello?",
    "No.",
    "Goodbye.",
    "This is the front desk speaking.",
    "Your appointment is on Monday at ten.",
    "Your appointment is on Monday at nine.",
    "Ten o'clock is free. Shall I book it?",
    "Eleven o'clock is free. Shall I book it?",
    "The caller is angry about his invoice; offer a refund.",
)


def over_a_line(text: str, rate: int, *, before_ms: int = 1000, voice: str = "en-US") -> bytes:
    """A sentence as the live server generates it and a line of this rate carries it."""
    resampler = Resampler(24000, rate)
    pcm = speak(text, sample_rate=24000, voice=voice)
    chunks = [resampler.process(pcm[at : at + 960]) for at in range(0, len(pcm), 960)]
    silence = bytes(2 * rate * before_ms // 1000)
    return silence + b"".join(chunks) + resampler.flush() + silence


def mixed(one: bytes, other: bytes) -> bytes:
    both = np.zeros(max(len(one), len(other)) // 2, dtype=np.int32)
    for pcm in (one, other):
        both[: len(pcm) // 2] += np.frombuffer(pcm, dtype="<i2")
    return np.clip(both, -32768, 32767).astype("<i2").tobytes()


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 48000])
def test_a_sentence_is_found_in_what_a_line_carried_and_no_other_is(rate: int) -> None:
    for said in SENTENCES:
        pcm = over_a_line(said, rate)
        assert [text for text in SENTENCES if contains_speech(pcm, text, rate)] == [said]


def test_a_sentence_is_found_while_somebody_else_speaks() -> None:
    for said, also in zip(SENTENCES, reversed(SENTENCES), strict=True):
        pcm = mixed(over_a_line(said, 24000), over_a_line(also, 24000, before_ms=1200, voice="en-GB"))
        assert contains_speech(pcm, said), said
        assert contains_speech(pcm, also, voice="en-GB"), also


def test_the_voices_are_told_apart() -> None:
    pcm = over_a_line(SENTENCES[3], 24000, voice="en-GB")
    assert contains_speech(pcm, SENTENCES[3], voice="en-GB")
    assert not contains_speech(pcm, SENTENCES[3], voice="en-US")


def test_a_sentence_that_was_cut_off_is_not_there() -> None:
    whole = over_a_line(SENTENCES[8], 24000)
    ((start, end),) = loud_spans(whole, 24000)
    cut = whole[: 48 * (end - 400)] + bytes(48_000)
    assert end - start > 2000
    assert not contains_speech(cut, SENTENCES[8])


def test_where_a_sentence_begins_is_told_in_milliseconds() -> None:
    pcm = over_a_line(SENTENCES[4], 16000, before_ms=3000)
    ((start, _),) = loud_spans(pcm, 16000)
    assert speech_at(pcm, SENTENCES[4], 16000) == pytest.approx(start, abs=30)
    twice = pcm + pcm
    assert speech_at(twice, SENTENCES[4], 16000) == speech_at(pcm, SENTENCES[4], 16000)


@pytest.mark.parametrize("pcm", [b"", bytes(400), bytes(480_000)], ids=["nothing", "too short", "silence"])
def test_nothing_is_found_where_nothing_is(pcm: bytes) -> None:
    assert speech_at(pcm, "Hello?") is None
    assert loud_spans(pcm) == []


def test_a_text_without_sound_cannot_be_looked_for() -> None:
    with pytest.raises(ValueError, match=r"nothing to hear in '\.\.\.'"):
        contains_speech(bytes(48_000), "...")


def test_pauses_between_sentences_belong_to_the_speech_and_longer_ones_do_not() -> None:
    tone = (np.sin(np.arange(24_000)) * 8000).astype("<i2").tobytes()
    pcm = bytes(9600) + tone + bytes(2 * 24 * 800) + tone + bytes(2 * 24 * 1000) + tone
    assert loud_spans(pcm) == [(200, 3000), (4000, 5000)]
    assert loud_spans(pcm, pause_ms=500) == [(200, 1200), (2000, 3000), (4000, 5000)]
    assert audible_ms("Hello?") < audible_ms("Hello, how are you?")
