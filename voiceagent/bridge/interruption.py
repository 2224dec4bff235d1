"""When an answer stops because somebody else makes a sound.

The rule: what the model takes for an interruption silences the line in the same step of the event loop, and
nothing of that answer is heard again. Whatever else is heard costs no word of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum

from voiceagent.audio import SpeechMeter
from voiceagent.bridge import prompts
from voiceagent.bridge.guard import Guard
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


class Interruption:
    """Decides about interruptions in one conversation.

    Args:
        parts: Of the conversation.
        settings: How the agent wants its calls to be.
        meter: Hears the caller.
        guard: Knows which answers may not be interrupted.
        tell: Says something to the model, which it answers.
        note: Says something to the model, which it does not answer.
    """

    def __init__(
        self,
        parts: Parts,
        settings: Settings,
        meter: SpeechMeter,
        guard: Guard,
        tell: Callable[[str], None],
        note: Callable[[str], None],
    ) -> None:
        self._parts = parts
        self._player, self._answers, self._stage = parts.player, parts.answers, parts.stage
        self._settings = settings
        self._meter = meter
        self._guard = guard
        self._tell = tell
        self._note = note
        self._playing = Playing.FREE
        self._paused_at = 0.0
        self._paused_turn: Turn | None = None
        self._going_on: asyncio.Task[None] | None = None
        # The answer that is being made, and how often the caller had begun to speak before it.
        self._answer: Turn | None = None
        self._spoke_before = 0

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
        """Audio of an answer has come. A later answer than the one that waits means that this one is over."""
        if turn is not self._answer:
            self._answer, self._spoke_before = turn, self._meter.spoke
        if self._player.paused and self._paused_turn is not None and turn is not self._paused_turn:
            if unheard := [each for each in self._answers.interruptible() if each is not turn]:
                self._silence(unheard)

    def confirmed(self) -> bool:
        """The model says that the caller interrupted it.

        Returns:
            Whether that counts; not where nobody may interrupt, or hears anything of the model.
        """
        if self._settings.barge_in is BargeInMode.OFF:
            return False
        last = self._answers.last
        if last is not None:
            last.drop_late(self._parts.clock())
        if self._stage.state is BridgeState.TRANSFERRING:
            # Nothing of the model is on the line.
            self._answers.changed()
            return False
        unheard = self._answers.interruptible()
        nobody = self._nobody_spoke()
        guarded = any(self._guard.holds(turn) for turn in unheard)
        if unheard and not guarded:
            self._silence(unheard)
        elif not unheard and not self._player.idle:
            self._player.silence(())
        self._answers.changed()
        if unheard and nobody and self._stage.state in (BridgeState.TALKING, BridgeState.ENDING):
            self._go_on_after_noise(unheard[-1], guarded)
        return not guarded

    def _silence(self, unheard: list[Turn]) -> None:
        self._player.silence(unheard)
        first = unheard[0]
        self._parts.observe(BargeIn(self._parts.clock(), first.number, first.heard_ms(0)))
        if self._settings.tell_heard and not self._nobody_spoke():
            self._note(prompts.cut_off(" ".join(turn.text_heard(0) for turn in unheard).strip()))

    def _nobody_spoke(self) -> bool:
        """Whether the caller has made no sound lately."""
        meter = self._meter
        if meter.speaking:
            return False
        silent = _ANSWERED_MS if meter.spoke == self._spoke_before else _NOISE_MS
        return not meter.spoke or meter.quiet_ms >= silent

    def _go_on_after_noise(self, turn: Turn, guarded: bool) -> None:
        if self._going_on is not None and not self._going_on.done():
            return

        async def go_on() -> None:
            spoke = self._meter.spoke
            await self._answers.until(lambda: turn.state is TurnState.OVER, _TURN_ENDS)
            await asyncio.sleep(_SECOND_THOUGHTS)
            if guarded:
                await self._player.drained()
            silent = self._meter.spoke == spoke and not self._meter.speaking
            if silent and self._answers.last is turn and self._stage.state is BridgeState.TALKING:
                heard = turn.text if guarded else turn.text_heard(self._player.played_ms)
                self._tell(prompts.go_on_after_noise(heard))

        self._going_on = self._parts.tasks.create_task(go_on(), name="go on after noise")

    def cancel(self) -> None:
        """The conversation is over."""
        if self._going_on is not None:
            self._going_on.cancel()
