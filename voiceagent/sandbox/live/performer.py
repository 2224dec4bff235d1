"""The model's lines, played as turns: spoken, with the functions they call, completed or cut off.

It also goes wrong as the scenario's faults say.
"""

from __future__ import annotations

import logging

from voiceagent.sandbox.fault import FaultKind
from voiceagent.sandbox.live import protocol
from voiceagent.sandbox.live.calls import CallGroup, CallLedger
from voiceagent.sandbox.live.faults import Faults
from voiceagent.sandbox.live.mind import Line, Mind
from voiceagent.sandbox.live.outbox import EndOfSession, Outbox
from voiceagent.sandbox.live.protocol import Setup
from voiceagent.sandbox.live.record import SessionRecord
from voiceagent.sandbox.live.resumption import Offers, Story
from voiceagent.sandbox.live.turn import Turn, TurnState
from voiceagent.sandbox.live.usage import Usage
from voiceagent.sandbox.speech import voice_for

logger = logging.getLogger(__name__)

REPEATED = 10
"""So often ``repeat_interrupt`` reports an interruption."""

_FLAWS = (FaultKind.ZERO_AMPLITUDE, FaultKind.TEXT_TURN, FaultKind.PHANTOM_INTERRUPT, FaultKind.STALL)


class Performer:
    """Makes the answers of one connection.

    Args:
        setup: What the client asked for.
        mind: Is told what was done.
        calls: Keeps the functions that were called.
        story: Keeps what the model is in the middle of.
        offers: Tells the client how to go on elsewhere.
        usage: Counts the audio.
        faults: What goes wrong.
        outbox: The way to the client.
        record: Where everything is noted.

    Attributes:
        turn: The answer under way.
    """

    def __init__(
        self,
        *,
        setup: Setup,
        mind: Mind,
        calls: CallLedger,
        story: Story,
        offers: Offers,
        usage: Usage,
        faults: Faults,
        outbox: Outbox,
        record: SessionRecord,
    ) -> None:
        self.turn: Turn | None = None
        self._speaking: Line | None = None
        self._setup = setup
        self._mind = mind
        self._calls = calls
        self._story = story
        self._offers = offers
        self._usage = usage
        self._faults = faults
        self._outbox = outbox
        self._record = record

    async def answer(self, line: Line, said: list[str]) -> None:
        """A new turn; ``said`` is what was recognised of the caller before it."""
        if self.turn is not None:
            await self.complete(self.turn)
        self.turn = turn = Turn(
            self._outbox,
            self._record,
            voice=voice_for(self._setup.language),
            transcribes=self._setup.transcribes_output,
            flaws=frozenset(kind for kind in _FLAWS if self._faults.take(kind)),
        )
        self._record.note("turn_started", rule=line.rule)
        if self._faults.take(FaultKind.SILENT_TURN):
            self._mind.owe(line)
            await self._end_generation(turn)
        else:
            await self.play(turn, line, said)

    async def play(self, turn: Turn, line: Line, said: list[str]) -> None:
        """Begin a turn with a line, or go on with it."""
        self._mind.begin(line)
        self._story.speaking = self._speaking = line
        async with turn.generating():
            await self._transcribe(turn, line.heard or " ".join(said))
            if line.text:
                await turn.say(line.text)
            if turn.state is TurnState.INTERRUPTED:
                return
            self._mind.finish(line)
            if line.calls:
                await self._call(turn, line)
            else:
                await self._end_generation(turn)

    async def end(self, turn: Turn) -> None:
        """There is nothing to say to the results that the turn waited for."""
        await self._end_generation(turn)

    async def complete(self, turn: Turn) -> None:
        """The turn is over."""
        if turn.state is TurnState.CALLING:
            await turn.finish_generation()
        await self._send_complete(turn)

    async def interrupted(self, turn: Turn) -> None:
        """The turn was cut off."""
        times = REPEATED if self._faults.take(FaultKind.REPEAT_INTERRUPT) else 1
        for _ in range(times):
            self._record.note("interrupted")
            await self._outbox.send(protocol.content(interrupted=True))
        await self._send_complete(turn)

    async def _transcribe(self, turn: Turn, text: str) -> None:
        if text and self._setup.transcribes_input:
            await turn.transcribe_caller(text)

    async def _call(self, turn: Turn, line: Line) -> None:
        for call in line.calls:
            if not self._calls.declared(call.name):
                self._record.note("undeclared_function", name=call.name)
                logger.warning(
                    "the scenario calls %r, which the client's setup does not declare; sent all the same",
                    call.name,
                )
        assert line.rule is not None
        group, ids = self._calls.open_group(line.rule, [call.name for call in line.calls])
        messages: list[dict[str, object]] = [
            {"id": call_id, "name": call.name, "args": call.args}
            for call_id, call in zip(ids, line.calls, strict=True)
        ]
        twice = self._faults.take(FaultKind.DUPLICATE_TOOL_CALL)
        await turn.call(group, messages, times=2 if twice else 1)
        self._said()
        await self._offers.withhold()
        await self._after_call(turn, group, ids)

    async def _after_call(self, turn: Turn, group: CallGroup, ids: list[str]) -> None:
        closes = self._faults.take(FaultKind.CLOSE_ON_TOOL_CALL)
        if closes is not None:
            raise EndOfSession(int(closes.value), "the scenario closes the connection on a tool call")
        if self._faults.take(FaultKind.CANCEL_TOOL_CALL):
            self._calls.cancel(group)
            self._record.note("tool_call_cancelled", ids=ids)
            await self._outbox.send(protocol.encode({"toolCallCancellation": {"ids": ids}}))
            await self._end_generation(turn)
        elif turn.state is TurnState.GENERATING:
            turn.wait_for_results()

    async def _end_generation(self, turn: Turn) -> None:
        if turn.state is not TurnState.INTERRUPTED:
            await turn.finish_generation()

    async def _send_complete(self, turn: Turn) -> None:
        self.turn = None
        self._record.note("turn_complete")
        usage = self._usage.turn(turn.audio_seconds)
        await self._outbox.send(
            protocol.encode({"serverContent": {"turnComplete": True}, "usageMetadata": usage})
        )
        self._said()
        await self.offer()

    def _said(self) -> None:
        """Nothing of the line is owed any more, unless another connection is in the middle of one."""
        if self._story.speaking is self._speaking:
            self._story.speaking = None

    async def offer(self) -> None:
        """Tell the client how to go on from here, if nothing is open."""
        if self.turn is None and not self._calls.pending:
            await self._offers.offer()
