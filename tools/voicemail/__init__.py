"""Messages that callers leave: recorded while the call runs, stored when it is over, passed on.

store = VoicemailStore(database, outbox, folder=Path("voicemails"))

class Mailbox(DatabaseAgent):
    tools = (VoicemailTools(),)

The agent makes a :class:`Draft` when a call rings, lets it ``record`` when the call will be answered, and
saves what ``finish`` makes of it when the call is over; ``agents/after_hours_voicemail`` shows how.
"""

from tools.voicemail.draft import DRAFT, CallRecord, Details, Draft, DraftState, LeftMessage
from tools.voicemail.models import SCHEMA, MissedCall, Occasion, Urgency, Voicemail
from tools.voicemail.patience import Patience, Prompts
from tools.voicemail.recorder import MessageRecorder
from tools.voicemail.store import VoicemailStore, folder_beside
from tools.voicemail.tools import FORGETTING, VoicemailTools

__all__ = [
    "DRAFT",
    "FORGETTING",
    "SCHEMA",
    "CallRecord",
    "Details",
    "Draft",
    "DraftState",
    "LeftMessage",
    "MessageRecorder",
    "MissedCall",
    "Occasion",
    "Patience",
    "Prompts",
    "Urgency",
    "Voicemail",
    "VoicemailStore",
    "VoicemailTools",
    "folder_beside",
]
