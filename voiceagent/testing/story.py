"""A call as a text: who said and did what, and when. Telephone numbers are left out.

Times are seconds since the call began to ring.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from textwrap import shorten
from typing import Any

from voiceagent import CallReport
from voiceagent.report import (
    BargeIn,
    Moment,
    ToolFinished,
    ToolStarted,
    TransferFailed,
    TransferStarted,
    TurnEnded,
    Whispered,
)
from voiceagent.sandbox.exchange import ExchangeCall

_MOST = 200
"""Characters of arguments and results that are shown."""

_SEEN_ELSEWHERE = {"claimed", "agent_joined", "command", "interrupted", "ended"}
"""Events of the exchange that say nothing which another line does not say better."""

Entry = tuple[float, str, str]
"""When (seconds), who, what."""


def tell(call: ExchangeCall, reports: list[CallReport], moments: list[Moment], folder: Path | None) -> str:
    """The story of a call."""
    events = call.log.snapshot()
    began = next((event["at_ms"] for event in events if event["event"] == "agent_joined"), 0) / 1000
    entries = [*_of_line(events), *_of_report(reports, began), *_of_moments(moments, began)]
    lines = [f"{at:8.2f}  {who:<8}{what}" for at, who, what in sorted(entries, key=lambda entry: entry[0])]
    last = reports[-1] if reports else None
    agent = f"{last.agent}: {last.ended}" if last is not None else "no agent reported"
    note = f" ({last.end_note})" if last is not None and last.end_note else ""
    lines.append(f"{'ended':>8}  {agent}{note}; on the line: {call.end_reason or call.state}")
    if last is not None and last.audio and folder is not None:
        lines.append(f"{'listen':>8}  {folder / last.audio}")
    lines += [f"  broke the protocol: {violation}" for violation in call.violations.snapshot()]
    return "\n".join(lines)


def _of_line(events: list[dict[str, Any]]) -> Iterator[Entry]:
    for event in events:
        name, at = event["event"], event["at_ms"] / 1000
        details = {key: value for key, value in event.items() if key not in ("at_ms", "event", "who")}
        if name == "script":
            yield at, event["who"], f"[{event['step']}]"
        elif name == "script_done":
            yield at, event["who"], "[script done]"
        elif name not in _SEEN_ELSEWHERE:
            words = " ".join(str(value) for value in details.values())
            yield at, event.get("who", "line"), f"{str(name).replace('_', ' ')} {words}".rstrip()


def _of_report(reports: list[CallReport], began: float) -> Iterator[Entry]:
    for report in reports:
        for line in report.transcript:
            mark = " -- interrupted" if line.interrupted else ""
            yield began + line.at_ms / 1000, line.who, f'"{line.text}"{mark}'


def _of_moments(moments: list[Moment], began: float) -> Iterator[Entry]:
    for moment in moments:
        at = began + moment.at_ms / 1000
        match moment:
            case ToolStarted():
                yield at, "tool", f"{moment.name}({_short(moment.arguments)})"
            case ToolFinished():
                result = "" if moment.ok else "error "
                yield at, "tool", f"{moment.name} -> {result}{_short(moment.result)}"
            case BargeIn():
                yield at, "caller", f"interrupts the agent, of whom {moment.heard_ms / 1000:.1f} s was heard"
            case TransferStarted():
                yield at, "agent", f"rings the callee {_note(moment.note)}".rstrip()
            case TransferFailed():
                yield at, "agent", f"did not reach the callee: {moment.error_code}"
            case Whispered():
                yield at, "agent", "has whispered to the callee"
            case TurnEnded() if not moment.text and moment.generated_ms:
                yield at, "agent", f"spoke {moment.generated_ms / 1000:.1f} s without a transcript"
            case _:
                pass


def _note(note: str) -> str:
    return f"({note})" if note else ""


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return shorten(text, _MOST, placeholder=" ...")
