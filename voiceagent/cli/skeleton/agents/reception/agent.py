"""An agent that tells the opening hours and puts callers through. Change it: it is yours."""

from __future__ import annotations

from enum import Enum

from voiceagent import CallContext, VoiceAgent, tool


class Weekday(Enum):
    """The days that the model may ask for."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


class Reception(VoiceAgent):
    """Tells the opening hours, and connects the caller to a person."""

    instruction = "You answer the phone for Riverside Dental. Be brief and friendly."
    voice = "Zephyr"

    @tool
    async def opening_hours(self, day: Weekday) -> str:
        """When the practice is open on a weekday."""
        return "closed" if day is Weekday.SUNDAY else "eight to five"

    @tool
    async def put_through(self, call: CallContext, reason: str) -> str:
        """Connect the caller to the front desk, when they ask for a person.

        Args:
            reason: What they want, in a few words.
        """
        return await call.transfer(note=reason)
