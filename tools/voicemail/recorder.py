"""Records what a caller says into a WAV file while the call runs, and notices when they have stopped.

The rule: it is fed with audio and has no other clock, so that all of its times are times of the recording.
What is kept is kept as it came: no gain, no filter, no pause in the middle taken out. Memory is bounded by
one second of audio, however long the call is.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from tools.voicemail.wav import UnfinishedWav
from voiceagent import SpeechMeter

logger = logging.getLogger(__name__)

LEAD_MS = 500
"""So much is kept before the first and behind the last sound of speech: soft beginnings are not cut off."""

LEAST_SPEECH_MS = 200
"""Less than this, all in all, is a click or a breath, and no message."""

_SOUND_RMS = 250.0
"""Quieter than this, as RMS of s16 samples, is silence. On a noisy line nothing is, and nothing is cut off:
speech that does not stand out from the noise would be."""

_BLOCK_MS = 1000
"""So much is gathered before it is written: a call costs one write a second."""


class MessageRecorder:
    """The recording of one message.

    A file that cannot be written any further, on a full disk for example, is logged once: the message ends
    there, only the times are kept from then on, and the call goes on.

    Args:
        path: The finished WAV file. It does not exist before :meth:`finish`; its folder must.
        sample_rate: Of the s16le mono PCM that :meth:`hear` is given, in Hz.
        longest_seconds: No message is longer.

    Attributes:
        path: As given.
        sample_rate: As given.
        spoken_ms: How long somebody spoke in it, all in all.
    """

    def __init__(self, path: Path, sample_rate: int, *, longest_seconds: float = 180.0) -> None:
        if longest_seconds <= 0:
            raise ValueError(f"longest_seconds must be a positive number of seconds, not {longest_seconds}")
        self.path = path
        self.sample_rate = sample_rate
        self.spoken_ms = 0.0
        self._meter = SpeechMeter(sample_rate)
        self._longest = self._bytes(longest_seconds * 1000)
        self._heard = 0
        self._gathered = bytearray()
        # Positions in all that was heard, in bytes: where the file begins, and the message in it.
        self._from = 0
        self._began: int | None = None
        self._loud_until = 0
        self._sound_until = 0
        self._quiet_from = 0
        self._lost_from: int | None = None
        self._wav: UnfinishedWav | None = None
        try:
            self._wav = UnfinishedWav(path, sample_rate)
        except OSError as error:
            self._give_up(error)

    # What is known ---------------------------------------------------------------------------------------

    @property
    def has_speech(self) -> bool:
        """Whether somebody has said something."""
        return self.spoken_ms >= LEAST_SPEECH_MS

    @property
    def full(self) -> bool:
        """Whether the longest length is reached; what is heard now is not recorded any more."""
        return not self._room()

    @property
    def failed(self) -> bool:
        """Whether the file could not be written, so that there is no recording."""
        return self._wav is None

    @property
    def heard_ms(self) -> float:
        """Milliseconds of audio heard so far, recorded or not."""
        return self._ms(self._heard)

    @property
    def quiet_ms(self) -> float:
        """Milliseconds since somebody spoke last, or since :meth:`expect`."""
        return self._ms(self._heard - max(self._loud_until, self._quiet_from))

    @property
    def length_ms(self) -> float:
        """Milliseconds of the message as it would be if it ended now."""
        return self._ms(self._kept() if self.has_speech else self._recorded() - self._from)

    # What happens ----------------------------------------------------------------------------------------

    def hear(self, pcm: bytes) -> None:
        """Take the next chunk of the caller's audio, about 20 ms of it."""
        room = self._room()
        self._meter.hear(pcm)
        self._heard += len(pcm)
        if self._meter.speaking and not self._meter.quiet_ms:
            self.spoken_ms += self._ms(len(pcm))
            self._loud_until = self._heard
            if self._began is None:
                self._began = max(self._heard - self._bytes(LEAD_MS), self._from)
                room = self._room() + len(pcm)
        if _rms(pcm) >= _SOUND_RMS:
            self._sound_until = self._heard
        self._gathered += pcm[:room]
        if len(self._gathered) >= self._bytes(_BLOCK_MS):
            self._write()

    def expect(self) -> None:
        """Count the caller's silence from now on: until now it was not their turn to speak."""
        self._quiet_from = self._heard

    def restart(self) -> None:
        """Forget what was said; the message begins when somebody speaks again."""
        self.spoken_ms = 0.0
        self._gathered.clear()
        self._began = None
        self._from = self._loud_until = self._sound_until = self._quiet_from = self._heard
        self._lost_from = None
        if self._wav is not None:
            try:
                self._wav.keep(0, 0)
            except OSError as error:
                self._give_up(error)

    def finish(self) -> Path | None:
        """End the recording behind the last words; this waits for the disk.

        Where no speech was noticed, all of it is kept: whoever asks for it knows better, as on a line that is
        too quiet to be sure.

        Returns:
            The finished file; None where nothing could be written.
        """
        self._write()
        wav, self._wav = self._wav, None
        if wav is None:
            return None
        try:
            if self.has_speech and self._began is not None:
                start = self._began - self._from
                wav.keep(start, start + self._kept())
            if not wav.size:  # The disk was full before the first word.
                wav.discard()
                return None
            wav.finish()
        except OSError as error:
            self._wav = wav
            self._give_up(error)
            return None
        return self.path

    def discard(self) -> None:
        """Throw the recording away. Doing it twice, or behind :meth:`finish`, does nothing."""
        wav, self._wav = self._wav, None
        if wav is not None:
            try:
                wav.discard()
            except OSError as error:
                logger.error("%s: the unfinished recording is left behind: %s", self.path, error)

    def _kept(self) -> int:
        """Bytes of the message: from before the first sound of speech to behind the last sound."""
        if self._began is None:
            return 0
        last = max(self._loud_until, self._sound_until)
        end = min(last + self._bytes(LEAD_MS), self._recorded())
        return max(0, min(end - self._began, self._longest))

    def _recorded(self) -> int:
        """Where the recording ends, in all that was heard."""
        return self._heard if self._lost_from is None else self._lost_from

    def _room(self) -> int:
        """Bytes that may still be recorded; silence before the message does not count."""
        began = self._heard if self._began is None else self._began
        return max(0, self._longest - (self._heard - began))

    def _write(self) -> None:
        if self._wav is not None and self._lost_from is None and self._gathered:
            try:
                self._wav.append(bytes(self._gathered))
            except OSError as error:
                logger.error("%s: the message is not recorded any further: %s", self.path, error)
                self._lost_from = self._from + self._wav.size
        self._gathered.clear()

    def _give_up(self, error: OSError) -> None:
        logger.error("%s: the message is not recorded: %s", self.path, error)
        self.discard()

    def _bytes(self, ms: float) -> int:
        return 2 * int(self.sample_rate * ms / 1000)

    def _ms(self, size: int) -> float:
        return size * 1000 / (2 * self.sample_rate)


def _rms(pcm: bytes) -> float:
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
    return float(np.sqrt(np.dot(samples, samples) / max(1, len(samples))))
