"""What a reader of `voiceagent demo` sees of a call."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from voiceagent.cli.display import CallDisplay, summary
from voiceagent.report import (
    AgentText,
    BargeIn,
    CalleeJoined,
    CallerText,
    CallReport,
    FirstAudio,
    Moment,
    ToolFinished,
    ToolStarted,
    ToolUse,
    TurnEnded,
)

ROOT = Path(__file__).parents[2]


def shown(*moments: Moment, width: int | None = None) -> list[str]:
    """The lines that are printed of the moments: on a terminal of this width, or into a file."""
    terminal = width is not None
    console = Console(file=io.StringIO(), force_terminal=terminal, width=width, color_system=None)
    display = CallDisplay(console)
    for moment in moments:
        display.show(moment)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_words_that_come_in_pieces_are_one_line() -> None:
    assert shown(
        AgentText(100, 1, "Riverside Dent"),
        AgentText(110, 1, "al, how can"),
        AgentText(120, 1, " I help you?"),
        CallerText(2000, " are you open "),
        CallerText(2010, "on Friday"),
    ) == [
        "   0.10 s  agent     Riverside Dental, how can I help you?",
        "   2.00 s  caller    are you open on Friday",
    ]


def test_a_turn_of_the_model_parts_what_parties_say_and_not_its_own_whisper() -> None:
    silent = TurnEnded(2050, 2, "", 0.0, 0.0, False)
    assert shown(
        CalleeJoined(1000),
        CallerText(2000, "hello, this is Ben"),
        silent,
        CallerText(3000, "I wait for my bicycle"),
        AgentText(4000, 3, "Offer her"),
        silent,
        AgentText(4100, 3, " ten percent."),
    ) == [
        "   1.00 s  call      the callee picks up",
        "   2.00 s  parties   hello, this is Ben",
        "   3.00 s  parties   I wait for my bicycle",
        "   4.00 s  agent     Offer her ten percent.",
    ]


def test_on_a_terminal_a_sentence_is_broken_between_words_and_keeps_its_column() -> None:
    assert shown(
        AgentText(100, 1, "Yes, on Friday"),
        AgentText(110, 1, " we are open from eight"),
        AgentText(120, 1, " until five."),
        ToolStarted(500, "1", "opening_hours", {"day": "sunday"}),
        width=44,
    ) == [
        "   0.10 s  agent     Yes, on Friday we are",
        "                     open from eight until",
        "                     five.",
        "   0.50 s  tool      opening_hours(day='sunday')",
    ]


def test_in_a_file_a_sentence_is_one_line_however_long() -> None:
    sentence = " ".join(["word"] * 100)

    assert shown(AgentText(0, 1, sentence)) == [f"   0.00 s  agent     {sentence}"]


def test_an_interruption_shows_what_was_heard() -> None:
    assert shown(
        FirstAudio(1000, 2, 612.4),
        AgentText(1000, 2, "Ten o'clock is free, and so is eleven"),
        BargeIn(2200, 2, 1200),
        TurnEnded(2210, 2, "Ten o'clock", 4000, 1200, True),
    ) == [
        "   1.00 s  agent     (answers after 612 ms)",
        "   1.00 s  agent     Ten o'clock is free, and so is eleven",
        "   2.20 s  barge-in  the caller interrupts; the agent is silent",
        "   2.21 s  agent     (heard in 1.2 s: Ten o'clock)",
    ]


def test_a_tool_that_fails_says_so_and_why() -> None:
    why = "there is no tool 'opening_times'; the tools are " + ", ".join(["a_tool"] * 20)

    assert shown(ToolFinished(0, "1", "opening_times", False, 0.1, {"error": why})) == [
        f"   0.00 s  tool      opening_times failed: {why}"
    ]


def test_what_is_said_is_never_taken_for_markup() -> None:
    report = CallReport(
        call_id="id", agent="Notes", model="gemini", caller=None, callee=None, started_at=datetime.now(UTC)
    )
    report.tools.append(
        ToolUse(at_ms=0, id="1", name="note", arguments={"text": "[/red] [bold]"}, ok=True, took_ms=1.0)
    )
    console = Console(file=io.StringIO(), width=80)

    console.print(summary(report))

    assert isinstance(console.file, io.StringIO)
    assert "note(text='[/red] [bold]')  1 ms" in console.file.getvalue()
    assert shown(AgentText(0, 1, "[/red]")) == ["   0.00 s  agent     [/red]"]


def test_a_terminal_that_lacks_a_letter_shows_a_question_mark() -> None:
    console = Console(file=io.TextIOWrapper(io.BytesIO(), encoding="ascii"))

    CallDisplay(console).show(CallerText(0, "für Zoë"))

    console.file.seek(0)
    assert console.file.read() == "   0.00 s  caller    f?r Zo?"


SHOW_WITHOUT_A_READER = """
from rich.console import Console
from voiceagent.cli.display import CallDisplay
from voiceagent.report import AgentText

display = CallDisplay(Console())
display.show(AgentText(0, 1, "hello"))
display.show(AgentText(1, 2, "is anybody there?"))
"""


def test_a_call_goes_on_when_nobody_reads_any_more() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as pipe:
        program = [sys.executable, "-c", SHOW_WITHOUT_A_READER]
        shown = subprocess.run(program, cwd=ROOT, stdout=pipe, stderr=subprocess.PIPE, text=True, check=False)

    assert (shown.returncode, shown.stderr) == (0, "")
