"""The pytest plugin: the fixture ``phone``, the mark ``real_clock``, and the story of calls in failed tests.

Rule: pytest loads this in every run wherever voiceagent is installed, so it imports nothing until a test
phones somebody, and leaves everything else as it is.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from voiceagent.testing.phone import Phone

REAL_SERVICE = (
    "GEMINI_API_KEY",
    "GOOGLE_API_KEY",
    "GOOGLE_GENAI_USE_VERTEXAI",
    "VOICEAGENT_CALL_URL",
    "VOICEAGENT_LIVE_URL",
    "WSS_API_KEY",
    "WSS_CONNECTOR_UUID",
)
"""Taken out of the environment of a test that uses ``phone``: none may reach a real service by accident."""


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known, also to ``--strict-markers``."""
    config.addinivalue_line(
        "markers", "real_clock: the fixture 'phone' lets calls take as long as they would on a telephone"
    )


@pytest.fixture
def phone(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Phone:
    """Phones agents: ``played = phone.call(MyAgent, "scenario.yaml")``. See voiceagent.testing."""
    try:
        from voiceagent.testing.phone import Phone
    except ImportError as error:
        pytest.fail(
            f"the fixture 'phone' needs more than is installed ({error}): pip install 'voiceagent[testing]'",
            pytrace=False,
        )
    for name in REAL_SERVICE:
        monkeypatch.delenv(name, raising=False)
    real_clock = request.node.get_closest_marker("real_clock") is not None
    return Phone(tmp_path / "calls", beside=request.path.parent, real_clock=real_clock)


def _calls() -> Any:
    """The calls that were placed last, if any test has placed one at all."""
    module: ModuleType | None = sys.modules.get("voiceagent.testing.running")
    return None if module is None else module.RECENT


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test begins: the calls of others are not its own."""
    if (calls := _calls()) is not None:
        calls.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell what happened in the calls of a failed test."""
    report = yield
    if report.when == "call" and report.failed and (calls := _calls()):
        for number, placed in enumerate(calls, 1):
            which = f" {number} of {len(calls)}" if len(calls) > 1 else ""
            report.sections.append((f"phone call{which}", placed.played.story()))
    return report
