"""Whether a sound on the line was the caller speaking, or only a noise.

A passive meter hears every sound; what the model takes for speech is known for some of them only, and later.
"""

from __future__ import annotations

from enum import Enum

_LEAST_SPEECH = 0.4
"""Seconds of sound that count as speech by themselves: clicks and coughs are shorter."""

_HANGOVER = 0.3
"""Seconds after its end in which the meter is told of an end; see :mod:`voiceagent.audio.speech`."""

_TAKEN_FOR_SPEECH = 1.5
"""Seconds after a sound in which the model may still say that it was interrupted by it."""


class Sound(Enum):
    """What is heard of the caller."""

    NONE = "none"
    UNKNOWN = "unknown"
    """There is a sound; its length will tell."""
    SPEECH = "speech"
    """The model takes it for speech, however long it is."""


class Proof(Enum):
    """What shows that the caller has spoken."""

    SOUND = "sound"
    """It was long and loud. It may be music, or a television."""
    WORDS = "words"
    """The model has taken it for speech."""


class Caller:
    """Follows the sounds of the caller. Times are the event loop's, in seconds.

    Attributes:
        quiet_since: When the last sound ended.

    Args:
        now: When the conversation begins.
    """

    def __init__(self, now: float) -> None:
        self.quiet_since = now
        self._sound = Sound.NONE
        self._from = now

    @property
    def speaking(self) -> bool:
        """Whether there is a sound."""
        return self._sound is not Sound.NONE

    def begins(self, now: float, playing: float) -> None:
        """A sound begins.

        Args:
            now: The time.
            playing: For so many seconds more the agent is heard. What the caller says meanwhile is an echo,
                or no business of the model's, unless it says so.
        """
        self._sound = Sound.UNKNOWN
        self._from = now + playing

    def ends(self, now: float) -> Proof | None:
        """The sound is over; returns what shows that it was speech, if anything."""
        sound, self._sound = self._sound, Sound.NONE
        self.quiet_since = now - _HANGOVER
        if sound is Sound.SPEECH:
            return Proof.WORDS
        return Proof.SOUND if self.quiet_since - self._from >= _LEAST_SPEECH else None

    def understood(self) -> None:
        """The model has understood words."""
        if self.speaking:
            self._sound = Sound.SPEECH

    def interrupted(self, now: float) -> bool:
        """The model was interrupted; returns whether that was by a sound that is over already."""
        self.understood()
        return not self.speaking and now - self.quiet_since < _TAKEN_FOR_SPEECH

    def restart(self, now: float) -> None:
        """Nobody listened until now: what is heard begins here."""
        self._from = max(self._from, now)
