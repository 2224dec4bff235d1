"""VoiceAgent: the class that every agent subclasses.

Its rule: what an agent is stands in class attributes, what it does in methods; a call never has to be
managed by hand.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar

from voiceagent.context import CallContext
from voiceagent.live.models import DEFAULT_MODEL
from voiceagent.report import CallReport, Line, ToolUse
from voiceagent.tool import tool
from voiceagent.toolbox import AnyTool, functions_in, tools_of
from voiceagent.words import Words as Words
from voiceagent.words import fill, in_language

if TYPE_CHECKING:
    from google.adk.agents import LlmAgent


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

    A text may be given in several languages, as ``{"en": "...", "de": "..."}``; a call takes the one of
    ``call.language``, or else the first. A ``{name}`` in it stands for what :meth:`facts` has of that name,
    or else for the line of that name.

    Attributes:
        instruction: The system instruction: who the agent is, what it knows, how it behaves.
        greeting: What the model is told when the call is answered, so that it speaks first; None waits for
            the caller.
        lines: Sentences that are always said alike, by name; see :meth:`line`.
        voice: A prebuilt Gemini voice such as ``Zephyr``; None for the service's default.
        language: BCP-47 code such as ``en-US``; None lets the model choose. A call may have another one: set
            ``call.language`` in :meth:`on_incoming` or :meth:`on_start`.
        ring_seconds: How long the callee's phone rings when the caller is put through, 1 to 120.
        model: Name of a Gemini Live model.
        temperature: Sampling temperature; None for the service's default.
        tools: More tools: functions, bound methods, objects whose ``@tool`` methods are all taken, and tools
            and toolsets of google-adk, such as those of an MCP server.
    """

    instruction: Words = "You answer the phone. Be brief and friendly: your answers are spoken."
    greeting: Words | None = "The call has just been answered. Greet the caller and ask how you can help."
    lines: ClassVar[Mapping[str, Words]] = {}
    ring_seconds: int = 60
    voice: str | None = None
    language: str | None = None
    model: str = DEFAULT_MODEL
    temperature: float | None = None
    tools: Sequence[object] = ()

    # What the model is told ----------------------------------------------------------------------------

    def facts(self, call: CallContext) -> Mapping[str, object]:
        """What ``{name}`` stands for in the texts of one call; override it to name your facts."""
        return {}

    def words(self, text: Words, call: CallContext, facts: Mapping[str, object] | None = None) -> str:
        """A text in the language of the call, with the facts and the fixed lines filled in.

        Args:
            text: The text.
            call: The call.
            facts: What is filled in; :meth:`facts` by default. A ``facts`` of your own that uses a line gives
                what it knows so far.
        """
        facts = self.facts(call) if facts is None else facts
        lines = {name: fill(in_language(line, call.language), facts) for name, line in self.lines.items()}
        return fill(in_language(text, call.language), {**lines, **facts})

    def line(self, name: str, call: CallContext, facts: Mapping[str, object] | None = None) -> str:
        """One of ``lines``, as :meth:`words` gives it.

        Raises:
            KeyError: there is no line of that name.
        """
        if name not in self.lines:
            raise KeyError(f"{type(self).__name__}.lines has no {name!r}; it has {', '.join(self.lines)}")
        return self.words(self.lines[name], call, facts)

    def build_instruction(self, call: CallContext) -> str:
        """The system instruction of one call; override it to add what is known of the caller."""
        return self.words(self.instruction, call)

    def build_greeting(self, call: CallContext) -> str | None:
        """What the model is told when the call is answered; None waits for the caller."""
        return None if self.greeting is None else self.words(self.greeting, call)

    def tool_functions(self) -> Iterator[Callable[..., Any] | AnyTool]:
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

    def redact(self, call: CallContext, text: str) -> str:
        """What report, hooks and displays get of what was said; override it to take codes out of a text.

        It is called often, with pieces and with whole lines, so it must be quick.
        """
        return text

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

    async def on_answered(self, call: CallContext) -> None:
        """The call is answered: runs beside the conversation, and is cancelled where that ends first."""

    async def on_transcript(self, call: CallContext, line: Line) -> None:
        """Somebody has said something: a line of the caller, or an answer as far as it was heard."""

    async def on_tool(self, call: CallContext, use: ToolUse) -> None:
        """A tool has finished."""

    async def on_end(self, report: CallReport) -> None:
        """The call is over; its report and recording are written."""

    async def on_model_unavailable(self, call: CallContext) -> Decision:
        """The model cannot be reached, or was lost in mid-call: connect the caller, or end the call."""
        return Decision.CONNECT

    # Elsewhere -----------------------------------------------------------------------------------------

    def as_adk(self, *, model: str | None = None, name: str | None = None) -> LlmAgent:
        """This agent as an agent of google-adk, for text: ``adk web``, ``adk run``, ``adk eval``.

        Args:
            model: A Gemini text model; the environment's ``VOICEAGENT_TEXT_MODEL``, or a current one, by
                default.
            name: Name of the ADK agent; derived from the class by default.

        Raises:
            ImportError: google-adk is not installed (``voiceagent[adk]``).
        """
        from voiceagent.adk import agent_of

        return agent_of(self, model=model, name=name)

    def for_call(self) -> VoiceAgent:
        """The copy that takes one call."""
        return copy.copy(self)
