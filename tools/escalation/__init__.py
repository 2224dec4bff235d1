"""Callers who need a person: answered where that is possible, put through with a briefing, or called back.

    callbacks = CallbackStore(database, hours=hours, outbox=outbox)
    store = EscalationStore(database, callbacks)

    class Helpdesk(DatabaseAgent):
        tools = [KnowledgeTools(knowledge), CallbackTools(callbacks), EscalationTools(store)]

See :class:`EscalationTools` for the hooks that it needs.
"""

from tools.escalation.callbacks import CallbackStore, TooManyChangesError
from tools.escalation.knowledge import Article, KnowledgeBase
from tools.escalation.models import SCHEMA, Callback, Escalation, EscalationState
from tools.escalation.store import EscalationStore
from tools.escalation.times import NoSuchTimeError, callback_time
from tools.escalation.tools import CallbackTools, EscalationTools, KnowledgeTools

__all__ = [
    "SCHEMA",
    "Article",
    "Callback",
    "CallbackStore",
    "CallbackTools",
    "Escalation",
    "EscalationState",
    "EscalationStore",
    "EscalationTools",
    "KnowledgeBase",
    "KnowledgeTools",
    "NoSuchTimeError",
    "TooManyChangesError",
    "callback_time",
]
