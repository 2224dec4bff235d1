"""The protocol of a live session, its configuration, and how it fails."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from voiceagent.live.events import LiveEvent

INPUT_RATE = 16_000
"""Sample rate of the audio that Gemini Live listens to, in Hz."""

OUTPUT_RATE = 24_000
"""Sample rate of the audio that Gemini Live speaks, in Hz."""


class LiveError(Exception):
    """Base of what can go wrong with a live session.

    ``LiveConnectError``: the session could not be opened; the text says why and what to do.
    ``LiveClosedError``: an open session ended; ``code`` and ``reason`` are the WebSocket's.
    """


class LiveConnectError(LiveError):
    """The session could not be opened."""


class LiveClosedError(LiveError):
    """The service ended the session, or the connection broke (code 1006)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"the live session was closed with code {code}" + (f": {reason}" if reason else ""))
        self.code = code
        self.reason = reason


@dataclass(frozen=True)
class ToolDeclaration:
    """A tool as the model sees it. ``parameters`` is a JSON schema of type object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class LiveConfig:
    """What a session is opened with.

    Args:
        model: Name of the model, with or without ``models/``.
        instruction: System instruction.
        voice: Name of a prebuilt voice; None for the service's default.
        language: BCP-47 code such as ``en-US``; None lets the model choose.
        tools: Declarations; fixed for the session's life.
        temperature: Sampling temperature; None for the service's default.
    """

    model: str
    instruction: str = ""
    voice: str | None = None
    language: str | None = None
    tools: tuple[ToolDeclaration, ...] = field(default=())
    temperature: float | None = None


class LiveSession(Protocol):
    """An open conversation with a model. One reader of :meth:`events`; senders may be several."""

    async def send_audio(self, pcm: bytes) -> None:
        """Send caller audio: s16le mono PCM at 16 kHz, any length.

        Raises:
            LiveClosedError: the session is over.
        """

    async def send_text(self, text: str) -> None:
        """Say something to the model as the user, and let it answer."""

    async def send_tool_result(
        self, call_id: str, name: str, response: Mapping[str, Any], *, silent: bool = False
    ) -> None:
        """Give the result of a tool call. ``response`` must be JSON; an error goes under ``error``.

        With ``silent`` the model takes note and says nothing about it, where it can be told so.
        """

    def events(self) -> AsyncIterator[LiveEvent]:
        """What happens, across turns, until the session ends; then raises ``LiveClosedError``."""

    async def close(self) -> None:
        """End the session. Closing twice does nothing."""


class LiveConnector(Protocol):
    """Opens sessions with one service and one set of credentials."""

    async def open(self, config: LiveConfig) -> LiveSession:
        """Open a session that is ready to talk.

        Raises:
            LiveConnectError: it could not be opened in time.
        """

    async def check(self) -> None:
        """See whether the service can be reached, without opening a session.

        Raises:
            LiveConnectError: it cannot; the text names the address.
        """
