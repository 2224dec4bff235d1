"""One answer of the model: its audio, how far it has been played, and how it ended.

Speech is generated at four times the speed of speaking. Playback is assumed to begin with the first audio and
to run at 1x, as the real service assumes; so ``turnComplete`` comes when playback would be over.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum, auto

from voiceagent.sandbox.fault import FaultKind
from voiceagent.sandbox.live import protocol
from voiceagent.sandbox.live.calls import CallGroup
from voiceagent.sandbox.live.outbox import Outbox
from voiceagent.sandbox.live.record import SessionRecord
from voiceagent.sandbox.speech import speak
from voiceagent.wire.frames import bytes_to_ms

MESSAGE_SECONDS = 0.04
"""Audio in one message."""

GENERATION_SPEED = 4.0
"""Seconds of audio generated per second."""

WORDS_PER_PIECE = 3
"""The output transcription comes in pieces of so many words, each with the audio that says it."""

_MESSAGE_BYTES = 2 * int(protocol.OUTPUT_RATE * MESSAGE_SECONDS)


class TurnState(Enum):
    """Where an answer is."""

    GENERATING = auto()
    """Audio and calls are being made."""

    CALLING = auto()
    """All was said that can be before the results of its function calls are there."""

    GENERATED = auto()
    """Complete but for the playback."""

    INTERRUPTED = auto()
    """The caller, or a fault, cut it off. Nothing of it follows."""


class Turn:
    """An answer under way.

    Attributes:
        state: See :class:`TurnState`.
        group: The calls it waits for, in state CALLING.
        playback_end: Loop time at which everything generated so far will have been played.
        audio_seconds: Length of the audio generated.
    """

    def __init__(
        self,
        outbox: Outbox,
        record: SessionRecord,
        *,
        voice: str,
        transcribes: bool,
        flaws: frozenset[FaultKind],
    ) -> None:
        self.state = TurnState.GENERATING
        self.group: CallGroup | None = None
        self.playback_end = asyncio.get_running_loop().time()
        self.audio_seconds = 0.0
        self._flaws = flaws
        self._outbox = outbox
        self._record = record
        self._voice = voice
        self._transcribes = transcribes
        self._scope: asyncio.Timeout | None = None

    def audible(self, now: float) -> bool:
        """Whether the caller hears something of it at loop time ``now``."""
        return self.audio_seconds > 0 and now < self.playback_end

    def interrupt(self) -> None:
        """Cut it off: generation stops before the next message."""
        self.state = TurnState.INTERRUPTED
        if self._scope is not None:
            self._scope.reschedule(asyncio.get_running_loop().time())

    @asynccontextmanager
    async def generating(self) -> AsyncIterator[None]:
        """The time in which parts of the answer are made; :meth:`interrupt` ends it early."""
        self.state = TurnState.GENERATING
        self._scope = asyncio.timeout(None)
        try:
            async with self._scope as scope:
                yield
        except TimeoutError:
            if not scope.expired():
                raise
        finally:
            self._scope = None

    async def transcribe_caller(self, text: str) -> None:
        """Tell the client what the caller said."""
        await self._outbox.send(protocol.content(inputTranscription={"text": text, "finished": True}))

    async def say(self, text: str) -> None:
        """Speak: audio in messages of 40 ms at 4x, with the words in step."""
        if FaultKind.TEXT_TURN in self._flaws:
            parts = [{"text": text}]
            await self._outbox.send(protocol.content(modelTurn={"role": "model", "parts": parts}))
            return
        loop = asyncio.get_running_loop()
        pcm = await asyncio.to_thread(speak, text, sample_rate=protocol.OUTPUT_RATE, voice=self._voice)
        if FaultKind.ZERO_AMPLITUDE in self._flaws:
            pcm = bytes(len(pcm))
        chunks = [pcm[at : at + _MESSAGE_BYTES] for at in range(0, len(pcm), _MESSAGE_BYTES)]
        pieces = spread(text if self.audio_seconds == 0 else " " + text, len(chunks))
        began = loop.time()
        for index, chunk in enumerate(chunks):
            await asyncio.sleep(began + index * MESSAGE_SECONDS / GENERATION_SPEED - loop.time())
            if index >= len(chunks) / 2:
                await self._break_off()
            if self.state is TurnState.INTERRUPTED:
                return
            await self._send_audio(chunk)
            if self._transcribes and index in pieces:
                await self._outbox.send(protocol.content(outputTranscription={"text": pieces[index]}))

    async def _break_off(self) -> None:
        """What may happen in the middle of an answer."""
        if FaultKind.PHANTOM_INTERRUPT in self._flaws:
            self.interrupt()
        elif FaultKind.STALL in self._flaws:
            # Only an interruption ends this, or the end of the connection.
            await asyncio.Event().wait()

    async def _send_audio(self, pcm: bytes) -> None:
        now = asyncio.get_running_loop().time()
        if self.audio_seconds == 0:
            self._record.note("first_audio")
        seconds = bytes_to_ms(len(pcm), protocol.OUTPUT_RATE) / 1000
        self.playback_end = max(self.playback_end, now) + seconds
        self.audio_seconds += seconds
        await self._outbox.send(protocol.encode_audio(pcm))

    async def call(self, group: CallGroup, calls: list[dict[str, object]], *, times: int) -> None:
        """Call functions, each ``{id, name, args}``; ``times`` above one repeats the message."""
        self.group = group
        for call in calls:
            self._record.note("tool_call", id=call["id"], name=call["name"], args=call["args"])
        for _ in range(times):
            await self._outbox.send(protocol.encode_tool_call(calls))

    def wait_for_results(self) -> None:
        """Nothing more to say before the results of the calls."""
        self.state = TurnState.CALLING

    async def finish_generation(self) -> None:
        """Tell the client that everything has been generated."""
        self.state = TurnState.GENERATED
        self.group = None
        self._record.note("generation_complete")
        await self._outbox.send(protocol.content(generationComplete=True))


def spread(text: str, messages: int) -> dict[int, str]:
    """Cut ``text`` into pieces of a few words and give each the index of the audio message it goes with.

    The pieces joined are the text; a position is the share of the letters before it.
    """
    words = text.split(" ")
    groups = [words[at : at + WORDS_PER_PIECE] for at in range(0, len(words), WORDS_PER_PIECE)]
    pieces: dict[int, str] = {}
    position = 0
    for number, group in enumerate(groups):
        piece = " ".join(group) if number == 0 else " " + " ".join(group)
        index = min(messages - 1, messages * position // max(1, len(text)))
        pieces[index] = pieces.get(index, "") + piece
        position += len(piece)
    return pieces
