"""ADK's own commands for agents of a project: ``python -m voiceagent.adk web agents``, ``run``, ``eval``.

They are those of ``adk``, with two differences. The folder in which they are started is imported from, so a
project need not be installed. And ``eval`` works without Google's cloud clients, as long as no metric asks
for them: ADK imports them for all.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

_CLOUD_CLIENTS = ("vertexai", "agentplatform")
"""What ADK's evaluation imports from google-cloud-aiplatform; only the metrics of Vertex AI use it."""


class _Missing(ModuleType):
    """Stands for a package that is not installed, until somebody uses it."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise ModuleNotFoundError(
            f"{self.__name__} is not installed; this metric is one of Vertex AI:"
            " pip install 'google-adk[eval]'"
        )


def main() -> None:
    """Run ADK's command line."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    for name in _CLOUD_CLIENTS:
        if name not in sys.modules and find_spec(name) is None:
            sys.modules[name] = _Missing(name)
    try:
        from google.adk.cli import main as adk
    except ModuleNotFoundError as error:
        sys.exit(f"voiceagent: {error.name} is not installed: pip install 'voiceagent[adk]'")
    adk()


if __name__ == "__main__":
    main()
