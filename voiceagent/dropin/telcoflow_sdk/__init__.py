"""``voiceagent.call`` under the names of the Telcoflow SDK 0.24.0: programs written for it run unchanged.

Rule: it only renames. Without a ``base_url`` the client connects to ``VOICEAGENT_CALL_URL``, if that is set.
"""

from typing import ClassVar

from telcoflow_sdk import events, exceptions
from telcoflow_sdk.events import CallEvent, ClientEvent
from voiceagent.call import ActiveCall, CallClient, CallClientConfig, CallState, ConnectionState, EndReason

__all__ = [
    "ActiveCall",
    "CallEvent",
    "CallState",
    "ClientEvent",
    "ConnectionState",
    "EndReason",
    "TelcoflowClient",
    "TelcoflowClientConfig",
    "events",
    "exceptions",
]


class TelcoflowClientConfig(CallClientConfig):
    """:class:`voiceagent.call.CallClientConfig` under its Telcoflow name."""

    logger_name: ClassVar[str] = "telcoflow_sdk"


class TelcoflowClient(CallClient):
    """:class:`voiceagent.call.CallClient` under its Telcoflow name."""
