"""A caller who asks one question, and what they heard; for tests of what happens when nothing happens."""

from __future__ import annotations

from typing import Any

from voiceagent import VoiceAgent
from voiceagent.sandbox.exchange.call import ExchangeCall
from voiceagent.testing.audio import loud_spans, speech_at

RATE = 24000
GREETING = "Hello, this is Riverside Dental."
QUESTION = "when are you open on saturday"
ANSWER = "On Saturday we are open from nine to one, and on Sunday we are closed."

SILENT_CALLER: dict[str, Any] = {
    "script": [{"wait": 120}, "hangup"],
    "model": [{"on": "start", "say": GREETING}],
}


class Agent(VoiceAgent):
    instruction = "You answer."
    # Each rule is tested without the others.
    idle_seconds: float | None = None


def asked(
    *faults: dict[str, Any], wait: float = 30, rules: tuple[dict[str, Any], ...] = ()
) -> dict[str, Any]:
    """The caller asks one question after the greeting, and waits; the faults strike the answer."""
    return {
        "script": [{"wait": "agent_done"}, {"say": QUESTION}, {"wait": wait}, "hangup"],
        "model": [
            {"on": "start", "say": GREETING},
            *(rules or ({"on": "caller_done", "heard": QUESTION, "say": ANSWER},)),
        ],
        "faults": list(faults),
    }


def at_answer(kind: str, **more: Any) -> dict[str, Any]:
    """A fault of the first answer after the greeting."""
    return {"at": 1.5, kind: True, **more}


def heard(call: ExchangeCall) -> bytes:
    return call.leg("caller").heard()


def heard_at(call: ExchangeCall, text: str) -> int:
    """When a sentence began, in milliseconds since the answer; it must have been heard whole."""
    at = speech_at(heard(call), text, RATE)
    assert at is not None, f"{text!r} was not heard; there was sound at {loud_spans(heard(call), RATE)}"
    return at
