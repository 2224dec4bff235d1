"""What happened in one session, for the operator API and for tests. Bounded, and it outlives the session."""

from __future__ import annotations

import json
from collections import deque
from typing import Any

from voiceagent.sandbox.log import EventLog
from voiceagent.sandbox.violations import Violations

MAX_EVENTS = 5000
MAX_TEXTS = 1000
MAX_TEXT_BYTES = 4 << 20
"""Size, as JSON, of the texts of a session that are kept, and of its tool responses."""

AUDIO_SECONDS = 60
"""The latest caller audio that is kept, in seconds."""

_AUDIO_BYTES = AUDIO_SECONDS * 2 * 16_000


class Latest(deque[Any]):
    """The latest of what a client sent, within :data:`MAX_TEXTS` and :data:`MAX_TEXT_BYTES`."""

    def __init__(self) -> None:
        super().__init__()
        self._sizes: deque[int] = deque()
        self._size = 0

    def append(self, item: Any) -> None:
        """Keep one more; the oldest go first, and what is larger than all of them may be goes at once."""
        self._sizes.append(len(json.dumps(item)))
        self._size += self._sizes[-1]
        super().append(item)
        while len(self) > MAX_TEXTS or self._size > MAX_TEXT_BYTES:
            self.popleft()
            self._size -= self._sizes.popleft()


class SessionRecord:
    """One session's record.

    Attributes:
        session_id: As sent in ``setupComplete``.
        setup: The setup as received; None before it came.
        model: The model's name as sent, ``""`` before.
        voice: The voice asked for.
        authenticated: Whether the client sent an API key or a token. The key itself is not kept.
        tool_responses: Function responses as received; the latest 1000, up to 4 MB, as with texts.
        texts: Texts that the client sent, in realtime input or as content.
        turns: Turns that it sent as content, each ``{role, text}``; kept as the texts are.
        resumed: Id of the session that this one goes on from; None if it began by itself.
        audio_bytes: Bytes of caller audio received, at the client's rate.
        violations: What the client sent that is malformed.
        closed: Whether the connection is over.
        close_code: With which code, if it was closed with one.
        close_reason: With which reason.
    """

    def __init__(self, session_id: str, *, authenticated: bool) -> None:
        self.session_id = session_id
        self.setup: dict[str, Any] | None = None
        self.model = ""
        self.voice: str | None = None
        self.authenticated = authenticated
        self.tool_responses = Latest()
        self.texts = Latest()
        self.turns = Latest()
        self.resumed: str | None = None
        self.audio_bytes = 0
        self.violations = Violations(f"live session {session_id}")
        self.closed = False
        self.close_code: int | None = None
        self.close_reason = ""
        self._audio = bytearray()
        self._log = EventLog(MAX_EVENTS)

    def note(self, event: str, **details: Any) -> None:
        """Add an event that happens now."""
        self._log.add(event, **details)

    @property
    def events(self) -> list[dict[str, Any]]:
        """``{at_ms, event, ...}``, milliseconds since the connection began; the latest 5000."""
        return self._log.snapshot()

    def keep_audio(self, pcm: bytes) -> None:
        """Keep caller audio (16 kHz); the oldest goes first."""
        audio = self._audio
        audio += pcm
        if len(audio) > _AUDIO_BYTES:
            del audio[: len(audio) - _AUDIO_BYTES]

    @property
    def audio(self) -> bytes:
        """The latest caller audio, 16 kHz s16le PCM."""
        return bytes(self._audio)

    def drop_audio(self) -> None:
        """Forget the audio; everything else stays."""
        self._audio = bytearray()

    def end(self, close_code: int | None) -> None:
        """The connection is over; ``close_code`` counts unless the server closed it with one of its own."""
        self.closed = True
        if self.close_code is None:
            self.close_code = close_code
        self.note("closed", code=self.close_code, reason=self.close_reason)

    def as_dict(self) -> dict[str, Any]:
        """The record for JSON, without the audio."""
        return {
            "id": self.session_id,
            "model": self.model,
            "voice": self.voice,
            "authenticated": self.authenticated,
            "setup": self.setup,
            "tool_responses": list(self.tool_responses),
            "texts": list(self.texts),
            "turns": list(self.turns),
            "resumed": self.resumed,
            "audio_bytes": self.audio_bytes,
            "violations": self.violations.snapshot(),
            "events": self.events,
            "closed": self.closed,
            "close_code": self.close_code,
            "close_reason": self.close_reason,
        }
