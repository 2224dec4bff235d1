"""When an answer stops because somebody else makes a sound.

The rule: what the model takes for an interruption silences the line in the same step of the event loop, and
nothing of that answer is heard again. Whatever else is heard costs no word of it.
"""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import Protocol

from voiceagent.audio import SpeechMeter
from voiceagent.bridge import prompts
from voiceagent.bridge.floor import Floor
from voiceagent.bridge.guard import Guard
from voiceagent.bridge.leaving import Leaving
from voiceagent.bridge.parts import Parts
from voiceagent.bridge.settings import BargeInMode, Settings
from voiceagent.bridge.stage import BridgeState
from voiceagent.report import BargeIn, PlaybackPaused, PlaybackResumed
from voiceagent.turn import Turn, TurnState

_RESUME_AFTER_MS = 500.0
"""So long must it be quiet again before a paused answer goes on: people draw breath in between."""

_LONGEST_PAUSE_MS = 2500.0
"""A sound that lasts so long and is no speech to the model is none: the answer goes on in spite of it."""

_NOISE_MS = 1500.0
"""A caller who made no sound for so long has not interrupted anybody, whatever the model believes."""

_ANSWERED_MS = 600.0
"""The same for a caller who has not begun to speak since the answer began."""

_TURN_ENDS = 2.0
"""Seconds that a model gets to end the turn that it was interrupted in."""

_SECOND_THOUGHTS = 0.5
"""Seconds after that turn in which the caller may speak after all."""


class Playing(Enum):
    """What local sounds do to playback."""

    FREE = "free"
    PAUSED = "paused"
    """Somebody makes a sound, and it is not known yet whether they speak."""
    RESUMED = "resumed"
    """It was no speech, and has not ended: it does not pause anything again."""


class Tell(Protocol):
    """Says something to the model, which it answers."""

    def __call__(self, text: str, *, interruptible: bool = True) -> None:
        """Say it; whether the caller can interrupt the answer is up to ``interruptible``."""


class Interruption:
    """Decides about interruptions in one conversation.

    Args:
        parts: Of the conversation.
        settings: How the agent wants its calls to be.
        meter: Hears the caller.
        guard: Knows which answers may not be interrupted.
        floor: Knows when the model was told something, and tells it what it does not answer.
        leaving: Ends the call with a goodbye.
        tell: Says something to the model, which it answers.
    """

    def __init__(
        self,
        parts: Parts,
        settings: Settings,
        meter: SpeechMeter,
        guard: Guard,
        floor: Floor,
        leaving: Leaving,
        tell: Tell,
    ) -> None:
        self._parts = parts
        self._player, self._answers, self._stage = parts.player, parts.answers, parts.stage
        self._settings = settings
        self._meter = meter
        self._guard = guard
        self._floor = floor
        self._leaving = leaving
        self._tell = tell
        self._playing = Playing.FREE
        self._paused_at = 0.0
        self._paused_turn: Turn | None = None
        self._going_on: asyncio.Task[None] | None = None
        # The answer that is being made, and how often the caller had begun to speak before it.
        self._answer: Turn | None = None
        self._spoke_before = 0
        # On the event loop's clock, as that of what the model was told.
        self._now = asyncio.get_running_loop().time
        self._answer_began = 0.0
        # Whether the line still plays what came over another connection.
        self._lagging = False

    # What the line hears -------------------------------------------------------------------------------

    async def heard(self, changed: bool) -> None:
        """The meter has heard the next chunk of the caller.

        Args:
            changed: Whether somebody has begun or ceased to make a sound with it.
        """
        match self._playing:
            case Playing.FREE:
                if changed and self._meter.speaking and self._settings.barge_in is BargeInMode.LOCAL:
                    self._pause()
            case Playing.PAUSED:
                if not self._player.paused:
                    # The model has confirmed it, or has gone on to its next answer.
                    self._playing = Playing.FREE
                elif not self._meter.speaking and self._meter.quiet_ms >= _RESUME_AFTER_MS:
                    await self._resume(Playing.FREE)
                elif self._parts.clock() - self._paused_at >= _LONGEST_PAUSE_MS:
                    await self._resume(Playing.RESUMED)
            case Playing.RESUMED:
                if not self._meter.speaking:
                    self._playing = Playing.FREE

    def _pause(self) -> None:
        unheard = self._answers.unheard()
        if not unheard or any(self._guard.holds(turn) for turn in unheard):
            return
        self._player.pause()
        self._playing, self._paused_at = Playing.PAUSED, self._parts.clock()
        self._paused_turn = unheard[0]
        self._parts.observe(PlaybackPaused(self._paused_at, unheard[0].number))

    async def _resume(self, then: Playing) -> None:
        self._playing = then
        await self._player.resume()
        if self._paused_turn is not None:
            self._parts.observe(PlaybackResumed(self._parts.clock(), self._paused_turn.number))

    # What the model says of it -------------------------------------------------------------------------

    def model_speaks(self, turn: Turn) -> None:
        """Audio of an answer has come.

        A later answer than the one that waits means that this one is over, unless it is the rest of it.
        """
        if turn is not self._answer:
            if self._lagging:
                self._catch_up(turn)
            self._answer, self._spoke_before, self._answer_began = turn, self._meter.spoke, self._now()
        another = turn is not self._paused_turn and not turn.goes_on
        if another and self._player.paused and self._paused_turn is not None:
            if unheard := [each for each in self._answers.interruptible() if each is not turn]:
                self._silence(unheard)

    def reopened(self) -> None:
        """The model goes on over another connection, which does not know what is still to be played."""
        self._lagging = bool(self._answers.unheard())

    def _catch_up(self, turn: Turn) -> None:
        """Drop what is played from before a break, where the model answers what the caller said into it.

        A service that does not know of it takes nothing that is said into it for an interruption.
        """
        unheard = [each for each in self._answers.interruptible() if each is not turn]
        self._lagging = bool(unheard)
        spoke = self._meter.speaking or self._meter.spoke != self._spoke_before
        if not unheard or turn.goes_on or not spoke or self._settings.barge_in is BargeInMode.OFF:
            return
        if not any(self._guard.holds(each) for each in unheard):
            self._silence(unheard)

    def confirmed(self) -> bool:
        """The model says that the caller interrupted it.

        Returns:
            Whether that counts; not where nobody may interrupt, or hears anything of the model.
        """
        unheard = self._answers.interruptible()
        # What the program tells a model, instead of the caller, may cut it off as well, and is answered.
        nobody = self._nobody_spoke() and self._floor.touched <= self._answer_began
        if self._settings.barge_in is BargeInMode.OFF:
            if unheard and nobody:
                self._go_on_after_noise(unheard[-1], silenced=False)
            return False
        last = self._answers.last
        if last is not None:
            last.drop_late(self._parts.clock())
        if self._stage.state is BridgeState.TRANSFERRING:
            # Nothing of the model is on the line.
            self._answers.changed()
            return False
        guarded = any(self._guard.holds(turn) for turn in unheard)
        if unheard and not guarded:
            self._silence(unheard)
        elif not unheard and not self._player.idle:
            self._player.silence(())
        self._answers.changed()
        if unheard and (nobody or guarded):
            self._go_on_after_noise(unheard[-1], guarded=guarded, silenced=not guarded)
        return not guarded

    def _silence(self, unheard: list[Turn]) -> None:
        self._player.silence(unheard)
        first = unheard[0]
        self._parts.observe(BargeIn(self._parts.clock(), first.number, first.heard_ms(0)))
        if self._settings.tell_heard and not self._nobody_spoke():
            self._floor.note(prompts.cut_off(" ".join(turn.text_heard(0) for turn in unheard).strip()))

    @property
    def by_caller(self) -> bool:
        """Whether the caller can have interrupted just now."""
        return not self._nobody_spoke()

    def _nobody_spoke(self) -> bool:
        """Whether the caller has made no sound lately."""
        meter = self._meter
        if meter.speaking:
            return False
        silent = _ANSWERED_MS if meter.spoke == self._spoke_before else _NOISE_MS
        return not meter.spoke or meter.quiet_ms >= silent

    def _go_on_after_noise(self, turn: Turn, *, silenced: bool, guarded: bool = False) -> None:
        """Let the model go on with an answer, unless somebody speaks after all.

        Args:
            turn: The answer.
            silenced: Whether what had come of it is not heard any more.
            guarded: Whether it may not be interrupted.
        """
        if self._stage.state not in (BridgeState.TALKING, BridgeState.ENDING):
            return
        if self._going_on is not None and not self._going_on.done():
            return
        goodbye = self._stage.state is BridgeState.ENDING

        async def go_on() -> None:
            spoke = self._meter.spoke
            await self._answers.until(lambda: turn.state is TurnState.OVER, _TURN_ENDS)
            await asyncio.sleep(_SECOND_THOUGHTS)
            # Whatever is said into an answer that has to be heard, the rest of it has to be heard, too.
            silent = guarded or (self._meter.spoke == spoke and not self._meter.speaking)
            if silent and self._answers.last is turn and self._stage.state is BridgeState.TALKING:
                heard = turn.text_heard(self._player.played_ms) if silenced else turn.text
                self._tell(prompts.go_on_after_noise(heard), interruptible=not guarded)
                if goodbye:
                    self._leaving.go_on()

        self._going_on = self._parts.tasks.create_task(go_on(), name="go on after noise")

    def cancel(self) -> None:
        """The conversation is over."""
        if self._going_on is not None:
            self._going_on.cancel()
