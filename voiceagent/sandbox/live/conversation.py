"""The conversation of one session: it takes what happens, decides what the model does next, and does it.

One task per session runs it, and only that task sends the model's messages: their order is the code's.
Everything that happens becomes a cue; a cue is taken up when the turn under way, the caller and the pending
function calls allow it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass

from voiceagent.sandbox.live import protocol
from voiceagent.sandbox.live.calls import CallGroup, CallLedger
from voiceagent.sandbox.live.faults import Faults
from voiceagent.sandbox.live.models import ModelTraits
from voiceagent.sandbox.live.outbox import Outbox
from voiceagent.sandbox.live.protocol import FunctionResponse, Setup, TextInput
from voiceagent.sandbox.live.record import SessionRecord
from voiceagent.sandbox.live.rules import NEUTRAL, RuleBook
from voiceagent.sandbox.live.turn import Turn, TurnState
from voiceagent.sandbox.live.usage import Usage
from voiceagent.sandbox.scenario import FaultKind, Rule
from voiceagent.sandbox.speech import voice_for

logger = logging.getLogger(__name__)

RESULT_GRACE = 0.5
"""Seconds that a model which completes turns before their results still waits for a quick one."""

MAX_CUES = 64
"""Cues waiting at the same time. Further texts and caller turns are dropped, and noted."""


@dataclass
class _SetupCue:
    rule: int


@dataclass
class _TextCue:
    text: str


@dataclass
class _CallerCue:
    said: list[str]


@dataclass
class _ResultCue:
    group: CallGroup


_Cue = _SetupCue | _TextCue | _CallerCue | _ResultCue


class Conversation:
    """What one session says.

    Args:
        setup: What the client asked for.
        traits: How the model behaves.
        rules: What the model does.
        faults: What goes wrong.
        outbox: The way to the client.
        record: Where everything is noted.
    """

    def __init__(
        self,
        *,
        setup: Setup,
        traits: ModelTraits,
        rules: RuleBook,
        faults: Faults,
        outbox: Outbox,
        record: SessionRecord,
    ) -> None:
        self.usage = Usage()
        self._setup = setup
        self._traits = traits
        self._rules = rules
        self._faults = faults
        self._outbox = outbox
        self._record = record
        self._calls = CallLedger(setup, traits)
        self._turn: Turn | None = None
        self._cues: deque[_Cue] = deque(_SetupCue(index) for index in rules.setup())
        self._wake = asyncio.Event()
        self._utterances = 0
        self._heard_text = False
        self._quiet_since = asyncio.get_running_loop().time()

    # What happens -------------------------------------------------------------------------------------

    def caller_started(self) -> None:
        """The caller speaks."""
        self._utterances += 1
        self._record.note("speech_started")
        if self._setup.interruptible:
            self._interrupt_audible()

    def caller_done(self, said: str | None) -> None:
        """The caller has stopped, and this is what was recognised."""
        self._utterances -= 1
        self._quiet_since = asyncio.get_running_loop().time()
        words = [said] if said else []
        last = self._cues[-1] if self._cues else None
        if isinstance(last, _CallerCue):
            # What the caller says in two goes before the model answers is one turn.
            last.said += words
            self._wake.set()
        else:
            self._add(_CallerCue(words))

    def text(self, text: TextInput) -> None:
        """The client wants an answer to a text."""
        self._quiet_since = asyncio.get_running_loop().time()
        if text.interrupts:
            self._interrupt_audible()
        self._add(_TextCue(text.text))

    def tool_response(self, response: FunctionResponse) -> None:
        """A function has a result."""
        try:
            group = self._calls.answer(response)
        except LookupError as error:
            self._record.note("unexpected_tool_response", id=response.call_id, name=response.name)
            logger.debug("%s", error)
            return
        if group is not None:
            # A blocking function's result is awaited; there is nothing to schedule.
            if group.scheduling == "INTERRUPT" and not group.blocking:
                self._interrupt_audible()
            self._cues.append(_ResultCue(group))
            self._wake.set()

    def needs_understanding(self) -> bool:
        """Whether it matters which words the caller says now."""
        return self._rules.needs_understanding()

    def _add(self, cue: _TextCue | _CallerCue) -> None:
        if len(self._cues) >= MAX_CUES:
            self._record.note("cue_dropped")
            return
        self._cues.append(cue)
        self._wake.set()

    def _interrupt_audible(self) -> None:
        turn = self._turn
        if turn is not None and turn.audible(asyncio.get_running_loop().time()):
            turn.interrupt()
            self._wake.set()

    # What comes of it ---------------------------------------------------------------------------------

    async def run(self) -> None:
        """Converse until cancelled."""
        while True:
            self._wake.clear()
            if not await self._advance():
                await self._rest()

    async def _rest(self) -> None:
        deadline = asyncio.timeout_at(self._next_time())
        try:
            async with deadline:
                await self._wake.wait()
        except TimeoutError:
            if not deadline.expired():
                raise

    async def _advance(self) -> bool:
        """Do the next thing that is due; False if nothing is."""
        now = asyncio.get_running_loop().time()
        turn = self._turn
        if turn is not None and turn.state is TurnState.INTERRUPTED:
            await self._send_interrupted()
        elif (cue := self._take_cue()) is not None:
            await self._take_up(cue)
        elif turn is not None and (end := self._turn_end(turn)) is not None and end <= now:
            await self._complete(turn)
        elif (quiet := self._quiet_rule()) is not None and quiet[1] <= now:
            await self._answer(quiet[0], [])
        else:
            return False
        return True

    def _next_time(self) -> float | None:
        """Loop time at which something is due though nothing happens."""
        turn, quiet = self._turn, self._quiet_rule()
        times = [quiet[1]] if quiet is not None else []
        if turn is not None and (turn_end := self._turn_end(turn)) is not None:
            times.append(turn_end)
        if turn is not None and self._cues and turn.audible(asyncio.get_running_loop().time()):
            times.append(turn.playback_end)
        return min(times, default=None)

    def _turn_end(self, turn: Turn) -> float | None:
        """When the turn completes by itself."""
        if turn.state is TurnState.GENERATED:
            return turn.playback_end
        waits = turn.group is not None and turn.group.blocking
        if turn.state is TurnState.CALLING and waits and self._traits.completes_before_result:
            return turn.playback_end + RESULT_GRACE
        return None

    def _quiet_rule(self) -> tuple[int, float] | None:
        """The ``after`` rule in line, and the loop time at which it fires if nothing happens before."""
        turn = self._turn
        if self._cues or self._utterances or self._calls.blocking:
            return None
        if turn is not None and turn.state is not TurnState.CALLING:
            return None
        rule = self._rules.quiet(calls_pending=self._calls.pending)
        if rule is None:
            return None
        since = self._quiet_since if turn is None else max(self._quiet_since, turn.playback_end)
        return rule[0], since + rule[1]

    def _take_cue(self) -> _Cue | None:
        turn = self._turn
        if turn is not None and turn.state is not TurnState.CALLING:
            return None
        candidates = [cue for cue in self._cues if self._allowed(cue)]
        # A caller who spoke before a result came is answered first, unless the model waited for the result.
        cue = min(candidates, key=_rank, default=None)
        if cue is not None:
            self._cues.remove(cue)
        return cue

    def _allowed(self, cue: _Cue) -> bool:
        turn = self._turn
        if turn is not None and turn.audible(asyncio.get_running_loop().time()):
            # While it is still being heard, only the result that it waits for makes it go on.
            return isinstance(cue, _ResultCue) and cue.group is turn.group and not self._utterances
        if isinstance(cue, _ResultCue):
            at_once = cue.group.scheduling == "INTERRUPT" and not cue.group.blocking
            return at_once or not self._utterances
        return not self._calls.blocking and not self._utterances

    async def _take_up(self, cue: _Cue) -> None:
        match cue:
            case _SetupCue(rule):
                await self._answer(rule, [])
            case _TextCue(text):
                first, self._heard_text = not self._heard_text, True
                if first:
                    rule_of_text = self._rules.start(text)
                    if rule_of_text is not None or self._rules.empty:
                        await self._answer(rule_of_text, [])
                    else:
                        self._record.note("text_unanswered")
                else:
                    await self._answer(self._rules.text(text), [])
            case _CallerCue(said):
                await self._answer(self._rules.caller_done(said), said)
            case _ResultCue(group):
                await self._use_result(group)

    async def _use_result(self, group: CallGroup) -> None:
        turn = self._turn
        continues = turn is not None and turn.group is group
        rule = self._rules.tool_result(group.rule, group.results)
        if group.scheduling == "SILENT" and not group.blocking:
            # The model takes note of the result and says nothing, so the rule that would speak is spent.
            if rule is not None:
                self._rules.fire(rule)
            rule = None
        if turn is not None and continues:
            if rule is None:
                await self._end_generation(turn)
            else:
                await self._play(turn, rule, [])
        elif rule is not None:
            await self._answer(rule, [])

    async def _answer(self, rule: int | None, said: list[str]) -> None:
        """A new turn: plays a rule, or the neutral sentence if there is none."""
        if self._turn is not None:
            await self._complete(self._turn)
        self._turn = turn = Turn(
            self._outbox,
            self._record,
            voice=voice_for(self._setup.language),
            transcribes=self._setup.transcribes_output,
            muted=self._faults.take(FaultKind.ZERO_AMPLITUDE),
            broken_off=self._faults.take(FaultKind.PHANTOM_INTERRUPT),
        )
        self._record.note("turn_started", rule=rule)
        if self._faults.take(FaultKind.SILENT_TURN):
            if rule is not None:
                self._rules.owe(rule)
            await self._end_generation(turn)
        elif rule is None:
            await self._play_neutral(turn, said)
        else:
            await self._play(turn, rule, said)

    async def _play_neutral(self, turn: Turn, said: list[str]) -> None:
        async with turn.generating():
            await self._transcribe(turn, None, said)
            await turn.say(NEUTRAL)
            await self._end_generation(turn)

    async def _play(self, turn: Turn, index: int, said: list[str]) -> None:
        rule = self._rules.fire(index)
        async with turn.generating():
            await self._transcribe(turn, rule.heard, said)
            if rule.say is not None:
                await turn.say(rule.say)
            if turn.state is TurnState.INTERRUPTED:
                return
            if rule.calls:
                await self._call(turn, index, rule)
            else:
                await self._end_generation(turn)

    async def _transcribe(self, turn: Turn, heard: str | None, said: list[str]) -> None:
        text = heard or " ".join(said)
        if text and self._setup.transcribes_input:
            await turn.transcribe_caller(text)

    async def _call(self, turn: Turn, index: int, rule: Rule) -> None:
        for call in rule.calls:
            if not self._calls.declared(call.name):
                self._record.note("undeclared_function", name=call.name)
                logger.warning(
                    "the scenario calls %r, which the client's setup does not declare; sent all the same",
                    call.name,
                )
        group, ids = self._calls.open_group(index, [call.name for call in rule.calls])
        messages: list[dict[str, object]] = [
            {"id": call_id, "name": call.name, "args": call.args}
            for call_id, call in zip(ids, rule.calls, strict=True)
        ]
        twice = self._faults.take(FaultKind.DUPLICATE_TOOL_CALL)
        await turn.call(group, messages, times=2 if twice else 1)
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

    async def _complete(self, turn: Turn) -> None:
        if turn.state is TurnState.CALLING:
            await turn.finish_generation()
        await self._send_complete(turn)

    async def _send_interrupted(self) -> None:
        turn = self._turn
        assert turn is not None
        self._record.note("interrupted")
        await self._outbox.send(protocol.content(interrupted=True))
        await self._send_complete(turn)

    async def _send_complete(self, turn: Turn) -> None:
        self._turn = None
        self._quiet_since = asyncio.get_running_loop().time()
        self._record.note("turn_complete")
        usage = self.usage.turn(turn.audio_seconds)
        await self._outbox.send(
            protocol.encode({"serverContent": {"turnComplete": True}, "usageMetadata": usage})
        )


def _rank(cue: _Cue) -> int:
    if not isinstance(cue, _ResultCue):
        return 1
    return 0 if cue.group.blocking else 2
