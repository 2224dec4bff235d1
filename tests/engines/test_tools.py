"""What a call does about its tools holds with ADK's engine, too: the tests of the bridge, once more."""

from __future__ import annotations

import pytest

from tests.bridge.test_fillers import *  # noqa: F403
from tests.bridge.test_forgotten_tools import *  # noqa: F403
from tests.bridge.test_sync_tools import *  # noqa: F403
from tests.bridge.test_tool_policies import *  # noqa: F403
from tests.bridge.test_tools_in_calls import *  # noqa: F403
from voiceagent import VoiceAgent
from voiceagent.adk import AdkEngine


@pytest.fixture(autouse=True)
def by_adk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ADK run every call of this module."""
    monkeypatch.setattr(VoiceAgent, "engine", AdkEngine())
