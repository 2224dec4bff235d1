"""The passive detector: speech counts, clicks and hiss do not."""

import numpy as np

from voiceagent.audio import SpeechMeter

RATE = 8000
FRAME = 160


def frames(samples: np.ndarray) -> list[bytes]:
    pcm = samples.astype("<i2").tobytes()
    return [pcm[start : start + 2 * FRAME] for start in range(0, len(pcm), 2 * FRAME)]


def noise(seconds: float, level: float, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, level, int(RATE * seconds))


def test_speech_begins_and_ends() -> None:
    meter = SpeechMeter(RATE)
    changes = [meter.hear(frame) for frame in frames(noise(0.5, 10))]
    assert not any(changes)
    changes = [meter.hear(frame) for frame in frames(noise(0.5, 3000))]
    assert changes.count(True) == 1
    assert meter.speaking
    changes = [meter.hear(frame) for frame in frames(noise(0.5, 10))]
    assert changes.count(True) == 1
    assert not meter.speaking


def test_the_time_since_the_last_word_is_known() -> None:
    meter = SpeechMeter(RATE)
    for frame in frames(noise(0.5, 3000)) + frames(noise(0.2, 10)):
        meter.hear(frame)
    assert meter.speaking
    assert meter.quiet_ms == 200


def test_a_click_is_no_speech() -> None:
    meter = SpeechMeter(RATE)
    for frame in [*frames(noise(0.5, 10)), *frames(noise(0.02, 12000)), *frames(noise(0.5, 10))]:
        meter.hear(frame)
        assert not meter.speaking


def test_a_hissing_line_is_no_speech() -> None:
    meter = SpeechMeter(RATE)
    for level in np.linspace(50, 600, 400):
        for frame in frames(noise(0.02, level)):
            meter.hear(frame)
    assert not meter.speaking
    for frame in frames(noise(0.3, 6000)):
        meter.hear(frame)
    assert meter.speaking


def test_an_empty_chunk_changes_nothing() -> None:
    meter = SpeechMeter(RATE)
    assert not meter.hear(b"")
