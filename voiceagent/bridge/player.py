"""The way of an answer's audio onto the line, and how it is silenced, or stopped for a moment."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from voiceagent.audio import Resampler
from voiceagent.bridge.answers import Answers
from voiceagent.call.base import Call
from voiceagent.call.exceptions import BufferClosedError, BufferFullError, WSSCallClosedError
from voiceagent.live import OUTPUT_RATE
from voiceagent.report import CallRecording
from voiceagent.turn import Turn
from voiceagent.wire.frames import BYTES_PER_SAMPLE, bytes_to_ms, ms_to_bytes

_LONGEST_PIECE_MS = 100
"""Milliseconds. The line takes audio whole or not at all, so a long piece might never fit into its queue."""


class _Piece(NamedTuple):
    """Audio on its way: of which answer, PCM at the line's rate, and its end on the line's timeline."""

    turn: Turn | None
    pcm: bytes
    end_ms: float = 0.0


class Player:
    """Resamples answers and queues them on the line.

    The model generates faster than the line plays. What does not fit into the line's queue waits here and is
    moved on by :meth:`refill`, which the bridge calls with each chunk of caller audio: the chunks come at the
    pace at which the line plays, so no task and no timer is needed.

    Args:
        call: The line.
        recording: Takes what is queued and what is cleared; None records nothing.
        pausable: Whether :meth:`pause` is wanted. Then what the line has not played yet is kept.
    """

    def __init__(self, call: Call, recording: CallRecording | None, *, pausable: bool = False) -> None:
        self._call = call
        self._recording = recording
        self._pausable = pausable
        self._resampler = Resampler(OUTPUT_RATE, call.sample_rate)
        self._rate = call.sample_rate
        self._longest = ms_to_bytes(_LONGEST_PIECE_MS, call.sample_rate)
        self._waiting: deque[_Piece] = deque()
        self._waiting_bytes = 0
        # On the line, and not known to be played; kept only where playback may be paused.
        self._unplayed: deque[_Piece] = deque()
        self._paused = False
        self._all_queued = asyncio.Event()
        self._all_queued.set()

    @property
    def paused(self) -> bool:
        """Whether playback waits for :meth:`resume` or :meth:`silence`."""
        return self._paused

    @property
    def idle(self) -> bool:
        """Whether nothing is left to be played."""
        playback = self._call.playback
        return not self._waiting and playback.played_ms >= playback.queued_ms

    @property
    def ahead_ms(self) -> float:
        """How much is left to be played, in milliseconds."""
        playback = self._call.playback
        return playback.queued_ms - playback.played_ms + bytes_to_ms(self._waiting_bytes, self._rate)

    async def play(self, turn: Turn, pcm: bytes) -> None:
        """Queue a piece of an answer: s16le mono PCM at 24 kHz."""
        await self._queue(turn, self._resampler.process(pcm))

    async def finish(self, turn: Turn) -> None:
        """Queue the rest that the resampler holds: the answer has been generated to its end."""
        await self._queue(turn, self._resampler.flush())

    async def play_other(self, pcm: bytes) -> None:
        """Queue audio that belongs to no answer: s16le mono PCM at the line's rate."""
        await self._queue(None, pcm)

    def silence(self, unheard: Iterable[Turn]) -> None:
        """Drop all audio, here and on the line, in this very step of the event loop."""
        played_ms = self._call.playback.played_ms
        for turn in unheard:
            turn.interrupt(played_ms)
        self._waiting.clear()
        self._waiting_bytes = 0
        self._unplayed.clear()
        self._paused = False
        self._all_queued.set()
        self._resampler.reset()
        self._call.clear_audio()
        if self._recording is not None:
            self._recording.cleared()

    def pause(self) -> None:
        """Stop in this very step of the event loop, and keep what has not been played.

        The line tells what it has played up to some 40 ms late, so as much of it may be heard again; nothing
        is lost.
        """
        if self._paused:
            return
        self._paused = True
        self._forget_played()
        played_ms = self._call.playback.played_ms
        for piece in reversed(self._unplayed):
            # Rounded up: rather a sample twice than one lost.
            samples = math.ceil((piece.end_ms - played_ms) * self._rate / 1000 - 0.01)
            pcm = piece.pcm[-samples * BYTES_PER_SAMPLE :]
            self._count_sent(piece.turn, -len(pcm))
            self._put_by(piece.turn, pcm, first=True)
        self._unplayed.clear()
        self._call.clear_audio()
        if self._recording is not None:
            self._recording.cleared()

    async def resume(self) -> None:
        """Go on where :meth:`pause` stopped."""
        if not self._paused:
            return
        self._paused = False
        if self._recording is not None:
            for piece in self._waiting:
                self._recording.agent(piece.pcm)
        await self.refill()

    @property
    def played_ms(self) -> float:
        """How far the line has played."""
        return self._call.playback.played_ms

    def drop_waiting(self) -> None:
        """Nobody calls :meth:`refill` any more: what waits would keep all other audio waiting, too."""
        if self._paused or self._waiting:
            self.silence(())

    async def refill(self) -> None:
        """Move waiting audio onto the line, as far as there is room."""
        if self._paused:
            return
        while self._waiting and await self._send(piece := self._waiting[0]):
            # Sending may have given way to a barge-in, which emptied the deque.
            if self._waiting and self._waiting[0] is piece:
                self._waiting.popleft()
                self._waiting_bytes -= len(piece.pcm)
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
                speaking = answers.last is not None and answers.last.unfinished
                return not speaking or answers.progress() != before

            await answers.until(moved, pause)
            await self.drained()
            if answers.progress() == before and self._all_queued.is_set():
                return

    async def _queue(self, turn: Turn | None, pcm: bytes) -> None:
        if not pcm:
            return
        if turn is not None:
            turn.begins_at(self._call.playback.queued_ms + bytes_to_ms(self._waiting_bytes, self._rate))
            turn.add_audio(bytes_to_ms(len(pcm), self._rate))
        if self._recording is not None and not self._paused:
            self._recording.agent(pcm)
        for start in range(0, len(pcm), self._longest):
            piece = _Piece(turn, pcm[start : start + self._longest])
            if self._waiting or self._paused or not await self._send(piece):
                self._put_by(*piece[:2])

    def _put_by(self, turn: Turn | None, pcm: bytes, *, first: bool = False) -> None:
        """Keep audio until there is room on the line, or playback goes on."""
        if not pcm:
            return
        (self._waiting.appendleft if first else self._waiting.append)(_Piece(turn, pcm))
        self._waiting_bytes += len(pcm)
        self._all_queued.clear()

    async def _send(self, piece: _Piece) -> bool:
        """Whether the line took the audio; a line that has closed takes all and plays none."""
        # Before the line takes it: sending may give way to a pause, which asks for what is on the line.
        if self._pausable:
            self._forget_played()
            end_ms = self._call.playback.queued_ms + bytes_to_ms(len(piece.pcm), self._rate)
            self._unplayed.append(piece._replace(end_ms=end_ms))
        try:
            await self._call.send_audio(piece.pcm)
        except BufferFullError:
            if self._pausable:
                self._unplayed.pop()
            return False
        except (BufferClosedError, WSSCallClosedError):
            pass
        self._count_sent(piece.turn, len(piece.pcm))
        return True

    def _count_sent(self, turn: Turn | None, size: int) -> None:
        if turn is not None:
            turn.add_sent(bytes_to_ms(size, self._rate))

    def _forget_played(self) -> None:
        played_ms = self._call.playback.played_ms
        while self._unplayed and self._unplayed[0].end_ms <= played_ms:
            self._unplayed.popleft()
