"""Live model sessions: what the bridge speaks to, and the engines that provide it.

:class:`LiveSession` is the protocol, :mod:`voiceagent.live.events` what comes out of it, and
:mod:`voiceagent.live.genai` the default engine. Importing this package imports no model client.
"""

from voiceagent.live.events import (
    Audio,
    GenerationComplete,
    GoAway,
    InputTranscript,
    Interrupted,
    LiveEvent,
    OutputTranscript,
    Reopened,
    ResumptionHandle,
    ToolCall,
    ToolCalls,
    ToolCallsCancelled,
    TurnComplete,
    Usage,
    WrittenText,
)
from voiceagent.live.session import (
    INPUT_RATE,
    OUTPUT_RATE,
    LiveClosedError,
    LiveConfig,
    LiveConnectError,
    LiveConnection,
    LiveConnector,
    LiveError,
    LiveSession,
    Memory,
    Said,
    Scheduling,
    ToolDeclaration,
)

__all__ = [
    "INPUT_RATE",
    "OUTPUT_RATE",
    "Audio",
    "GenerationComplete",
    "GoAway",
    "InputTranscript",
    "Interrupted",
    "LiveClosedError",
    "LiveConfig",
    "LiveConnection",
    "LiveConnectError",
    "LiveConnector",
    "LiveError",
    "LiveEvent",
    "LiveSession",
    "Memory",
    "OutputTranscript",
    "Reopened",
    "ResumptionHandle",
    "Said",
    "Scheduling",
    "ToolCall",
    "ToolCalls",
    "ToolCallsCancelled",
    "ToolDeclaration",
    "TurnComplete",
    "Usage",
    "WrittenText",
]
