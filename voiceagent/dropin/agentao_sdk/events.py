"""The events of :mod:`voiceagent.call.events`."""

from voiceagent.call.events import (
    CALL_ANSWER_FAILED,
    CALL_ANSWERED,
    CALL_CONNECT_FAILED,
    CALL_CONNECTED,
    CALL_ERROR,
    CALL_TERMINATED,
    CONNECTION_ESTABLISHED,
    CONNECTION_LOST,
    INCOMING_CALL,
    CallEvent,
    ClientEvent,
)

__all__ = [
    "CALL_ANSWERED",
    "CALL_ANSWER_FAILED",
    "CALL_CONNECTED",
    "CALL_CONNECT_FAILED",
    "CALL_ERROR",
    "CALL_TERMINATED",
    "CONNECTION_ESTABLISHED",
    "CONNECTION_LOST",
    "INCOMING_CALL",
    "CallEvent",
    "ClientEvent",
]
