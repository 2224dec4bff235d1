"""VoiceAgent: the class that every agent subclasses.

Its rule: what an agent is stands in class attributes, what it does in methods; a call never has to be
managed by hand.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from voiceagent.context import CallContext
from voiceagent.live.models import DEFAULT_MODEL
from voiceagent.report import CallReport, Line, ToolUse
from voiceagent.tool import tool
from voiceagent.toolbox import AnyTool, functions_in, tools_of
from voiceagent.words import Words as Words
from voiceagent.words import fill, in_language

if TYPE_CHECKING:
    from google.adk.agents import LlmAgent

    from voiceagent.engine import Engine

_STILL_THERE: Words = {
    "en": "Are you still there?",
    "de": "Sind Sie noch da?",
    "fr": "Vous êtes toujours là ?",
    "es": "¿Sigue ahí?",
    "it": "È ancora in linea?",
}
_CANNOT_HEAR: Words = {
    "en": "I cannot hear you. Is anybody there?",
    "de": "Ich kann Sie nicht hören. Ist jemand da?",
    "fr": "Je ne vous entends pas. Il y a quelqu'un ?",
    "es": "No le oigo. ¿Hay alguien ahí?",
    "it": "Non la sento. C'è qualcuno?",
}
_IDLE_GOODBYE: Words = {
    "en": "I cannot hear you, so I am ending the call. Goodbye.",
    "de": "Ich kann Sie nicht hören und beende den Anruf. Auf Wiederhören.",
    "fr": "Je ne vous entends pas et je termine l'appel. Au revoir.",
    "es": "No le oigo, así que termino la llamada. Adiós.",
    "it": "Non la sento e chiudo la chiamata. Arrivederci.",
}
_GOODBYE: Words = {
    "en": "Goodbye.",
    "de": "Auf Wiederhören.",
    "fr": "Au revoir.",
    "es": "Adiós.",
    "it": "Arrivederci.",
}
_LONGEST_GOODBYE: Words = {
    "en": "We have reached the longest time for a call, so I have to say goodbye.",
    "de": "Wir haben die längste Dauer für einen Anruf erreicht, deshalb muss ich mich verabschieden.",
    "fr": "Nous avons atteint la durée maximale d'un appel, je dois vous dire au revoir.",
    "es": "Hemos alcanzado la duración máxima de una llamada, así que tengo que despedirme.",
    "it": "Abbiamo raggiunto la durata massima di una chiamata, quindi devo salutarla.",
}


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
        hold_audio: What the caller hears while it rings: ``"ringback"``, a WAV file, or None for silence.
        barge_in: Who decides that the caller speaks over an answer. ``model``: the model does. ``local``: the
            answer pauses as soon as somebody makes a sound, and goes on where it stopped unless the model
            takes it for speech, so that a cough loses no words. ``off``: every answer is heard to its end.
        greeting_interruptible: Whether the caller can interrupt the greeting, which may have to be heard.
        tell_heard: Whether the model is told where the caller interrupted it.
        answer_seconds: So long may the model owe the caller an answer before it is asked for it; then the
            live session is opened anew. None never asks: for agents that listen without a word.
        idle_seconds: So long may nobody say anything before the caller is asked whether they are there; None
            waits for ever.
        idle_prompts: What they are asked, one after the other.
        idle_goodbye: What they hear before the call ends, when they say nothing to all of these.
        longest_seconds: A call that reaches it is ended with a goodbye; None never ends one.
        longest_goodbye: What the caller hears then.
        report_audio: Whether ``report.html`` plays the call. Spoken codes can be heard in it, and ``redact``
            cannot change that.
        goodbye: What the caller hears where the model ends the call without a word.
        model: Name of a Gemini Live model.
        temperature: Sampling temperature; None for the service's default.
        telemetry_numbers: Whether traces have the numbers of caller and callee, and not only their hashes.
        telemetry_texts: Whether traces have what was said, and the arguments and results of tools.
        tools: More tools: functions, bound methods, objects whose ``@tool`` methods are all taken, and tools
            and toolsets of google-adk, such as those of an MCP server.
        engine: What runs the calls; None is the model alone, :class:`voiceagent.adk.AdkEngine` lets agents,
            callbacks and plugins of ADK take part.
    """

    instruction: Words = "You answer the phone. Be brief and friendly: your answers are spoken."
    greeting: Words | None = "The call has just been answered. Greet the caller and ask how you can help."
    lines: ClassVar[Mapping[str, Words]] = {}
    ring_seconds: int = 60
    hold_audio: str | os.PathLike[str] | None = "ringback"
    barge_in: Literal["model", "local", "off"] = "model"
    greeting_interruptible: bool = True
    tell_heard: bool = False
    answer_seconds: float | None = 6.0
    idle_seconds: float | None = 20.0
    idle_prompts: Sequence[Words] = (_STILL_THERE, _CANNOT_HEAR)
    idle_goodbye: Words = _IDLE_GOODBYE
    longest_seconds: float | None = 3600.0
    longest_goodbye: Words = _LONGEST_GOODBYE
    report_audio: bool = True
    goodbye: Words = _GOODBYE
    voice: str | None = None
    language: str | None = None
    model: str = DEFAULT_MODEL
    temperature: float | None = None
    telemetry_numbers: bool = False
    telemetry_texts: bool = False
    tools: Sequence[object] = ()
    engine: Engine | None = None

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

        The report's numbers of caller and callee and the keys that were pressed go through it as well, the
        numbers before :meth:`on_incoming`. It is called often, with pieces and whole lines, so it must be
        quick.
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

    async def on_dtmf(self, call: CallContext, digits: str) -> None:
        """The caller has pressed keys and paused for 1.5 seconds, or pressed ``#``: tells the model.

        Keys that a tool waits for with :meth:`CallContext.collect_digits` are not told here.

        Args:
            call: The call.
            digits: The keys in order, of ``0`` to ``9``, ``*``, ``#`` and ``A`` to ``D``.
        """
        call.tell(f"The caller pressed the keys {' '.join(digits)}.")

    async def on_end(self, report: CallReport) -> None:
        """The call is over; its report, page and recording are written."""

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
