"""What the bridge needs of a phone call, whatever line it came in on.

:class:`~voiceagent.call.ActiveCall` is one implementation; other lines implement the same protocol.
Audio is mono, signed 16-bit little-endian PCM at ``sample_rate`` everywhere.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol


@dataclass(frozen=True)
class Capabilities:
    """What a line can do. Tools offer the model only what the line can do."""

    transfer: bool = False
    """It can ring the original callee and connect the caller to them."""

    whisper: bool = False
    """It can route the agent's audio to one party only."""

    exact_playback: bool = False
    """It tells which audio has been played, so that what was heard is known and not estimated."""

    dtmf: bool = False
    """It delivers key presses as messages, apart from the audio."""


class EndReason(StrEnum):
    """Why a call is over for the agent."""

    CLOSED = "closed"
    """The agent left with ``close()``."""

    DISCONNECTED = "disconnected"
    """The agent ended it with ``disconnect()``, or rejected it with that or with ``close()``."""

    FORCED = "forced"
    """The agent tore it down with ``force_disconnect()``."""

    TERMINATED = "terminated"
    """A party hung up, or the server ended it."""

    MEDIA_LOST = "media_lost"
    """The media link broke."""

    ABANDONED = "abandoned"
    """The client's task was cancelled, so that nobody waited for an end in order."""

    HANDED_OFF = "handed_off"
    """``to_json()`` gave it to another process, where it lives on."""


class Playback(NamedTuple):
    """How far the line has come with the audio it was given, in milliseconds since the call began."""

    queued_ms: float
    """Audio accepted by ``send_audio`` and not cleared since, which is the end of what will be heard."""

    played_ms: float
    """Audio that has left the line's buffers towards the listeners. Never above ``queued_ms``."""


class Call(Protocol):
    """One phone call. Methods raise the errors of :mod:`voiceagent.call.exceptions`."""

    @property
    def call_id(self) -> str:
        """Unique id of the call."""

    @property
    def caller_number(self) -> str | None:
        """Who calls, as the line says it; None if withheld."""

    @property
    def callee_number(self) -> str | None:
        """Who was called."""

    @property
    def direction(self) -> str:
        """``"MT"`` for a call that came in."""

    @property
    def sample_rate(self) -> int:
        """Sample rate of both directions, 8000, 16000 or 24000 Hz."""

    @property
    def capabilities(self) -> Capabilities:
        """What this line can do."""

    @property
    def playback(self) -> Playback:
        """What has been queued and what has been played so far."""

    @property
    def end_reason(self) -> EndReason | None:
        """Why the call is over; None while it is not."""

    def audio_stream(self) -> AsyncIterator[bytes]:
        """What the parties say, in chunks of about 20 ms, until the call ends."""

    async def send_audio(self, audio_data: bytes, *, wait: bool = False) -> None:
        """Queue audio for playback; with ``wait``, wait for room instead of raising ``BufferFullError``."""

    def clear_audio(self) -> None:
        """Drop everything that is queued, here and on the line, without waiting for the line's answer."""

    async def drained(self) -> None:
        """Return when everything queued so far has been played, or the call has ended."""

    async def answer(self) -> None:
        """Answer the call."""

    async def connect(self, ring_time_seconds: int = 60) -> None:
        """Ring the original callee and join them to the call; raises if they do not answer."""

    async def whisper(self) -> None:
        """Let only the callee hear the agent."""

    async def barge(self) -> None:
        """Let both parties hear the agent."""

    async def spy(self) -> None:
        """Let nobody hear the agent."""

    async def close(self) -> None:
        """Leave the call; connected parties stay connected, otherwise the call ends."""

    async def disconnect(self) -> None:
        """End the call for everybody."""

    async def wait_terminated(self) -> None:
        """Return when the call is over for this agent."""
