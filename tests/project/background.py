"""Commands that run on in a terminal of their own while a page goes on."""

from __future__ import annotations

import shlex
import signal
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

READY_SECONDS = 120.0
"""A command is ready, and stops, within so long."""


class Background:
    """A command that runs on until it is stopped.

    Args:
        words: The command.
        folder: Where it runs.
        environment: Its variables.
        ready: A text in the line that it prints when it is ready.
    """

    def __init__(self, words: list[str], folder: Path, environment: Mapping[str, str], *, ready: str) -> None:
        self._words = words
        self._lines: list[str] = []
        self._ready = threading.Event()
        self.ready_line = ""
        self._process = subprocess.Popen(
            words,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, args=(ready,))
        self._reader.start()
        self._ready.wait(READY_SECONDS)
        if not self.ready_line:
            self._process.kill()
            pytest.fail(f"{shlex.join(words)} did not become ready:\n{self.output()}")

    def _read(self, ready: str) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._lines.append(line)
                if ready in line and not self.ready_line:
                    self.ready_line = line
                    self._ready.set()
        self._ready.set()

    def output(self) -> str:
        """What it has printed."""
        return f"--- {shlex.join(self._words)}\n{''.join(self._lines)}"

    def stop(self) -> None:
        """Interrupt it, and check that it ends in order."""
        self._process.send_signal(signal.SIGINT)
        try:
            code = self._process.wait(READY_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            pytest.fail(f"it did not stop:\n{self.output()}")
        finally:
            self._reader.join()
        assert code == 0, self.output()
