"""The model's answers in one call: which one is being made, and which the caller has not heard out yet."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from voiceagent.report import Observer, TurnEnded
from voiceagent.turn import Turn, TurnState


class Answers:
    """Keeps the turns of a call, and reports each once it has been heard to its end, or was cut off.

    Args:
        observe: Told of every answer that is over.
        clock: Milliseconds since the agent took the call.
        played: How far the line has played, in milliseconds.
    """

    def __init__(self, observe: Observer, clock: Callable[[], float], played: Callable[[], float]) -> None:
        self.last: Turn | None = None
        """The newest answer; None before the first."""
        self._observe = observe
        self._clock = clock
        self._played = played
        self._count = 0
        self._unheard: deque[Turn] = deque()
        self._changed = asyncio.Event()

    def current(self) -> Turn:
        """The answer that an event of the model belongs to; a new one after the last was over."""
        turn = self.last
        if turn is not None and turn.stale(self._clock()):
            turn.state = TurnState.OVER
        if turn is None or turn.state in (TurnState.OVER, TurnState.BROKEN):
            goes_on = turn is not None and turn.state is TurnState.BROKEN
            if turn is not None:
                turn.state = TurnState.OVER
            self._count += 1
            turn = self.last = Turn(self._count, goes_on=goes_on)
            self._unheard.append(turn)
        return turn

    def part(self) -> None:
        """What comes next is an answer of its own, since somebody else hears it."""
        if self.last is not None and not self.last.late:
            self.last.state = TurnState.OVER

    def interruptible(self) -> list[Turn]:
        """The answers of which a barge-in takes something away from the caller."""
        played = self._played()
        return [turn for turn in self._unheard if turn.interruptible(played)]

    def unheard(self) -> list[Turn]:
        """The answers of which something is still to be played."""
        played = self._played()
        return [turn for turn in self._unheard if not turn.heard_out(played)]

    def report_heard(self) -> None:
        """Report the answers that have been heard to their end, or were cut off."""
        while self._unheard:
            turn = self._unheard[0]
            if turn.state is not TurnState.OVER or not turn.heard_out(self._played()):
                return
            self._report(self._unheard.popleft())

    def report_rest(self) -> None:
        """The conversation is over: report the others as far as they were heard."""
        while self._unheard:
            self._report(self._unheard.popleft())

    def progress(self) -> tuple[int, float]:
        """Grows with every answer and with all audio."""
        return self._count, 0.0 if self.last is None else self.last.generated_ms

    def changed(self) -> None:
        """Let :meth:`until` look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait until the answers meet a condition; false when they have not within ``seconds``."""
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    def _report(self, turn: Turn) -> None:
        played = self._played()
        self._observe(
            TurnEnded(
                self._clock(),
                turn.number,
                turn.text_heard(played),
                turn.generated_ms,
                turn.heard_ms(played),
                turn.interrupted,
                turn.sent_ms,
                turn.parts_heard(played),
            )
        )
