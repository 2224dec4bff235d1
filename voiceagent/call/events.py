"""What may happen to a client and to a call, as strings and as enums; both may be used everywhere.

A constant and its enum member are equal and have the same hash: ``events.CALL_TERMINATED`` and
``CallEvent.CALL_TERMINATED`` name the same event.
"""

from __future__ import annotations

from enum import StrEnum


class ClientEvent(StrEnum):
    """Events of a client: register their handlers with ``client.on``."""

    INCOMING_CALL = "call.incoming"
    """A call rings and its media link is open. The handler gets the :class:`~voiceagent.call.ActiveCall`."""

    CONNECTION_ESTABLISHED = "connection.established"
    """The control link is up, for the first time or again."""

    CONNECTION_LOST = "connection.lost"
    """The control link broke. Active calls live on; the client reconnects by itself."""


class CallEvent(StrEnum):
    """Events of one call: register their handlers with ``call.on``.

    A handler that takes an argument gets a dict: ``reason`` for ``CALL_TERMINATED``, ``error_code`` and
    ``error_message`` for the failures and for ``CALL_ERROR``, nothing for the others.
    """

    CALL_ANSWERED = "call.answered"
    """``answer()`` succeeded."""

    CALL_CONNECTED = "call.connected"
    """``connect()`` succeeded, and the callee has joined."""

    CALL_TERMINATED = "call.terminated"
    """The call is over for this agent. Fires exactly once, however the call ended."""

    CALL_ANSWER_FAILED = "call.answer_failed"
    """``answer()`` failed; the call still rings."""

    CALL_CONNECT_FAILED = "call.connect_failed"
    """``connect()`` failed, for example because nobody answered; the call goes on as before."""

    CALL_ERROR = "call.error"
    """The server reports a problem that does not end the call."""


INCOMING_CALL = ClientEvent.INCOMING_CALL.value
CONNECTION_ESTABLISHED = ClientEvent.CONNECTION_ESTABLISHED.value
CONNECTION_LOST = ClientEvent.CONNECTION_LOST.value

CALL_ANSWERED = CallEvent.CALL_ANSWERED.value
CALL_CONNECTED = CallEvent.CALL_CONNECTED.value
CALL_TERMINATED = CallEvent.CALL_TERMINATED.value
CALL_ANSWER_FAILED = CallEvent.CALL_ANSWER_FAILED.value
CALL_CONNECT_FAILED = CallEvent.CALL_CONNECT_FAILED.value
CALL_ERROR = CallEvent.CALL_ERROR.value

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
