"""The call SDK: a client that takes phone calls from a call server, and the calls it hands out.

Program against :class:`CallClient`, :class:`CallClientConfig`, :class:`ActiveCall`, and the modules
:mod:`~voiceagent.call.events` and :mod:`~voiceagent.call.exceptions`. Code that should work with any phone
line, such as the bridge, needs only the :class:`Call` protocol.
"""

from voiceagent.call import events, exceptions
from voiceagent.call._control import ConnectionState
from voiceagent.call._session import CallState
from voiceagent.call.active_call import ActiveCall, Counters
from voiceagent.call.base import Call, Capabilities, EndReason, Playback
from voiceagent.call.client import CallClient
from voiceagent.call.config import CallClientConfig
from voiceagent.call.events import CallEvent, ClientEvent

__all__ = [
    "ActiveCall",
    "Call",
    "CallClient",
    "CallClientConfig",
    "CallEvent",
    "CallState",
    "Capabilities",
    "ClientEvent",
    "ConnectionState",
    "Counters",
    "EndReason",
    "Playback",
    "events",
    "exceptions",
]
