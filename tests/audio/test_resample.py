"""Rate conversion: nothing is lost, the delay is constant, and nothing folds back into the speech band."""

import numpy as np
import pytest

from voiceagent.audio import Resampler

PAIRS = [(24000, 16000), (24000, 8000), (8000, 16000), (16000, 8000), (16000, 24000), (24000, 24000)]


def tone(hertz: float, rate: int, seconds: float = 1.0, level: int = 8000) -> bytes:
    t = np.arange(int(rate * seconds)) / rate
    return (level * np.sin(2 * np.pi * hertz * t)).astype("<i2").tobytes()


def chunks(pcm: bytes, rate: int, ms: int = 20) -> list[bytes]:
    size = rate * ms // 1000 * 2
    return [pcm[start : start + size] for start in range(0, len(pcm), size)]


def level(pcm: bytes) -> float:
    samples = np.frombuffer(pcm, dtype="<i2").astype(float)
    return float(np.sqrt(np.mean(samples**2)))


@pytest.mark.parametrize(("in_rate", "out_rate"), PAIRS)
def test_all_of_an_utterance_comes_out(in_rate: int, out_rate: int) -> None:
    resampler = Resampler(in_rate, out_rate)
    out = b"".join(resampler.process(chunk) for chunk in chunks(tone(440, in_rate), in_rate))
    out += resampler.flush()
    assert len(out) // 2 == out_rate


@pytest.mark.parametrize(("in_rate", "out_rate"), PAIRS)
def test_the_delay_is_constant_and_at_most_30_ms(in_rate: int, out_rate: int) -> None:
    resampler = Resampler(in_rate, out_rate)
    held = []
    given = taken = 0
    for chunk in chunks(tone(440, in_rate, 2.0), in_rate):
        given += len(chunk) / 2 / in_rate * 1000
        taken += len(resampler.process(chunk)) / 2 / out_rate * 1000
        held.append(given - taken)
    steady = held[5:]
    assert max(steady) <= 30.0
    assert max(steady) - min(steady) < 1.0


def test_the_tone_keeps_its_level() -> None:
    resampler = Resampler(24000, 8000)
    out = b"".join(resampler.process(chunk) for chunk in chunks(tone(1000, 24000), 24000))
    assert level(out[1600:]) == pytest.approx(level(tone(1000, 24000)), rel=0.01)


def test_a_tone_above_the_new_band_does_not_fold_back() -> None:
    resampler = Resampler(24000, 8000)
    out = b"".join(resampler.process(chunk) for chunk in chunks(tone(6000, 24000), 24000))
    # -80 dB of a level of 5657 is 0.57, below the rounding of 16 bits.
    assert level(out[1600:]) < 0.6


def test_after_a_reset_nothing_of_the_old_answer_is_heard() -> None:
    resampler = Resampler(24000, 8000)
    resampler.process(tone(440, 24000, 0.1))
    resampler.reset()
    silence = bytes(4800)
    out = b"".join(resampler.process(chunk) for chunk in chunks(silence, 24000)) + resampler.flush()
    # 1 is the dither of the last bit.
    assert np.abs(np.frombuffer(out, dtype="<i2")).max() <= 1


def test_after_a_flush_the_next_utterance_begins_anew() -> None:
    resampler = Resampler(16000, 8000)
    for _ in range(3):
        out = resampler.process(tone(440, 16000, 0.25)) + resampler.flush()
        assert len(out) // 2 == 2000
