"""Listening to a call: moods and topics are noted, and the callee is coached without the caller hearing it.

    store = CoachingStore(database)

    class Listener(DatabaseAgent):
        tools = [CoachingTools(store)]

The agent gives what was heard of it, its ``on_transcript``, to :meth:`CoachingTools.heard`.
"""

from tools.coaching.models import (
    SCHEMA,
    MonitoredCall,
    SentimentNote,
    Suggestion,
    SuggestionState,
    TopicNote,
)
from tools.coaching.store import CallNotes, CoachingStore, Ending, TooManyNotesError
from tools.coaching.tools import CoachingTools

__all__ = [
    "SCHEMA",
    "CallNotes",
    "CoachingStore",
    "CoachingTools",
    "Ending",
    "MonitoredCall",
    "SentimentNote",
    "Suggestion",
    "SuggestionState",
    "TooManyNotesError",
    "TopicNote",
]
