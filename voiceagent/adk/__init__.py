"""voiceagent and Google's Agent Development Kit (ADK): each one's tools and agents in the other.

``VoiceAgent.as_adk()`` makes an agent that ``adk web``, ``adk run`` and ``adk eval`` talk to in text. The
other way round, ADK's tools and toolsets, MCP servers among them, stand in ``VoiceAgent.tools`` as they are.
And with an :class:`AdkEngine`, ADK's agents, callbacks, plugins and session services take part in calls.

Its rule: ADK takes a second to import, so nothing here imports it before an agent or a tool of it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from voiceagent.adk.engine import AdkEngine as AdkEngine
    from voiceagent.adk.root import lazy_root_agent as lazy_root_agent
    from voiceagent.adk.sources import offer as offer
    from voiceagent.adk.text import agent_of as agent_of

_HOME = {
    "AdkEngine": "voiceagent.adk.engine",
    "agent_of": "voiceagent.adk.text",
    "lazy_root_agent": "voiceagent.adk.root",
    "offer": "voiceagent.adk.sources",
}

__all__ = ["AdkEngine", "agent_of", "lazy_root_agent", "offer"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(_HOME[name]), name)
    except ModuleNotFoundError as error:
        if error.name is None or not error.name.startswith("google.adk"):
            raise
        raise ImportError("google-adk is not installed: pip install 'voiceagent[adk]'") from error
