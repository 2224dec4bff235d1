"""A live session that outlives its connections: resumption, goAway, and drops."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from voiceagent.live.events import LiveEvent
from voiceagent.live.session import (
    LiveConfig,
    LiveConnection,
    LiveConnector,
    Memory,
    Said,
    Scheduling,
)


class ResumingSession:
    """A conversation with a model, over one connection after the other. Made by :meth:`open`."""

    def __init__(
        self, connection: LiveConnection, connector: LiveConnector, config: LiveConfig, memory: Memory
    ) -> None:
        self._connection = connection
        self._connector = connector
        self._config = config
        self._memory = memory

    @classmethod
    async def open(cls, connector: LiveConnector, config: LiveConfig, memory: Memory) -> ResumingSession:
        """Open the first connection."""
        return cls(await connector.open(config), connector, config, memory)

    async def send_audio(self, pcm: bytes) -> None:
        """Send caller audio."""
        await self._connection.send_audio(pcm)

    async def send_text(self, text: str) -> None:
        """Say something to the model."""
        await self._connection.send_text(text)

    async def send_said(self, said: Sequence[Said], *, answer: str | None = None) -> None:
        """Tell the model what was said before."""
        await self._connection.send_said(said, answer=answer)

    async def send_tool_result(
        self, call_id: str, name: str, response: Mapping[str, Any], *, scheduling: Scheduling | None = None
    ) -> None:
        """Give the result of a tool call."""
        await self._connection.send_tool_result(call_id, name, response, scheduling=scheduling)

    async def reopen(self, cause: str) -> None:
        """Go on over another connection."""

    def events(self) -> AsyncIterator[LiveEvent]:
        """What happens."""
        return self._connection.events()

    async def close(self) -> None:
        """End the session."""
        await self._connection.close()
