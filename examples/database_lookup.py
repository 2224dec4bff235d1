"""A bicycle workshop with the ready receptionist: its own departments, code question and records.

Run it against the sandbox: ``voiceagent serve examples.database_lookup:Workshop`` in one terminal, and
``voiceagent call --scenario examples/database_lookup.yaml`` in another.
"""

from agents.database_lookup import DatabaseLookup
from tools.lookup import Order
from voiceagent import CallContext, run, tool


class Workshop(DatabaseLookup):
    business = "Canal Street Cycles"
    departments = {"workshop": "repairs", "shop": "new bicycles and accessories"}
    lines = {**DatabaseLookup.lines, "code": "their postcode and their date of birth"}
    codes_per_call = 2

    async def on_startup(self) -> None:
        await super().on_startup()
        if await self.store.find("+15550100") is None:
            repair = Order(items="new brakes", status="ready", ordered_on=self.now().date())
            await self.store.add_customer(
                "Anna Miller", ["+1 555 0100"], code="SW1A 1AA 1980-05-17", belongings=[repair]
            )

    @tool
    async def ring_me_when_ready(self, call: CallContext) -> str:
        """Have the workshop phone the caller when their bicycle is ready."""
        details = await self.lookup.open_ticket(call, "phone the customer when the bicycle is ready")
        return f"Noted under number {details.ticket_id}."


if __name__ == "__main__":
    run(Workshop)
