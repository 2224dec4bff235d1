"""A travel agency that coaches its newcomers: its own announcement, its own advice, and a rule for promises.

Run it against the sandbox: ``voiceagent serve examples.call_monitoring:TravelAgency`` in one terminal, and
``voiceagent call --scenario examples/call_monitoring.yaml`` in another.
"""

from agents.call_monitoring import CallMonitoring
from voiceagent import CallContext, run, tool


class TravelAgency(CallMonitoring):
    business = "Far Away Travel"
    ring_seconds = 20
    seconds_between = 10
    lines = {
        **CallMonitoring.lines,
        "announcement": "{business}, hello. A colleague may listen to this call to train us. I connect you.",
        "coaching": "a question about visas (they take three weeks), a price that is not in the catalogue,"
        " a customer who asks twice.",
    }

    @tool
    async def note_promise(self, call: CallContext, promise: str) -> str:
        """Note what the callee has promised to the caller. Nobody hears of it; say nothing.

        Args:
            promise: What was promised, in two to five words.
        """
        await self.store.note_topic(call.call_id, f"promised: {promise}")
        return "Noted."


if __name__ == "__main__":
    run(TravelAgency)
