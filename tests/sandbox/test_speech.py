"""The sandbox hears what it says: speech, speech detection and recognition against each other."""

from __future__ import annotations

import asyncio
import logging

import numpy as np
import pytest

from tests.virtual_time import virtual_time
from voiceagent.audio import Resampler
from voiceagent.sandbox.speech import Recogniser, SpeechDetector, SpeechEvent, fit, speak, words_of
from voiceagent.sandbox.speech.extra import need

PHRASES = (
    "I would like an appointment tomorrow at 10",
    "No, wait. Make it eleven!",
    "Thank you, goodbye.",
    "yes",
)


def at_16_khz(pcm: bytes, rate: int) -> bytes:
    resampler = Resampler(rate, 16_000)
    return resampler.process(pcm) + resampler.flush()


def test_a_sentence_is_always_the_same_bytes_and_lasts_as_long_at_every_rate() -> None:
    low, high = speak("good morning", sample_rate=8000), speak("good morning", sample_rate=24_000)
    assert low == speak("good morning", sample_rate=8000)
    assert abs(len(high) - 3 * len(low)) <= 12
    assert speak("good morning", sample_rate=8000, voice="en-GB") != low
    assert len(speak("good morning", sample_rate=8000, speed=2.0)) < len(low)


def test_text_without_words_is_nothing_and_markup_is_harmless() -> None:
    assert speak(" ... ", sample_rate=8000) == b""
    assert speak("one < two & three > two", sample_rate=8000)


@pytest.mark.parametrize("rate", [8000, 16_000])
@pytest.mark.parametrize("chunk", [1, 317, 640, 100_000])
def test_speech_is_found_where_it_is_whatever_the_chunks(rate: int, chunk: int) -> None:
    pcm = bytes(2 * rate) + speak("good morning", sample_rate=rate) + bytes(2 * rate)
    detector = SpeechDetector(rate)
    found = []
    for at in range(0, len(pcm), chunk):
        found += [(event, at / (2 * rate)) for event in detector.feed(pcm[at : at + chunk])]
    detector.close()
    assert [event for event, _ in found] == [SpeechEvent.STARTED, SpeechEvent.ENDED]
    if chunk < 1000:
        spoken = (len(pcm) - 4 * rate) / (2 * rate)
        assert 1.0 < found[0][1] < 1.3
        assert 1.0 + spoken < found[1][1] < 1.0 + spoken + 0.6


def test_tones_and_clicks_and_silence_are_not_speech() -> None:
    time = np.arange(32_000) / 16_000
    tone = (8000 * np.sin(2 * np.pi * 440 * time)).astype(np.int16)
    clicks = np.zeros(32_000, dtype=np.int16)
    clicks[::8000] = 30_000
    detector = SpeechDetector(16_000)
    assert detector.feed(tone.tobytes() + clicks.tobytes() + bytes(64_000)) == []
    detector.close()


def test_a_detector_at_another_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="8000 or 16000 Hz, not at 24000"):
        SpeechDetector(24_000)


@pytest.mark.parametrize("rate", [8000, 16_000])
async def test_each_phrase_is_recognised(rate: int) -> None:
    recogniser = Recogniser(PHRASES)
    for phrase in PHRASES:
        pcm = speak(phrase, sample_rate=rate, voice="en-GB")
        assert await recogniser.recognise(at_16_khz(pcm, rate)) == " ".join(words_of(phrase))


async def test_what_is_not_among_the_phrases_is_not_recognised() -> None:
    recogniser = Recogniser(PHRASES)
    for text in ("my dog ate three green apples", "the weather is lovely in the mountains"):
        assert await recogniser.recognise(speak(text, sample_rate=16_000, voice="en-GB")) is None
    assert await recogniser.recognise(bytes(32_000)) is None


async def test_recognition_never_holds_up_the_loop() -> None:
    recogniser = Recogniser(PHRASES)
    await recogniser.recognise(bytes(3200))
    loop = asyncio.get_running_loop()
    pcm = speak(PHRASES[0], sample_rate=16_000, voice="en-GB") * 3
    task = asyncio.create_task(recogniser.recognise(pcm))
    steps = []
    while not task.done():
        before = loop.time()
        await asyncio.sleep(0)
        steps.append(loop.time() - before)
    assert len(steps) > 100, "it gives way after each frame"
    assert np.median(steps) < 0.01


async def test_more_speakers_than_decoders_are_all_understood() -> None:
    recogniser = Recogniser(PHRASES)
    spoken = [speak(phrase, sample_rate=16_000, voice="en-GB") for phrase in PHRASES * 5]
    heard = await asyncio.gather(*(recogniser.recognise(pcm) for pcm in spoken))
    assert heard == [" ".join(words_of(phrase)) for phrase in PHRASES * 5]


@virtual_time
async def test_a_listener_that_is_cancelled_leaves_the_decoder_usable() -> None:
    recogniser = Recogniser(PHRASES)
    utterance = recogniser.utterance()
    utterance.feed(speak(PHRASES[0], sample_rate=16_000))
    task = asyncio.create_task(utterance.result())
    await asyncio.sleep(0.5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await recogniser.recognise(speak("yes", sample_rate=16_000, voice="en-GB")) == "yes"


async def test_a_word_outside_the_dictionary_is_named_once_and_left_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    recogniser = Recogniser(["my name is Xyzzyqx", "thank you goodbye"])
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            pcm = speak("my name is", sample_rate=16_000, voice="en-GB")
            assert await recogniser.recognise(pcm) == "my name is"
    assert [record.args for record in caplog.records] == [("xyzzyqx", "my name is Xyzzyqx")]


async def test_phrases_without_a_single_known_word_recognise_nothing() -> None:
    assert await Recogniser(["xyzzyqx"]).recognise(speak("yes", sample_rate=16_000)) is None
    assert await Recogniser([]).recognise(speak("yes", sample_rate=16_000)) is None


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("I'd like 10:30, please!", "i'd like ten thirty please"),
        ("at 10:00", "at ten o'clock"),
        ("on May 21st, 2026", "on may twenty first two thousand twenty six"),
        ("the 20th and the 3rd", "the twentieth and the third"),
        ("call 5550100", "call five five five zero one zero zero"),
        ("112 and 1999", "one hundred twelve and one thousand nine hundred ninety nine"),
        ("10 a.m. it\u2019s ten-fifteen", "ten a m it's ten fifteen"),
        ("...", ""),
    ],
)
def test_phrases_are_compared_as_they_are_spoken(text: str, spoken: str) -> None:
    assert " ".join(words_of(text)) == spoken


def test_the_better_fit_has_more_words_in_common() -> None:
    said = "make it eleven"
    assert fit(said, "Make it 11.") == 1.0
    assert 1.0 > fit(said, "no, wait, make it eleven") > fit(said, "make an appointment") > 0
    assert fit(said, "") == 0


def test_a_missing_package_is_named_with_what_to_install() -> None:
    with pytest.raises(ImportError, match=r"'no_such_speech'.*voiceagent\[sandbox\]"):
        need("no_such_speech")
