"""An agent whose tools take their time, and what is looked at when they do."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.phone import Phone
from voiceagent import VoiceAgent
from voiceagent.sandbox.exchange.call import ExchangeCall
from voiceagent.testing.audio import speech_at

NEWEST, OLDER = "gemini-3.8-live", "gemini-2.5-flash-native-audio-preview-12-2025"
MOMENT = "One moment, please."


class Desk(VoiceAgent):
    instruction = "You answer."
    model = NEWEST
    seconds = 6.0

    def __init__(self) -> None:
        self.began: list[str] = []
        self.done: list[str] = []

    async def work(self, what: str) -> str:
        self.began.append(what)
        await asyncio.sleep(self.seconds)
        self.done.append(what)
        return f"{what} is done"


def scenario(*rules: dict[str, Any], script: list[Any] | None = None, **more: Any) -> dict[str, Any]:
    caller: list[Any] = [{"wait": "agent_done"}, {"say": "please book a day for me"}, {"wait": 20}, "hangup"]
    return {"script": script or caller, "model": [{"on": "start", "say": "Hello?"}, *rules], **more}


BOOK = {"on": "caller_done", "call": {"book": {"day": "monday"}}}
BOOKED = {"on": "tool_result", "result": "is done", "say": "It is booked."}
TAKES_LONGER = {"on": "tool_result", "result": "still at work", "say": "This takes a little longer."}
BOOKED_AFTER_ALL = {"on": "caller_done", "say": "It is booked after all."}


def heard_at(call: ExchangeCall, text: str) -> int | None:
    leg = call.leg("caller")
    return speech_at(leg.heard(), text, leg.sample_rate)


def texts_after_the_greeting(phone: Phone) -> list[str]:
    return [text for record in phone.live.records for text in record.texts][1:]


def responses(phone: Phone) -> list[dict[str, Any]]:
    return [response for record in phone.live.records for response in record.tool_responses]
