"""Monitored calls with a model that is played by hand, and an ear that misses no byte on the caller's leg."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, cast

from agents.call_monitoring import CallMonitoring
from tests.bridge.model import Model
from tests.phone import Phone
from tools.coaching import CallNotes
from voiceagent.report import CalleeJoined, ToolFinished, Whispered
from voiceagent.sandbox.exchange.faults import Fault
from voiceagent.sandbox.exchange.mixer import Mode
from voiceagent.sandbox.speech import speak
from voiceagent.testing import PhoneLine, PlayedCall, RunningCall, phone_line

MONDAY_9_AM = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
"""09:00 in New York, where the shop is."""

RATE = 24000

ANNOUNCEMENT = "Welcome to Northwind Bicycles. This call may be monitored. One moment please, I connect you."

ANNOUNCES: dict[str, object] = {"on": "start", "say": ANNOUNCEMENT}

CALLER_SAYS = speak("my order is late and I am very angry", sample_rate=RATE, voice="en-GB")
CALLEE_SAYS = speak("hello this is Ben, how can I help you", sample_rate=RATE, voice="de-DE")
SUGGESTION = "Offer her ten percent off the next order."
WHISPER = speak(SUGGESTION, sample_rate=RATE)


class Monitoring(CallMonitoring):
    """At a fixed time."""

    def __init__(self) -> None:
        super().__init__(now=lambda: MONDAY_9_AM)


def assert_heard_only(heard: bytes, *said: bytes) -> None:
    """Everything in ``said``, whole, in this order and to the bit; and around it digital silence."""
    position = 0
    for number, pcm in enumerate(said):
        spoken = pcm.strip(b"\0")
        start = heard.find(spoken, position)
        assert start >= 0, f"part {number} was not heard as it was said"
        assert not any(heard[position:start]), f"something was heard before part {number}"
        position = start + len(spoken)
    assert not any(heard[position:]), "something was heard after all that was said"


class Hand:
    """One monitored call, from the moment the agent listens, with the model in the test's hand."""

    def __init__(self, line: PhoneLine, call: RunningCall) -> None:
        self.line = line
        self.call = call
        self.model = Model(cast(Phone, line))
        self.offset = call.caller.heard_bytes
        self._calls = 0

    @property
    def mode(self) -> Mode | None:
        """Who would hear the agent now."""
        return self.call.exchange_call.mode

    @property
    def modes(self) -> list[str]:
        """The modes of the line so far."""
        events = self.call.exchange_call.log.snapshot()
        return [event["mode"] for event in events if event["event"] == "mode"]

    @property
    def caller_heard(self) -> bytes:
        """What the caller has heard since the callee joined."""
        return self.call.caller.heard()[self.offset :]

    async def asks_to_coach(self, suggestion: str = SUGGESTION) -> str:
        """The model calls the tool; returns the id of its call."""
        self._calls += 1
        call_id = f"by-hand-{self._calls}"
        await self.model.calls({"id": call_id, "name": "coach_callee", "args": {"suggestion": suggestion}})
        return call_id

    async def coaches(self, suggestion: str = SUGGESTION) -> dict[str, Any]:
        """The model calls the tool; returns its result."""
        call_id = await self.asks_to_coach(suggestion)
        return (await self.call.until(ToolFinished, lambda done: done.id == call_id)).result

    async def whispered(self, times: int = 1) -> None:
        """Wait until so many whispers have been played."""
        await self.call.until(Whispered, lambda _: len(self.call.seen(Whispered)) >= times)

    async def notes(self) -> CallNotes:
        agent = self.line.agent
        assert isinstance(agent, CallMonitoring)
        notes = await agent.store.notes(self.call.exchange_call.call_id)
        assert notes is not None
        return notes


@asynccontextmanager
async def listening(
    agent: type[CallMonitoring] = Monitoring,
    *,
    mode: Mode = Mode.SPY,
    sample_rate: int = RATE,
    more: dict[str, object] | None = None,
) -> AsyncIterator[Hand]:
    """A call in which the announcement has been heard, and the callee has picked up.

    Args:
        agent: The agent.
        mode: Of the line from then on; ``BARGE`` has the line refuse to switch.
        sample_rate: Of the line.
        more: Of the scenario.
    """
    scenario = {
        "script": [{"wait": 600}],
        "callee": {"answers": True, "after": 2},
        "model": [ANNOUNCES],
        **(more or {}),
    }
    async with phone_line(agent, scenario, sample_rate=sample_rate) as line:
        if mode is Mode.BARGE:
            line.exchange.faults.order("agent.spy", Fault(error_code="INTERNAL_ERROR"))
        call = await line.ring()
        await call.until(CalleeJoined)
        hand = Hand(line, call)
        # The line is switched right after the callee has joined.
        await asyncio.sleep(0.1)
        assert hand.mode is mode
        yield hand


async def over(hand: Hand) -> PlayedCall:
    """Hang up, and wait for the end."""
    hand.call.caller.hang_up()
    return await hand.call.over()
