"""``root_agent`` for ADK's commands.

Its rule: it is made when they ask for it, and not when a phone service imports the agent.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from google.adk.agents import LlmAgent

    from voiceagent.agent import VoiceAgent


def lazy_root_agent(make: Callable[[], VoiceAgent]) -> Callable[[str], Any]:
    """A module's ``__getattr__`` with one name: ``root_agent``, which ``adk web`` and ``adk run`` load.

    It stands at the end of ``agents/NAME/__init__.py``::

        __getattr__ = lazy_root_agent(Reception)

    ``adk eval`` looks for the name elsewhere: at whatever the package calls ``agent``. Where that is a class
    of agents, it has the name as well, as long as ADK's command line runs.

    Args:
        make: Makes the agent; a class of agents will do.
    """

    @cache
    def root_agent() -> LlmAgent:
        return make().as_adk()

    def module_getattr(name: str) -> Any:
        if name == "root_agent":
            return root_agent()
        raise AttributeError(f"the module of {getattr(make, '__name__', make)} has no attribute {name!r}")

    if isinstance(make, type):
        setattr(make, "root_agent", _RootOfClass())  # noqa: B010, an agent has no such attribute otherwise
    return module_getattr


class _RootOfClass:
    """``root_agent`` of a class of agents: there for ADK's command line, and for nobody else."""

    def __init__(self) -> None:
        self._making = False

    def __get__(self, instance: VoiceAgent | None, owner: type[VoiceAgent]) -> LlmAgent:
        # While it is made, the class is searched for tools.
        if self._making or instance is not None or "google.adk.cli" not in sys.modules:
            raise AttributeError(f"{owner.__name__} has no attribute 'root_agent'")
        self._making = True
        try:
            return owner().as_adk()
        finally:
            self._making = False
