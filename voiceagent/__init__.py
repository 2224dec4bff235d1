"""voiceagent answers phone calls with Gemini Live.

    from voiceagent import CallContext, VoiceAgent, run, tool

    class Reception(VoiceAgent):
        instruction = "You answer for Riverside Dental. Be brief."

        @tool
        async def opening_hours(self) -> str:
            '''When the practice is open.'''
            return "Monday to Friday, eight to five."

    run(Reception())

Names are imported when they are first used, so that ``import voiceagent`` costs nothing.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from voiceagent.agent import Decision as Decision
    from voiceagent.agent import VoiceAgent as VoiceAgent
    from voiceagent.agent import Words as Words
    from voiceagent.audio import SpeechMeter as SpeechMeter
    from voiceagent.context import CallContext as CallContext
    from voiceagent.context import CollectedDigits as CollectedDigits
    from voiceagent.context import ToolError as ToolError
    from voiceagent.context import TransferResult as TransferResult
    from voiceagent.report import CallReport as CallReport
    from voiceagent.report import Line as Line
    from voiceagent.report import ToolUse as ToolUse
    from voiceagent.service import Service as Service
    from voiceagent.service import run as run
    from voiceagent.service import serve as serve
    from voiceagent.tool import tool as tool
    from voiceagent.toolbox import AnyTool as AnyTool

__version__ = "0.1.0"

_HOME = {
    "AnyTool": "voiceagent.toolbox",
    "CallContext": "voiceagent.context",
    "CallReport": "voiceagent.report",
    "CollectedDigits": "voiceagent.context",
    "Decision": "voiceagent.agent",
    "Line": "voiceagent.report",
    "Service": "voiceagent.service",
    "SpeechMeter": "voiceagent.audio",
    "ToolError": "voiceagent.context",
    "ToolUse": "voiceagent.report",
    "TransferResult": "voiceagent.context",
    "VoiceAgent": "voiceagent.agent",
    "Words": "voiceagent.agent",
    "run": "voiceagent.service",
    "serve": "voiceagent.service",
    "tool": "voiceagent.tool",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


class _Face(ModuleType):
    """The package: ``voiceagent.tool`` is the decorator, also after the module of that name is imported."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Face
