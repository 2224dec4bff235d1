"""One object per answer of the model: what was generated, what was sent, and what the caller heard.

A turn owns its audio's accounting. Once it is interrupted, whatever still arrives for it is late and is
dropped, so an old answer can never resume.
"""

from __future__ import annotations

from enum import Enum

_ROUNDING_MS = 1.0
"""Milliseconds by which sums of played and generated audio may differ and still mean the same."""

_LATE_MS = 3000.0
"""So long after an interruption audio of the old answer may still arrive; it was on its way already."""

_SENTENCE_ENDS = (".", "!", "?", "…", ":", "。", "\uff01", "\uff1f", "।", "؟")
"""With the full-width marks of Chinese and Japanese."""


class TurnState(Enum):
    """Where an answer is."""

    SPEAKING = "speaking"
    """Audio and text arrive."""

    GENERATED = "generated"
    """All of it has arrived; the line may still be playing."""

    BROKEN = "broken off"
    """Its connection was lost in the middle of it: the rest of it comes in a turn of its own."""

    INTERRUPTED = "interrupted"
    """The caller barged in, and the model has not ended the turn yet: what arrives now is late."""

    OVER = "over"
    """The model has ended the turn."""


class Turn:
    """One answer of the model.

    Attributes:
        number: Counts the answers of a call, from 1.
        generated_ms: Audio that the model has made so far.
        sent_ms: As much of it has gone onto the line.
        interrupted: Whether the caller barged in before the end was heard.
        goes_on: Whether it is the rest of the answer before it.
    """

    def __init__(self, number: int, *, goes_on: bool = False) -> None:
        self.number = number
        self.goes_on = goes_on
        self.state = TurnState.SPEAKING
        self.generated_ms = 0.0
        self.sent_ms = 0.0
        self._late_since_ms = 0.0
        self.interrupted = False
        self._start_ms: float | None = None
        self._heard_ms: float | None = None
        self._pieces: list[tuple[float, str]] = []
        # The index of the first piece of each part but the first.
        self._parted_at: list[int] = []
        self._tool_called = False

    @property
    def late(self) -> bool:
        """Whether audio and text that arrive now belong to an answer that nobody is to hear."""
        return self.state is TurnState.INTERRUPTED

    @property
    def complete(self) -> bool:
        """Whether all of the answer has arrived."""
        return self.state in (TurnState.GENERATED, TurnState.OVER)

    @property
    def unfinished(self) -> bool:
        """Whether more of the answer is to come."""
        return self.state in (TurnState.SPEAKING, TurnState.BROKEN)

    def begins_at(self, queued_ms: float) -> None:
        """Note the line's queue position of the first audio; later calls change nothing."""
        if self._start_ms is None:
            self._start_ms = queued_ms

    def add_audio(self, ms: float) -> None:
        """Count audio of this turn."""
        self.generated_ms += ms

    def add_sent(self, ms: float) -> None:
        """Count audio that went onto the line, or came back from it unplayed."""
        self.sent_ms += ms

    def add_text(self, text: str) -> None:
        """Note a piece of the transcript, at the time of the audio that has come so far."""
        if self._tool_called and self._pieces and self._pieces[-1][1].rstrip().endswith(_SENTENCE_ENDS):
            self._tool_called = False
            self._parted_at.append(len(self._pieces))
        elif self._pieces and self._pieces[-1][0] == self.generated_ms:
            text = self._pieces.pop()[1] + text
        self._pieces.append((self.generated_ms, text))

    def tool_called(self) -> None:
        """What is said from the next sentence on is another part; words of this one may still come."""
        self._tool_called = bool(self._pieces)

    @property
    def parts(self) -> int:
        """Into how many parts tools have parted what is said."""
        return len(self._parted_at) + 1

    def heard_ms(self, played_ms: float) -> float:
        """How much of the answer has been heard when the line has played ``played_ms`` in all."""
        if self._heard_ms is not None:
            return self._heard_ms
        if self._start_ms is None:
            return 0.0
        return min(self.generated_ms, max(0.0, played_ms - self._start_ms))

    def heard_out(self, played_ms: float) -> bool:
        """Whether nothing more of the answer will be heard than has been."""
        return self.interrupted or self.heard_ms(played_ms) >= self.generated_ms - _ROUNDING_MS

    def interruptible(self, played_ms: float) -> bool:
        """Whether a barge-in takes something of it away from the caller."""
        if self.interrupted or not (self.generated_ms or self._pieces):
            return False
        return not (self.complete and self.heard_out(played_ms))

    def interrupt(self, played_ms: float) -> None:
        """The caller barged in: what has been heard until now is all that will be."""
        if not self.interrupted:
            self._heard_ms = self.heard_ms(played_ms)
            self.interrupted = True

    def break_off(self, *, goes_on: bool) -> None:
        """Its connection is lost: what arrives now belongs to another answer, or to the rest of this one."""
        self.state = TurnState.BROKEN if goes_on and self.unfinished else TurnState.OVER

    def drop_late(self, now_ms: float) -> None:
        """The model stopped this answer: what still arrives of it is late."""
        if self.state not in (TurnState.OVER, TurnState.INTERRUPTED):
            self.state = TurnState.INTERRUPTED
            self._late_since_ms = now_ms

    def stale(self, now_ms: float) -> bool:
        """Whether it was stopped so long ago that what arrives now belongs to another answer.

        A model that never ends the turn in which it was interrupted would else be dropped for ever.
        """
        return self.late and now_ms - self._late_since_ms > _LATE_MS

    @property
    def text(self) -> str:
        """The transcript of the whole answer."""
        return _joined([text for _, text in self._pieces])

    def text_heard(self, played_ms: float) -> str:
        """The transcript, cut after the last word that was heard."""
        return _joined(self._pieces_heard(played_ms))

    def parts_heard(self, played_ms: float) -> tuple[str, ...]:
        """The same in its parts."""
        kept = self._pieces_heard(played_ms)
        starts = [0, *self._parted_at]
        ends = [*self._parted_at, len(self._pieces)]
        return tuple(_joined(kept[start:end]) for start, end in zip(starts, ends, strict=True))

    def _pieces_heard(self, played_ms: float) -> list[str]:
        heard = self.heard_ms(played_ms)
        if not heard:
            return []
        if heard >= self.generated_ms - _ROUNDING_MS:
            return [text for _, text in self._pieces]
        kept: list[str] = []
        # The first piece is of the first audio, also where the service sends audio before its text.
        cuts = [0.0, *(start for start, _ in self._pieces[1:]), self.generated_ms]
        for (_, text), start, end in zip(self._pieces, cuts, cuts[1:], strict=False):
            if heard >= end:
                kept.append(text)
            elif heard > start:
                kept.append(_first_words(text, (heard - start) / (end - start)))
        return kept


def _first_words(text: str, share: float) -> str:
    """The words that have been finished when ``share`` (0 to 1) of the text has been spoken."""
    words = text.split(" ")
    spoken = share * len(text)
    kept: list[str] = []
    length = 0
    for word in words:
        length += len(word)
        if length > spoken:
            break
        kept.append(word)
        length += 1
    return " ".join(kept)


def _joined(pieces: list[str]) -> str:
    """The pieces as one text: they carry their own spaces."""
    return " ".join("".join(pieces).split())
