"""The parts of the page that can be read without its script: figures, transcript, waiting times."""

from __future__ import annotations

import json
from html import escape
from statistics import median
from typing import Any

from voiceagent.report.page.timeline import Answer, Entry, Happened, Said, Timeline, Used
from voiceagent.report.report import CallReport, EventKind, TurnTiming

_WHO = {"caller": "Caller", "agent": "Agent", "parties": "Caller and callee"}

_LONGEST_VALUE = 4000
"""Characters of a tool's result that the page shows; all of it is in ``report.json``."""

_BAR_MS = 1000.0
"""A wait of so long fills its bar, unless there was a longer one."""


def tiles(report: CallReport, timeline: Timeline) -> str:
    """The figures at the top."""
    cut = report.barge_ins
    figures = [
        ("Duration", spoken_time(timeline.seconds), "" if report.answered_ms is not None else "not answered"),
        ("Answers", str(len(report.turns)), f"{cut} interrupted" if cut else "none interrupted"),
    ]
    if latencies := report.latencies_ms:
        figures.append(
            ("Time to answer", spoken_ms(median(latencies)), f"median; longest {spoken_ms(max(latencies))}")
        )
    failed = sum(use.ok is False for use in report.tools)
    figures.append(
        ("Tool calls", str(len(report.tools)), f"{failed} failed" if failed else _tools_ran(report))
    )
    if tokens := report.prompt_tokens + report.response_tokens:
        note = f"{report.prompt_tokens:,} in, {report.response_tokens:,} out"
        figures.append(("Tokens", f"{tokens:,}", note))
    return "".join(
        f"<div><dt>{name}</dt><dd>{figure}{f'<small>{escape(note)}</small>' if note else ''}</dd></div>"
        for name, figure, note in figures
    )


def _tools_ran(report: CallReport) -> str:
    took = [use.took_ms for use in report.tools if use.took_ms is not None]
    return f"longest {spoken_ms(max(took))}" if took else ""


def transcript(timeline: Timeline) -> str:
    """What was said and done, in order."""
    if not timeline.entries:
        return '<p class="empty">Nothing was said.</p>'
    return f'<ol class="lines" id="lines">{"".join(map(_entry, timeline.entries))}</ol>'


def _entry(entry: Entry) -> str:
    when = f'<span class="when">{spoken_time(entry.at)}</span>'
    at = f'data-at="{entry.at:.2f}"'
    match entry:
        case Said():
            line = entry.line
            words = escape(line.text) if line.text else "nothing of this was heard"
            quiet = "" if line.text else " none"
            chips = _waited(entry.timing) + (
                '<span class="chip cut">interrupted</span>' if line.interrupted else ""
            )
            return (
                f'<li class="said {line.who}"><button type="button" class="line" {at}>{when}'
                f'<span><span class="who">{_WHO[line.who]}{chips}</span>'
                f'<span class="words{quiet}">{words}</span></span></button></li>'
            )
        case Used():
            use = entry.use
            took = "did not finish" if use.took_ms is None else spoken_ms(use.took_ms)
            failed = ' <span class="failed">failed</span>' if use.ok is False else ""
            return (
                f'<li class="used" {at}><details><summary>{when}<span><span class="name">'
                f'{escape(use.name)}</span> <span class="took">{took}</span>{failed}'
                f'<span class="more"></span></span></summary><pre>{_values(use.arguments, use.result)}</pre>'
                "</details></li>"
            )
        case Happened():
            cut = " cut" if entry.event.kind is EventKind.BARGE_IN else ""
            return (
                f'<li class="happened{cut}"><button type="button" class="line" {at}>{when}'
                f"<span>{escape(entry.text)}</span></button></li>"
            )


def _waited(timing: TurnTiming | None) -> str:
    if timing is None or timing.latency_ms is None:
        return ""
    return f'<span class="chip">after {spoken_ms(timing.latency_ms)}</span>'


def _values(arguments: dict[str, Any], result: dict[str, Any] | None) -> str:
    shown = f"<b>called with</b>\n{_value(arguments)}"
    return shown if result is None else f"{shown}\n<b>answered</b>\n{_value(result)}"


def _value(value: dict[str, Any]) -> str:
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    if len(text) > _LONGEST_VALUE:
        text = f"{text[:_LONGEST_VALUE]}\n... ({len(text) - _LONGEST_VALUE} characters more, in report.json)"
    return escape(text)


def waits(timeline: Timeline) -> str:
    """How long the caller waited for each answer, and for what."""
    answers = [answer for answer in timeline.answers if answer.timing.latency_ms is not None]
    if not answers:
        return ""
    longest = max(_BAR_MS, *(answer.timing.latency_ms or 0.0 for answer in answers))
    tools = any(answer.timing.tool_ms for answer in answers)
    legend = "From the end of the caller's speech to the first audio of the answer"
    legend += ": in a tool (violet) and in the model (amber)." if tools else "."
    return (
        '<section class="card" aria-labelledby="h-waits"><h2 id="h-waits">How long the caller waited</h2>'
        f'<ul class="waits">{"".join(_wait(answer, longest) for answer in answers)}</ul>'
        f'<p class="note">{legend}</p></section>'
    )


def _wait(answer: Answer, longest: float) -> str:
    latency, tool_ms = answer.timing.latency_ms or 0.0, answer.timing.tool_ms or 0.0
    tool, whole = (100 * part / longest for part in (tool_ms, latency))
    heard = f"Answer {answer.timing.turn}: after {spoken_ms(latency)}"
    if tool_ms:
        heard += f", {spoken_ms(tool_ms)} of it in a tool"
    return (
        f'<li><button type="button" data-at="{answer.at:.2f}" aria-label="{heard}">'
        f'<span class="when">{spoken_time(answer.at)}</span>'
        '<svg aria-hidden="true"><rect class="track" width="100%" height="12" rx="4"/>'
        f'<rect class="model" width="{whole:.1f}%" height="12" rx="4"/>'
        f'<rect class="tool" width="{tool:.1f}%" height="12" rx="4"/></svg>'
        f'<span class="parts">{spoken_ms(latency)}</span></button></li>'
    )


def details(report: CallReport) -> str:
    """What else is known of the call."""
    rows = [
        ("Call", report.call_id),
        ("Model", report.model),
        ("Began", f"{report.started_at:%Y-%m-%d %H:%M:%S} {report.started_at.tzname() or ''}".rstrip()),
        ("Caller", report.caller or ""),
        ("Callee", report.callee or ""),
        ("Answered after", "" if report.answered_ms is None else spoken_ms(report.answered_ms)),
        ("Why it ended", report.end_note),
        ("Recording", report.audio or "none"),
    ]
    items = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in rows if value)
    return (
        '<section class="card" aria-labelledby="h-details"><h2 id="h-details">Details</h2>'
        f'<dl class="details">{items}</dl></section>'
    )


def spoken_time(seconds: float) -> str:
    """Such as ``1:05`` or ``1:02:03``."""
    whole = int(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def spoken_ms(ms: float) -> str:
    """Such as ``620 ms`` or ``1.23 s``."""
    if ms < 1:
        return "under 1 ms"
    if ms < 1000:
        return f"{ms:.0f} ms"
    return f"{ms / 1000:.2f} s" if ms < 10_000 else f"{ms / 1000:.1f} s"
