"""The way of an answer's audio onto the line, and how it is silenced."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable

from voiceagent.audio import Resampler
from voiceagent.bridge.answers import Answers
from voiceagent.call.base import Call
from voiceagent.call.exceptions import BufferClosedError, BufferFullError, WSSCallClosedError
from voiceagent.live import OUTPUT_RATE
from voiceagent.report import CallRecording
from voiceagent.turn import Turn, TurnState
from voiceagent.wire.frames import bytes_to_ms, ms_to_bytes

_LONGEST_PIECE_MS = 100
"""Milliseconds. The line takes audio whole or not at all, so a long piece might never fit into its queue."""


class Player:
    """Resamples answers and queues them on the line.

    The model generates faster than the line plays. What does not fit into the line's queue waits here and is
    moved on by :meth:`refill`, which the bridge calls with each chunk of caller audio: the chunks come at the
    pace at which the line plays, so no task and no timer is needed.

    Args:
        call: The line.
        recording: Takes what is queued and what is cleared; None records nothing.
    """

    def __init__(self, call: Call, recording: CallRecording | None) -> None:
        self._call = call
        self._recording = recording
        self._resampler = Resampler(OUTPUT_RATE, call.sample_rate)
        self._rate = call.sample_rate
        self._longest = ms_to_bytes(_LONGEST_PIECE_MS, call.sample_rate)
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._all_queued = asyncio.Event()
        self._all_queued.set()

    async def play(self, turn: Turn, pcm: bytes) -> None:
        """Queue a piece of an answer: s16le mono PCM at 24 kHz."""
        await self._queue(turn, self._resampler.process(pcm))

    async def finish(self, turn: Turn) -> None:
        """Queue the rest that the resampler holds: the answer has been generated to its end."""
        await self._queue(turn, self._resampler.flush())

    def silence(self, unheard: Iterable[Turn]) -> None:
        """Drop all audio, here and on the line, in this very step of the event loop."""
        played_ms = self._call.playback.played_ms
        for turn in unheard:
            turn.interrupt(played_ms)
        self._waiting.clear()
        self._waiting_bytes = 0
        self._all_queued.set()
        self._resampler.reset()
        self._call.clear_audio()
        if self._recording is not None:
            self._recording.cleared()

    @property
    def played_ms(self) -> float:
        """How far the line has played."""
        return self._call.playback.played_ms

    async def refill(self) -> None:
        """Move waiting audio onto the line, as far as there is room."""
        while self._waiting and await self._send(chunk := self._waiting[0]):
            # Sending may have given way to a barge-in, which emptied the deque.
            if self._waiting and self._waiting[0] is chunk:
                self._waiting.popleft()
                self._waiting_bytes -= len(chunk)
        if not self._waiting:
            self._all_queued.set()

    async def drained(self) -> None:
        """Return when everything has been heard, or dropped."""
        await self._all_queued.wait()
        await self._call.drained()

    async def play_out(self, answers: Answers, pause: float) -> None:
        """Return when the model has ended its answer, or has paused in it, and all of it has been heard.

        Args:
            answers: The answers of the call.
            pause: Seconds without audio that count as the end.
        """
        while True:
            before = answers.progress()

            def moved(before: tuple[int, float] = before) -> bool:
                speaking = answers.last is not None and answers.last.state is TurnState.SPEAKING
                return not speaking or answers.progress() != before

            await answers.until(moved, pause)
            await self.drained()
            if answers.progress() == before:
                return

    async def _queue(self, turn: Turn, pcm: bytes) -> None:
        if not pcm:
            return
        turn.begins_at(self._call.playback.queued_ms + bytes_to_ms(self._waiting_bytes, self._rate))
        turn.add_audio(bytes_to_ms(len(pcm), self._rate))
        if self._recording is not None:
            self._recording.agent(pcm)
        for start in range(0, len(pcm), self._longest):
            piece = pcm[start : start + self._longest]
            if self._waiting or not await self._send(piece):
                self._waiting.append(piece)
                self._waiting_bytes += len(piece)
                self._all_queued.clear()

    async def _send(self, pcm: bytes) -> bool:
        """Whether the line took the audio; a line that has closed takes all and plays none."""
        try:
            await self._call.send_audio(pcm)
        except BufferFullError:
            return False
        except (BufferClosedError, WSSCallClosedError):
            pass
        return True
