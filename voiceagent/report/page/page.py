"""A call as a web page that needs nothing else: no network, no fonts, no other file.

What is in it comes from the files of the call alone, so it holds nothing that those do not. All text of a
call is escaped: somebody may say ``<script>``.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from voiceagent.report.moments import EndReason
from voiceagent.report.page.lists import details, spoken_ms, spoken_time, tiles, transcript, waits
from voiceagent.report.page.timeline import Happened, Timeline, Used
from voiceagent.report.page.waveform import Waveform
from voiceagent.report.report import CallReport, EventKind

_ENDED: dict[EndReason, tuple[str, str]] = {
    EndReason.CALLER_HUNG_UP: ("good", "The caller hung up"),
    EndReason.LINE_LOST: ("bad", "The line was lost"),
    EndReason.AGENT_HUNG_UP: ("good", "The agent hung up"),
    EndReason.TRANSFERRED: ("good", "Put through"),
    EndReason.CALLER_IDLE: ("plain", "The caller was silent"),
    EndReason.TOO_LONG: ("plain", "Longest time reached"),
    EndReason.CONFERENCE_ENDED: ("good", "The parties hung up"),
    EndReason.CONNECTED: ("good", "Put through unanswered"),
    EndReason.REJECTED: ("plain", "Rejected"),
    EndReason.MODEL_UNAVAILABLE: ("bad", "No model"),
    EndReason.SHUTDOWN: ("bad", "The program was stopped"),
    EndReason.FAILED: ("bad", "Failed"),
}

_PLACE = re.compile(r"\[\[(\w+)\]\]")


def page_of(
    report: CallReport, waveform: Waveform | None, *, source: str | None, rate: int | None, note: str = ""
) -> tuple[str, str]:
    """The page of a call, in two parts: before and after the packed sound.

    Args:
        report: The call.
        waveform: Of its recording; None where there is none.
        source: Name of the file beside the page that is played; None if none is.
        rate: Hz of the packed sound; None where the page has none inside.
        note: A sentence about the recording, under the drawing.
    """
    timeline = Timeline(report, waveform)
    style, script = _asset("page.css"), _asset("page.js")
    tone, ended = ("plain", "Still running") if report.ended is None else _ENDED[report.ended]
    values = {
        "policy": (
            f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)};"
            " media-src 'self' file: blob:; img-src data:; base-uri 'none'; form-action 'none'"
        ),
        "title": escape(f"{report.agent}: call of {report.started_at:%Y-%m-%d %H:%M}"),
        "agent": escape(report.agent),
        "about": about(report),
        "tone": tone,
        "ended": escape(ended),
        "tiles": tiles(report, timeline),
        "length": spoken_time(timeline.seconds),
        "drawing": escape(_drawing(report, timeline)),
        "note": escape(note),
        "waits": waits(timeline),
        "details": details(report),
        "transcript": transcript(timeline),
        "source": "" if source is None else f' src="{escape(quote(source))}"',
        "data": _script_safe(json.dumps(_drawn(timeline, waveform, rate), separators=(",", ":"))),
        "style": style,
        "script": script,
    }
    head, tail = _asset("page.html").split("[[sound]]")
    return _filled(head, values), _filled(tail, values)


def about(report: CallReport) -> str:
    """Who called whom, and when."""
    numbers = [number for number in (report.caller, report.callee) if number]
    when = f"{report.started_at:%-d %B %Y, %H:%M} {report.started_at.tzname() or ''}".rstrip()
    return escape(" · ".join(filter(None, (" → ".join(numbers), when))))


def _drawing(report: CallReport, timeline: Timeline) -> str:
    return (
        f"Caller and agent over {spoken_time(timeline.seconds)}: {len(timeline.answers)} answers, "
        f"{report.barge_ins} interruptions, {len(report.tools)} tool calls. The transcript lists them all."
    )


def _drawn(timeline: Timeline, waveform: Waveform | None, rate: int | None) -> dict[str, Any]:
    """What the script draws and plays."""
    marks = []
    tools = []
    for entry in timeline.entries:
        if isinstance(entry, Happened):
            marks.append([_s(entry.at), _mark(entry.event.kind), entry.text, entry.label])
        elif isinstance(entry, Used):
            took = (entry.use.took_ms or 0.0) / 1000
            tools.append([_s(entry.at), _s(entry.at + took), entry.use.name, entry.use.ok is not False])
    return {
        "seconds": _s(timeline.seconds),
        "rate": rate,
        "piece": None if waveform is None else waveform.piece_seconds,
        "peaks": []
        if waveform is None
        else [base64.b64encode(side.tobytes()).decode() for side in waveform.peaks],
        "answers": [
            [_s(answer.at), _s(answer.until), answer.timing.turn, answer.timing.interrupted]
            for answer in timeline.answers
        ],
        "waits": [
            [
                _s(answer.since),
                _s(answer.at),
                (answer.timing.tool_ms or 0.0) / 1000,
                spoken_ms(answer.timing.latency_ms or 0.0),
            ]
            for answer in timeline.answers
            if answer.since is not None
        ],
        "tools": tools,
        "marks": marks,
    }


def _mark(kind: EventKind) -> str:
    return "cut" if kind is EventKind.BARGE_IN else "event"


def _s(seconds: float) -> float:
    return round(seconds, 3)


@cache
def _asset(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _filled(template: str, values: Mapping[str, str]) -> str:
    # In one pass, so that what a caller said is never taken for a place.
    return _PLACE.sub(lambda place: values[place[1]], template)


def _script_safe(text: str) -> str:
    """JSON that cannot end the element in which it stands."""
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def parts(head: str, sound: Iterator[bytes], tail: str) -> Iterator[bytes]:
    """The page in the order in which it is written."""
    yield head.encode()
    yield from sound
    yield tail.encode()
