"""Hold audio: what the caller hears while the callee's phone rings.

The rule: the callee hears none of it. So only a little is ever queued, and the line is cleared in the very
step in which it says that the callee has picked up, before anybody else may speak on it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import Any

import numpy as np

from voiceagent.bridge.answers import Answers
from voiceagent.bridge.hold_audio import fade_in
from voiceagent.bridge.player import Player
from voiceagent.wire.frames import ms_to_bytes

logger = logging.getLogger(__name__)

_PIECE_MS = 100
"""Milliseconds that are queued at once."""

_AHEAD_MS = 300
"""So much is queued ahead of the listener: a busy program is not heard, and the end comes soon."""

_FADE_MS = 20
"""So long the sound takes to end where the caller goes on to hear the agent."""


class Hold:
    """Plays hold audio to the caller of one call.

    Args:
        player: Of the call.
        answers: Of the call.
        pcm: One round of it, s16le mono at the call's rate; empty is silence.
        sample_rate: Of the call, in Hz.
    """

    def __init__(self, player: Player, answers: Answers, pcm: bytes, sample_rate: int) -> None:
        self._player = player
        self._answers = answers
        self._pcm = pcm
        self._piece = ms_to_bytes(_PIECE_MS, sample_rate)
        self._fade = ms_to_bytes(_FADE_MS, sample_rate)
        self._position = 0
        self._over: asyncio.Future[None] | None = None

    async def during(self, ringing: Awaitable[None]) -> None:
        """Play while something is waited for, from the beginning of the round.

        When it has come about, the callee hears the line: whatever is still to be played is dropped. When it
        fails, the caller goes on to hear the agent: what is queued is played, and fades out.

        Args:
            ringing: What is waited for; its errors are raised.
        """
        self._position = 0
        over = self._over = asyncio.get_running_loop().create_future()
        playing = asyncio.create_task(self._play(over), name="hold audio")
        try:
            await ringing
            playing.cancel()
            if not self._player.idle:
                self._player.silence(self._answers.unheard())
        finally:
            self.stop()
            await asyncio.wait((playing,))

    def stop(self) -> None:
        """The caller hears the agent again, though the phone may ring on."""
        if self._over is not None and not self._over.done():
            self._over.set_result(None)

    async def _play(self, over: asyncio.Future[None]) -> None:
        if not self._pcm or over.done():
            return
        try:
            while not over.done():
                while self._player.ahead_ms <= _AHEAD_MS - _PIECE_MS:
                    await self._player.play_other(self._next(self._piece))
                await asyncio.wait((over,), timeout=_PIECE_MS / 1000)
            if any(rest := self._next(self._fade)):
                await self._player.play_other(_faded_out(rest))
        except Exception:
            # It is worth less than the call that it is played in.
            logger.exception("hold audio failed")

    def _next(self, size: int) -> bytes:
        """The next piece of the round, which begins anew when it ends."""
        pcm = self._pcm[self._position : self._position + size]
        while len(pcm) < size:
            pcm += self._pcm[: size - len(pcm)]
        self._position = (self._position + size) % len(self._pcm)
        return pcm


def _faded_out(pcm: bytes) -> bytes:
    samples: Any = np.frombuffer(pcm, "<i2")
    faded: bytes = (samples * fade_in(len(samples))[::-1]).astype("<i2").tobytes()
    return faded
