"""What starting costs, in milliseconds: ``python tests/bench/start_up.py [RUNS]``."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

VOICEAGENT = str(Path(sys.executable).with_name("voiceagent"))

COMMANDS = {
    "python (nothing imported)": [sys.executable, "-c", "pass"],
    "import voiceagent": [sys.executable, "-c", "import voiceagent"],
    "from voiceagent import VoiceAgent": [sys.executable, "-c", "from voiceagent import VoiceAgent"],
    "voiceagent --version": [VOICEAGENT, "--version"],
    "voiceagent --help": [VOICEAGENT, "--help"],
}


def milliseconds(command: list[str]) -> float:
    """How long the command runs, from its start as a process to its end."""
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - began) * 1000


def main(runs: int) -> None:
    """Measure every command that often, after one unmeasured run that warms the file cache."""
    print(f"{'':42}{'min ms':>8}{'median':>8}")
    for name, command in COMMANDS.items():
        milliseconds(command)
        times = [milliseconds(command) for _ in range(runs)]
        print(f"{name:42}{min(times):8.0f}{statistics.median(times):8.0f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
