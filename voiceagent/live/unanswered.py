"""What a model was told and has not reacted to: another connection must be told it again.

Its rule: what a resumption handle covers, the service remembers; what the model has answered is in the
transcript; everything else is kept here, bounded.
"""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from voiceagent.live.events import (
    Audio,
    Interrupted,
    LiveEvent,
    ToolCall,
    ToolCalls,
    ToolCallsCancelled,
    TurnComplete,
)
from voiceagent.live.held import CallerAudio
from voiceagent.live.session import LiveConnection, Said

logger = logging.getLogger(__name__)

_MOST_REMARKS = 100
"""Remarks that are kept; beyond it the newest are left out, and logged."""

_MOST_CALLS = 20
"""Tool calls that are kept with their results."""


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to tell the model: what was said, and what it is to answer, if anything."""

    said: tuple[Said, ...]
    answer: str | None

    async def say(self, connection: LiveConnection) -> None:
        """Tell it over a connection.

        Raises:
            LiveClosedError: the connection is over.
        """
        if self.said or self.answer is None:
            await connection.send_said(self.said, answer=self.answer)
        else:
            await connection.send_text(self.answer)


class _Turn(Enum):
    """What the model does."""

    LISTENS = "listens"
    ANSWERS = "answers"
    INTERRUPTED = "interrupted"
    """It was interrupted, and has not ended its turn: audio that comes now is of the old answer."""


class _Result(Enum):
    """What the model knows of a tool's result."""

    PENDING = "pending"
    GIVEN = "given"
    """It was sent, and nothing has come of it yet."""
    KNOWN = "known"


@dataclass(slots=True)
class _Call:
    """A tool call: ``wire_id`` is the model's own id, ``connection`` the number of the one it came over."""

    name: str
    wire_id: str
    connection: int
    result: _Result = _Result.PENDING
    text: str = ""


class Unanswered:
    """Keeps what the model has not reacted to.

    Attributes:
        audio: What the caller said.
        reactions: How often the model has reacted to anything.
        uncovered: Whether something has happened that no resumption handle covers.
    """

    def __init__(self) -> None:
        self.audio = CallerAudio()
        self.reactions = 0
        self.uncovered = False
        self._remarks: deque[Remark] = deque()
        # How many remarks at the old end the present connection was sent.
        self._sent = 0
        self._calls: dict[str, _Call] = {}
        self._connection = 1
        self._turn = _Turn.LISTENS
        # Whether the model has reacted to all it was told: then its audio says nothing new.
        self._reacted = False

    # What is known ------------------------------------------------------------------------------------------

    @property
    def idle(self) -> bool:
        """Whether the model neither answers nor owes anything, but to what the caller says right now."""
        return (
            self._turn is _Turn.LISTENS
            and not any(remark.answer for remark in self._remarks)
            and all(call.result is _Result.KNOWN for call in self._calls.values())
        )

    @property
    def settled(self) -> bool:
        """Whether nothing at all is open between the model and the caller."""
        return not self.audio.owed and self.idle

    # What happens -------------------------------------------------------------------------------------------

    def heard(self, event: LiveEvent) -> LiveEvent:
        """The model did something; returns the event as it is to be passed on."""
        kind = type(event)
        if kind is Audio:
            if not self._reacted:
                self._react()
        elif isinstance(event, ToolCalls):
            # What was interrupted calls no more tools, so this is the next turn.
            self._turn = _Turn.LISTENS if self._turn is _Turn.INTERRUPTED else self._turn
            self._react()
            return ToolCalls(tuple(self._note_call(call) for call in event.calls))
        elif kind is Interrupted:
            self._turn = _Turn.INTERRUPTED
            self.audio.interrupts()
        elif kind is TurnComplete:
            if self._turn is not _Turn.INTERRUPTED:
                self._forget_remarks()
            self._turn, self._reacted = _Turn.LISTENS, False
        elif isinstance(event, ToolCallsCancelled):
            return ToolCallsCancelled(tuple(self._note_cancelled(wire_id) for wire_id in event.ids))
        return event

    def tell(self, remark: Remark, *, sent: bool) -> bool:
        """Keep what the model is told; false where there is too much of it.

        Args:
            remark: What it is.
            sent: Whether it is being sent; otherwise :meth:`next_remark` has it in its turn.
        """
        if len(self._remarks) >= _MOST_REMARKS:
            logger.warning("too much for the model while it is silent; a remark was left out")
            return False
        self._remarks.append(remark)
        self._sent += sent
        self._reacted = False
        return True

    def give(self, call_id: str, name: str, response: Mapping[str, Any], *, silent: bool) -> str | Remark:
        """Note the result of a call.

        Args:
            call_id: As it was passed on.
            name: Of the tool.
            response: The result.
            silent: Whether the model is to say nothing about it.

        Returns:
            The call's id with the model; where the connection it came over is lost, what to tell instead.
        """
        call = self._calls.get(call_id)
        if call is None:
            return call_id
        call.text = _has_result(name, response)
        if call.connection != self._connection:
            call.result = _Result.KNOWN
            return Remark((Said("user", call.text),), None) if silent else Remark((), call.text)
        call.result = _Result.KNOWN if silent else _Result.GIVEN
        self._reacted = False
        return call.wire_id

    def covered(self) -> None:
        """The service remembers by itself what was until the end of the last turn."""
        for call_id, call in list(self._calls.items()):
            if call.result is _Result.KNOWN:
                del self._calls[call_id]
            elif call.result is _Result.GIVEN:
                call.result = _Result.KNOWN
        self.uncovered = False

    # Another connection -------------------------------------------------------------------------------------

    def lose_connection(self) -> None:
        """What the model was told over the connection does not count any more."""
        self._connection += 1
        self._turn, self._reacted = _Turn.LISTENS, False
        for call in self._calls.values():
            if call.result is _Result.GIVEN:
                call.result = _Result.KNOWN
                self.tell(Remark((), call.text), sent=False)

    def calls_to_tell(self) -> list[Said]:
        """What another model should know of the calls that were made."""
        told = {remark.answer for remark in self._remarks}
        return [
            Said("user", call.text or _is_pending(call.name))
            for call in self._calls.values()
            if call.text not in told
        ]

    @property
    def answer_comes(self) -> bool:
        """Whether the model has something else to answer, or will have, than a break in what it said."""
        return any(remark.answer for remark in self._remarks) or any(
            call.result is _Result.PENDING for call in self._calls.values()
        )

    def send_again(self) -> None:
        """All that is kept is to be sent to the new connection."""
        self._sent = 0
        self.audio.send_again()

    def next_remark(self) -> Remark | None:
        """What the model is to be told next; it counts as sent. None when it has been told everything."""
        if self._sent == len(self._remarks):
            return None
        self._sent += 1
        return self._remarks[self._sent - 1]

    def _react(self) -> None:
        """The model answers what it was told."""
        if self._turn is _Turn.INTERRUPTED:
            return
        if self._turn is _Turn.LISTENS:
            self._turn = _Turn.ANSWERS
            self.audio.answered()
        for call in self._calls.values():
            if call.result is _Result.GIVEN:
                call.result = _Result.KNOWN
        self._forget_remarks()
        self._reacted = self.uncovered = True
        self.reactions += 1

    def _forget_remarks(self) -> None:
        """The model knows what it was told."""
        for _ in range(self._sent):
            self._remarks.popleft()
        self._sent = 0

    def _note_call(self, call: ToolCall) -> ToolCall:
        known = self._calls.get(call.id)
        own_id = call.id
        if known is not None and known.connection != self._connection:
            # A service that has forgotten the session may count its calls from the beginning.
            own_id = f"{call.id}/{self._connection}"
        if own_id not in self._calls:
            self._calls[own_id] = _Call(call.name, call.id, self._connection)
            while len(self._calls) > _MOST_CALLS:
                del self._calls[next(iter(self._calls))]
        return call if own_id == call.id else replace(call, id=own_id)

    def _note_cancelled(self, wire_id: str) -> str:
        """Forget a call; returns its id as it was passed on."""
        for own_id, call in self._calls.items():
            if call.wire_id == wire_id and call.connection == self._connection:
                del self._calls[own_id]
                return own_id
        return wire_id


def _has_result(name: str, response: Mapping[str, Any]) -> str:
    return f"The tool {name} that you called has this result: {json.dumps(response, ensure_ascii=False)}"


def _is_pending(name: str) -> str:
    return f"You have called the tool {name} and its result is still to come; do not call it again."
