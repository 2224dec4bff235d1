"""``report.json``: the record of a call as data."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import msgspec

from voiceagent.report.moments import EndReason


class Line(msgspec.Struct, kw_only=True):
    """Something said. For the agent, ``text`` is what was heard of it.

    An answer with a tool in it has two lines: what was said before, and what after. ``who`` is ``parties``
    where the agent listens to caller and callee: it hears them as one. ``interrupted`` says that the line was
    not heard to its end: somebody barged in, or the call ended before.
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
    """One answer's times, in milliseconds.

    Attributes:
        turn: Counts the answers of the call, from 1.
        at_ms: The first audio went onto the line.
        spoke_until_ms: The caller's speech, which it answers, ended; None where the agent spoke unasked.
        latency_ms: From there to the first audio: what the caller waited. It is ``tool_ms + model_ms``.
        tool_ms: The part of it in which a tool ran.
        model_ms: The rest: the model, its service, and the way there and back.
        generated_ms: Audio that the model made.
        sent_ms: Audio that went onto the line.
        heard_ms: Audio that came out of it, before the caller interrupted.
        interrupted: Whether somebody barged in.
    """

    turn: int
    at_ms: float
    spoke_until_ms: float | None = None
    latency_ms: float | None = None
    tool_ms: float | None = None
    model_ms: float | None = None
    generated_ms: float = 0.0
    sent_ms: float = 0.0
    heard_ms: float = 0.0
    interrupted: bool = False


class EventKind(StrEnum):
    """What a :class:`ReportEvent` tells of."""

    BARGE_IN = "barge_in"
    """The caller spoke over an answer, which fell silent."""
    PAUSED = "paused"
    """Somebody made a sound, and the answer stopped."""
    RESUMED = "resumed"
    """They did not want to speak, and it went on."""
    REOPENED = "reopened"
    """The live session went on over another connection; ``text`` says why, ``took_ms`` is the gap."""
    NUDGED = "nudged"
    """The model owed an answer and was asked for it; ``text`` says why."""
    IDLE = "idle"
    """The caller said nothing for long, and was asked whether they are there; ``text`` counts."""
    KEYS = "keys"
    """The caller pressed these keys."""
    RINGING = "ringing"
    """The callee's phone rings; ``text`` is the tool's note."""
    NOT_CONNECTED = "not_connected"
    """Nobody answered there; ``text`` is the code of the line."""
    JOINED = "joined"
    """The callee picked up."""
    WHISPERED = "whispered"
    """What was meant for the callee alone has been played."""


class ReportEvent(msgspec.Struct, kw_only=True):
    """Something else that happened in the call; ``turn`` is the answer that it happened to."""

    at_ms: float
    kind: EventKind
    text: str = ""
    turn: int | None = None
    took_ms: float | None = None


class CallReport(msgspec.Struct, kw_only=True):
    """Everything that is kept of a call. Times are milliseconds since the agent took it.

    ``audio`` is the name of the recording beside the report, None if there is none; ``page_audio`` says
    whether ``report.html`` may play it.
    """

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
    events: list[ReportEvent] = []
    transfers_failed: list[str] = []
    prompt_tokens: int = 0
    response_tokens: int = 0
    audio: str | None = None
    page_audio: bool = True

    @property
    def barge_ins(self) -> int:
        """How often the caller spoke over an answer."""
        return sum(turn.interrupted for turn in self.turns)

    @property
    def latencies_ms(self) -> list[float]:
        """End of caller speech to first audio, for every answer to the caller."""
        return [turn.latency_ms for turn in self.turns if turn.latency_ms is not None]


def lines_of(report: CallReport, turn: int) -> list[Line]:
    """The lines of one of the last answers, in order: more than one where tools part it."""
    lines: list[Line] = []
    for line in reversed(report.transcript):
        if line.turn == turn:
            lines.insert(0, line)
        elif line.turn is not None and line.turn < turn:
            break
    return lines


def read_report(path: Path) -> CallReport:
    """Read a ``report.json``; one of an older version lacks some of the details.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not a report.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=CallReport)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not the report of a call: {error}") from None
