"""What the demo's call has left in the database."""

from __future__ import annotations

from tools.coaching import CoachingStore
from tools.storage import Database


async def before(url: str) -> None:
    """Nothing is needed: the call itself makes its rows."""


async def after(url: str) -> list[str]:
    """What was noted of the latest call, and what was whispered in it."""
    database = Database(url)
    store = CoachingStore(database)
    await database.open()
    try:
        lines = []
        for call in await store.calls(limit=1):
            notes = await store.notes(call.call_id)
            assert notes is not None
            lines.append(f"monitored for {call.monitored_seconds:.0f} s, ended: {call.ended}")
            lines += [f"mood of the {n.speaker}: {n.score:+.1f}, {n.reason}" for n in notes.sentiments]
            lines += [f"topic: {note.topic}" for note in notes.topics]
            lines += [f"suggestion, {each.state}: {each.text}" for each in notes.suggestions]
        return lines
    finally:
        await database.close()
