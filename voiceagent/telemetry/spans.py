"""The spans of one call: the call, its turns, and their tools.

Its rule: a span has the times of what happened, not of when somebody came to write it down. The spans are
current where the work is done, so that what a tool itself traces (a query, a request) is found below it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from opentelemetry import context, metrics, trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.util.types import AttributeValue

from voiceagent import __version__
from voiceagent.report import (
    Answered,
    BargeIn,
    CalleeJoined,
    CallerText,
    CallReport,
    Ended,
    EndReason,
    FirstAudio,
    IdlePrompted,
    KeysPressed,
    ModelReopened,
    Moment,
    Nudged,
    PlaybackPaused,
    PlaybackResumed,
    ToolFinished,
    ToolStarted,
    TransferFailed,
    TransferStarted,
    TurnEnded,
    TurnTiming,
    UsageCounted,
    Whispered,
)
from voiceagent.telemetry.metrics import SCOPE, instruments
from voiceagent.telemetry.numbers import hashed

_PROVIDER = "gcp.gen_ai"
"""Google's models, wherever they are served; this and ``gen_ai.*`` are from OpenTelemetry's conventions."""

_FAILURES = frozenset({EndReason.FAILED, EndReason.MODEL_UNAVAILABLE, EndReason.LINE_LOST})
"""Ends that are an error of something, and not somebody's decision."""

_Attributes = Mapping[str, AttributeValue]


class CallTelemetry:
    """An observer that traces one call, and measures it.

    Args:
        report: Of the call; an observer before this one keeps it up to date.
        numbers: Of caller and callee, as the line has them; None for one that is withheld. The report's may
            have been redacted, and all redacted numbers have the same hash.
        turn: Number of the answer that is being made; None before the first.
        language: BCP-47 code of the conversation, if it is known.
        tell_numbers: Tell the report's numbers, instead of hashes.
        tell_texts: Tell what was said, what tools were given and what they returned, as far as the agent's
            ``redact`` lets it through.
    """

    def __init__(
        self,
        report: CallReport,
        numbers: tuple[str | None, str | None],
        *,
        turn: Callable[[], int | None] = lambda: None,
        language: Callable[[], str | None] = lambda: None,
        tell_numbers: bool = False,
        tell_texts: bool = False,
    ) -> None:
        self._report = report
        self._turn = turn
        self._language = language
        self._texts = tell_texts
        self._began_ns = time.time_ns()
        self._tracer = trace.get_tracer(SCOPE, __version__)
        self._metrics = instruments(metrics.get_meter_provider())
        self._common = {"gen_ai.agent.name": report.agent, "gen_ai.request.model": report.model}
        self._call = self._tracer.start_span(
            f"call {report.agent}", kind=SpanKind.SERVER, start_time=self._began_ns
        )
        # Without an SDK, and for calls that it does not sample, there is nothing to write down.
        self._recording = self._call.is_recording()
        self._in_call = trace.set_span_in_context(self._call)
        self._turns: dict[int, Span] = {}
        self._tools: dict[str, Span] = {}
        # A turn in which nothing was said: what its tools were for comes in the next one.
        self._silent: tuple[Span, float] | None = None
        self._caller_text_ms: float | None = None
        self._counts = dict.fromkeys(("barge_ins", "reconnects", "nudges", "idle_prompts", "keys"), 0)
        if self._recording:
            self._call.set_attributes(
                {
                    "gen_ai.operation.name": "invoke_agent",
                    "gen_ai.provider.name": _PROVIDER,
                    "gen_ai.conversation.id": report.call_id,
                    "gen_ai.output.type": "speech",
                    **self._common,
                    **_number("caller", numbers[0], report.caller if tell_numbers else None),
                    **_number("callee", numbers[1], report.callee if tell_numbers else None),
                }
            )
        self._metrics.active.add(1, self._common)

    @contextmanager
    def current(self) -> Iterator[None]:
        """Let the call's span be the current one of this task, and of the tasks that it starts."""
        token = context.attach(self._in_call)
        try:
            yield
        finally:
            context.detach(token)

    def __call__(self, moment: Moment) -> None:
        """Take a moment into spans and metrics."""
        match moment:
            case CallerText():
                self._caller_text_ms = moment.at_ms
            case FirstAudio():
                self._first_audio(moment)
            case TurnEnded():
                self._end_turn(moment)
            case ToolStarted():
                self._start_tool(moment)
            case ToolFinished():
                self._end_tool(moment)
            case UsageCounted():
                self._count_tokens(moment)
            case Ended():
                self._end(moment)
            case _:
                self._note(moment)

    # Turns ---------------------------------------------------------------------------------------------

    def _first_audio(self, first: FirstAudio) -> None:
        timing = self._timing(first.turn)
        if timing is not None and timing.latency_ms is not None:
            self._metrics.latency.record(timing.latency_ms / 1000, self._common)
            self._metrics.model_time.record((timing.model_ms or 0.0) / 1000, self._common)
            self._metrics.tool_time.record((timing.tool_ms or 0.0) / 1000, self._common)
        if not self._recording:
            return
        turn = self._turns.get(first.turn)
        if turn is None:
            spoke_until = None if first.latency_ms is None else first.at_ms - first.latency_ms
            turn = self._start_turn(
                first.turn, first.at_ms if spoke_until is None else spoke_until, spoke_until
            )
        turn.add_event("first_audio", timestamp=self._ns(first.at_ms))

    def _start_turn(self, number: int, at_ms: float, caller_ms: float | None) -> Span:
        """Begin a turn at some time; or go on with a silent one, unless the caller has spoken since."""
        self._caller_text_ms = None
        silent, self._silent = self._silent, None
        if silent is not None:
            turn, silent_ms = silent
            if caller_ms is None or caller_ms <= silent_ms:
                turn.set_attribute("voiceagent.turn.number", number)
                self._turns[number] = turn
                return turn
            turn.end(self._ns(silent_ms))
        turn = self._turns[number] = self._tracer.start_span(
            "turn", self._in_call, start_time=self._ns(at_ms), attributes={"voiceagent.turn.number": number}
        )
        return turn

    def _end_turn(self, ended: TurnEnded) -> None:
        turn = self._turns.pop(ended.turn, None)
        if turn is None:
            return
        attributes: dict[str, AttributeValue] = {
            "voiceagent.turn.generated_ms": round(ended.generated_ms, 1),
            "voiceagent.turn.sent_ms": round(ended.sent_ms, 1),
            "voiceagent.turn.heard_ms": round(ended.heard_ms, 1),
            "voiceagent.turn.interrupted": ended.interrupted,
        }
        timing = self._timing(ended.turn)
        if timing is not None:
            for name in ("latency_ms", "model_ms", "tool_ms"):
                value = getattr(timing, name)
                if value is not None:
                    attributes[f"voiceagent.turn.{name}"] = value
        if self._texts:
            attributes["voiceagent.turn.text"] = ended.text
        turn.set_attributes(attributes)
        if ended.generated_ms:
            turn.end(self._ns(ended.at_ms))
        else:
            self._silent = turn, ended.at_ms

    def _timing(self, number: int) -> TurnTiming | None:
        for timing in reversed(self._report.turns):
            if timing.turn == number:
                return timing
        return None

    # Tools ---------------------------------------------------------------------------------------------

    def _start_tool(self, started: ToolStarted) -> None:
        if not self._recording:
            return
        number = self._turn()
        turn = None if number is None else self._turns.get(number)
        if number is not None and turn is None:
            # When the caller stopped speaking is told with the first audio. Their words come close to it.
            spoke = self._caller_text_ms
            turn = self._start_turn(number, started.at_ms if spoke is None else spoke, spoke)
        above = self._in_call if turn is None else trace.set_span_in_context(turn)
        attributes: dict[str, AttributeValue] = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": started.name,
            "gen_ai.tool.call.id": started.id,
            "gen_ai.tool.type": "function",
        }
        if self._texts:
            attributes["gen_ai.tool.call.arguments"] = _json(started.arguments)
        tool = self._tools[started.id] = self._tracer.start_span(
            f"execute_tool {started.name}", above, start_time=self._ns(started.at_ms), attributes=attributes
        )
        # The moment is told in the task of this tool call, which ends with it: nothing has to be detached.
        context.attach(trace.set_span_in_context(tool))

    def _end_tool(self, finished: ToolFinished) -> None:
        outcome: dict[str, AttributeValue] = {} if finished.ok else {"error.type": "tool_error"}
        self._metrics.tool.record(
            finished.took_ms / 1000, {**self._common, "gen_ai.tool.name": finished.name, **outcome}
        )
        tool = self._tools.pop(finished.id, None)
        if tool is None:
            return
        tool.set_attributes(
            {
                "voiceagent.tool.ok": finished.ok,
                "voiceagent.tool.took_ms": round(finished.took_ms, 1),
                **outcome,
            }
        )
        if self._texts:
            tool.set_attribute("gen_ai.tool.call.result", _json(finished.result))
        if not finished.ok:
            # What went wrong may name the caller, so it is told only where it is asked for.
            tool.set_status(Status(StatusCode.ERROR))
        tool.end(self._ns(finished.at_ms))

    # The rest ------------------------------------------------------------------------------------------

    def _count_tokens(self, usage: UsageCounted) -> None:
        common = {**self._common, "gen_ai.operation.name": "invoke_agent", "gen_ai.provider.name": _PROVIDER}
        self._metrics.tokens.record(usage.prompt_tokens, {**common, "gen_ai.token.type": "input"})
        self._metrics.tokens.record(usage.response_tokens, {**common, "gen_ai.token.type": "output"})

    def _note(self, moment: Moment) -> None:
        match moment:
            case Answered():
                self._event("answered", moment)
            case BargeIn():
                self._count("barge_ins")
                self._metrics.barge_ins.add(1, self._common)
                self._event("barge_in", moment, {"heard_ms": round(moment.heard_ms, 1)}, turn=moment.turn)
            case PlaybackPaused():
                self._event("playback_paused", moment, turn=moment.turn)
            case PlaybackResumed():
                self._event("playback_resumed", moment, turn=moment.turn)
            case ModelReopened():
                self._count("reconnects")
                self._metrics.reconnects.add(1, {**self._common, "resumed": moment.resumed})
                about: _Attributes = {
                    "cause": moment.cause,
                    "gap_ms": round(moment.gap_ms, 1),
                    "resumed": moment.resumed,
                }
                self._event("model_reopened", moment, about)
            case Nudged():
                self._count("nudges")
                self._metrics.nudges.add(1, {**self._common, "why": moment.why})
                self._event("model_nudged", moment, {"why": moment.why})
            case IdlePrompted():
                self._count("idle_prompts")
                self._event("caller_prompted", moment, {"count": moment.count})
            case KeysPressed():
                # How many, and never which.
                self._count("keys", len(moment.digits))
                self._metrics.keys.add(len(moment.digits), self._common)
                about = {"count": len(moment.digits), "collected": moment.collected}
                self._event("keys_pressed", moment, about)
            case TransferStarted():
                self._event("callee_rings", moment)
            case TransferFailed():
                self._event("transfer_failed", moment, {"error.type": moment.error_code})
            case CalleeJoined():
                self._event("callee_joined", moment)
            case Whispered():
                self._event("whispered", moment)

    def _count(self, what: str, by: int = 1) -> None:
        self._counts[what] += by

    def _event(
        self, name: str, moment: Moment, about: _Attributes | None = None, *, turn: int | None = None
    ) -> None:
        if self._recording:
            span = self._call if turn is None else self._turns.get(turn, self._call)
            span.add_event(name, about, self._ns(moment.at_ms))

    def _end(self, ended: Ended) -> None:
        reason = str(ended.reason)
        self._metrics.active.add(-1, self._common)
        self._metrics.ended.add(1, {**self._common, "voiceagent.call.end_reason": reason})
        self._metrics.duration.record(ended.at_ms / 1000, self._common)
        if not self._recording:
            return
        # What was under way when the call ended has no end of its own.
        for span in (*self._tools.values(), *self._turns.values()):
            span.end(self._ns(ended.at_ms))
        if self._silent is not None:
            self._silent[0].end(self._ns(self._silent[1]))
        attributes: dict[str, AttributeValue] = {
            "voiceagent.call.end_reason": reason,
            "gen_ai.usage.input_tokens": self._report.prompt_tokens,
            "gen_ai.usage.output_tokens": self._report.response_tokens,
            **{f"voiceagent.call.{name}": count for name, count in self._counts.items()},
        }
        language = self._language()
        if language is not None:
            attributes["voiceagent.call.language"] = language
        if ended.reason in _FAILURES:
            # The note of a defect is the name of its class; otherwise it is what the agent said.
            attributes["error.type"] = (ended.reason is EndReason.FAILED and ended.note) or reason
            self._call.set_status(Status(StatusCode.ERROR))
        elif self._texts and ended.note:
            attributes["voiceagent.call.end_note"] = ended.note
        self._call.set_attributes(attributes)
        self._call.end(self._ns(ended.at_ms))

    def _ns(self, at_ms: float) -> int:
        return self._began_ns + round(at_ms * 1_000_000)


def _number(whose: str, number: str | None, told: str | None) -> dict[str, AttributeValue]:
    if number is None:
        return {}
    if told is not None:
        return {f"voiceagent.{whose}.number": told}
    return {f"voiceagent.{whose}.hash": hashed(number)}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
