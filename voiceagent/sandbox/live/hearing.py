"""How the live server listens: caller audio of any rate in; speech begun, speech over and its words out."""

from __future__ import annotations

import asyncio

from voiceagent.audio import Resampler
from voiceagent.sandbox.live.conversation import Conversation
from voiceagent.sandbox.live.protocol import INPUT_RATE, AudioInput
from voiceagent.sandbox.live.record import SessionRecord
from voiceagent.sandbox.speech import Recogniser, SpeechDetector, SpeechEvent, Utterance
from voiceagent.wire.frames import bytes_to_ms

_LEAD_BYTES = 2 * INPUT_RATE * 400 // 1000
"""Audio before speech is certain that belongs to it: its first syllable."""


class Hearing:
    """The ear of one session.

    Args:
        detector: Hears speech at 16 kHz; None if the client marks it itself.
        recogniser: Understands the phrases of the scenario.
        conversation: Is told what the caller does.
        record: Keeps what was heard.
        tasks: Where recognition runs.
    """

    def __init__(
        self,
        *,
        detector: SpeechDetector | None,
        recogniser: Recogniser,
        conversation: Conversation,
        record: SessionRecord,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._detector = detector
        self._recogniser = recogniser
        self._conversation = conversation
        self._record = record
        self._tasks = tasks
        self._rate = INPUT_RATE
        self._resampler = Resampler(INPUT_RATE, INPUT_RATE)
        self._lead = bytearray()
        self._speaking = False
        self._utterance: Utterance | None = None

    async def audio(self, audio: AudioInput) -> None:
        """Take a chunk of caller audio. A long one is listened to bit by bit, for the sake of the others."""
        size = 2 * audio.rate
        for at in range(0, len(audio.pcm), size):
            if at:
                await asyncio.sleep(0)
            self._take(AudioInput(audio.pcm[at : at + size], audio.rate))

    def _take(self, audio: AudioInput) -> None:
        self._record.audio_bytes += len(audio.pcm)
        self._conversation.usage.heard(bytes_to_ms(len(audio.pcm), audio.rate) / 1000)
        if audio.rate != self._rate:
            self._rate = audio.rate
            self._resampler = Resampler(audio.rate, INPUT_RATE)
        pcm = self._resampler.process(audio.pcm)
        self._record.keep_audio(pcm)
        if self._utterance is not None:
            self._utterance.feed(pcm)
        else:
            self._lead += pcm
            del self._lead[:-_LEAD_BYTES]
        if self._detector is not None:
            self._follow(self._detector.feed(pcm))

    def activity_start(self) -> None:
        """The client says that the caller speaks. Ignored while the server detects speech itself."""
        if self._detector is None:
            self._start()

    def activity_end(self) -> None:
        """The client says that the caller has stopped."""
        if self._detector is None:
            self._end()

    def stream_end(self) -> None:
        """The audio pauses: speech under way is over."""
        if self._detector is not None:
            self._follow(self._detector.end())

    def _follow(self, events: list[SpeechEvent]) -> None:
        for event in events:
            if event is SpeechEvent.STARTED:
                self._start()
            else:
                self._end()

    def _start(self) -> None:
        if self._speaking:
            return
        self._speaking = True
        self._conversation.caller_started()
        if self._conversation.needs_understanding():
            self._utterance = self._recogniser.utterance()
            self._utterance.feed(bytes(self._lead))
            self._tasks.create_task(self._understand(self._utterance))

    def _end(self) -> None:
        if not self._speaking:
            return
        self._speaking = False
        self._lead.clear()
        self._record.note("speech_ended")
        utterance, self._utterance = self._utterance, None
        if utterance is not None:
            utterance.end()
        else:
            self._conversation.caller_done(None)

    async def _understand(self, utterance: Utterance) -> None:
        said = await utterance.result()
        self._record.note("recognised", text=said)
        self._conversation.caller_done(said)
