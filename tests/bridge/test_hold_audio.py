"""What hold audio is made of: the ringing tone, or a WAV file as people have them."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.pcm import noise_ms
from voiceagent import Service, VoiceAgent
from voiceagent.bridge.hold_audio import RINGBACK, hold_pcm
from voiceagent.call import CallClientConfig

RATE = 24000
CONFIG = CallClientConfig.sandbox(api_key="key", connector_uuid="uuid")


def music(folder: Path, pcm: bytes, *, rate: int = RATE, width: int = 2, channels: int = 1) -> Path:
    path = folder / "music.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(pcm)
    return path


def as_numbers(pcm: bytes) -> Any:
    return np.frombuffer(pcm, "<i2") / 32768


def wav_of(sine: Any, width: int) -> bytes:
    if width == 1:
        return bytes(np.rint(sine * 127 + 128).astype(np.uint8))
    wide = np.rint(sine * (2**31 - 1)).astype("<i4")
    return b"".join(sample.tobytes()[4 - width :] for sample in wide)


@pytest.mark.parametrize("rate", [8000, 11025, 44100, 48000])
@pytest.mark.parametrize("width", [1, 2, 3, 4])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_file_of_any_rate_and_width_sounds_alike(
    tmp_path: Path, rate: int, width: int, channels: int
) -> None:
    sine = 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    file = music(
        tmp_path, wav_of(np.repeat(sine, channels), width), rate=rate, width=width, channels=channels
    )
    pcm = as_numbers(hold_pcm(file, RATE))
    assert len(pcm) == pytest.approx(RATE, abs=2)
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(len(pcm)) / RATE)
    middle = slice(RATE // 10, -RATE // 10)
    assert np.abs(pcm - expected)[middle].max() < (0.02 if width == 1 else 0.001)
    assert abs(pcm[0]) < 0.01 and abs(pcm[-1]) < 0.01, "the end meets the beginning"


def test_the_channels_of_a_stereo_file_are_averaged(tmp_path: Path) -> None:
    left = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
    both = np.stack((left, np.zeros(RATE)), axis=1).reshape(-1)
    pcm = as_numbers(hold_pcm(music(tmp_path, wav_of(both, 2), channels=2), RATE))
    assert np.abs(pcm).max() == pytest.approx(0.25, abs=0.001)


@pytest.mark.parametrize("rate", [8000, 16000, 24000])
def test_the_ringing_tone_is_the_one_of_e_180(rate: int) -> None:
    pcm = as_numbers(hold_pcm(RINGBACK, rate))
    assert len(pcm) == 5 * rate
    loud = np.flatnonzero(np.abs(pcm) > 0.004)
    assert (loud[-1] - loud[0]) / rate == pytest.approx(1.0, abs=0.03)
    burst = pcm[loud[0] : loud[-1]]
    peak = np.argmax(np.abs(np.fft.rfft(burst * np.hanning(len(burst)), 8 * rate))) / 8
    assert peak == pytest.approx(425, abs=1)
    assert np.abs(np.diff(pcm)).max() < 2 * np.pi * 425 / rate * 0.08 * 1.01, "nothing in it clicks"


def not_there(folder: Path) -> object:
    return folder / "none.wav"


def no_wav(folder: Path) -> object:
    (folder / "song.mp3").write_bytes(b"ID3 and so on")
    return str(folder / "song.mp3")


def cut_off(folder: Path) -> object:
    path = music(folder, noise_ms(500, 5, RATE))
    path.write_bytes(path.read_bytes()[:20])
    return path


def empty(folder: Path) -> object:
    return music(folder, b"")


def too_long(folder: Path) -> object:
    return music(folder, bytes(4000 * 301), rate=4000, width=1)


def surround(folder: Path) -> object:
    return music(folder, bytes(60_000), channels=6)


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (not_there, "cannot read .*none.wav: No such file.*'ringback', a WAV file, or None"),
        (no_wav, "song.mp3 is no PCM WAV file .*sox"),
        (cut_off, "music.wav is no PCM WAV file"),
        (empty, "holds no sound"),
        (too_long, "lasts 301 s: cut it to at most 300 s"),
        (surround, "6 channels at 24000 Hz: convert it"),
        (lambda folder: folder, "cannot read .*directory"),
        (lambda folder: "ring", "cannot read ring: No such file"),
    ],
)
def test_what_cannot_be_played_is_refused_at_the_start(tmp_path: Path, bad: Any, told: str) -> None:
    class Bad(VoiceAgent):
        hold_audio = bad(tmp_path)

    with pytest.raises(ValueError, match=rf"^Bad\.hold_audio: .*{told}"):
        Service(Bad, config=CONFIG, reports=None)


def test_what_is_no_file_at_all_is_refused_at_the_start() -> None:
    class Bad(VoiceAgent):
        hold_audio = 440  # type: ignore[assignment]

    with pytest.raises(TypeError, match="hold_audio is 440, but must be 'ringback', a WAV file, or None"):
        Service(Bad, config=CONFIG, reports=None)
