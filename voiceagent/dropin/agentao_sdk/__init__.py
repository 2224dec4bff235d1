"""``voiceagent.call`` under the names of the AgenTao SDK 0.24.0: programs written for it run unchanged.

Rule: it only renames. Without a ``base_url`` the client connects to ``VOICEAGENT_CALL_URL``, if that is set.
"""

from typing import ClassVar

from agentao_sdk import events, exceptions
from agentao_sdk.events import CallEvent, ClientEvent
from voiceagent.call import ActiveCall, CallClient, CallClientConfig, CallState, ConnectionState, EndReason

__all__ = [
    "ActiveCall",
    "CallEvent",
    "CallState",
    "ClientEvent",
    "ConnectionState",
    "EndReason",
    "AgenTaoClient",
    "AgenTaoClientConfig",
    "events",
    "exceptions",
]


class AgenTaoClientConfig(CallClientConfig):
    """:class:`voiceagent.call.CallClientConfig` under its AgenTao name."""

    logger_name: ClassVar[str] = "agentao_sdk"


class AgenTaoClient(CallClient):
    """:class:`voiceagent.call.CallClient` under its AgenTao name."""
