"""Tools with which the model drives the line: who is connected, who is heard, when the agent leaves.

    class Assistant(VoiceAgent):
        tools = [CallControlTools()]

They come beside ``end_call`` and ``transfer_call``, which every agent has.
"""

from tools.call_control.tools import CallControlTools

__all__ = ["CallControlTools"]
