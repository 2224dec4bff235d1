"""What the model does while it listens to two people: note how they feel and what they talk about, and coach.

The rule: the callee alone hears a suggestion, and not more of them than a person can use while they talk.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from tools.call_control.wording import one_line, same_words, words_of
from tools.coaching.models import LONGEST_SUGGESTION, SuggestionState
from tools.coaching.store import CoachingStore, Speaker, TooManyNotesError
from voiceagent import CallContext, Line, ToolError, tool

SECONDS_BETWEEN = 20.0
"""Seconds from one suggestion to the next, unless told otherwise: people cannot listen to two at once."""

_STATE = "coaching"
_ENOUGH = "This call has enough notes of this kind. Do not call this tool again in this call."


@dataclass
class _Coaching:
    """The suggestions of one call.

    Attributes:
        suggestion: Id of the latest, while it is not settled; None otherwise.
        text: Of the latest.
        asked_at: When the latest was asked for, in seconds of the loop's clock.
    """

    suggestion: int | None = None
    text: str = ""
    asked_at: float | None = None


class CoachingTools:
    """Tools for an agent that listens to a call; give the agent's hooks to :meth:`heard`.

    Args:
        store: Where everything is kept.
        seconds_between: Least time from one suggestion to the next.
    """

    def __init__(self, store: CoachingStore, *, seconds_between: float = SECONDS_BETWEEN) -> None:
        if seconds_between < 0:
            raise ValueError(f"seconds_between must not be negative, got {seconds_between}")
        self.store = store
        self.seconds_between = seconds_between

    @tool
    async def note_sentiment(
        self,
        call: CallContext,
        speaker: Speaker,
        score: Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)],
        reason: str,
    ) -> str:
        """Note how the caller or the callee feels, when it has changed. Nobody hears of it; say nothing.

        Args:
            speaker: Whose mood it is.
            score: From -1 (furious) through 0 (neutral) to 1 (delighted).
            reason: What shows it, in one short sentence.
        """
        if not words_of(reason):
            raise ToolError("The reason is missing: say in one short sentence what shows the mood.")
        try:
            note = await self.store.note_sentiment(call.call_id, speaker, score, reason)
        except TooManyNotesError as error:
            raise ToolError(_ENOUGH) from error
        return "Noted." if note.times == 1 else "Noted before. Note a mood only when it changes."

    @tool
    async def note_topic(self, call: CallContext, topic: str) -> str:
        """Note what the two talk about, once per topic. Nobody hears of it; say nothing.

        Args:
            topic: One to five words, such as 'late delivery'.
        """
        if not words_of(topic):
            raise ToolError("The topic is empty: name it in one to five words.")
        try:
            note = await self.store.note_topic(call.call_id, topic)
        except TooManyNotesError as error:
            raise ToolError(_ENOUGH) from error
        return "Noted." if note.times == 1 else "Noted before. Note each topic once."

    @tool(requires="whisper")
    async def coach_callee(self, call: CallContext, suggestion: str) -> str:
        """Whisper a suggestion to the callee; the caller cannot hear it. Say nothing before you call this.

        Use it only when it helps at this moment: an answer the callee does not know, a promise they should
        not make, an offer that would save the call.

        Args:
            suggestion: One short sentence to the callee, such as 'Offer ten percent off the next order.'
        """
        text = one_line(suggestion, LONGEST_SUGGESTION)
        if not words_of(text):
            raise ToolError("The suggestion is empty: give one short sentence to the callee.")
        coaching = _coaching(call)
        self._keep_pace(coaching, text)
        await self._settle(coaching, SuggestionState.NOT_PLAYED)
        try:
            coaching.suggestion = await self.store.suggest(call.call_id, text)
        except TooManyNotesError as error:
            raise ToolError(_ENOUGH) from error
        try:
            return await call.whisper()
        except ToolError:
            await self._settle(coaching, SuggestionState.NOT_PLAYED)
            raise

    async def heard(self, call: CallContext, line: Line) -> None:
        """Take what was heard of the agent, from ``on_transcript``: it tells what became of a suggestion."""
        if line.who != "agent" or not line.text:
            return
        state = SuggestionState.CUT_OFF if line.interrupted else SuggestionState.PLAYED
        await self._settle(_coaching(call), state, line.text)

    def _keep_pace(self, coaching: _Coaching, text: str) -> None:
        """Let this suggestion be the latest, before anything is awaited: one that comes meanwhile finds it.

        Raises:
            ToolError: It comes too soon after the one before it.
        """
        now = asyncio.get_running_loop().time()
        if coaching.asked_at is not None:
            left = math.ceil(self.seconds_between - (now - coaching.asked_at))
            if left > 0 and same_words(text, coaching.text):
                raise ToolError("The callee has been given this suggestion just now. Do not repeat it.")
            if left > 0:
                raise ToolError(
                    f"Too soon after the last suggestion: wait {left} seconds, and drop it if it is no longer"
                    " of use then."
                )
        coaching.asked_at, coaching.text = now, text

    async def _settle(self, coaching: _Coaching, state: SuggestionState, heard: str = "") -> None:
        suggestion, coaching.suggestion = coaching.suggestion, None
        if suggestion is not None:
            await self.store.settle(suggestion, state, heard)


def _coaching(call: CallContext) -> _Coaching:
    coaching = call.state.setdefault(_STATE, _Coaching())
    assert isinstance(coaching, _Coaching)
    return coaching
