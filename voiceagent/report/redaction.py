"""What of a moment may be read: every text in it, as far as the agent lets it through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from voiceagent.report.moments import (
    AgentText,
    CallerText,
    Ended,
    KeysPressed,
    Moment,
    ToolFinished,
    ToolStarted,
    TransferStarted,
    TurnEnded,
)


def redacted(moment: Moment, redact: Callable[[str], str]) -> Moment:
    """The moment with everything that was said, written or given as a reason passed through ``redact``."""
    match moment:
        case CallerText() | AgentText():
            return replace(moment, text=redact(moment.text))
        case TurnEnded():
            parts = tuple(redact(part) for part in moment.parts)
            return replace(moment, text=redact(moment.text), parts=parts)
        case KeysPressed():
            return replace(moment, digits=redact(moment.digits))
        case ToolStarted():
            return replace(moment, arguments=_values(moment.arguments, redact))
        case ToolFinished():
            return replace(moment, result=_values(moment.result, redact))
        case TransferStarted() | Ended():
            return replace(moment, note=redact(moment.note))
        case _:
            return moment


def _values(value: Any, redact: Callable[[str], str]) -> Any:
    """JSON with its texts redacted; the names of fields stay."""
    match value:
        case str():
            return redact(value)
        case dict():
            return {name: _values(each, redact) for name, each in value.items()}
        case list():
            return [_values(each, redact) for each in value]
        case _:
            return value
