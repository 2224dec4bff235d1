"""Rate conversion: nothing is lost, the delay is constant, and nothing folds back into the speech band."""

import numpy as np
import pytest

from voiceagent.audio import Resampler
from voiceagent.live import INPUT_RATE, OUTPUT_RATE

LINES = [8000, 16000, 24000]
PAIRS = [*((line, INPUT_RATE) for line in LINES), *((OUTPUT_RATE, line) for line in LINES)]
"""What calls need: from each line to the model, and from the model to each line."""

CONVERTED = [pair for pair in PAIRS if pair[0] != pair[1]]

EDGE = 0.02
"""Within so much above the new band a tone is not suppressed yet; it folds into the last 2 % of the band."""


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


def convert(pcm: bytes, in_rate: int, out_rate: int) -> np.ndarray:
    resampler = Resampler(in_rate, out_rate)
    out = b"".join(resampler.process(chunk) for chunk in chunks(pcm, in_rate)) + resampler.flush()
    return np.frombuffer(out, dtype="<i2").astype(float)


def spectrum(samples: np.ndarray, rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies, and the peak of the sine at each, away from the utterance's beginning and end."""
    samples = samples[rate // 4 : -rate // 4]
    window = np.blackman(len(samples))
    return np.fft.rfftfreq(len(samples), 1 / rate), np.abs(np.fft.rfft(samples * window)) / (window.sum() / 2)


@pytest.mark.parametrize(("in_rate", "out_rate"), PAIRS)
def test_what_is_heard_has_no_other_delay_than_what_is_held_back(in_rate: int, out_rate: int) -> None:
    click = np.zeros(in_rate)
    click[in_rate // 2] = 20000
    out = convert(click.astype("<i2").tobytes(), in_rate, out_rate)
    assert np.abs(out).argmax() / out_rate == pytest.approx(0.5, abs=0.0005)


@pytest.mark.parametrize(("in_rate", "out_rate"), CONVERTED)
def test_the_last_sound_of_an_utterance_comes_out(in_rate: int, out_rate: int) -> None:
    click = np.zeros(in_rate // 2)
    click[-in_rate // 500] = 20000
    out = convert(click.astype("<i2").tobytes(), in_rate, out_rate)
    assert len(out) == out_rate // 2
    assert np.abs(out[-out_rate // 200 :]).max() > 4000


@pytest.mark.parametrize(("in_rate", "out_rate"), CONVERTED)
@pytest.mark.parametrize("hertz", [100, 300, 1000, 3000, 3400, 3600])
def test_a_tone_of_the_speech_band_keeps_its_level(in_rate: int, out_rate: int, hertz: float) -> None:
    frequencies, peaks = spectrum(convert(tone(hertz, in_rate, 2.0), in_rate, out_rate), out_rate)
    assert frequencies[peaks.argmax()] == pytest.approx(hertz, abs=1)
    assert 20 * np.log10(peaks.max() / 8000) == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize(("in_rate", "out_rate"), CONVERTED)
def test_nothing_but_the_tone_comes_out(in_rate: int, out_rate: int) -> None:
    """Neither what folds back from above the new band, nor the images of what is below the old one."""
    band = min(in_rate, out_rate) / 2
    inside = np.arange(100.0, band * 0.95, 331.0)
    above = np.arange(band * (1 + EDGE), in_rate / 2 - 100, 331.0)
    for hertz in (*inside, *above):
        frequencies, peaks = spectrum(convert(tone(hertz, in_rate, 2.0, 16000), in_rate, out_rate), out_rate)
        if hertz < band:
            peaks[np.abs(frequencies - hertz) < 20] = 0
        assert 20 * np.log10(peaks.max() / 16000) < -80, hertz


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
