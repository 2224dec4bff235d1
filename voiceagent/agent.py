"""VoiceAgent: the class that every agent subclasses.

Its rule: what an agent is stands in class attributes, what it does in methods; a call never has to be
managed by hand.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from typing import Any

from voiceagent.live.models import DEFAULT_MODEL
from voiceagent.report import CallReport, Line, ToolUse
from voiceagent.tool import CallContext, tool
from voiceagent.toolbox import functions_in, tools_of


class Decision(Enum):
    """What to do with a call."""

    ANSWER = "answer"
    """The agent takes it."""

    CONNECT = "connect"
    """Put the caller through to the person they called, without the agent."""

    REJECT = "reject"
    """End it."""


class VoiceAgent:
    """Answers calls. Subclass it, set the attributes, add ``@tool`` methods.

    Each call gets a shallow copy of the agent, so that ``self.anything = ...`` in a hook or a tool belongs to
    that call. What calls share (a database, a client) is made in :meth:`on_startup`.

    Attributes:
        instruction: The system instruction: who the agent is, what it knows, how it behaves.
        greeting: What the model is told when the call is answered, so that it speaks first; None waits for
            the caller.
        voice: A prebuilt Gemini voice such as ``Zephyr``; None for the service's default.
        language: BCP-47 code such as ``en-US``; None lets the model choose.
        model: Name of a Gemini Live model.
        temperature: Sampling temperature; None for the service's default.
        tools: More tools: functions, bound methods, or objects whose ``@tool`` methods are all taken.
    """

    instruction: str = "You answer the phone. Be brief and friendly: your answers are spoken."
    greeting: str | None = "The call has just been answered. Greet the caller and ask how you can help."
    voice: str | None = None
    language: str | None = None
    model: str = DEFAULT_MODEL
    temperature: float | None = None
    tools: Sequence[object] = ()

    # What the model is told ----------------------------------------------------------------------------

    def build_instruction(self, call: CallContext) -> str:
        """The system instruction of one call; override it to add what is known of the caller."""
        return self.instruction

    def tool_functions(self) -> Iterator[Callable[..., Any]]:
        """All tools: this agent's ``@tool`` methods, then ``tools``."""
        yield from tools_of(self)
        yield from functions_in(self.tools)

    @tool
    async def end_call(self, call: CallContext, reason: str = "") -> str:
        """End the call. Say goodbye first, in the same answer; the caller hears it to its end.

        Args:
            reason: Why the call ends, in a few words.
        """
        return await call.end(reason)

    @tool(requires="transfer")
    async def transfer_call(self, call: CallContext, reason: str = "") -> str:
        """Connect the caller to a person. Tell the caller first, in the same answer.

        Args:
            reason: Why the caller is put through, in a few words.
        """
        return await call.transfer(note=reason)

    # Hooks ---------------------------------------------------------------------------------------------

    async def on_startup(self) -> None:
        """Before the first call is taken: open what calls share."""

    async def on_shutdown(self) -> None:
        """After the last call has ended: close it again."""

    async def on_incoming(self, call: CallContext) -> Decision:
        """A call rings: answer it, connect it, or reject it. A callee who does not pick up: answer."""
        return Decision.ANSWER

    async def on_start(self, call: CallContext) -> None:
        """The call will be answered: look up what the instruction needs. The caller hears ringing."""

    async def on_transcript(self, call: CallContext, line: Line) -> None:
        """Somebody has said something: a line of the caller, or an answer as far as it was heard."""

    async def on_tool(self, call: CallContext, use: ToolUse) -> None:
        """A tool has finished."""

    async def on_end(self, report: CallReport) -> None:
        """The call is over; its report and recording are written."""

    async def on_model_unavailable(self, call: CallContext) -> Decision:
        """The model cannot be reached, or was lost in mid-call: connect the caller, or end the call."""
        return Decision.CONNECT

    def for_call(self) -> VoiceAgent:
        """The copy that takes one call."""
        return copy.copy(self)
