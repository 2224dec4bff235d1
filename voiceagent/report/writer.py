"""The observer that keeps a :class:`CallReport`, and its file, up to date."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from voiceagent.report.moments import (
    AgentText,
    Answered,
    BargeIn,
    CalleeJoined,
    CallerText,
    Ended,
    FirstAudio,
    IdlePrompted,
    KeysPressed,
    ModelReopened,
    Moment,
    Nudged,
    PlaybackPaused,
    PlaybackResumed,
    ToolFinished,
    ToolStarted,
    TransferFailed,
    TransferStarted,
    TurnEnded,
    UsageCounted,
    Whispered,
)
from voiceagent.report.report import CallReport, EventKind, Line, ReportEvent, ToolUse, TurnTiming, lines_of

logger = logging.getLogger(__name__)

_ROUNDING_MS = 1.0
"""Milliseconds by which what was heard and what was generated may differ and still mean the same."""


class ReportWriter:
    """An observer that keeps a :class:`CallReport`, and its file, up to date.

    The file is replaced whole after each answer and each tool, so a program that dies leaves what it knew.

    Args:
        report: The report to fill.
        path: Where it is written as JSON; the folder must exist. None keeps it in memory.
        redact: Takes out of a line what nobody is to read. What is told in pieces is redacted once more when
            they have been joined.
    """

    def __init__(self, report: CallReport, path: Path | None, *, redact: Callable[[str], str] = str) -> None:
        self.report = report
        self.path = path
        self._redact = redact
        self._heard: Literal["caller", "parties"] = "caller"
        # Nothing of the agent stands between what parties say, so the end of a turn of the model parts it.
        self._parted = False

    def __call__(self, moment: Moment) -> None:
        """Take a moment into the report."""
        report = self.report
        if not isinstance(moment, KeysPressed):
            # Those are told of when the last of them is known, at the time of the first.
            report.duration_ms = _rounded(moment.at_ms)
        match moment:
            case CallerText():
                self._caller_said(moment)
            case FirstAudio():
                report.turns.append(self._timing(moment))
            case AgentText():
                line = self._agent_line(moment.turn, moment.part, self._said_at(moment))
                line.text = self._redact(f"{line.text}{moment.text}".lstrip())
            case TurnEnded():
                self._end_turn(moment)
                self._parted = self._heard == "parties"
                self.save()
            case ToolStarted():
                report.tools.append(
                    ToolUse(
                        at_ms=_rounded(moment.at_ms),
                        id=moment.id,
                        name=moment.name,
                        arguments=moment.arguments,
                    )
                )
            case ToolFinished():
                for use in report.tools:
                    if use.id == moment.id and use.took_ms is None:
                        use.ok, use.took_ms, use.result = moment.ok, _rounded(moment.took_ms), moment.result
                self.save()
            case UsageCounted():
                report.prompt_tokens += moment.prompt_tokens
                report.response_tokens += moment.response_tokens
            case Answered():
                report.answered_ms = _rounded(moment.at_ms)
            case Ended():
                report.ended = moment.reason
                report.end_note = moment.note
                self.save()
            case _:
                self._note_event(moment)

    # What was said -------------------------------------------------------------------------------------

    def _caller_said(self, moment: CallerText) -> None:
        transcript = self.report.transcript
        last = transcript[-1] if transcript else None
        if last is not None and last.who == self._heard and not self._parted:
            last.text = self._redact(" ".join(f"{last.text}{moment.text}".split()))
        else:
            transcript.append(Line(at_ms=_rounded(moment.at_ms), who=self._heard, text=moment.text.strip()))
            self._parted = False

    def _said_at(self, moment: AgentText) -> float:
        """When these words are heard: the line plays what the model made before them first.

        The first words are of the first audio, though their text comes after some of it.
        """
        if not moment.part:
            return moment.at_ms
        for timing in reversed(self.report.turns):
            if timing.turn == moment.turn:
                return max(moment.at_ms, timing.at_ms + moment.offset_ms)
        return moment.at_ms

    def _agent_line(self, turn: int, part: int, at_ms: float) -> Line:
        lines = lines_of(self.report, turn)
        if part < len(lines):
            return lines[part]
        line = Line(at_ms=_rounded(at_ms), who="agent", text="", turn=turn)
        self.report.transcript.append(line)
        return line

    def _end_turn(self, ended: TurnEnded) -> None:
        lines = lines_of(self.report, ended.turn)
        parts = ended.parts if len(ended.parts) == len(lines) else (ended.text,)
        if not lines and ended.text:
            lines = [self._agent_line(ended.turn, 0, ended.at_ms)]
        cut = ended.interrupted or ended.heard_ms < ended.generated_ms - _ROUNDING_MS
        for line, text in zip(lines, parts, strict=False):
            # A part before the one that was cut has been heard to its end.
            whole = line is not lines[-1] and text.split() == line.text.split()
            line.interrupted = cut and not whole
            line.text = text
        for turn in self.report.turns:
            if turn.turn == ended.turn:
                turn.generated_ms = _rounded(ended.generated_ms)
                turn.sent_ms = _rounded(ended.sent_ms)
                turn.heard_ms = _rounded(ended.heard_ms)
                turn.interrupted = ended.interrupted

    # How long it took ----------------------------------------------------------------------------------

    def _timing(self, first: FirstAudio) -> TurnTiming:
        timing = TurnTiming(turn=first.turn, at_ms=_rounded(first.at_ms))
        if first.latency_ms is not None:
            spoke_until = first.at_ms - first.latency_ms
            timing.spoke_until_ms = _rounded(spoke_until)
            timing.latency_ms = _rounded(first.latency_ms)
            timing.tool_ms = min(timing.latency_ms, _rounded(self._tools_ran(spoke_until, first.at_ms)))
            timing.model_ms = _rounded(timing.latency_ms - timing.tool_ms)
        return timing

    def _tools_ran(self, start: float, end: float) -> float:
        """Milliseconds between two moments in which at least one tool ran."""
        total, until = 0.0, start
        for use in self.report.tools:
            done = end if use.took_ms is None else min(end, use.at_ms + use.took_ms)
            began = max(until, use.at_ms)
            if done > began:
                total += done - began
                until = done
        return total

    # What else happened --------------------------------------------------------------------------------

    def _note_event(self, moment: Moment) -> None:
        match moment:
            case BargeIn():
                self._event(moment, EventKind.BARGE_IN, turn=moment.turn)
            case PlaybackPaused():
                self._event(moment, EventKind.PAUSED, turn=moment.turn)
            case PlaybackResumed():
                self._event(moment, EventKind.RESUMED, turn=moment.turn)
            case ModelReopened():
                self._event(moment, EventKind.REOPENED, moment.cause, took_ms=_rounded(moment.gap_ms))
            case Nudged():
                self._event(moment, EventKind.NUDGED, moment.why)
            case IdlePrompted():
                self._event(moment, EventKind.IDLE, str(moment.count))
            case KeysPressed():
                self._event(moment, EventKind.KEYS, moment.digits)
            case TransferStarted():
                self._event(moment, EventKind.RINGING, moment.note)
            case TransferFailed():
                self.report.transfers_failed.append(moment.error_code)
                self._event(moment, EventKind.NOT_CONNECTED, moment.error_code)
            case CalleeJoined():
                self._heard = "parties"
                self._event(moment, EventKind.JOINED)
            case Whispered():
                self._event(moment, EventKind.WHISPERED)

    def _event(
        self,
        moment: Moment,
        kind: EventKind,
        text: str = "",
        *,
        turn: int | None = None,
        took_ms: float | None = None,
    ) -> None:
        self.report.events.append(
            ReportEvent(at_ms=_rounded(moment.at_ms), kind=kind, text=text, turn=turn, took_ms=took_ms)
        )

    def save(self) -> None:
        """Write the file. A full disk is logged and does not end the call."""
        if self.path is None:
            return
        text = msgspec.json.format(msgspec.json.encode(self.report), indent=2)
        temporary = self.path.with_suffix(".tmp")
        try:
            temporary.write_bytes(text)
            temporary.replace(self.path)
        except OSError as error:
            logger.error("call %s: cannot write the report: %s", self.report.call_id, error)


def _rounded(ms: float) -> float:
    return round(ms, 1)
