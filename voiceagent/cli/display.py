"""Shows a call while it runs: who speaks, which tools are called, interruptions, how long answers took.

On a terminal lines are broken between words and stay in their column; into a file or a pipe each goes whole.
Numbers of callers are not shown.
"""

from __future__ import annotations

import re
from contextlib import suppress
from statistics import median
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from voiceagent.report import (
    AgentText,
    Answered,
    BargeIn,
    CalleeJoined,
    CallerText,
    CallReport,
    Ended,
    FirstAudio,
    Moment,
    ToolFinished,
    ToolStarted,
    TransferFailed,
    TransferStarted,
    TurnEnded,
    Whispered,
)

_STYLES = {
    "caller": "cyan",
    "parties": "cyan",
    "agent": "green",
    "tool": "magenta",
    "barge-in": "bold yellow",
    "call": "dim",
}

_INDENT = 21
"""Columns before the text: the time and who."""


class CallDisplay:
    """Prints moments as they happen; what is said is printed word by word, as it comes.

    Args:
        console: Where to print.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._width = console.width if console.is_terminal else None
        self._speaker: tuple[str, int] | None = None
        self._column = 0
        self._gap = False
        self._heard = "caller"

    def finish_line(self) -> None:
        """Begin a new line, where one is under way: before somebody else prints."""
        with suppress(SystemExit):
            self._break()

    def show(self, moment: Moment) -> None:
        """Print one moment."""
        # Rich exits where the reader of a pipe has gone, such as `| head`. The call goes on without a reader.
        with suppress(SystemExit):
            self._show(moment)

    def _show(self, moment: Moment) -> None:
        match moment:
            case Answered():
                self._line(moment, "call", "the agent answers")
            case CallerText():
                self._words(moment, self._heard, 0, moment.text)
            case FirstAudio() if moment.latency_ms is not None:
                self._line(moment, "agent", f"(answers after {moment.latency_ms:.0f} ms)", "dim")
            case AgentText():
                self._words(moment, "agent", moment.turn, moment.text)
            case BargeIn():
                self._line(moment, "barge-in", "the caller interrupts; the agent is silent")
            case TurnEnded() if moment.interrupted:
                heard = moment.text or "nothing"
                self._line(moment, "agent", f"(heard in {moment.heard_ms / 1000:.1f} s: {heard})", "dim")
            case TurnEnded() if self._speaker == ("parties", 0):
                # Of the model nothing is printed here; but the next words may be somebody else's.
                self._break()
            case ToolStarted():
                self._line(moment, "tool", f"{moment.name}({arguments(moment.arguments)})")
            case ToolFinished() if moment.ok:
                result = _short(moment.result.get("result", moment.result))
                self._line(moment, "tool", f"{moment.name} took {moment.took_ms:.0f} ms: {result}")
            case ToolFinished():
                error = moment.result.get("error", moment.result)
                self._line(moment, "tool", f"{moment.name} failed: {error}", "bold red")
            case TransferStarted():
                self._line(moment, "call", "the callee's phone rings")
            case TransferFailed():
                self._line(moment, "call", f"not connected: {moment.error_code}")
            case CalleeJoined():
                self._heard = "parties"
                self._line(moment, "call", "the callee picks up")
            case Whispered():
                self._line(moment, "call", "that was whispered: the callee alone heard it")
            case Ended():
                self._line(moment, "call", f"ended: {moment.reason.value}")

    def _line(self, moment: Moment, who: str, text: str, style: str = "") -> None:
        self._break()
        self._head(moment, who)
        self._flow(text, style)
        self._console.print()

    def _words(self, moment: Moment, who: str, turn: int, text: str) -> None:
        if self._speaker != (who, turn):
            self._break()
            self._head(moment, who)
            self._speaker = (who, turn)
        self._flow(text)

    def _head(self, moment: Moment, who: str) -> None:
        self._print(f"{moment.at_ms / 1000:7.2f} s  ", "dim")
        self._print(f"{who:<10}", _STYLES[who])
        self._column = _INDENT
        self._gap = False

    def _flow(self, text: str, style: str = "") -> None:
        """Print words after what stands in the line; a new line begins only at a gap between words."""
        flowing = ""
        for part in re.split(r"(\s+)", text):
            if not part or part.isspace():
                self._gap |= bool(part)
                continue
            if self._gap and self._column > _INDENT:
                if self._width is not None and self._column + 1 + cell_len(part) > self._width:
                    flowing += f"\n{'':{_INDENT}}"
                    self._column = _INDENT
                else:
                    part = f" {part}"
            self._gap = False
            flowing += part
            self._column += cell_len(part)
        self._print(flowing, style)

    def _print(self, text: str, style: str = "") -> None:
        # What is said may have letters that an old terminal's encoding lacks.
        encoding = self._console.encoding
        printable = text.encode(encoding, "replace").decode(encoding)
        self._console.print(Text(printable, style), end="", soft_wrap=True)

    def _break(self) -> None:
        if self._speaker is not None:
            self._console.print()
            self._speaker = None


def arguments(values: dict[str, Any]) -> str:
    """Arguments of a tool call, as they would be written."""
    return _short(", ".join(f"{name}={value!r}" for name, value in values.items()))


def _short(value: Any, limit: int = 80) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def summary(report: CallReport) -> Table:
    """The call in a table."""
    table = Table(show_header=False, title="The call", title_justify="left")
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    latencies = report.latencies_ms
    table.add_row("ended", report.ended.value if report.ended else "still running")
    table.add_row("duration", f"{report.duration_ms / 1000:.1f} s")
    table.add_row("answers", f"{len(report.turns)}, of which {report.barge_ins} interrupted by the caller")
    if latencies:
        table.add_row(
            "latency",
            f"median {median(latencies):.0f} ms, longest {max(latencies):.0f} ms"
            " (end of caller speech to first audio on the line)",
        )
    for use in report.tools:
        took = "unfinished" if use.took_ms is None else f"{use.took_ms:.0f} ms"
        call = f"{use.name}({arguments(use.arguments)})  {took}{'  failed' if use.ok is False else ''}"
        # Text, since markup would take what callers and tools said in [brackets] for styles.
        table.add_row("tool", Text(call))
    return table
