"""A caller who says nothing: they are asked whether they are there, and at last the call ends.

The rule: the count begins at the end of what was heard last, from either side, and stands still while
anything is being done for the caller.
"""

from __future__ import annotations

from voiceagent.bridge import prompts
from voiceagent.bridge.leaving import Leaving
from voiceagent.bridge.settings import Idle
from voiceagent.bridge.watch.caller import Caller
from voiceagent.bridge.watch.scene import TICK, Remedies, Scene
from voiceagent.report import EndReason, IdlePrompted

_AFTER_SOUND = 1.0
"""Seconds without any sound before the caller is spoken to: they may just have begun to speak."""


class IdleWatch:
    """Asks the caller, then lets them go.

    Args:
        scene: The conversation.
        caller: What is heard of the caller.
        idle: How long nobody may say anything, and what happens then.
        leaving: Ends the call with a goodbye.
        remedies: What can be done.
    """

    def __init__(
        self, scene: Scene, caller: Caller, idle: Idle, leaving: Leaving, remedies: Remedies
    ) -> None:
        self._scene = scene
        self._caller = caller
        self._idle = idle
        self._leaving = leaving
        self._remedies = remedies
        self._since = scene.now()
        # How often the caller has been asked since they spoke last.
        self._asked = 0

    def caller_spoke(self) -> None:
        """The caller has said something, or pressed a key."""
        self._asked = 0
        self._since = self._scene.now()

    def look(self, now: float, owed: bool) -> float:
        """See whether nobody says anything; returns when to look again.

        Args:
            now: The time.
            owed: Whether the model owes the caller an answer.
        """
        scene = self._scene
        at_work = scene.tools.running or scene.tools.late
        if not scene.talking or at_work or owed or scene.unfinished is not None:
            self._since = now
            return now + TICK
        if playing := scene.playing:
            self._since = now + playing
            return now + TICK
        if self._caller.speaking:
            return now + TICK
        due = max(self._since + self._idle.seconds, self._caller.quiet_since + _AFTER_SOUND)
        if now < due:
            return due
        self._since = now
        self._act()
        return now + TICK

    def _act(self) -> None:
        parts = self._scene.parts
        if self._asked < len(self._idle.prompts):
            line = self._idle.prompts[self._asked]
            self._asked += 1
            parts.observe(IdlePrompted(parts.clock(), self._asked))
            self._remedies.tell(prompts.say(line))
            return
        self._leaving.hang_up_after_goodbye(
            "the caller said nothing", ended=EndReason.CALLER_IDLE, goodbye=self._idle.goodbye
        )
