"""Keys are heard on every line, and nothing that people say is one."""

from __future__ import annotations

import time
import wave
from pathlib import Path

import numpy as np
import pytest

from tests.recordings import LIBRIVOX, PROMPTS, recordings
from voiceagent.audio import DtmfDetector, Resampler, SpeechMeter
from voiceagent.sandbox.script import VOICES
from voiceagent.sandbox.speech import speak
from voiceagent.sandbox.tones import KEYS, key_tones

RATES = [8000, 16000, 24000]
TWICE = "".join(key + key for key in KEYS)


def hear(pcm: bytes, rate: int, chunk_ms: float = 20) -> str:
    detector = DtmfDetector(rate)
    size = 2 * round(rate * chunk_ms / 1000)
    return "".join(detector.hear(pcm[start : start + size]) for start in range(0, len(pcm), size))


def silence(ms: float, rate: int) -> bytes:
    return bytes(2 * round(rate * ms / 1000))


def changed(pcm: bytes, change: str, rng: np.random.Generator) -> bytes:
    audio = np.frombuffer(pcm, dtype="<i2").astype(float)
    if change == "mu-law":
        # G.711's curve with its 8 bits.
        small = np.sign(audio) * np.log1p(255 * np.abs(audio) / 32768) / np.log1p(255)
        small = np.round(small * 127) / 127
        audio = np.sign(small) * (256 ** np.abs(small) - 1) / 255 * 32767
    elif change.endswith("dB of noise"):
        # Against the power of a pair of tones with a peak of 4000 each.
        audio += rng.normal(0, 4000 / 10 ** (float(change.split()[0]) / 20), len(audio))
    elif change == "quiet":
        audio *= 0.125
    elif change == "loud":
        audio *= 4
    return np.clip(np.rint(audio), -32768, 32767).astype("<i2").tobytes()


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("press_ms", [40, 50, 60, 100])
@pytest.mark.parametrize(
    "change", ["clean", "mu-law", "20 dB of noise", "12 dB of noise", "quiet", "loud"], ids=str
)
def test_every_key_pressed_twice_is_heard_twice(rate: int, press_ms: int, change: str) -> None:
    rng = np.random.default_rng(1)
    # The detector looks at steps of 12.75 ms, and a key may begin anywhere in one.
    for begins_ms in np.arange(100, 113, 1.6):
        pcm = silence(begins_ms, rate) + key_tones(TWICE, rate, press_ms=press_ms, pause_ms=press_ms)
        assert hear(changed(pcm + silence(100, rate), change, rng), rate) == TWICE


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("chunk_ms", [5, 10, 20, 30, 100, 1000])
def test_the_size_of_the_chunks_does_not_matter(rate: int, chunk_ms: float) -> None:
    pcm = key_tones(TWICE, rate, press_ms=40, pause_ms=40) + silence(100, rate)
    assert hear(pcm, rate, chunk_ms) == TWICE


@pytest.mark.parametrize("rate", RATES)
def test_a_key_held_long_is_one_key(rate: int) -> None:
    assert hear(key_tones("5", rate, press_ms=4000) + silence(100, rate), rate) == "5"


@pytest.mark.parametrize("rate", RATES)
def test_keys_without_a_pause_are_told_apart(rate: int) -> None:
    pcm = key_tones("159D", rate, press_ms=60, pause_ms=0) + silence(100, rate)
    assert hear(pcm, rate) == "159D"


@pytest.mark.parametrize("rate", RATES)
def test_a_packet_lost_in_a_key_does_not_make_it_two(rate: int) -> None:
    for begins_ms in np.arange(40, 53, 1.6):
        pcm = bytearray(key_tones("7", rate, press_ms=200) + silence(100, rate))
        gap = silence(20, rate)
        start = 2 * round(rate * begins_ms / 1000)
        pcm[start : start + len(gap)] = gap
        assert hear(bytes(pcm), rate) == "7"


@pytest.mark.parametrize("rate", RATES)
def test_while_a_key_is_held_it_is_known(rate: int) -> None:
    detector = DtmfDetector(rate)
    size = len(silence(20, rate))
    pcm = silence(100, rate) + key_tones("3", rate, press_ms=200, pause_ms=200)
    held = []
    for start in range(0, len(pcm), size):
        detector.hear(pcm[start : start + size])
        held.append(detector.key)
    first = held.index("3")
    assert 100 < (first + 1) * 20 <= 180, "it was pressed after 100 ms"
    assert held[first] == "3" and held[-1] == ""
    assert 200 <= held.count("3") * 20 <= 280


@pytest.mark.parametrize("rate", RATES)
def test_a_key_is_recognised_before_it_could_be_taken_for_speech(rate: int) -> None:
    size = len(silence(20, rate))
    for begins_ms in np.arange(200, 255, 0.5):
        detector, meter = DtmfDetector(rate), SpeechMeter(rate)
        pcm = silence(begins_ms, rate) + key_tones("58", rate) + silence(500, rate)
        heard = ""
        for start in range(0, len(pcm), size):
            chunk = pcm[start : start + size]
            keys = detector.hear(chunk)
            if keys == "5":
                assert start / size * 20 + 20 - begins_ms <= 60
            heard += keys
            meter.hear(bytes(len(chunk)) if detector.key else chunk)
            assert not meter.speaking
        assert heard == "58"


def pair(low: float, high: float, rate: int, *, low_level: float = 4000, high_level: float = 4000) -> bytes:
    t = np.arange(rate // 10) / rate
    tone = low_level * np.sin(2 * np.pi * low * t) + high_level * np.sin(2 * np.pi * high * t)
    return tone.astype("<i2").tobytes() + silence(100, rate)


@pytest.mark.parametrize("rate", RATES)
def test_lines_that_weaken_one_of_the_tones_still_carry_keys(rate: int) -> None:
    assert hear(pair(770, 1477, rate, high_level=4000 / 10 ** (8 / 20)), rate) == "6"
    assert hear(pair(770, 1477, rate, low_level=4000 / 10 ** (4 / 20)), rate) == "6"
    assert hear(pair(770, 1477, rate, high_level=4000 / 10 ** (10 / 20)), rate) == ""
    assert hear(pair(770, 1477, rate, low_level=4000 / 10 ** (7 / 20)), rate) == ""


@pytest.mark.parametrize("rate", RATES)
def test_tones_that_are_a_little_off_are_keys_and_others_are_none(rate: int) -> None:
    for off in (0.993, 1.007):
        assert hear(pair(941 * off, 1336 * off, rate), rate) == "0"
    for off in (0.965, 1.035):
        assert hear(pair(941 * off, 1336 * off, rate), rate) == ""


@pytest.mark.parametrize("rate", RATES)
def test_other_tones_are_no_keys(rate: int) -> None:
    # One tone alone; two of one group; ringing, busy and dial tones; a third tone in a key.
    assert hear(pair(697, 697, rate), rate) == ""
    assert hear(pair(697, 852, rate), rate) == ""
    assert hear(pair(440, 480, rate), rate) == ""
    assert hear(pair(480, 620, rate), rate) == ""
    assert hear(pair(350, 440, rate), rate) == ""
    third = np.frombuffer(pair(697, 1209, rate), "<i2") + np.frombuffer(pair(1040, 1040, rate), "<i2") // 2
    assert hear(third.astype("<i2").tobytes(), rate) == ""


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("voice", VOICES)
def test_the_voices_of_the_sandbox_press_no_keys(rate: int, voice: str) -> None:
    text = "I would like to speak to somebody about my order number four eight one five, please. No, not now."
    for pitch in (0.7, 1.0, 1.4):
        assert hear(speak(text, sample_rate=rate, voice=voice, pitch=pitch) + silence(100, rate), rate) == ""


def recorded(path: Path, line_rate: int) -> bytes:
    with wave.open(str(path)) as file:
        resampler = Resampler(file.getframerate(), line_rate)
        return resampler.process(file.readframes(file.getnframes())) + resampler.flush()


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("folder", [PROMPTS, LIBRIVOX], ids=["prompts", "readers"])
class TestPeople:
    pytestmark = recordings

    def test_what_people_say_is_no_key(self, folder: Path, rate: int) -> None:
        seconds = 0.0
        for path in sorted(folder.rglob("*.wav")):
            pcm = recorded(path, rate) + silence(100, rate)
            seconds += len(pcm) / 2 / rate
            assert hear(pcm, rate) == "", path.name
        assert seconds > 20


def test_listening_costs_less_than_a_millisecond_per_second() -> None:
    rate = 24000
    speech = speak("I would like an appointment tomorrow at ten, if there is one.", sample_rate=rate)
    size = len(silence(20, rate))
    for pcm in (speech, bytes(len(speech))):
        costs = []
        for _ in range(5):
            detector = DtmfDetector(rate)
            began = time.process_time()
            for start in range(0, len(pcm), size):
                detector.hear(pcm[start : start + size])
            costs.append((time.process_time() - began) / (len(pcm) / 2 / rate))
        # Usually 0.3 ms with speech and 0.2 ms without; a busy machine is slower.
        assert min(costs) < 0.001
