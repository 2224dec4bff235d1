"""The caller's audio that a model has not answered yet, so that another connection can be sent it.

Its rule: audio stays in order, and what the caller said is kept until it is answered or is too long ago; what
no connection was ever sent goes last of all, and is counted.
"""

from __future__ import annotations

from collections import deque

from voiceagent.live.session import INPUT_RATE

_BYTES_PER_SECOND = 2 * INPUT_RATE

_QUIET_BYTES = 1 * _BYTES_PER_SECOND
"""So much silence is kept: where speech begins is known only after it began, and it ends with a pause."""

_SPOKEN_BYTES = 15 * _BYTES_PER_SECOND
"""So much is kept of what the caller says."""

_UNSENT_BYTES = 30 * _BYTES_PER_SECOND
"""So much is kept while there is no connection."""

_OWED_BYTES = 8 * _BYTES_PER_SECOND
"""A caller who has been silent for so long after they spoke may not be answered at all: it was a cough."""

_FORGOTTEN_BYTES = 60 * _BYTES_PER_SECOND
"""What the caller said so long ago is of no interest any more."""

_CHUNK_BYTES = _BYTES_PER_SECOND // 5
"""What is sent again goes in larger pieces, of 200 ms."""


class CallerAudio:
    """Bounded queues of caller audio: s16le mono PCM at 16 kHz.

    Attributes:
        lost_ms: Milliseconds that were dropped before any connection was sent them.
    """

    def __init__(self) -> None:
        self.lost_ms = 0.0
        # Sent: what the caller said, with some silence before and after; then the silence of the last second.
        self._spoken: deque[bytes] = deque()
        self._spoken_bytes = 0
        self._quiet: deque[bytes] = deque()
        self._quiet_bytes = 0
        self._unsent: deque[bytes] = deque()
        self._unsent_bytes = 0
        # Since the caller last said something that has not been answered.
        self._silent_bytes = _FORGOTTEN_BYTES
        self._speaks = False
        # Whether what is taken for speech right now is the end of what has been answered.
        self._ends = False

    @property
    def owed(self) -> bool:
        """Whether the caller has said something that is likely to be answered yet."""
        return self._silent_bytes < _OWED_BYTES

    def add(self, pcm: bytes, *, speaks: bool, sent: bool) -> None:
        """Keep the next piece.

        Args:
            pcm: The audio.
            speaks: Whether the caller speaks.
            sent: Whether it is being sent; otherwise :meth:`next_chunk` has it in its turn.
        """
        self._speaks = speaks
        if not speaks:
            self._silent_bytes += len(pcm)
            self._ends = False
        elif not self._ends:
            self._silent_bytes = 0
        if sent:
            self._keep(pcm, self._silent_bytes <= _QUIET_BYTES)
        else:
            self._unsent.append(pcm)
            self._unsent_bytes += len(pcm)
            while self._unsent_bytes > _UNSENT_BYTES:
                dropped = len(self._unsent.popleft())
                self._unsent_bytes -= dropped
                self.lost_ms += dropped * 1000 / _BYTES_PER_SECOND

    def answered(self) -> None:
        """The model has begun to answer what it was sent."""
        self._forget()
        self._silent_bytes = _FORGOTTEN_BYTES
        self._ends = self._speaks

    def interrupts(self) -> None:
        """The caller speaks into the answer."""
        self._silent_bytes = 0
        self._ends = False

    def send_again(self) -> None:
        """The connection is another one, which has heard nothing: all that is kept is to be sent to it."""
        self._unsent.extendleft(reversed(self._quiet))
        self._unsent.extendleft(reversed(self._spoken))
        self._unsent_bytes += self._quiet_bytes + self._spoken_bytes
        self._forget()

    def next_chunk(self) -> bytes:
        """What is to be sent next; it counts as sent. Empty when everything has been."""
        chunk = bytearray()
        while self._unsent and len(chunk) < _CHUNK_BYTES:
            chunk += self._unsent.popleft()
        sent = bytes(chunk)
        self._unsent_bytes -= len(sent)
        if sent:
            self._keep(sent, self._silent_bytes < _FORGOTTEN_BYTES)
        return sent

    def _keep(self, pcm: bytes, spoken: bool) -> None:
        if not spoken:
            self._quiet.append(pcm)
            self._quiet_bytes += len(pcm)
            while self._quiet_bytes > _QUIET_BYTES:
                self._quiet_bytes -= len(self._quiet.popleft())
            if self._spoken and self._silent_bytes > _FORGOTTEN_BYTES:
                self._spoken.clear()
                self._spoken_bytes = 0
            return
        if self._quiet:
            self._spoken.extend(self._quiet)
            self._spoken_bytes += self._quiet_bytes
            self._quiet.clear()
            self._quiet_bytes = 0
        self._spoken.append(pcm)
        self._spoken_bytes += len(pcm)
        while self._spoken_bytes > _SPOKEN_BYTES:
            self._spoken_bytes -= len(self._spoken.popleft())

    def _forget(self) -> None:
        self._spoken.clear()
        self._quiet.clear()
        self._spoken_bytes = self._quiet_bytes = 0
