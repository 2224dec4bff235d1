"""What a caller says is on the disk as they said it, from their first sound to their last, and no longer."""

from __future__ import annotations

import resource
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tools.voicemail import MessageRecorder
from tools.voicemail.recorder import LEAD_MS
from voiceagent.sandbox.speech import speak

RATES = (8000, 16_000, 24_000)
SENTENCE = "Please call me back on Monday, it is about my invoice."


def fed(recorder: MessageRecorder, *audio: bytes, chunk_ms: int = 20) -> MessageRecorder:
    """Let the recorder hear this, in the chunks in which a line delivers it."""
    size = 2 * recorder.sample_rate * chunk_ms // 1000
    whole = b"".join(audio)
    for start in range(0, len(whole), size):
        recorder.hear(whole[start : start + size])
    return recorder


def quiet(seconds: float, rate: int) -> bytes:
    return bytes(2 * int(seconds * rate))


def hiss(seconds: float, rate: int, rms: int = 60) -> bytes:
    noise = np.random.default_rng(5).normal(0, rms, int(seconds * rate))
    return noise.astype("<i2").tobytes()


def audible(pcm: bytes) -> bytes:
    """From the first sound to the last; what the voice breathes half a second later does not count."""
    loud = np.flatnonzero(np.abs(np.frombuffer(pcm, dtype="<i2").astype(int)) > 300)
    return pcm[2 * loud[0] : 2 * loud[-1] + 2]


def read(path: Path) -> tuple[bytes, int]:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        return file.readframes(file.getnframes()), file.getframerate()


@pytest.mark.parametrize("rate", RATES)
def test_the_file_holds_the_sentence_as_it_was_said_without_the_silence_around_it(
    tmp_path: Path, rate: int
) -> None:
    said = speak(SENTENCE, sample_rate=rate)
    recorder = fed(MessageRecorder(tmp_path / "a.wav", rate), quiet(7, rate), said, quiet(9, rate))
    assert recorder.has_speech
    assert recorder.length_ms < len(said) * 500 / rate + 2 * LEAD_MS + 100
    path = recorder.finish()
    assert path == tmp_path / "a.wav"
    audio, file_rate = read(path)
    assert file_rate == rate
    assert audible(said) in audio, "bit for bit: no gain, no filter, nothing taken out"
    assert len(audio) <= len(said) + 2 * recorder._bytes(LEAD_MS + 100)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.wav"]


def test_a_pause_in_the_middle_is_part_of_the_message(tmp_path: Path) -> None:
    rate = 16_000
    one, other = speak("My name is Anna.", sample_rate=rate), speak("Call me back.", sample_rate=rate)
    fed(recorder := MessageRecorder(tmp_path / "a.wav", rate), one, quiet(8, rate), other, quiet(3, rate))
    path = recorder.finish()
    assert path is not None
    assert audible(one + quiet(8, rate) + other) in read(path)[0]


@pytest.mark.parametrize("rate", RATES)
def test_silence_counts_from_the_last_word_and_not_before_it_is_the_callers_turn(
    tmp_path: Path, rate: int
) -> None:
    recorder = fed(MessageRecorder(tmp_path / "a.wav", rate), hiss(6, rate))
    assert recorder.quiet_ms == pytest.approx(6000, abs=20)
    recorder.expect()
    assert recorder.quiet_ms == 0
    fed(recorder, hiss(1, rate))
    assert recorder.quiet_ms == pytest.approx(1000, abs=20)
    fed(recorder, audible(speak(SENTENCE, sample_rate=rate)), hiss(2, rate))
    assert 1900 <= recorder.quiet_ms <= 2300
    recorder.discard()


@pytest.mark.parametrize("rate", RATES)
def test_nobody_who_speaks_is_silent(tmp_path: Path, rate: int) -> None:
    """The longest stretch that counts as silence within sentences is far below any sensible patience."""
    recorder = MessageRecorder(tmp_path / "a.wav", rate)
    longest = 0.0
    said = speak(f"{SENTENCE} {SENTENCE} Thank you. Goodbye.", sample_rate=rate)
    for start in range(0, len(said), 2 * rate // 50):
        recorder.hear(said[start : start + 2 * rate // 50])
        longest = max(longest, recorder.quiet_ms)
    assert longest < 1200
    recorder.discard()


@pytest.mark.parametrize(
    "noise",
    [
        pytest.param(quiet(20, 24_000), id="nothing"),
        pytest.param(hiss(20, 24_000), id="a hissing line"),
        pytest.param(
            b"".join(quiet(1, 24_000) + hiss(0.04, 24_000, rms=9000) for _ in range(9)),
            id="clicks",
        ),
    ],
)
def test_what_nobody_said_is_no_speech_and_leaves_no_file(tmp_path: Path, noise: bytes) -> None:
    recorder = fed(MessageRecorder(tmp_path / "a.wav", 24_000), noise)
    assert not recorder.has_speech
    recorder.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_line_too_quiet_to_be_sure_is_kept_whole_if_somebody_asks_for_it(tmp_path: Path) -> None:
    rate = 16_000
    loud = np.frombuffer(speak(SENTENCE, sample_rate=rate), dtype="<i2")
    faint = (loud // 60).astype("<i2").tobytes()
    recorder = fed(MessageRecorder(tmp_path / "a.wav", rate), quiet(2, rate), faint)
    assert not recorder.has_speech
    path = recorder.finish()
    assert path is not None
    assert read(path)[0] == quiet(2, rate) + faint


def test_the_shortest_answer_counts(tmp_path: Path) -> None:
    recorder = fed(
        MessageRecorder(tmp_path / "a.wav", 24_000), quiet(1, 24_000), speak("Yes.", sample_rate=24_000)
    )
    assert recorder.has_speech
    recorder.discard()


def test_a_message_ends_at_its_longest_length_to_the_sample(tmp_path: Path) -> None:
    rate = 24_000
    recorder = MessageRecorder(tmp_path / "a.wav", rate, longest_seconds=4)
    said = speak(SENTENCE * 6, sample_rate=rate)
    fed(recorder, quiet(3, rate), said, chunk_ms=30)
    assert recorder.full
    path = recorder.finish()
    assert path is not None
    audio, _ = read(path)
    assert len(audio) == 4 * 2 * rate
    assert audible(audio) in said
    with pytest.raises(ValueError, match="longest_seconds"):
        MessageRecorder(tmp_path / "b.wav", rate, longest_seconds=0)


def test_memory_does_not_grow_with_the_call(tmp_path: Path) -> None:
    rate = 24_000
    recorder = MessageRecorder(tmp_path / "a.wav", rate)
    said = speak(SENTENCE, sample_rate=rate)
    for part in (quiet(60, rate), said * 20, quiet(60, rate)):
        for start in range(0, len(part), 960):
            recorder.hear(part[start : start + 960])
            assert len(recorder._gathered) <= 2 * rate + 960
    recorder.discard()


def test_what_is_written_so_far_can_be_played_at_any_time(tmp_path: Path) -> None:
    rate = 16_000
    said = speak(SENTENCE, sample_rate=rate)
    recorder = fed(MessageRecorder(tmp_path / "a.wav", rate), said)
    (part,) = tmp_path.iterdir()
    assert part.name == "a.wav.part", "nobody takes it for a finished message"
    audio, _ = read(part)
    assert len(audio) >= 2 * 2 * rate
    assert audible(audio) in said
    recorder.discard()
    assert list(tmp_path.iterdir()) == []


def test_starting_over_forgets_what_was_said(tmp_path: Path) -> None:
    rate = 24_000
    wrong, right = speak("This is wrong.", sample_rate=rate), speak("This is right.", sample_rate=rate)
    recorder = fed(MessageRecorder(tmp_path / "a.wav", rate), wrong * 3, quiet(1, rate))
    recorder.restart()
    assert not recorder.has_speech
    assert (recorder.length_ms, recorder.quiet_ms) == (0, 0)
    fed(recorder, quiet(2, rate), right, quiet(2, rate))
    path = recorder.finish()
    assert path is not None
    audio, _ = read(path)
    assert audible(right) in audio
    assert len(audio) < len(right) + 2 * 2 * rate


def test_a_name_that_exists_belongs_to_another_message(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a.wav.part").write_bytes(b"somebody else's")
    recorder = fed(MessageRecorder(tmp_path / "a.wav", 24_000), speak(SENTENCE, sample_rate=24_000))
    assert recorder.failed and recorder.has_speech
    assert recorder.finish() is None
    assert (tmp_path / "a.wav.part").read_bytes() == b"somebody else's"
    assert "not recorded" in caplog.text


@contextmanager
def disk_with_room_for(size: int) -> Iterator[None]:
    """No file grows beyond this; the kernel refuses what is too much, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("room", [50_000, 50_001, 99_999])
def test_a_disk_that_is_full_in_the_middle_costs_the_rest_of_the_recording_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, room: int
) -> None:
    said = speak(SENTENCE, sample_rate=24_000)
    recorder = MessageRecorder(tmp_path / "a.wav", 24_000)
    with disk_with_room_for(room):
        fed(recorder, said, quiet(2, 24_000))
        length_ms = recorder.length_ms
        assert recorder.finish() == tmp_path / "a.wav"
    audio, _ = read(tmp_path / "a.wav")
    assert len(audio) == pytest.approx(48 * length_ms, abs=2)
    assert room - 49_000 < len(audio) < room and audio in said
    assert recorder.has_speech and recorder.quiet_ms > 1000, "the call goes on"
    assert len([r for r in caplog.records if "not recorded any further" in r.message]) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.wav"]


@pytest.mark.parametrize("room", [0, 44])
def test_a_disk_that_is_full_from_the_beginning_leaves_no_file(tmp_path: Path, room: int) -> None:
    with disk_with_room_for(room):
        recorder = fed(MessageRecorder(tmp_path / "a.wav", 24_000), speak(SENTENCE, sample_rate=24_000))
        assert recorder.has_speech
        assert recorder.finish() is None
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_was_full_has_room_again_for_a_message_that_starts_over(tmp_path: Path) -> None:
    wrong, right = speak(SENTENCE, sample_rate=24_000), speak("This is right.", sample_rate=24_000)
    recorder = MessageRecorder(tmp_path / "a.wav", 24_000)
    with disk_with_room_for(len(right) + 50_000):
        fed(recorder, wrong)
        recorder.restart()
        fed(recorder, right)
        assert recorder.finish() is not None
    assert audible(right) in read(tmp_path / "a.wav")[0]


@pytest.mark.parametrize("decibels", [15, 8, 3])
def test_on_a_noisy_line_no_word_is_cut_off(tmp_path: Path, decibels: int) -> None:
    """Speech that does not stand out from the noise is kept with all of it."""
    rate = 16_000
    said = np.frombuffer(speak(f"{SENTENCE} {SENTENCE}", sample_rate=rate), dtype="<i2")
    rms = np.sqrt((said.astype(float) ** 2).mean()) * 10 ** (-decibels / 20)
    noise = np.random.default_rng(3).normal(0, rms, len(said) + 8 * rate)
    noise[4 * rate : 4 * rate + len(said)] += said
    line = noise.clip(-(2**15), 2**15 - 1).astype("<i2").tobytes()
    path = fed(MessageRecorder(tmp_path / "a.wav", rate), line).finish()
    assert path is not None
    assert line[2 * 4 * rate : 2 * 4 * rate + 2 * len(said)] in read(path)[0]
