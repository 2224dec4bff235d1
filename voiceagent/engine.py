"""What runs an agent's side of a call: the model alone, or a framework around it.

An agent without an engine talks to its model directly. One with an engine has its live session from there;
the bridge sees no difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from voiceagent.call.base import Capabilities
from voiceagent.live import LiveConfig, LiveConnector, LiveSession, Memory

if TYPE_CHECKING:
    from voiceagent.agent import VoiceAgent
    from voiceagent.context import CallContext
    from voiceagent.toolbox import Toolbox


@dataclass(frozen=True)
class EngineCall:
    """One call, as an engine gets it.

    Attributes:
        agent: The call's own copy of the agent.
        context: The call, as tools and hooks see it.
        connector: Opens connections to the live service.
        config: What the agent's own session is opened with.
        memory: What was said in the call, for connections that must be told of it.
        toolbox: The agent's tools, as far as the line can do them.
        capabilities: What the line can do.
    """

    agent: VoiceAgent
    context: CallContext
    connector: LiveConnector
    config: LiveConfig
    memory: Memory
    toolbox: Toolbox
    capabilities: Capabilities


class Engine(Protocol):
    """Gives calls their live sessions. One engine serves all calls of an agent."""

    def check(self, agent: VoiceAgent) -> None:
        """See whether it can run this agent, without connecting to anything.

        Raises:
            TypeError: it cannot; the text says what to change.
            ValueError: likewise.
        """

    async def start(self, agent: VoiceAgent) -> None:
        """Before the first call: open what calls share."""

    async def stop(self) -> None:
        """After the last call: close it again; never raises."""

    async def open(self, call: EngineCall) -> LiveSession:
        """Open the session of one call, ready to talk.

        Raises:
            LiveConnectError: the model cannot be reached, or the framework refuses the call.
        """
