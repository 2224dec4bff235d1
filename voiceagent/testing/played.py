"""A call that was played: what was said, heard and done, for a test to look at."""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from voiceagent import CallContext, CallReport, Line, ToolUse
from voiceagent.report import EndReason, Moment
from voiceagent.sandbox.exchange import CallState, ExchangeCall
from voiceagent.sandbox.exchange.registry import MAX_ENDED_HEARD_BYTES
from voiceagent.sandbox.leg import LegState
from voiceagent.sandbox.scenario import HangUp
from voiceagent.sandbox.script import in_words
from voiceagent.testing.audio import AGENT_VOICE, contains_speech, loud_spans, speech_at
from voiceagent.testing.story import tell

_Moment = TypeVar("_Moment", bound=Moment)


class ScriptState(StrEnum):
    """How far a scripted person has come."""

    NONE = "none"
    """They had no script, or were never on the line."""
    RUNNING = "running"
    """In the middle of it, or cut short by the end of the call."""
    DONE = "done"
    """They have done it all; without ``hangup`` they stay on the line."""
    FAILED = "failed"


class PlayedParty:
    """The caller or the callee of a call.

    Attributes:
        name: ``caller`` or ``callee``.
        sample_rate: Of the PCM, in Hz.
        answered: Whether this party was ever connected to anybody.
        hung_up: Whether this party ended the call.
        steps: What they did of their script, in order: each step as the scenario has it.
        script: How far they came with it.
        failure: Why the script could not be played, or None.
    """

    def __init__(self, name: str, call: ExchangeCall) -> None:
        self._leg = leg = call.leg(name)
        self.name = name
        self.sample_rate = leg.sample_rate
        self.hung_up = call.end_reason == f"{name}_hangup"
        mine = [event for event in call.log.snapshot() if event.get("who") == name]
        self.steps = [str(event["step"]) for event in mine if event["event"] == "script"]
        self.failure: str | None = None
        self.script = ScriptState.RUNNING if self.steps else ScriptState.NONE
        for event in mine:
            if event["event"] == "script_failed":
                self.script, self.failure = ScriptState.FAILED, event["error"]
            elif event["event"] == "script_done" or event.get("step") == in_words(HangUp()):
                self.script = ScriptState.DONE
        up = {CallState.BRIDGED} if name == "callee" else {CallState.ANSWERED, CallState.BRIDGED}
        self.answered = any(event["event"] in up for event in call.log.snapshot())

    def __repr__(self) -> str:
        seconds = self._leg.heard_bytes / 2 / self.sample_rate
        return f"<PlayedParty {self.name} {self.state}, heard {seconds:.1f} s>"

    @property
    def said(self) -> list[str]:
        """What they said of their script, in order; ``play:`` steps by the name of the recording."""
        return [step.partition(": ")[2] for step in self.steps if step.startswith(("say: ", "play: "))]

    @property
    def state(self) -> LegState:
        """Of the telephone: idle, ringing, up or ended; once the call has ended, both telephones have."""
        return self._leg.state

    @cached_property
    def heard(self) -> bytes:
        """All that came out of the telephone, silence included: s16le mono PCM since it was answered.

        Raises:
            LookupError: too many calls have been played since, and the exchange has dropped it.
        """
        pcm = self._leg.heard()
        if not pcm and self.answered and self.state is LegState.ENDED:
            raise LookupError(
                f"what the {self.name} heard is gone: the exchange keeps {MAX_ENDED_HEARD_BYTES >> 20} MB "
                "of the latest calls. Look at it before more calls are placed"
            )
        return pcm

    @property
    def heard_ms(self) -> list[tuple[int, int]]:
        """Where in :attr:`heard` there was sound: (start, end) in milliseconds."""
        return loud_spans(self.heard, self.sample_rate)

    def heard_speech(self, text: str, *, voice: str = AGENT_VOICE) -> bool:
        """Whether the party heard this sentence: a whole ``say:`` of the scenario, by default the model's."""
        return contains_speech(self.heard, text, self.sample_rate, voice=voice)

    def heard_speech_at(self, text: str, *, voice: str = AGENT_VOICE) -> int | None:
        """When the party heard this sentence begin, in milliseconds of :attr:`heard`; None if never."""
        return speech_at(self.heard, text, self.sample_rate, voice=voice)


class PlayedCall:
    """A call that is over for the agent, and for the scripted people.

    Attributes:
        call_id: Its id.
        caller: Who phoned.
        callee: Who was called; idle unless the agent connected them.
        context: The call as tools and hooks saw it.
        reports: What the agent reports; more than one where a broken call was offered again.
        moments: What happened in the agent's part, in order.
        folder: Where ``report.json`` and ``call.wav`` are; None if the line keeps none.
    """

    def __init__(
        self,
        call: ExchangeCall,
        *,
        reports: list[CallReport],
        moments: list[Moment],
        context: CallContext | None,
        folder: Path | None,
    ) -> None:
        self._call = call
        self.call_id = call.call_id
        self.reports = reports
        self.moments = moments
        self.context = context
        self.folder = folder
        self.caller = PlayedParty("caller", call)
        self.callee = PlayedParty("callee", call)

    def __repr__(self) -> str:
        if not self.reports:
            return f"<PlayedCall: no agent took it, {self._call.state}>"
        report = self.report
        return (
            f"<PlayedCall ended={report.ended} after {report.duration_ms / 1000:.1f} s, "
            f"{len(report.transcript)} lines, {len(report.tools)} tools>"
        )

    # The agent's side ---------------------------------------------------------------------------------

    @property
    def report(self) -> CallReport:
        """The agent's report of the call.

        Raises:
            LookupError: no agent took the call.
        """
        if not self.reports:
            raise LookupError(f"there is no report: no agent took the call, which is {self._call.state}")
        return self.reports[-1]

    @property
    def ended(self) -> EndReason | None:
        """How the call ended, as the agent saw it."""
        return self.report.ended

    @property
    def tools(self) -> list[ToolUse]:
        """The tools that ran, in order, with their arguments and results."""
        return self.report.tools

    @property
    def tool_names(self) -> list[str]:
        """The names of :attr:`tools`."""
        return [use.name for use in self.report.tools]

    @property
    def transcript(self) -> list[Line]:
        """What was said: of the agent, as far as it was heard."""
        return self.report.transcript

    @property
    def agent_said(self) -> list[str]:
        """The agent's lines of the transcript."""
        return [line.text for line in self.transcript if line.who == "agent"]

    @property
    def caller_said(self) -> list[str]:
        """The caller's lines of the transcript, as the model understood them."""
        return [line.text for line in self.transcript if line.who == "caller"]

    @property
    def state(self) -> dict[str, Any]:
        """``CallContext.state``: what tools and hooks kept in it."""
        return {} if self.context is None else self.context.state

    def seen(self, kind: type[_Moment]) -> list[_Moment]:
        """The moments of one kind."""
        return [moment for moment in self.moments if isinstance(moment, kind)]

    def story(self) -> str:
        """What happened, with times, line by line. Where a test fails, pytest shows it."""
        return tell(self._call, self.reports, self.moments, self.folder)

    # The line's side ----------------------------------------------------------------------------------

    @property
    def line_state(self) -> CallState:
        """What became of the call: ``ended``, or ``detached`` where the parties talk on without the agent."""
        return self._call.state

    @property
    def end_reason(self) -> str | None:
        """Who ended the call, as the exchange saw it: ``caller_hangup``, ``agent_disconnect``, ..."""
        return self._call.end_reason

    @property
    def events(self) -> list[dict[str, Any]]:
        """What the exchange saw: ``{"at_ms": int, "event": name, ...}`` since the call began to ring."""
        return self._call.log.snapshot()

    @property
    def violations(self) -> list[str]:
        """Where the agent's program broke the protocol of the line: empty, unless it has a defect."""
        return self._call.violations.snapshot()
