"""Shows a call while it runs: who speaks, which tools are called, interruptions, how long answers took."""

from __future__ import annotations

from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from voiceagent.report import (
    AgentText,
    Answered,
    BargeIn,
    CallerText,
    CallReport,
    Ended,
    FirstAudio,
    Moment,
    ToolFinished,
    ToolStarted,
    TransferFailed,
    TransferStarted,
)

_STYLES = {"caller": "cyan", "agent": "green", "tool": "magenta", "barge-in": "bold yellow", "call": "dim"}


class CallDisplay:
    """Prints moments as they happen; what is said is printed word by word, as it comes.

    Args:
        console: Where to print.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._speaker: tuple[str, int] | None = None

    def show(self, moment: Moment) -> None:
        """Print one moment."""
        match moment:
            case Answered():
                self._line(moment, "call", "the agent answers")
            case CallerText():
                self._words(moment, "caller", 0, moment.text)
            case FirstAudio() if moment.latency_ms is not None:
                self._line(moment, "agent", Text(f"(answers after {moment.latency_ms:.0f} ms)", "dim"))
            case AgentText():
                self._words(moment, "agent", moment.turn, moment.text)
            case BargeIn():
                heard = f"the caller interrupts after {moment.heard_ms / 1000:.1f} s; the agent is silent"
                self._line(moment, "barge-in", heard)
            case ToolStarted():
                self._line(moment, "tool", f"{moment.name}({arguments(moment.arguments)})")
            case ToolFinished():
                result = moment.result.get("result" if moment.ok else "error", moment.result)
                self._line(moment, "tool", f"{moment.name} after {moment.took_ms:.0f} ms: {_short(result)}")
            case TransferStarted():
                self._line(moment, "call", "the callee's phone rings")
            case TransferFailed():
                self._line(moment, "call", f"not connected: {moment.error_code}")
            case Ended():
                self._line(moment, "call", f"ended: {moment.reason.value}")

    def _line(self, moment: Moment, who: str, text: str | Text) -> None:
        self._break()
        self._head(moment, who)
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def _words(self, moment: Moment, who: str, turn: int, text: str) -> None:
        if self._speaker != (who, turn):
            self._break()
            self._head(moment, who)
            self._speaker = (who, turn)
            text = text.lstrip()
        self._console.print(text, end="", highlight=False, markup=False, soft_wrap=True)

    def _head(self, moment: Moment, who: str) -> None:
        self._console.print(Text(f"{moment.at_ms / 1000:7.2f} s  ", "dim"), end="")
        self._console.print(Text(f"{who:<9}", _STYLES[who]), end="")

    def _break(self) -> None:
        if self._speaker is not None:
            self._console.print()
            self._speaker = None


def arguments(values: dict[str, Any]) -> str:
    """Arguments of a tool call, as they would be written."""
    return _short(", ".join(f"{name}={value!r}" for name, value in values.items()))


def _short(value: Any, limit: int = 80) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def summary(report: CallReport) -> Table:
    """The call in a table."""
    table = Table(show_header=False, title="The call", title_justify="left")
    table.add_column(style="dim")
    table.add_column()
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
        table.add_row("tool", f"{use.name}({arguments(use.arguments)})  {took}{'' if use.ok else '  failed'}")
    return table
