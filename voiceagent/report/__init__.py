"""The record of a call: what was said, which tools ran, how long the caller waited, how it ended.

The bridge reports :mod:`~voiceagent.report.moments` as they happen; :class:`CallReport` collects them into
``report.json``, and :class:`CallRecording` writes ``call.wav``. Both are written while the call runs.
"""

from voiceagent.report.moments import (
    AgentText,
    Answered,
    BargeIn,
    CalleeJoined,
    CallerText,
    Ended,
    EndReason,
    FirstAudio,
    IdlePrompted,
    KeysPressed,
    ModelReopened,
    Moment,
    Nudged,
    Observer,
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
from voiceagent.report.recording import CallRecording
from voiceagent.report.redaction import redacted
from voiceagent.report.report import (
    CallReport,
    EventKind,
    Line,
    ReportEvent,
    ToolUse,
    TurnTiming,
    lines_of,
    read_report,
)
from voiceagent.report.writer import ReportWriter

__all__ = [
    "AgentText",
    "Answered",
    "BargeIn",
    "CallRecording",
    "CalleeJoined",
    "CallReport",
    "CallerText",
    "EndReason",
    "Ended",
    "EventKind",
    "FirstAudio",
    "IdlePrompted",
    "KeysPressed",
    "Line",
    "ModelReopened",
    "Moment",
    "Nudged",
    "Observer",
    "PlaybackPaused",
    "PlaybackResumed",
    "ReportEvent",
    "ReportWriter",
    "ToolFinished",
    "ToolStarted",
    "ToolUse",
    "TransferFailed",
    "TransferStarted",
    "TurnEnded",
    "TurnTiming",
    "UsageCounted",
    "Whispered",
    "lines_of",
    "read_report",
    "redacted",
]
