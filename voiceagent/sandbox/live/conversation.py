"""The conversation of one session: it takes what happens, decides what the model does next, and does it.

One task per session runs it, and only that task sends the model's messages: their order is the code's.
Everything that happens becomes a cue; a cue is taken up when the turn under way, the caller and the pending
function calls allow it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from voiceagent.sandbox.live.calls import CallGroup, CallLedger
from voiceagent.sandbox.live.cues import CallerCue, Cue, ResultCue, SetupCue, TextCue, rank
from voiceagent.sandbox.live.faults import Faults
from voiceagent.sandbox.live.mind import Line, Mind
from voiceagent.sandbox.live.models import ModelTraits
from voiceagent.sandbox.live.outbox import Outbox
from voiceagent.sandbox.live.performer import Performer
from voiceagent.sandbox.live.protocol import Content, FunctionResponse, Setup, TextInput
from voiceagent.sandbox.live.record import SessionRecord
from voiceagent.sandbox.live.resumption import HandleStore, Offers, Snapshot, Story
from voiceagent.sandbox.live.rules import RuleBook
from voiceagent.sandbox.live.turn import Turn, TurnState
from voiceagent.sandbox.live.usage import Usage

logger = logging.getLogger(__name__)

RESULT_GRACE = 0.5
"""Seconds that a model which completes turns before their results still waits for a quick one."""

MAX_CUES = 64
"""Cues waiting at the same time. Further texts and caller turns are dropped, and noted."""


class Conversation:
    """What one session says on one connection.

    Args:
        setup: What the client asked for.
        traits: How the model behaves.
        rules: What the model does.
        resumed: Where it goes on; None begins a conversation.
        story: What it shares with the session's other connections.
        handles: Where moments to go on from are kept.
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
        resumed: Snapshot | None,
        story: Story,
        handles: HandleStore,
        faults: Faults,
        outbox: Outbox,
        record: SessionRecord,
    ) -> None:
        self.usage = Usage(0.0 if resumed is None else resumed.heard_seconds)
        self._setup = setup
        self._traits = traits
        self._record = record
        self._story = story
        self._calls = CallLedger(setup, traits, prefix=record.session_id.replace("session", "fc"))
        self._mind = mind = Mind(rules)
        if resumed is not None:
            mind.go_on_from(resumed.mind, story.speaking)
        self._performer = Performer(
            setup=setup,
            mind=mind,
            calls=self._calls,
            story=story,
            offers=Offers(
                handles,
                take=self._snapshot,
                wanted=setup.resumes,
                faults=faults,
                outbox=outbox,
                record=record,
            ),
            usage=self.usage,
            faults=faults,
            outbox=outbox,
            record=record,
        )
        self._cues: deque[Cue] = deque(SetupCue(line) for line in mind.setup() if resumed is None)
        self._wake = asyncio.Event()
        self._utterances = 0
        self._history_first = setup.history_first
        self._quiet_since = asyncio.get_running_loop().time()

    def _snapshot(self) -> Snapshot:
        return Snapshot(
            session_id=self._record.session_id,
            story=self._story,
            mind=self._mind.state(),
            heard_seconds=self.usage.context_seconds,
        )

    @property
    def _turn(self) -> Turn | None:
        return self._performer.turn

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
        if isinstance(last, CallerCue):
            # What the caller says in two goes before the model answers is one turn.
            last.said += words
            self._wake.set()
        else:
            self._add(CallerCue(words))

    def text(self, text: TextInput) -> None:
        """The client wants an answer to a text."""
        self._quiet_since = asyncio.get_running_loop().time()
        if text.interrupts:
            self._interrupt_audible()
        self._add(TextCue(text.text))

    def content(self, content: Content) -> None:
        """The client tells of the conversation, and may want an answer."""
        history_only, self._history_first = self._history_first, False
        asks = content.complete and not history_only
        turns = content.turns
        begin = len(turns)
        while asks and begin and turns[begin - 1][0] != "model":
            begin -= 1
        self._mind.learn(turns[:begin])
        if asks:
            text = "\n".join(text for _, text in turns[begin:])
            self._mind.learn_quotes(text)
            self.text(TextInput(text, interrupts=True))

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
            self._cues.append(ResultCue(group))
            self._wake.set()

    def needs_understanding(self) -> bool:
        """Whether it matters which words the caller says now."""
        return self._mind.needs_understanding()

    def _add(self, cue: TextCue | CallerCue) -> None:
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
        await self._performer.offer()
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
            await self._performer.interrupted(turn)
            self._quiet_since = asyncio.get_running_loop().time()
        elif (cue := self._take_cue()) is not None:
            await self._take_up(cue)
        elif turn is not None and (end := self._turn_end(turn)) is not None and end <= now:
            await self._performer.complete(turn)
            self._quiet_since = asyncio.get_running_loop().time()
        elif (quiet := self._quiet_rule()) is not None and quiet[1] <= now:
            await self._performer.answer(quiet[0], [])
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

    def _quiet_rule(self) -> tuple[Line, float] | None:
        """The ``after`` rule in line, and the loop time at which it fires if nothing happens before."""
        turn = self._turn
        if self._cues or self._utterances or self._calls.blocking:
            return None
        if turn is not None and turn.state is not TurnState.CALLING:
            return None
        rule = self._mind.quiet(calls_pending=self._calls.pending)
        if rule is None:
            return None
        since = self._quiet_since if turn is None else max(self._quiet_since, turn.playback_end)
        return rule[0], since + rule[1]

    def _take_cue(self) -> Cue | None:
        turn = self._turn
        if turn is not None and turn.state is not TurnState.CALLING:
            return None
        candidates = [cue for cue in self._cues if self._allowed(cue)]
        # A caller who spoke before a result came is answered first, unless the model waited for the result.
        cue = min(candidates, key=rank, default=None)
        if cue is not None:
            self._cues.remove(cue)
        return cue

    def _allowed(self, cue: Cue) -> bool:
        turn = self._turn
        if turn is not None and turn.audible(asyncio.get_running_loop().time()):
            # While it is still being heard, only the result that it waits for makes it go on.
            return isinstance(cue, ResultCue) and cue.group is turn.group and not self._utterances
        if isinstance(cue, ResultCue):
            at_once = cue.group.scheduling == "INTERRUPT" and not cue.group.blocking
            return at_once or not self._utterances
        return not self._calls.blocking and not self._utterances

    async def _take_up(self, cue: Cue) -> None:
        match cue:
            case SetupCue(line):
                await self._performer.answer(line, [])
            case TextCue(text):
                answer = self._mind.text(text)
                if answer is None:
                    self._record.note("text_unanswered")
                else:
                    await self._performer.answer(answer, [])
            case CallerCue(said):
                await self._performer.answer(self._mind.caller_done(said), said)
            case ResultCue(group):
                await self._use_result(group)

    async def _use_result(self, group: CallGroup) -> None:
        turn = self._turn
        continues = turn is not None and turn.group is group
        line = self._mind.result(group.rule, group.results)
        if group.scheduling == "SILENT" and not group.blocking:
            # The model takes note of the result and says nothing, so the rule that would speak is spent.
            if line is not None:
                self._mind.pass_over(line)
            line = None
        if turn is not None and continues:
            if line is None:
                await self._performer.end(turn)
            else:
                await self._performer.play(turn, line, [])
        elif line is not None:
            await self._performer.answer(line, [])
        else:
            await self._performer.offer()
