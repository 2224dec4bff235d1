"""Notices that wait for callers: read out one by one, acknowledged or flagged, each delivered once.

store = NoticeStore(database, outbox)
await store.add("+15550100", "Your parcel is ready.", urgency=Urgency.URGENT)

class Notices(VoiceAgent):
    tools = [NotificationTools(store)]
"""

from tools.notifications.hearing import Hearing
from tools.notifications.models import Notice, NoticeState, Urgency
from tools.notifications.store import SCHEMA, NotClaimedError, NoticeStore
from tools.notifications.tools import NoNotice, NoticeToRead, NotificationTools

__all__ = [
    "SCHEMA",
    "Hearing",
    "NoNotice",
    "NotClaimedError",
    "Notice",
    "NoticeState",
    "NoticeStore",
    "NoticeToRead",
    "NotificationTools",
    "Urgency",
]
