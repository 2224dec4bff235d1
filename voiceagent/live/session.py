"""The protocol of a live session, its configuration, and how it fails."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, Protocol

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
    """The session could not be opened.

    Attributes:
        code: With which code the service closed the connection instead of setting it up; None where it was
            not even reached, or said nothing.
    """

    def __init__(self, text: str, code: int | None = None) -> None:
        super().__init__(text)
        self.code = code


class LiveClosedError(LiveError):
    """The service ended the session, or the connection broke (code 1006)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"the live session was closed with code {code}" + (f": {reason}" if reason else ""))
        self.code = code
        self.reason = reason


@dataclass(frozen=True)
class ToolDeclaration:
    """A tool as the model sees it. ``parameters`` is a JSON schema of type object.

    ``blocking`` says whether the model waits for the result before it goes on; None leaves it to the model.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    blocking: bool | None = None


class Scheduling(StrEnum):
    """When a model that does not wait for its tools speaks of a result. The values are the protocol's."""

    WHEN_IDLE = "WHEN_IDLE"
    """When it has finished what it is saying."""

    INTERRUPT = "INTERRUPT"
    """At once: it breaks off what it is saying."""

    SILENT = "SILENT"
    """It takes note, and says nothing about it."""


@dataclass(frozen=True, slots=True)
class Said:
    """Something that was said before, told to a model that did not hear it. Not in a repr: it is private."""

    role: Literal["user", "model"]
    text: str = field(repr=False)


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
        interruptible: Whether the model stops when the caller speaks over it.
        continues: Whether the model is told first what was said before, with ``send_said``: some models
            want to know that it comes.
    """

    model: str
    instruction: str = ""
    voice: str | None = None
    language: str | None = None
    tools: tuple[ToolDeclaration, ...] = field(default=())
    temperature: float | None = None
    interruptible: bool = True
    continues: bool = False


class Memory(Protocol):
    """What a session asks of the conversation when it must go on over another connection."""

    def quiet(self) -> bool:
        """Whether nobody is in the middle of anything: the caller is silent, and no answer is being made."""

    def caller_speaks(self) -> bool:
        """Whether the caller speaks at the moment. Asked with every piece of audio, so it must be cheap."""

    def said_since(self, moment: float | None) -> Sequence[Said]:
        """What was said since a time of the event loop's clock, cut to what is heard; None: all of it."""

    def unfinished(self) -> str | None:
        """What to tell the model so that it goes on with the answer that is being made; None: there is none.

        It is asked before the model is told of :meth:`said_since`, which has the beginning of the answer.
        """


class LiveConnection(Protocol):
    """One connection to a model. One reader of :meth:`events`; senders may be several."""

    async def send_audio(self, pcm: bytes) -> None:
        """Send caller audio: s16le mono PCM at 16 kHz, any length.

        Raises:
            LiveClosedError: the session is over.
        """

    async def send_text(self, text: str) -> None:
        """Say something to the model as the user, and let it answer."""

    async def send_said(self, said: Sequence[Said], *, answer: str | None = None) -> None:
        """Tell the model what was said before.

        Args:
            said: In order.
            answer: What to say to it as the user afterwards, which it answers; None: it says nothing.
        """

    async def send_tool_result(
        self,
        call_id: str,
        name: str,
        response: Mapping[str, Any],
        *,
        scheduling: Scheduling | None = None,
    ) -> None:
        """Give the result of a tool call. ``response`` must be JSON; an error goes under ``error``.

        ``scheduling`` has no effect with a model that waits for its tools.
        """

    def events(self) -> AsyncIterator[LiveEvent]:
        """What happens, across turns, until the session ends; then raises ``LiveClosedError``."""

    async def close(self) -> None:
        """End the session. Closing twice does nothing."""


class LiveSession(LiveConnection, Protocol):
    """A conversation with a model, over one connection after the other, as the bridge sees it."""

    async def send_text(self, text: str, *, keep: bool = True) -> None:
        """Say something to the model as the user, and let it answer.

        Args:
            text: What it is told.
            keep: Whether another connection is told it where this one is lost before the model reacts. Not
                where it only reminds the model of something that is kept anyway.
        """

    async def reopen(self, cause: str) -> None:
        """Go on over another connection, because this one seems dead; ``events`` then has ``Reopened``."""


class LiveConnector(Protocol):
    """Opens connections to one service with one set of credentials."""

    async def open(self, config: LiveConfig, *, handle: str | None = None) -> LiveConnection:
        """Open a connection that is ready to talk.

        Args:
            config: What it is opened with.
            handle: Where another connection was, to go on there; None begins anew.

        Raises:
            LiveConnectError: it could not be opened in time.
        """

    async def check(self) -> None:
        """See whether the service can be reached, without opening a session.

        Raises:
            LiveConnectError: it cannot; the text names the address.
        """
