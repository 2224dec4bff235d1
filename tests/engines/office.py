"""The agent and the conversation of this folder's tests: a greeting, a question with a tool call, thanks."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from tests.phone import Phone, phone_system
from voiceagent import CallContext, CallReport, Decision, VoiceAgent, tool
from voiceagent.engine import Engine
from voiceagent.report import EndReason
from voiceagent.sandbox.exchange.call import ExchangeCall
from voiceagent.sandbox.live.record import SessionRecord
from voiceagent.sandbox.speech import speak
from voiceagent.testing.audio import contains_speech, loud_spans, speech_at

RATE = 24000
GREETING = "Riverside Dental, how can I help you?"
QUESTION = "when are you open"
HOURS = "We are open on every weekday from eight to five, and on Saturdays from nine to noon."
THANKS = "thank you"
WELCOME = "You are welcome."

CONVERSATION: dict[str, Any] = {
    "script": [
        {"wait": "agent_done"},
        {"say": QUESTION},
        {"wait": "agent_done"},
        {"say": THANKS},
        {"wait": "agent_done"},
        "hangup",
    ],
    "model": [
        {"on": "start", "say": GREETING},
        {"on": "caller_done", "heard": QUESTION, "call": {"opening_hours": {"day": "monday"}}},
        {"on": "tool_result", "say": HOURS},
        {"on": "caller_done", "heard": THANKS, "say": WELCOME},
    ],
}

PATIENT: dict[str, Any] = {
    **CONVERSATION,
    "script": [
        {"wait": "agent_done"},
        {"say": QUESTION},
        {"wait": 30},
        {"say": THANKS},
        {"wait": 8},
        "hangup",
    ],
}
"""The caller waits for an answer, however long it takes."""


class Office(VoiceAgent):
    """Knows the opening hours."""

    instruction = "You answer the phone of a {trade}."
    idle_seconds = None

    def facts(self, call: CallContext) -> dict[str, object]:
        return {"trade": "dentist"}

    @tool
    async def opening_hours(self, call: CallContext, day: str) -> str:
        """When the office is open on a day."""
        call.state["asked"] = call.state.get("asked", 0) + 1
        return "eight to five"

    async def on_model_unavailable(self, call: CallContext) -> Decision:
        return Decision.REJECT


@dataclass
class Talk:
    """A call that is over."""

    phone: Phone
    call: ExchangeCall
    report: CallReport
    pcm: bytes
    """All that the caller heard."""
    sessions: list[SessionRecord]
    """The connections to the model."""

    def heard(self, text: str) -> bool:
        """Whether the caller heard a sentence, whole."""
        return contains_speech(self.pcm, text, RATE)

    def heard_at(self, text: str) -> int:
        """When, in milliseconds since the answer."""
        at = speech_at(self.pcm, text, RATE)
        assert at is not None, f"{text!r} was not heard"
        return at

    @property
    def said(self) -> list[str]:
        """What the agent said, as far as it was heard."""
        return [line.text for line in self.report.transcript if line.who == "agent" and line.text]

    @property
    def tools(self) -> list[tuple[str, bool | None]]:
        """The tools that ran, and whether each had a result."""
        return [(use.name, use.ok) for use in self.report.tools]

    @property
    def asked(self) -> int:
        """How often the tool's function ran."""
        (context,) = self.phone.contexts.values()
        return int(context.state.get("asked", 0))

    @property
    def spoken_ms(self) -> int:
        """How long the caller heard somebody speak."""
        return sum(end - start for start, end in loud_spans(self.pcm, RATE, pause_ms=400))

    def went_well(self, *sentences: str) -> None:
        """Every sentence was heard, and the tool ran once."""
        sentences = sentences or (GREETING, HOURS, WELCOME)
        assert [text for text in sentences if not self.heard(text)] == []
        assert self.asked == 1
        assert self.report.ended is EndReason.CALLER_HUNG_UP

    def went_well_in_pieces(self, *sentences: str) -> None:
        """Every word was heard once, though another voice may have gone on in mid-sentence."""
        sentences = sentences or (GREETING, HOURS, WELCOME)
        assert " ".join(self.said) == " ".join(sentences)
        expected = sum(
            end - start
            for text in sentences
            for start, end in loud_spans(speak(text, sample_rate=RATE), RATE, pause_ms=400)
        )
        assert self.spoken_ms == pytest.approx(expected, abs=700), "nothing is cut off, nothing repeated"
        assert self.asked == 1
        assert self.report.ended is EndReason.CALLER_HUNG_UP


def run_by(engine: Engine | None, agent: type[VoiceAgent] = Office, **attributes: Any) -> type[VoiceAgent]:
    """The agent with an engine."""
    return type(agent.__name__, (agent,), {"engine": engine, **attributes})


async def talk(
    engine: Engine | None,
    *faults: dict[str, Any],
    plot: dict[str, Any] = CONVERSATION,
    agent: type[VoiceAgent] = Office,
    seconds: float = 120.0,
    **attributes: Any,
) -> Talk:
    """Play the conversation, with what goes wrong in it."""
    async with phone_system(run_by(engine, agent, **attributes), {**plot, "faults": list(faults)}) as phone:
        call, report = await phone.call(seconds)
        # Caller and callee may talk on without the agent.
        await asyncio.wait_for(call.caller.ended(), 60)
        # They go with the exchange and the live server.
        return Talk(phone, call, report, call.leg("caller").heard(), list(phone.live.records))
