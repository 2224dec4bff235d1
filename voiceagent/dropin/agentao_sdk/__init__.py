"""``voiceagent.call`` under the names of the AgenTao SDK 0.24.0: programs written for it run unchanged.

Rule: it only renames. Without a ``base_url`` the client connects to ``VOICEAGENT_CALL_URL``, if that is set.
"""

import logging
from typing import ClassVar

from agentao_sdk import events, exceptions
from agentao_sdk.events import CallEvent, ClientEvent
from voiceagent.call import ActiveCall, CallClient, CallClientConfig

__all__ = [
    "ActiveCall",
    "CallEvent",
    "ClientEvent",
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


logging.getLogger(__name__).addHandler(logging.NullHandler())
