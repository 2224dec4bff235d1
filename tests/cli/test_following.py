"""What the terminal of `voiceagent serve` shows of its calls, and that it shows no numbers."""

from __future__ import annotations

import io
import json
import logging
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from tests.cli.test_commands import KEYS, environment, running, voiceagent
from voiceagent import CallContext
from voiceagent.cli.following import BetweenLines, CallFollower
from voiceagent.report import (
    AgentText,
    CalleeJoined,
    CallerText,
    Ended,
    EndReason,
    Moment,
    TurnEnded,
    Whispered,
)

CALLER = "+15550147"
SCENARIO = f"""\
caller: {{from: "{CALLER}", to: "+15550199"}}
script:
  - wait: agent_done
  - say: goodbye
model:
  - on: start
    say: Riverside Dental, hello?
  - on: caller_done
    heard: goodbye
    say: Goodbye.
    call: {{end_call: {{}}}}
"""


class Terminal:
    """A service's terminal, and the moments of its calls."""

    def __init__(self) -> None:
        self._console = Console(file=io.StringIO(), width=200, color_system=None)
        self.follower = CallFollower(self._console)

    def happens(self, call_id: str, *moments: Moment) -> None:
        for moment in moments:
            self.follower(CallContext(call_id=call_id, caller_number=CALLER), moment)

    def log(self, text: str) -> None:
        handler = BetweenLines(self.follower)
        assert isinstance(self._console.file, io.StringIO)
        handler.setStream(self._console.file)
        handler.emit(logging.LogRecord("voiceagent", logging.INFO, "", 0, text, None, None))

    @property
    def lines(self) -> list[str]:
        assert isinstance(self._console.file, io.StringIO)
        return self._console.file.getvalue().splitlines()


def test_a_call_is_shown_under_its_id() -> None:
    terminal = Terminal()

    terminal.happens("a", AgentText(100, 1, "Hello"), AgentText(120, 1, " there"))
    terminal.happens("a", Ended(900, EndReason.CALLER_HUNG_UP))

    assert terminal.lines == [
        "call a",
        "   0.10 s  agent     Hello there",
        "   0.90 s  call      ended: caller_hung_up",
    ]


def test_of_several_calls_one_is_shown_at_a_time() -> None:
    terminal = Terminal()

    terminal.happens("a", AgentText(100, 1, "Hello"))
    terminal.happens("b", AgentText(100, 1, "Good morning"))
    terminal.happens("a", AgentText(120, 1, " there"))
    terminal.happens("a", Ended(900, EndReason.CALLER_HUNG_UP))
    terminal.happens("b", CallerText(800, "never shown"), Ended(950, EndReason.CALLER_HUNG_UP))
    terminal.happens("c", AgentText(100, 1, "Welcome"))

    assert terminal.lines == [
        "call a",
        "   0.10 s  agent     Hello",
        "call b has begun as well; its report will have what is said in it",
        "   0.12 s  agent     there",
        "   0.90 s  call      ended: caller_hung_up",
        "call c",
        "   0.10 s  agent     Welcome",
    ]


def test_a_conference_is_told_apart() -> None:
    terminal = Terminal()

    terminal.happens("a", CalleeJoined(1000), CallerText(2000, "hello"), TurnEnded(2100, 1, "", 0, 0, False))
    terminal.happens(
        "a", CallerText(2200, "good"), CallerText(2300, " morning"), AgentText(3000, 2, "Smile.")
    )
    terminal.happens("a", Whispered(4000), Ended(5000, EndReason.CONFERENCE_ENDED))

    assert terminal.lines == [
        "call a",
        "   1.00 s  call      the callee picks up",
        "   2.00 s  parties   hello",
        "   2.20 s  parties   good morning",
        "   3.00 s  agent     Smile.",
        "   4.00 s  call      that was whispered: the callee alone heard it",
        "   5.00 s  call      ended: conference_ended",
    ]


def test_a_record_of_the_log_breaks_no_line() -> None:
    terminal = Terminal()

    terminal.happens("a", AgentText(100, 1, "Hello"))
    terminal.log("the control link is open again")

    assert terminal.lines == ["call a", "   0.10 s  agent     Hello", "the control link is open again"]


@pytest.mark.realtime
@pytest.mark.parametrize("quiet", [False, True])
def test_a_service_on_a_terminal_shows_the_conversation_unless_it_is_to_be_quiet(
    tmp_path: Path, quiet: bool
) -> None:
    (tmp_path / "call.yaml").write_text(SCENARIO, encoding="utf-8")
    arguments = ["serve", "examples.reception:Reception", *(["--quiet"] if quiet else [])]
    with running("sandbox", "--port", 0, "--live-port", 0, "--json", cwd=tmp_path, **KEYS) as sandbox:
        assert sandbox.stdout is not None
        ready = json.loads(sandbox.stdout.readline())
        urls = {"VOICEAGENT_CALL_URL": ready["call_url"], "VOICEAGENT_LIVE_URL": ready["live_url"]}
        master, slave = pty.openpty()
        service = subprocess.Popen(
            [sys.executable, "-m", "voiceagent", *arguments],
            cwd=tmp_path,
            env=environment(**KEYS, **urls, COLUMNS="200"),
            stdin=subprocess.DEVNULL,
            stderr=slave,
        )
        os.close(slave)
        try:
            shown = read_until(master, "takes calls")
            called = voiceagent("call", "--scenario", "call.yaml", cwd=tmp_path, **urls, **KEYS)
            assert called.returncode == 0, called.stdout + called.stderr
            shown += read_until(master, "; report: ")
        finally:
            service.send_signal(signal.SIGTERM)
            assert service.wait(60) == 0
            os.close(master)

    assert ("Riverside Dental, hello?" in shown) is not quiet
    # The log's own line goes on after this.
    assert bool(re.search("ended: agent_hung_up(?!;)", shown)) is not quiet
    assert CALLER not in shown
    for secret in KEYS.values():
        assert secret not in shown


def read_until(descriptor: int, words: str) -> str:
    """What a terminal shows until it shows these words."""
    shown = b""
    while words.encode() not in shown:
        shown += os.read(descriptor, 4096)
    return shown.decode()
