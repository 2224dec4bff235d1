"""A library with the ready message line: its own name and voice, and where the notices come from.

Run it against the sandbox: ``voiceagent serve examples.interactive_notifications:Library`` in one terminal,
and ``voiceagent call --scenario examples/interactive_notifications.yaml`` in another.
"""

from datetime import timedelta

from agents.interactive_notifications import InteractiveNotifications
from tools.notifications import Urgency
from voiceagent import CallContext, run, tool


class Library(InteractiveNotifications):
    business = "Riverside Library"
    voice = "Puck"
    ring_seconds = 20

    async def on_start(self, call: CallContext) -> None:
        # A real library would leave its notices when a book comes back, with the same call to the store.
        if call.caller_number == "+15550100" and not await self.notices.waiting(call):
            in_a_week = self.now() + timedelta(days=7)
            text = "The book that you ordered is here. We keep it for a week."
            await self.store.add(call.caller_number, text, urgency=Urgency.NORMAL, expires_at=in_a_week)
        await super().on_start(call)

    @tool
    async def opening_hours(self) -> str:
        """When the library is open."""
        return "every day from ten to six"


if __name__ == "__main__":
    run(Library)
