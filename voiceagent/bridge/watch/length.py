"""A call without an end: when it has lasted long enough, the caller hears a goodbye, and it ends.

The rule: nobody is cut off in mid-sentence if it can be helped, and nobody prolongs the call by talking on.
People who were connected with each other are left alone.
"""

from __future__ import annotations

from enum import Enum

from voiceagent.bridge.leaving import Leaving
from voiceagent.bridge.stage import BridgeState
from voiceagent.bridge.watch.caller import Caller
from voiceagent.bridge.watch.scene import TICK, Remedies, Scene
from voiceagent.report import EndReason

_PAUSE = 1.0
"""Seconds in which nobody speaks, and in which the goodbye fits in."""

_LONGEST_WAIT = 15.0
"""Seconds after the end of the time in which such a pause is waited for."""

_GRACE = 30.0
"""Seconds after the first goodbye in which a caller who talks on is listened to."""


class Stretch(Enum):
    """Where the call is."""

    RUNNING = "running"
    OVERDUE = "overdue"
    """Its time is over; a pause is waited for."""
    GOODBYE = "goodbye"
    """The goodbye was said, or is being said."""


class LengthWatch:
    """Ends a call that lasts too long.

    Args:
        scene: The conversation.
        caller: What is heard of the caller.
        seconds: How long it may last.
        goodbye: What the caller hears.
        leaving: Ends the call with a goodbye.
        remedies: What can be done.
    """

    def __init__(
        self,
        scene: Scene,
        caller: Caller,
        seconds: float,
        goodbye: str,
        leaving: Leaving,
        remedies: Remedies,
    ) -> None:
        self._scene = scene
        self._caller = caller
        self._goodbye = goodbye
        self._leaving = leaving
        self._remedies = remedies
        self._stretch = Stretch.RUNNING
        self._until = scene.now() + seconds

    def look(self, now: float, owed: bool) -> float:
        """See how long the call has lasted; returns when to look again.

        Args:
            now: The time.
            owed: Whether the model owes the caller an answer.
        """
        if self._stretch is Stretch.RUNNING:
            if now < self._until:
                return self._until
            self._stretch, self._until = Stretch.OVERDUE, now + _LONGEST_WAIT
        stage = self._scene.parts.stage
        if stage.joined or stage.state not in (BridgeState.TALKING, BridgeState.ENDING):
            # A person takes over, or may yet. Whoever does not is told afterwards.
            self._until = max(self._until, now + _PAUSE)
            return now + TICK
        late = now >= self._until
        if self._stretch is Stretch.GOODBYE and late:
            self._remedies.end(EndReason.TOO_LONG)
        elif stage.state is BridgeState.TALKING and (late or self._pause(now, owed)):
            # Also again, where the caller spoke into it and was answered.
            if self._stretch is Stretch.OVERDUE:
                self._stretch, self._until = Stretch.GOODBYE, now + _GRACE
            self._leaving.hang_up_after_goodbye(
                "the call is too long", ended=EndReason.TOO_LONG, goodbye=self._goodbye
            )
        return now + TICK

    def _pause(self, now: float, owed: bool) -> bool:
        scene, caller = self._scene, self._caller
        busy = owed or scene.playing or scene.unfinished is not None or caller.speaking
        return not busy and now - caller.quiet_since >= _PAUSE
