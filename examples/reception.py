"""The quick start: an agent that answers for a small practice.

Run it against the sandbox: ``voiceagent serve examples.reception:Reception`` in one terminal, and
``voiceagent call --scenario examples/reception.yaml`` in another; the README shows both.
"""

from enum import Enum

from voiceagent import CallContext, VoiceAgent, run, tool


class Weekday(Enum):
    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


class Reception(VoiceAgent):
    instruction = "You answer the phone for Riverside Dental. Be brief and friendly."
    voice = "Zephyr"

    @tool
    async def opening_hours(self, day: Weekday) -> str:
        """When the practice is open on a weekday."""
        return "closed" if day is Weekday.SUNDAY else "eight to five"

    @tool
    async def put_through(self, call: CallContext, reason: str) -> str:
        """Connect the caller to the front desk, when they ask for a person."""
        return await call.transfer(note=reason)


if __name__ == "__main__":
    run(Reception)
