"""Runs ``adk eval`` for one agent after the other: ``python -m tests.adk.evaluate LIVE_URL FOLDER AGENT...``.

One process for all, because most of an evaluation is the import of ADK. For every agent it prints one line of
JSON: ``{"agent", "code", "output"}``. The database is ``FOLDER/eval_AGENT.db``.
"""

from __future__ import annotations

import io
import json
import os
import sys
from contextlib import redirect_stdout

from tests.adk.served import Sandbox, database_of
from voiceagent.adk.__main__ import main


def evaluate(agent: str) -> tuple[int, str]:
    """Exit code and output of the command."""
    sys.argv = ["adk", "eval", f"agents/{agent}", f"agents/{agent}/text.evalset.json"]
    output = io.StringIO()
    with redirect_stdout(output):
        try:
            main()
        except SystemExit as done:
            return int(done.code or 0), output.getvalue()
    return 0, output.getvalue()


if __name__ == "__main__":
    live_url, folder, *agents = sys.argv[1:]
    for name in agents:
        Sandbox(live_url).play(name)
        os.environ["VOICEAGENT_DATABASE_URL"] = database_of(folder, name)
        code, said = evaluate(name)
        print(json.dumps({"agent": name, "code": code, "output": said}), flush=True)
