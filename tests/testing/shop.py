"""A shop that people phone in these tests."""

from __future__ import annotations

from voiceagent import CallContext, VoiceAgent, tool

GREETING = "Bicycle shop. How can I help you?"
READY = "Yes, your repair is ready. We have put on new brakes, a new chain and new lights."
HAND_OVER = "One moment please, I put you through."
OPENING = "This is the front desk speaking."
QUESTION = "is repair number twelve ready"
THANKS = "thank you, goodbye"


class Shop(VoiceAgent):
    instruction = "You answer the phone of a bicycle shop."

    @tool
    async def is_it_ready(self, call: CallContext, number: int) -> str:
        """Whether a repair is ready.

        Args:
            number: Number of the repair.
        """
        call.state["asked"] = number
        return "ready" if number == 12 else "not yet"


REPAIR: dict[str, object] = {
    "script": [
        {"wait": "agent_done"},
        {"say": QUESTION},
        {"interrupt_after": 1.5},
        {"say": THANKS},
        {"wait": "agent_done"},
    ],
    "model": [
        {"on": "start", "say": GREETING},
        {"on": "caller_done", "heard": QUESTION, "call": {"is_it_ready": {"number": 12}}},
        {"on": "tool_result", "say": READY},
        {"on": "caller_done", "heard": THANKS, "say": "Goodbye.", "call": {"end_call": {}}},
    ],
}
"""A customer asks, interrupts the answer, and is bid goodbye."""

ASKS = [{"wait": "agent_done"}, {"say": "a person please"}]

PUT_THROUGH: dict[str, object] = {
    "script": [*ASKS, {"wait": "agent_done"}, {"wait": 60}],
    "callee": {"after": 2.5, "script": [{"say": OPENING}, {"wait": 1}, "hangup"]},
    "model": [
        {"on": "start", "say": GREETING},
        {"on": "caller_done", "say": HAND_OVER, "call": {"transfer_call": {}}},
        {"on": "tool_result", "say": "I am sorry, nobody is there."},
    ],
}
"""A customer asks for a person, who picks up, says hello, and hangs up again."""

SILENT: dict[str, object] = {"script": [{"wait": 5}, "hangup"], "model": []}
"""A caller who says nothing, and a model that waits."""
