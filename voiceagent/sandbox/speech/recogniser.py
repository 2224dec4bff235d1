"""Hears which of a few known phrases somebody said, with SoundSwallower and a grammar of those phrases.

A grammar always finds something, so a match counts only from a score on. Decoding goes along with the speech,
20 ms at a time and never longer than the event loop can spare.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voiceagent.sandbox.speech.extra import need
from voiceagent.sandbox.speech.words import words_of

logger = logging.getLogger(__name__)

SAMPLE_RATE = 16_000
"""Rate of the audio that is recognised, in Hz."""

LEAST_SCORE = 0.45
"""Weaker matches are no match: this refuses 1 % of what is in the grammar and 95 % of what is not, over 13
synthetic voices at two rates."""

MAX_DECODERS = 16
"""Decoders of one recogniser, at 3 MB each; further speakers are decoded when one is free."""

MAX_SECONDS = 30
"""Only the beginning of a longer utterance is recognised."""

_FRAME_BYTES = 2 * SAMPLE_RATE * 20 // 1000


class Recogniser:
    """Recognises the phrases of one scenario. Use one object in one event loop.

    Args:
        phrases: What may be said, as written in the scenario.
    """

    def __init__(self, phrases: Iterable[str]) -> None:
        self._phrases = tuple(dict.fromkeys(phrases))
        self._language: _Language | None = None
        self._learning = asyncio.Lock()
        self._idle: list[Any] = []
        self._free = asyncio.Semaphore(MAX_DECODERS)

    async def prepare(self) -> None:
        """Look up the words of the phrases, so that an unknown one is warned of before anybody speaks."""
        await self._learn()

    def utterance(self) -> Utterance:
        """Begin to listen to somebody."""
        return Utterance(self)

    async def recognise(self, pcm: bytes) -> str | None:
        """Recognise a whole utterance of 16 kHz s16le PCM; None if it is none of the phrases."""
        utterance = self.utterance()
        utterance.feed(pcm)
        utterance.end()
        return await utterance.result()

    @asynccontextmanager
    async def _decoder(self) -> AsyncIterator[Any]:
        """Lend a decoder; None if no phrase can be recognised at all."""
        async with self._free:
            language = await self._learn()
            decoder = self._idle.pop() if self._idle else await asyncio.to_thread(_make_decoder, language)
            try:
                yield decoder
            finally:
                if decoder is not None:
                    self._idle.append(decoder)

    async def _learn(self) -> _Language:
        async with self._learning:
            if self._language is None:
                self._language = await asyncio.to_thread(_learn, self._phrases)
            return self._language


class Utterance:
    """What somebody says, from the first word to the last. :meth:`result` must run while it is fed."""

    def __init__(self, recogniser: Recogniser) -> None:
        self._recogniser = recogniser
        self._audio = bytearray()
        self._taken = 0
        self._ended = False
        self._news = asyncio.Event()

    def feed(self, pcm: bytes) -> None:
        """Take more 16 kHz s16le PCM. What exceeds :data:`MAX_SECONDS` is left out."""
        room = MAX_SECONDS * 2 * SAMPLE_RATE - self._taken
        if room > 0 and not self._ended:
            self._audio += pcm[:room]
            self._taken += min(len(pcm), room)
            self._news.set()

    def end(self) -> None:
        """The speaker has stopped."""
        self._ended = True
        self._news.set()

    async def result(self) -> str | None:
        """Decode until :meth:`end`, and return the phrase that was said, or None.

        The phrase comes in the words of :func:`~voiceagent.sandbox.speech.words_of`.
        """
        async with self._recogniser._decoder() as decoder:
            if decoder is None:
                return None
            decoder.start_utt()
            try:
                await self._decode(decoder)
            finally:
                decoder.end_utt()
            found = decoder.hyp
        if not found or not found.text:
            return None
        logger.debug("recognised %r with score %.2f", found.text, found.score)
        return str(found.text) if found.score >= LEAST_SCORE else None

    async def _decode(self, decoder: Any) -> None:
        audio = self._audio
        while True:
            while len(audio) >= _FRAME_BYTES:
                decoder.process_raw(bytes(audio[:_FRAME_BYTES]))
                del audio[:_FRAME_BYTES]
                await asyncio.sleep(0)
            if self._ended:
                return
            self._news.clear()
            await self._news.wait()


@dataclass(frozen=True)
class _Language:
    """The phrases as a JSGF grammar (empty if no word is known), and how their words are pronounced."""

    grammar: str
    dictionary: str


def _make_decoder(language: _Language) -> Any:
    """A decoder that knows the words of the phrases and no others; None if there are none.

    It is made in 8 ms; one with the whole dictionary takes 150 ms, in which Python stands still.
    """
    if not language.grammar:
        return None
    package = need("soundswallower")
    with tempfile.TemporaryDirectory(prefix="voiceagent-") as folder:
        dictionary = Path(folder, "words.dict")
        dictionary.write_text(language.dictionary, encoding="utf-8")
        decoder = package.Decoder(
            hmm=package.get_model_path("en-us"),
            dict=str(dictionary),
            samprate=SAMPLE_RATE,
            loglevel="FATAL",
        )
    decoder.set_jsgf_string(language.grammar)
    return decoder


def _learn(phrases: Iterable[str]) -> _Language:
    """Look up the words of the phrases; those that the dictionary lacks are left out, and named."""
    path = Path(need("soundswallower").get_model_path("en-us/dict.txt"))
    book = "\n" + path.read_text(encoding="utf-8")
    sounds: dict[str, list[str]] = {}
    choices: dict[str, None] = {}
    for phrase in phrases:
        known = []
        for word in words_of(phrase):
            if word not in sounds:
                sounds[word] = _pronunciations(book, word)
            if sounds[word]:
                known.append(word)
            else:
                logger.warning(
                    "the recogniser does not know the word %r of %r and goes by the others", word, phrase
                )
        if known:
            choices[" ".join(known)] = None
    grammar = f"#JSGF V1.0; grammar phrases; public <phrase> = ( {' | '.join(choices)} );" if choices else ""
    entries = [entry for found in sounds.values() for entry in found]
    return _Language(grammar, "\n".join([*entries, ""]))


def _pronunciations(book: str, word: str) -> list[str]:
    """The entries of a word in a CMU dictionary: ``an AE N``, ``an(2) AH N``."""
    entries: list[str] = []
    while True:
        name = f"{word}({len(entries) + 1})" if entries else word
        at = book.find(f"\n{name} ")
        if at < 0:
            return entries
        entries.append(book[at + 1 : book.index("\n", at + 1)])
