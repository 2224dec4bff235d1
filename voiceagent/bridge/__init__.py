"""One call, one live session: audio both ways, barge-in, tool calls, and an orderly end."""

from voiceagent.bridge.bridge import Bridge
from voiceagent.bridge.memory import ConversationMemory
from voiceagent.bridge.toolcalls import ToolCalls

__all__ = ["Bridge", "ConversationMemory", "ToolCalls"]
