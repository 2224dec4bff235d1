"""A model that owes an answer: it is asked for it, then its session is opened anew, then it is given up.

The rule: a caller hears an answer to everything that they say, and all of it. What counts is sound that can
be heard; audio of zero amplitude, text, and an answer that stops in the middle are none.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from enum import Enum

from voiceagent.bridge import prompts
from voiceagent.bridge.watch.caller import Caller, Proof
from voiceagent.bridge.watch.made import Made, Output
from voiceagent.bridge.watch.scene import TICK, Remedies, Scene
from voiceagent.live import (
    Audio,
    GenerationComplete,
    InputTranscript,
    Interrupted,
    LiveError,
    LiveEvent,
    OutputTranscript,
    Reopened,
    ToolCalls,
    TurnComplete,
    WrittenText,
)
from voiceagent.report import Nudged

logger = logging.getLogger(__name__)

_SECOND_TURN = 0.3
"""Seconds after a turn of nothing in which the model may begin another one by itself."""

_LAGGING = 1.0
"""Seconds after the last sound of the model in which a transcript of the caller may still lag behind."""

SILENT_TURN = "silent turn"
SILENT_AUDIO = "silent audio"
TEXT_TURN = "text instead of audio"
STALLED = "stalled answer"


class Step(Enum):
    """How far it has come with an answer that is owed."""

    NOTHING = "nothing is owed"
    WAITING = "it may still come by itself"
    ASKED = "the model was asked for it"
    REOPENED = "the session was opened anew"
    ASKED_AGAIN = "the model was asked over the new connection, too"
    GIVEN_UP = "there is no use in this model"


_SHORT = (Step.REOPENED, Step.ASKED_AGAIN)
"""Steps that last half as long as the others."""


@dataclass(frozen=True)
class Debt:
    """An answer that is owed.

    Attributes:
        why: In a few words, for the report.
        ask: What the model is told so that it gives it.
        again: What it must be told where its session was opened anew; None where the session does that by
            itself, which it does for all that the model has not reacted to.
        of_caller: Whether it follows from what the caller said.
        proof: What shows that.
    """

    why: str
    ask: str
    again: str | None = None
    of_caller: bool = True
    proof: Proof = Proof.WORDS


_TO_CALLER = Debt(SILENT_TURN, prompts.answer_now())
_AFTER_TOOL = Debt(SILENT_TURN, prompts.answer_now(), of_caller=False)


class SilenceWatch:
    """Sees to it that what is owed is heard.

    Args:
        scene: The conversation.
        caller: What is heard of the caller.
        seconds: So long may the model owe an answer before it is asked for it, and again before its session
            is opened anew, and again before it is given up.
        remedies: What can be done.
    """

    def __init__(self, scene: Scene, caller: Caller, seconds: float, remedies: Remedies) -> None:
        self._scene = scene
        self._caller = caller
        self._seconds = seconds
        self._remedies = remedies
        self._step = Step.NOTHING
        self._debt = _TO_CALLER
        self._output = Output()
        self._needed = Proof.SOUND
        # Since when nothing has happened that the model could be waiting for.
        self._since = scene.now()
        # When to act all the same, because waiting is of no use.
        self._due: float | None = None
        self._sound_at = scene.now()
        self._has_spoken = False
        # When something was last done to the line: what was said before it says nothing of how that went.
        self._away = self._since
        self._results = 0

    @property
    def owes(self) -> bool:
        """Whether the model owes an answer."""
        return self._step not in (Step.NOTHING, Step.GIVEN_UP)

    # What happens --------------------------------------------------------------------------------------

    def caller_spoke(self, proof: Proof) -> None:
        """The caller has said something."""
        if proof is Proof.WORDS or self._needed is Proof.SOUND:
            self._owe(Debt(_TO_CALLER.why, _TO_CALLER.ask, proof=proof))

    def told(self, text: str) -> None:
        """The model was told something that it answers aloud."""
        self._owe(Debt(SILENT_TURN, text, of_caller=False))
        self._since = self._scene.now()

    def tools_done(self) -> None:
        """The last tool has its result: the time of the answer begins."""
        self._since = max(self._since, self._scene.now())

    def model(self, event: LiveEvent) -> bool:
        """The model did something; returns whether to look at it at once."""
        match event:
            case Audio():
                self._audio(event.pcm)
            case OutputTranscript():
                self._since = max(self._since, self._scene.now())
            case WrittenText():
                self._output.wrote(event.text)
            case ToolCalls():
                self._output.made = Made.CALLS
                self._settle()
            case InputTranscript():
                self._understood()
            case GenerationComplete():
                self._judge()
            case TurnComplete():
                self._judge()
                self._ended()
            case Interrupted():
                self._output.made = Made.JUDGED
                if self._step is Step.WAITING:
                    self._since = self._scene.now()
            case Reopened():
                self._reopened()
        return self._due is not None

    def _audio(self, pcm: bytes) -> None:
        output = self._output
        if output.made is Made.SOUND and self._step is Step.NOTHING:
            # Most audio is of this kind.
            self._sound_at = self._since = self._scene.now()
            return
        if self._scene.late:
            return
        output.audio(pcm)
        if output.made is Made.SOUND:
            self._sound_at = self._since = self._scene.now()
            self._has_spoken = True
            self._settle()
        elif output.made is Made.STILLNESS and output.still_ms >= self._seconds * 1000:
            self._judge()

    def _understood(self) -> None:
        self._needed = Proof.SOUND
        quiet = self._scene.unfinished is None and not self._scene.playing
        if not self._caller.speaking and quiet and self._scene.now() - self._sound_at > _LAGGING:
            self.caller_spoke(Proof.WORDS)

    def _judge(self) -> None:
        """All of an answer has come: was there anything to hear?"""
        output = self._output
        if output.made not in (Made.STILLNESS, Made.TEXT):
            return
        turn = self._scene.parts.answers.last
        said = "" if turn is None or not self._scene.unfinished else turn.text
        if output.made is Made.TEXT:
            aloud = prompts.say_aloud(output.text.strip())
            # What the caller said is not answered for the session either, which tells it again.
            debt = Debt(TEXT_TURN, aloud, None if self.owes and self._debt.of_caller else aloud)
        else:
            again = prompts.say_aloud(said) if said else prompts.answer_now()
            debt = Debt(SILENT_AUDIO, prompts.say_again(), again)
        output.made = Made.JUDGED
        if self._scene.talking and not self._caller.speaking:
            self._drop_stillness()
            self._owe(replace(debt, of_caller=False), instead=True)
            if self._step is not Step.ASKED_AGAIN:
                self._due = self._scene.now()

    def _drop_stillness(self) -> None:
        """Nobody has to wait for the end of an answer in which nothing is to be heard."""
        parts = self._scene.parts
        unheard = parts.answers.interruptible()
        # Where an earlier answer is still being played, this one waits behind it.
        if len(unheard) == 1 and unheard[0] is parts.answers.last:
            # Of its words, none was heard.
            unheard[0].interrupt(0.0)
            parts.player.silence(unheard)
            parts.answers.part()

    def _ended(self) -> None:
        """The model's turn is over."""
        made, self._output = self._output.made, Output()
        if made is Made.NOTHING and not self._caller.speaking:
            self._said_nothing()
        if made in (Made.SOUND, Made.CALLS) and self._sound_at > max(self._caller.quiet_since, self._away):
            # It has had the results so far, and had nothing more to say of them.
            self._results = self._scene.tools.spoken_results

    def _said_nothing(self) -> None:
        """The model's turn is over without anything."""
        debt = self._debt
        if self._step is Step.NOTHING and self._caller.quiet_since > self._sound_at:
            # A turn for a sound: the model took it for speech, and has nothing to say to it.
            self._owe(_TO_CALLER)
        elif self.owes and not debt.of_caller:
            told_twice = self._step is not Step.WAITING and self._has_spoken
            if prompts.may_need_no_answer(debt.ask) or told_twice:
                # It is there, and has nothing to say to what it was told.
                self._settle()
            # With this turn it has reacted, for the session, too.
            self._debt = replace(debt, again=debt.ask)
        if self.owes and self._step is not Step.ASKED_AGAIN:
            self._due = self._scene.now() + _SECOND_TURN

    def _reopened(self) -> None:
        self._output = Output()
        self._since, self._due = self._scene.now(), None
        if self.owes and self._debt.again is not None:
            self._remedies.tell(self._debt.again)

    # What follows --------------------------------------------------------------------------------------

    def _owe(self, debt: Debt, *, instead: bool = False) -> None:
        """The model owes an answer. What it was told before is asked for all the same."""
        if self._step is Step.GIVEN_UP or not self._scene.talking:
            return
        if self._step is Step.NOTHING:
            self._step = Step.WAITING
            self._since, self._due = self._scene.now(), None
        elif not instead and not self._debt.of_caller and debt.of_caller:
            return
        self._debt = debt

    def _settle(self) -> None:
        if self._step is not Step.GIVEN_UP:
            self._step, self._due = Step.NOTHING, None

    async def look(self, now: float) -> float | None:
        """See whether something is owed for too long; returns when to look again."""
        scene = self._scene
        if self._step is Step.GIVEN_UP:
            return None
        if not scene.talking:
            self._settle()
            self._away = now
            if self._output.made is not Made.NOTHING:
                # It goes on with its turn, or not.
                self._output.made = Made.CALLS
            self._results = scene.tools.spoken_results
            self._caller.restart(now)
            return now + TICK
        if self._caller.speaking:
            # They may be answered yet.
            self._due = None
            return now + TICK
        if scene.tools.running:
            self._since, self._due = now, None
            return now + TICK
        if self._due is not None:
            if now < self._due:
                return self._due
        else:
            if playing := scene.playing:
                self._since = now + playing
                return now + TICK
            self._look_around()
            if self._step is Step.NOTHING and scene.unfinished is None:
                return None
            # A caller who asks again and again whether anybody is there does not put it off.
            patience = self._seconds / 2 if self._step in _SHORT else self._seconds
            due = max(self._since + patience, self._caller.quiet_since + self._seconds / 2)
            if now < due:
                return due
            if self._step is Step.NOTHING and self._output.made is Made.STILLNESS:
                self._judge()
        await self._act(now)
        return now + TICK

    def _look_around(self) -> None:
        """See what is owed that no event tells of."""
        if self._step is not Step.NOTHING:
            return
        if self._scene.tools.spoken_results > self._results:
            self._results = self._scene.tools.spoken_results
            if self._output.made in (Made.CALLS, Made.NOTHING):
                self._owe(_AFTER_TOOL)

    async def _act(self, now: float) -> None:
        unfinished = self._scene.unfinished
        if self._step is Step.NOTHING and unfinished is not None:
            ask = prompts.go_on_after_break(unfinished.text)
            self._debt, self._step = Debt(STALLED, ask, of_caller=False), Step.WAITING
        if not self.owes:
            return
        self._since, self._due = now, None
        parts, debt = self._scene.parts, self._debt
        if self._step is Step.WAITING:
            self._step = Step.ASKED
            if debt.proof is Proof.SOUND:
                self._needed = Proof.WORDS
            parts.observe(Nudged(parts.clock(), debt.why))
            self._remedies.remind(debt.ask)
        elif self._step is Step.ASKED:
            self._step = Step.REOPENED
            logger.warning("call %s: %s; the live session is opened anew", parts.call.call_id, debt.why)
            try:
                await self._remedies.reopen(debt.why)
            except LiveError as error:
                self._give_up(str(error))
            self._since = self._scene.now()
        elif self._step is Step.REOPENED:
            self._step = Step.ASKED_AGAIN
            self._remedies.remind(debt.ask)
        else:
            self._give_up(debt.why)

    def _give_up(self, cause: str) -> None:
        self._step = Step.GIVEN_UP
        self._remedies.give_up(cause)
