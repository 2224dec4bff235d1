"""Each test of this folder runs on both engines."""

from __future__ import annotations

import pytest

from voiceagent.adk import AdkEngine
from voiceagent.engine import Engine


@pytest.fixture(params=["genai", "adk"])
def engine(request: pytest.FixtureRequest) -> Engine | None:
    """What runs the agent's calls: the model alone, or google-adk around it."""
    return None if request.param == "genai" else AdkEngine()
