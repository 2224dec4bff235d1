"""How the agent gets out of a call: with a goodbye, or by putting the caller through.

The rule: what was said is heard to its end before anything happens to the line.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from voiceagent.bridge import prompts
from voiceagent.bridge.conference import Conference, code_of
from voiceagent.bridge.hold import Hold
from voiceagent.bridge.parts import Parts
from voiceagent.bridge.stage import BridgeState
from voiceagent.call.exceptions import WSSCallClosedError, WSSError
from voiceagent.report import CalleeJoined, EndReason, TransferFailed, TransferStarted
from voiceagent.wire.media import RING_SECONDS

_GOODBYE_BEGINS = 3.0
"""Seconds to wait for a goodbye that the model has not begun when it asks to hang up."""

_ASKED_GOODBYE_BEGINS = 4.0
"""Seconds to wait for it once more, after the model was told to say it."""

_ANSWER_BEGINS = 10.0
"""Seconds to wait for an answer that somebody wants to be heard, such as the greeting."""

_GOODBYE_PAUSE = 4.0
"""Seconds without audio after which a goodbye that the model has not ended counts as said."""

_HAND_OVER_PAUSE = 2.0
"""The same for a hand-over line. A model that waits for its tool does not end its answer."""

_LONGEST_GOODBYE = 60.0
"""Seconds after which the call ends, or the callee's phone rings, though the model still speaks."""


class Leaving:
    """Ends the agent's part in a call.

    Attributes:
        note: Why the agent ended the call, as it said itself.
        in_vain: Why the callee, whose phone rang while the model was lost, did not join.

    Args:
        parts: Of the conversation.
        hold: Plays to the caller while the callee's phone rings.
        goodbye: What the caller hears at the end where the model says nothing of its own.
        tell: Says something to the model, which it answers aloud.
    """

    def __init__(self, parts: Parts, hold: Hold, goodbye: str, tell: Callable[[str], None]) -> None:
        self.note = ""
        self.in_vain: WSSError | None = None
        self.conference = Conference(parts)
        self._parts = parts
        self._hold = hold
        self._goodbye_words = goodbye
        self._tell = tell
        self._stage, self._player, self._answers = parts.stage, parts.player, parts.answers
        self._ended = EndReason.AGENT_HUNG_UP
        self._goodbye: asyncio.Task[None] | None = None
        self._ringing: asyncio.Task[str | None] | None = None

    def cancel(self) -> None:
        """The conversation is over: stop what is under way."""
        for task in (self._goodbye, self._ringing):
            if task is not None:
                task.cancel()
        self.conference.cancel()

    def barge_in(self) -> None:
        """A caller who speaks into the goodbye has something to say: the conversation goes on."""
        if self._stage.state is BridgeState.ENDING:
            self._stage.state = BridgeState.TALKING
            if self._goodbye is not None:
                self._goodbye.cancel()

    def go_on(self) -> None:
        """Nobody spoke into the goodbye after all: the rest of it is to be heard, and then the call ends."""
        self.hang_up_after_goodbye(self.note, ended=self._ended)

    # Goodbye -------------------------------------------------------------------------------------------

    def hang_up_after_goodbye(
        self, reason: str, *, ended: EndReason = EndReason.AGENT_HUNG_UP, goodbye: str | None = None
    ) -> bool:
        """Let the goodbye be heard, then end the call; a conference only loses the agent.

        Args:
            reason: Why, for the report.
            ended: How the call has ended then.
            goodbye: What the model is told to say; None where it says goodbye by itself.

        Returns:
            False where the caller is being put through, which goes on.
        """
        if self._stage.joined:
            # Caller and callee talk: nothing that a model says may cut them off.
            self.note = reason
            self.conference.leave()
            return True
        if self._stage.state is not BridgeState.TALKING:
            return self._stage.state is BridgeState.ENDING
        self._stage.state = BridgeState.ENDING
        self.note, self._ended = reason, ended
        self._goodbye = self._parts.tasks.create_task(self._say_goodbye(ended, goodbye), name="goodbye")
        return True

    def goodbye_said(self) -> bool:
        """Whether the goodbye is in the answer that asked to hang up, so that none is to follow."""
        turn = self._answers.last
        return (
            self._stage.state is BridgeState.ENDING
            and turn is not None
            and turn.generated_ms > 0
            and not turn.interrupted
        )

    async def _say_goodbye(self, ended: EndReason, goodbye: str | None) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_LONGEST_GOODBYE):
                begun = await self._goodbye_begins(goodbye)
                await self._player.play_out(self._answers, _GOODBYE_PAUSE if begun else 0.0)
        self._stage.end(ended)

    async def _goodbye_begins(self, words: str | None) -> bool:
        before = None if words is None else self._answers.progress()

        def begun() -> bool:
            return self._stage.model_lost or (self._answers.progress() != before and self.goodbye_said())

        if words is None and await self._answers.until(begun, _GOODBYE_BEGINS):
            return True
        if words is None:
            # Nobody is hung up on without a word; but whoever speaks into that one has had it.
            words, self._goodbye_words = self._goodbye_words, ""
        if not words:
            return False
        self._tell(prompts.say(words))
        return await self._answers.until(begun, _ASKED_GOODBYE_BEGINS)

    async def heard_out(self) -> None:
        """Return when the answer under way, or about to begin, was heard, or the conversation has ended."""
        await self._stage.unless_over(self._answer_heard())

    async def _answer_heard(self) -> None:
        begun = await self._answers.until(self._speaks, _ANSWER_BEGINS)
        await self._player.play_out(self._answers, _GOODBYE_PAUSE if begun else 0.0)

    def _speaks(self) -> bool:
        turn = self._answers.last
        return self._stage.model_lost or (turn is not None and turn.generated_ms > 0)

    # Putting through -----------------------------------------------------------------------------------

    @property
    def rings(self) -> bool:
        """Whether the callee's phone rings."""
        return self._ringing is not None and not self._ringing.done()

    async def transfer(self, ring_seconds: int, note: str, *, brief: bool, stay: bool) -> str | None:
        """Play out the hand-over line, ring the callee, and leave the two alone, or listen to them.

        If the tool that waits for this is cancelled, the conversation goes on while the phone rings, and the
        agent still leaves, or listens, when the callee answers.

        Args:
            ring_seconds: How long the callee's phone rings, 1 to 120.
            note: Why, for observers.
            brief: Let what the model says next be heard by the callee only, before anything else.
            stay: Listen to the two instead of leaving.

        Returns:
            None when the callee has joined, ``NOT_BRIEFED`` when they have and cannot be told anything;
            otherwise the line's error code, such as ``CALL_UNANSWERED``: the caller is still here and the
            conversation goes on.

        Raises:
            ValueError: the ring time is out of range.
        """
        shortest, longest = RING_SECONDS
        if not shortest <= ring_seconds <= longest:
            raise ValueError(f"ring_seconds is {ring_seconds}, but must be {shortest} to {longest}")
        stage = self._stage
        if stage.over:
            return "CALL_ENDED"
        if stage.joined:
            return "ALREADY_CONNECTED"
        if self.rings or stage.state is BridgeState.HANDING_OVER:
            return "TRANSFER_IN_PROGRESS"
        if self._goodbye is not None:
            self._goodbye.cancel()
        stage.state = BridgeState.HANDING_OVER
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LONGEST_GOODBYE):
                    await stage.unless_over(self._player.play_out(self._answers, _HAND_OVER_PAUSE))
            if stage.over:
                return "CALL_ENDED"
            stage.state = BridgeState.TRANSFERRING
            # What the model says when nobody answers is an answer of its own: first the caller hears it ring.
            self._answers.part()
            self._parts.observe(TransferStarted(self._parts.clock(), note))
            self._ringing = self._parts.tasks.create_task(
                self._ring(ring_seconds, brief, stay), name="ringing"
            )
            await asyncio.wait((self._ringing,))
            return "CALL_ENDED" if self._ringing.cancelled() else self._ringing.result()
        finally:
            if not stage.over and not stage.joined:
                stage.state = BridgeState.TALKING
                self._hold.stop()
                if stage.model_lost and not self.rings:
                    stage.end(EndReason.MODEL_UNAVAILABLE)

    async def _ring(self, seconds: int, brief: bool, stay: bool) -> str | None:
        stage = self._stage
        try:
            await self._hold.during(self._parts.call.connect(seconds))
        except WSSCallClosedError:
            return "CALL_ENDED"
        except WSSError as error:
            code = code_of(error)
            self._parts.observe(TransferFailed(self._parts.clock(), code))
            if stage.model_lost:
                self.in_vain = error
                stage.end(EndReason.MODEL_UNAVAILABLE)
            return code
        stage.joined = True
        self._parts.observe(CalleeJoined(self._parts.clock()))
        if not (brief or stay) or stage.model_lost or stage.state is BridgeState.ENDING:
            stage.end(EndReason.TRANSFERRED)
            return None
        return await self.conference.begin(brief=brief, stay=stay)
