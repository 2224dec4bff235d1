"""The recording: both sides in step, as the caller heard them, valid at any time."""

import wave
from pathlib import Path

import numpy as np
import pytest

from voiceagent.audio import StereoWavWriter
from voiceagent.report import CallRecording

RATE = 8000
TICK = RATE // 50 * 2


def channels(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, RATE)
        both = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2)
    return both[:, 0], both[:, 1]


def filled(value: int, ticks: int) -> bytes:
    return np.full(TICK // 2 * ticks, value, dtype="<i2").tobytes()


def test_the_caller_is_left_and_the_agent_right(tmp_path: Path) -> None:
    recording = CallRecording(tmp_path / "call.wav", RATE)
    recording.agent(filled(7, 3))
    for _ in range(5):
        recording.caller(filled(3, 1))
    recording.close()
    left, right = channels(tmp_path / "call.wav")
    assert set(left) == {3}
    assert list(right) == [7] * (TICK // 2 * 3) + [0] * (TICK // 2 * 2)


def test_what_a_barge_in_cleared_is_not_in_the_file(tmp_path: Path) -> None:
    recording = CallRecording(tmp_path / "call.wav", RATE)
    recording.agent(filled(7, 100))
    for tick in range(20):
        if tick == 10:
            recording.cleared()
        recording.caller(filled(0, 1))
    recording.close()
    _, right = channels(tmp_path / "call.wav")
    assert np.count_nonzero(right) == TICK // 2 * 10


def test_of_what_was_never_played_only_the_audio_in_flight_is_kept(tmp_path: Path) -> None:
    recording = CallRecording(tmp_path / "call.wav", RATE)
    recording.caller(filled(1, 1))
    recording.agent(filled(7, 100))
    recording.close()
    left, right = channels(tmp_path / "call.wav")
    assert np.count_nonzero(right) == TICK // 2 * 3
    assert len(left) == len(right)


def test_a_recording_that_is_never_closed_plays(tmp_path: Path) -> None:
    recording = CallRecording(tmp_path / "call.wav", RATE)
    for _ in range(110):
        recording.caller(filled(5, 1))
    left, _ = channels(tmp_path / "call.wav")
    assert len(left) == RATE * 2
    recording.close()


def test_channels_of_different_length_are_refused(tmp_path: Path) -> None:
    with (
        StereoWavWriter(tmp_path / "x.wav", RATE) as wav,
        pytest.raises(ValueError, match="left has 2 bytes"),
    ):
        wav.write(b"\0\0", b"")
