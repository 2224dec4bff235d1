"""The line as the model may drive it: connect the two and listen, whisper to the callee, leave.

The rule: thin. What a call may do, and in what order, is decided by :class:`voiceagent.CallContext`; here it
is only put into words for a model. ``end_call`` and ``transfer_call`` every agent has already.
"""

from __future__ import annotations

from tools.call_control.wording import one_line, words_of
from voiceagent import CallContext, ToolError, tool

LONGEST_MESSAGE = 300
"""Characters of a message that are passed on: about twenty seconds of speech."""


class CallControlTools:
    """Tools for an agent whose model decides who is on the line."""

    @tool(requires="whisper")
    async def connect_and_listen(self, call: CallContext, reason: str = "") -> str:
        """Connect the caller to the person they called, and stay on the line as a silent listener.

        Tell the caller first, in the same answer. Afterwards nobody hears you: say nothing, and call
        whisper_to_callee or leave_call when you need to.

        Args:
            reason: Why, in a few words.
        """
        return await call.transfer(note=one_line(reason, LONGEST_MESSAGE), stay=True)

    @tool(requires="whisper")
    async def connect_with_briefing(self, call: CallContext, briefing: str) -> str:
        """Connect the caller to the person they called, brief that person when they pick up, then leave.

        Tell the caller first, in the same answer. The caller does not hear the briefing.

        Args:
            briefing: What the person has to know, in one or two short sentences.
        """
        if not words_of(briefing):
            raise ToolError("The briefing is empty: give one or two short sentences, or use transfer_call.")
        return await call.transfer(note="with a briefing", briefing=one_line(briefing, LONGEST_MESSAGE))

    @tool(requires="whisper")
    async def whisper_to_callee(self, call: CallContext) -> str:
        """While you listen to caller and callee: let the callee alone hear what you say next.

        Call this first, without a word, and speak when it has returned. Afterwards you are silent again.
        """
        return await call.whisper()

    @tool
    async def leave_call(self, call: CallContext, reason: str = "") -> str:
        """Leave the call. Caller and callee talk on; if the callee has not joined, the call ends.

        In a call with the caller alone, say goodbye first, in the same answer.

        Args:
            reason: Why, in a few words.
        """
        return await call.end(one_line(reason, LONGEST_MESSAGE))
