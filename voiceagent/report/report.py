"""``report.json``: the record of a call as data, and the observer that keeps it up to date."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from voiceagent.report.moments import (
    AgentText,
    Answered,
    CalleeJoined,
    CallerText,
    Ended,
    EndReason,
    FirstAudio,
    Moment,
    ToolFinished,
    ToolStarted,
    TransferFailed,
    TurnEnded,
    UsageCounted,
)

logger = logging.getLogger(__name__)

_ROUNDING_MS = 1.0
"""Milliseconds by which what was heard and what was generated may differ and still mean the same."""


class Line(msgspec.Struct, kw_only=True):
    """Something said. For the agent, ``text`` is what was heard of it.

    ``who`` is ``parties`` where the agent listens to caller and callee: it hears them as one. ``interrupted``
    says that the agent's answer was not heard to its end: somebody barged in, or the call ended before.
    """

    at_ms: float
    who: Literal["caller", "agent", "parties"]
    text: str
    interrupted: bool = False
    turn: int | None = None


class ToolUse(msgspec.Struct, kw_only=True):
    """A tool call; ``took_ms`` and ``result`` are None while it runs."""

    at_ms: float
    id: str
    name: str
    arguments: dict[str, Any]
    ok: bool | None = None
    took_ms: float | None = None
    result: dict[str, Any] | None = None


class TurnTiming(msgspec.Struct, kw_only=True):
    """One answer's times. ``latency_ms`` is end of caller speech to first audio on the line."""

    turn: int
    at_ms: float
    latency_ms: float | None = None
    generated_ms: float = 0.0
    heard_ms: float = 0.0
    interrupted: bool = False


class CallReport(msgspec.Struct, kw_only=True):
    """Everything that is kept of a call. Times are milliseconds since the agent took it."""

    call_id: str
    agent: str
    model: str
    caller: str | None
    callee: str | None
    started_at: datetime
    duration_ms: float = 0.0
    answered_ms: float | None = None
    ended: EndReason | None = None
    end_note: str = ""
    transcript: list[Line] = []
    tools: list[ToolUse] = []
    turns: list[TurnTiming] = []
    transfers_failed: list[str] = []
    prompt_tokens: int = 0
    response_tokens: int = 0
    audio: str | None = None

    @property
    def barge_ins(self) -> int:
        """How often the caller spoke over an answer."""
        return sum(turn.interrupted for turn in self.turns)

    @property
    def latencies_ms(self) -> list[float]:
        """End of caller speech to first audio, for every answer to the caller."""
        return [turn.latency_ms for turn in self.turns if turn.latency_ms is not None]


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
        report.duration_ms = round(moment.at_ms, 1)
        match moment:
            case CallerText():
                last = report.transcript[-1] if report.transcript else None
                if last is not None and last.who == self._heard and not self._parted:
                    last.text = self._redact(" ".join(f"{last.text}{moment.text}".split()))
                else:
                    report.transcript.append(
                        Line(at_ms=round(moment.at_ms, 1), who=self._heard, text=moment.text.strip())
                    )
                    self._parted = False
            case FirstAudio():
                report.turns.append(
                    TurnTiming(
                        turn=moment.turn,
                        at_ms=round(moment.at_ms, 1),
                        latency_ms=None if moment.latency_ms is None else round(moment.latency_ms, 1),
                    )
                )
            case AgentText():
                line = self._agent_line(moment)
                line.text = self._redact(f"{line.text}{moment.text}".lstrip())
            case TurnEnded():
                self._end_turn(moment)
                self._parted = self._heard == "parties"
                self.save()
            case ToolStarted():
                report.tools.append(
                    ToolUse(
                        at_ms=round(moment.at_ms, 1),
                        id=moment.id,
                        name=moment.name,
                        arguments=moment.arguments,
                    )
                )
            case ToolFinished():
                for use in report.tools:
                    if use.id == moment.id and use.took_ms is None:
                        use.ok, use.took_ms, use.result = moment.ok, round(moment.took_ms, 1), moment.result
                self.save()
            case UsageCounted():
                report.prompt_tokens += moment.prompt_tokens
                report.response_tokens += moment.response_tokens
            case TransferFailed():
                report.transfers_failed.append(moment.error_code)
            case Answered():
                report.answered_ms = round(moment.at_ms, 1)
            case Ended():
                report.ended = moment.reason
                report.end_note = moment.note
                self.save()
            case CalleeJoined():
                self._heard = "parties"
            case _:
                pass

    def _agent_line(self, moment: AgentText | TurnEnded) -> Line:
        for line in reversed(self.report.transcript):
            if line.turn == moment.turn:
                return line
        line = Line(at_ms=round(moment.at_ms, 1), who="agent", text="", turn=moment.turn)
        self.report.transcript.append(line)
        return line

    def _end_turn(self, ended: TurnEnded) -> None:
        if ended.text or any(line.turn == ended.turn for line in self.report.transcript):
            line = self._agent_line(ended)
            line.text = ended.text
            line.interrupted = ended.interrupted or ended.heard_ms < ended.generated_ms - _ROUNDING_MS
        for turn in self.report.turns:
            if turn.turn == ended.turn:
                turn.generated_ms = round(ended.generated_ms, 1)
                turn.heard_ms = round(ended.heard_ms, 1)
                turn.interrupted = ended.interrupted

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
