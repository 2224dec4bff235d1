"""Helping and escalating as the model sees it.

The rule: the model decides that a person is needed, and nothing else. What they are told is saved before it
rings, whom to call back comes from the line, and when nobody is there the callback is booked whatever the
model says next.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Literal

from sqlalchemy.exc import SQLAlchemyError

from tools.call_control.wording import one_line, words_of
from tools.callers import customer_number
from tools.escalation.callbacks import CallbackStore, TooManyChangesError
from tools.escalation.case import Case
from tools.escalation.knowledge import KnowledgeBase
from tools.escalation.models import LONGEST_SUMMARY, EscalationState
from tools.escalation.store import EscalationStore
from tools.escalation.times import NoSuchTimeError
from voiceagent import CallContext, CallReport, Line, ToolError, tool

logger = logging.getLogger(__name__)

Reason = Literal["emergency", "complaint", "billing", "technical", "wants_a_person", "other"]
"""Why a person is needed."""

LONGEST_BRIEFING = 300
"""Characters of the summary that are whispered: about twenty seconds of speech."""

_STATES = {
    "transferred": EscalationState.CONNECTED,
    "connected": EscalationState.CONNECTED,
    "conference_ended": EscalationState.CONNECTED,
    "caller_hung_up": EscalationState.ABANDONED,
    "line_lost": EscalationState.ABANDONED,
}
"""What the end of a call says of an escalation that was under way; every other end is a failure."""


class KnowledgeTools:
    """Answers from a knowledge base."""

    def __init__(self, knowledge: KnowledgeBase) -> None:
        self.knowledge = knowledge

    @tool
    async def search_help(self, call: CallContext, question: str) -> list[str] | str:
        """Look up what the business says about a question. Always do this before you answer one.

        Args:
            question: The caller's question, in a few words.
        """
        found = self.knowledge.search(question)
        case = Case.of(call)
        case.looked_up.append(
            {"question": one_line(question, 200), "found": found[0].title if found else "nothing"}
        )
        del case.looked_up[:-20]
        if not found:
            return "Nothing is written about that. Do not guess: offer a person (escalate_to_human)."
        return [f"{article.title}: {article.answer}" for article in found]


class CallbackTools:
    """Promises to call back whoever is calling."""

    def __init__(self, store: CallbackStore) -> None:
        self.store = store

    @tool
    async def book_callback(self, call: CallContext, day: str = "", time: str = "", wish: str = "") -> str:
        """Book that somebody calls the caller back, or move the callback of this call to another time.

        The number is known from the line: never ask for it. Read back the day and time that come back.

        Args:
            day: The day that the caller wishes: 'today', 'tomorrow', a weekday, or YYYY-MM-DD. Leave it out
                for the first that suits.
            time: The time that they wish, such as '14:30' or 'half past two'. Leave it out for as early as
                possible.
            wish: What it is about, in one short sentence.
        """
        number = customer_number(call)
        if number is None:
            raise ToolError(
                "The caller's number is withheld, so nobody can call back. Tell them when somebody is there:"
                f" {self.store.hours.in_words(call.language)}."
            )
        try:
            callback = await self.store.book(call.call_id, number, self.store.time(day, time), wish)
        except NoSuchTimeError as error:
            raise ToolError(str(error)) from error
        except TooManyChangesError as error:
            raise ToolError("The callback has been moved often enough: it stays as it is. Say so.") from error
        return f"A callback is booked for {self.store.in_words(callback, call.language)}."


class EscalationTools:
    """Puts callers through to a person, with what that person has to know.

    The agent gives it what happens in its calls: ``on_transcript`` to :meth:`heard`, ``on_answered`` to
    :meth:`watch`, ``on_end`` to :meth:`finish`.

    Args:
        store: Where cases are kept.
        urgent_words: Words and phrases of a caller that escalate at once, whatever the model does.
    """

    def __init__(self, store: EscalationStore, *, urgent_words: Sequence[str] = ()) -> None:
        self.store = store
        self.urgent_words = tuple(words_of(phrase) for phrase in urgent_words)
        if not all(self.urgent_words):
            raise ValueError("urgent_words: one of them has no letters")

    @tool(requires="transfer")
    async def escalate_to_human(self, call: CallContext, reason: Reason, summary: str = "") -> str:
        """Put the caller through to a person, and tell that person what it is about.

        Tell the caller first, in the same answer. Use it when search_help has no answer, when the caller asks
        for a person, and at once in an emergency.

        Args:
            reason: Why a person is needed.
            summary: What they have to know, in one or two short sentences: who calls, what about, what was
                tried. The caller does not hear it.
        """
        return await self.escalate(call, reason, summary)

    async def escalate(self, call: CallContext, reason: Reason, summary: str) -> str:
        """Save the case, ring, brief who picks up, and leave; or book a callback where nobody does.

        Returns:
            A sentence for the model, which must be given to it: it asks for the briefing.

        Raises:
            ToolError: The caller is being put through already, or nobody is there.
        """
        case = Case.of(call)
        if case.ringing:
            raise ToolError("The caller is being put through already. Say nothing, and wait.")
        if case.nobody_there and reason != "emergency":
            raise ToolError(f"Nobody is there at the moment. {await self._instead(call)}")
        case.ringing = True
        try:
            return await self._put_through(call, case, reason, summary)
        finally:
            case.ringing = False

    async def heard(self, call: CallContext, line: Line) -> None:
        """Take what was said, from ``on_transcript``; an urgent word sets :meth:`watch` going."""
        case = Case.of(call)
        case.add(line)
        if line.who == "caller" and self._urgent(words_of(line.text)):
            case.urgent.set()

    async def watch(self, call: CallContext) -> None:
        """Escalate as soon as the caller says an urgent word; run it beside the call, in ``on_answered``."""
        await Case.of(call).urgent.wait()
        try:
            answer = await self.escalate(call, "emergency", "")
        except ToolError:
            # The model was as fast.
            return
        call.tell(answer)

    async def finish(self, report: CallReport) -> None:
        """Settle what the call left open, from ``on_end``, and keep all that was said."""
        state = _STATES.get(str(report.ended), EscalationState.FAILED)
        transcript = [{"who": line.who, "text": line.text} for line in report.transcript if line.text]
        await self.store.finish(report.call_id, state, transcript, str(report.ended))

    async def _put_through(self, call: CallContext, case: Case, reason: Reason, summary: str) -> str:
        # The hooks bring the caller's last words meanwhile: a model that calls a tool at once is faster.
        earlier = await self._earlier(call)
        summary = _summary(summary, case, reason)
        saved = await self._save(call, case, reason, summary, earlier)
        result = await call.transfer(note=reason, briefing=one_line(summary, LONGEST_BRIEFING))
        if result.code in ("CALL_ENDED", "TRANSFER_IN_PROGRESS"):
            # What becomes of it is known when the call is over.
            return result
        state = EscalationState.CONNECTED if result.connected else EscalationState.FAILED
        if result.code == "CALL_UNANSWERED":
            state = EscalationState.UNANSWERED
        await self._settle(call, saved, state, result.code or "")
        if result.connected:
            return result
        case.nobody_there = True
        return f"{result} {await self._instead(call)}"

    # A database that is down does not keep a caller from a person: what fails here is logged.

    async def _earlier(self, call: CallContext) -> list[dict[str, str]]:
        try:
            return await self.store.earlier(customer_number(call))
        except (SQLAlchemyError, OSError):
            logger.exception("call %s: earlier escalations could not be looked up", call.call_id)
            return []

    async def _save(
        self, call: CallContext, case: Case, reason: Reason, summary: str, earlier: list[dict[str, str]]
    ) -> int | None:
        """Save the case; returns its id, if there is one now."""
        facts = {"looked_up": case.looked_up, "language": call.language, "earlier": earlier}
        try:
            escalation = await self.store.open(
                call.call_id,
                customer_number(call),
                reason=reason,
                summary=summary,
                transcript=case.transcript,
                facts=facts,
            )
        except (SQLAlchemyError, OSError):
            logger.exception("call %s: the escalation could not be saved", call.call_id)
            return None
        return escalation.id

    async def _settle(self, call: CallContext, saved: int | None, state: EscalationState, note: str) -> None:
        if saved is None:
            return
        try:
            await self.store.settle(saved, state, note)
        except (SQLAlchemyError, OSError):
            # The end of the call tries again.
            logger.exception("call %s: escalation %d could not be settled", call.call_id, saved)

    async def _instead(self, call: CallContext) -> str:
        """What the caller can be offered when nobody is there."""
        callbacks = self.store.callbacks
        callback = None
        try:
            callback = await callbacks.of_call(call.call_id)
        except (SQLAlchemyError, OSError):
            logger.exception("call %s: its callback could not be looked up", call.call_id)
        if callback is not None:
            return (
                f"A callback is booked for {callbacks.in_words(callback, call.language)}: tell the caller. If"
                " another time suits them better, call book_callback."
            )
        if customer_number(call) is not None:
            return "Offer the caller a callback (book_callback)."
        return (
            "The caller's number is withheld, so nobody can call back. Tell them when somebody is there:"
            f" {callbacks.hours.in_words(call.language)}."
        )

    def _urgent(self, said: list[str]) -> bool:
        return any(
            said[start : start + len(phrase)] == phrase
            for phrase in self.urgent_words
            for start in range(len(said) - len(phrase) + 1)
        )


def _summary(given: str, case: Case, reason: Reason) -> str:
    """What a person is told: the model's summary, or where it gave none, the caller's last words."""
    summary = one_line(given, LONGEST_SUMMARY)
    if words_of(summary):
        return summary
    why = reason.replace("_", " ")
    if case.last_words:
        return one_line(f"{why}. The caller said: {case.last_words}", LONGEST_SUMMARY)
    return f"{why}. The caller has not said what it is about."
