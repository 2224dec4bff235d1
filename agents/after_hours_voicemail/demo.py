"""What the demo's call leaves behind: a message, and its recording."""

from __future__ import annotations

from agents.after_hours_voicemail.agent import AfterHoursVoicemail
from tools.messaging import Outbox
from tools.storage import Database
from tools.voicemail import VoicemailStore, folder_beside


async def before(url: str) -> None:
    """Nobody has called yet."""


async def after(url: str) -> list[str]:
    """The messages, with their recordings."""
    database = Database(url)
    store = VoicemailStore(
        database,
        Outbox(database),
        folder=folder_beside(url),
        local=AfterHoursVoicemail.hours.local,
    )
    await database.open()
    try:
        return [
            f"voicemail {each.id} ({each.urgency}) from {each.caller_name}, {each.call.caller_number}: "
            f"{each.summary} {each.seconds:.0f} s in {store.path_of(each)}"
            for each in await store.voicemails()
        ]
    finally:
        await database.close()
