"""What the demo's call has left in the database."""

from __future__ import annotations

from agents.human_escalation.agent import LAKESIDE_HOURS
from tools.escalation import CallbackStore, EscalationStore
from tools.storage import Database


async def before(url: str) -> None:
    """Nothing is needed: the call itself makes its rows."""


async def after(url: str) -> list[str]:
    """The latest case, and whom to call back."""
    database = Database(url)
    callbacks = CallbackStore(database, hours=LAKESIDE_HOURS)
    store = EscalationStore(database, callbacks)
    await database.open()
    try:
        cases = await store.latest(limit=1)
        return [
            *(f"escalation, {case.state}: {case.reason}, {case.summary}" for case in cases),
            *(f"kept with it: {len(case.transcript)} lines of the call" for case in cases),
            *(f"callback: {each.wish}, due {callbacks.in_words(each)}" for each in await callbacks.waiting()),
        ]
    finally:
        await database.close()
