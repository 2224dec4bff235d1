"""A call on the time axis of its recording: what a page shows of it, in seconds since it was answered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from voiceagent.report.page.waveform import Waveform
from voiceagent.report.report import CallReport, EventKind, Line, ReportEvent, ToolUse, TurnTiming

_SHORTEST = 1.0
"""Seconds. A call that ended at once is drawn on an axis that can be divided."""

_LOUD = 4
"""Of 255. What an agent says is louder; between its words there is digital silence."""

_EVENTS: dict[EventKind, tuple[str, str]] = {
    EventKind.BARGE_IN: ("interrupts", "The caller interrupts"),
    EventKind.PAUSED: ("pauses", "The answer pauses: somebody made a sound"),
    EventKind.RESUMED: ("goes on", "The answer goes on"),
    EventKind.REOPENED: ("reconnected", "The model was connected again"),
    EventKind.NUDGED: ("asked for its answer", "The model was asked for its answer"),
    EventKind.IDLE: ("still there?", "The caller is asked whether they are there"),
    EventKind.KEYS: ("keys", "Keys pressed"),
    EventKind.RINGING: ("rings", "The callee's phone rings"),
    EventKind.NOT_CONNECTED: ("not connected", "Not connected"),
    EventKind.JOINED: ("picks up", "The callee picks up"),
    EventKind.WHISPERED: ("whispered", "That was heard by the callee alone"),
}
"""Each kind in a word or two for the drawing, and in a sentence for the list."""


@dataclass(frozen=True)
class Said:
    """A line of the transcript, ``at`` which it begins; ``timing`` is that of the answer that it begins."""

    at: float
    line: Line
    timing: TurnTiming | None


@dataclass(frozen=True)
class Used:
    """A tool call."""

    at: float
    use: ToolUse


@dataclass(frozen=True)
class Happened:
    """Something else: ``label`` in a word or two, ``text`` in a sentence."""

    at: float
    event: ReportEvent
    label: str
    text: str


Entry = Said | Used | Happened


@dataclass(frozen=True)
class Answer:
    """An answer's place on the axis: heard from ``at`` to ``until``, after a wait ``since``."""

    at: float
    until: float
    since: float | None
    timing: TurnTiming


class Timeline:
    """Where things are on the time axis.

    Attributes:
        seconds: Length of the axis.
        entries: Everything that is listed, in order.
        answers: What the agent said.

    Args:
        report: The call.
        waveform: Of its recording; None where there is none.
    """

    def __init__(self, report: CallReport, waveform: Waveform | None) -> None:
        self._report = report
        self._waveform = waveform
        self._zero_ms = report.answered_ms or 0.0
        self.answers = list(self._answers())
        entries: list[Entry] = [*self._said(), *self._used(), *self._happened()]
        order: dict[type[Entry], int] = {Used: 0, Happened: 1, Said: 2}
        self.entries: list[Entry] = sorted(entries, key=lambda entry: (entry.at, order[type(entry)]))
        ends = [entry.at for entry in entries] + [answer.until for answer in self.answers]
        recorded = 0.0 if waveform is None else waveform.seconds
        self.seconds = max(_SHORTEST, recorded, self.at(report.duration_ms), *ends, 0.0)

    def at(self, ms: float) -> float:
        """A moment of the report on the axis; what happened before the answer is at its beginning."""
        return max(0.0, (ms - self._zero_ms) / 1000)

    def _said(self) -> Iterator[Said]:
        timings = {turn.turn: turn for turn in self._report.turns}
        before = 0.0
        for line in self._report.transcript:
            at = self.at(line.at_ms)
            if line.turn is not None:
                # Of an answer's lines the first is the one that was waited for.
                timing = timings.pop(line.turn, None)
                if timing is not None:
                    at = self.at(timing.at_ms)
                yield Said(at, line, timing)
            else:
                began = at if self._waveform is None else self._waveform.speech_began(at, before)
                before = at
                yield Said(began, line, None)

    def _used(self) -> Iterator[Used]:
        for use in self._report.tools:
            yield Used(self.at(use.at_ms), use)

    def _happened(self) -> Iterator[Happened]:
        for event in self._report.events:
            label = _EVENTS[event.kind][0]
            if event.kind is EventKind.KEYS:
                label = f"{label} {event.text}"
            yield Happened(self.at(event.at_ms), event, label, said_of(event))

    def _answers(self) -> Iterator[Answer]:
        turns = sorted(self._report.turns, key=lambda turn: turn.at_ms)
        for turn, following in zip(turns, [*turns[1:], None], strict=False):
            since = None if turn.spoke_until_ms is None else self.at(turn.spoke_until_ms)
            if turn.latency_ms is not None and since is None:
                # A report of an older version.
                since = self.at(turn.at_ms - turn.latency_ms)
            yield Answer(self.at(turn.at_ms), self._until(turn, following), since, turn)

    def _until(self, turn: TurnTiming, following: TurnTiming | None) -> float:
        """When the answer fell silent: it may have paused in between, for a tool or a cough."""
        at, until = self.at(turn.at_ms), self.at(turn.at_ms + turn.heard_ms)
        if self._waveform is None:
            return until
        limits = [event.at_ms for event in self._report.events if event.kind is EventKind.RINGING]
        limits += [] if following is None else [following.at_ms]
        limit = min((self.at(limit) for limit in limits if limit > turn.at_ms), default=None)
        piece = self._waveform.piece_seconds
        start = int(at / piece)
        loud = np.flatnonzero(
            self._waveform.peaks[1][start : None if limit is None else int(limit / piece)] > _LOUD
        )
        return max(at, float((start + loud[-1] + 1) * piece)) if len(loud) else until


def said_of(event: ReportEvent) -> str:
    """An event in a sentence."""
    text = _EVENTS[event.kind][1]
    if event.kind is EventKind.IDLE:
        return text if event.text in ("", "1") else f"{text} ({event.text})"
    if event.text:
        text = f"{text}: {event.text}"
    if event.kind is EventKind.REOPENED and event.took_ms:
        text = f"{text}, after {event.took_ms:.0f} ms"
    return text
