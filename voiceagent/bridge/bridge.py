"""The bridge: carries one call into one live session and back, and ends both in order.

Its rule: when either side ends, all of it ends, and nothing that was started outlives it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from voiceagent.audio import Resampler, SpeechMeter
from voiceagent.bridge import prompts
from voiceagent.bridge.answers import Answers
from voiceagent.bridge.floor import Floor
from voiceagent.bridge.guard import Guard
from voiceagent.bridge.hold import Hold
from voiceagent.bridge.interruption import Interruption
from voiceagent.bridge.keypad import Keypad, Wanted
from voiceagent.bridge.leaving import Leaving
from voiceagent.bridge.memory import ConversationMemory
from voiceagent.bridge.parts import Parts
from voiceagent.bridge.player import Player
from voiceagent.bridge.remarks import Remark, RemarkKind, Remarks
from voiceagent.bridge.settings import BargeInMode, Settings
from voiceagent.bridge.stage import BridgeState, Stage
from voiceagent.bridge.toolcalls import ToolCalls
from voiceagent.bridge.watchdogs import Watchdogs
from voiceagent.call.base import Call
from voiceagent.live import (
    INPUT_RATE,
    Audio,
    GenerationComplete,
    GoAway,
    InputTranscript,
    Interrupted,
    LiveClosedError,
    LiveEvent,
    LiveSession,
    OutputTranscript,
    Reopened,
    ResumptionHandle,
    Said,
    ToolCallsCancelled,
    TurnComplete,
    Usage,
    WrittenText,
)
from voiceagent.live import ToolCalls as ToolCallsEvent
from voiceagent.report import (
    AgentText,
    CallerText,
    CallRecording,
    EndReason,
    FirstAudio,
    ModelReopened,
    Moment,
    Observer,
    UsageCounted,
)
from voiceagent.turn import TurnState

logger = logging.getLogger(__name__)


class Bridge:
    """Connects an answered call with an open live session.

    Args:
        call: The call; it must be answered before :meth:`run`.
        session: The session; whoever opened it closes it.
        observe: Told of every moment of the call.
        clock: Milliseconds since the agent took the call.
        settings: How the agent wants its calls to be.
        memory: What was said, for the session.
        recording: Records both sides; None records nothing.
        listeners: Called with each chunk from the line; the list may change while the call runs.
    """

    def __init__(
        self,
        call: Call,
        session: LiveSession,
        *,
        observe: Observer,
        clock: Callable[[], float],
        settings: Settings,
        memory: ConversationMemory,
        recording: CallRecording | None = None,
        listeners: list[Callable[[bytes], None]] | None = None,
    ) -> None:
        self._stage = Stage()
        self._call = call
        # None once it is lost: a call that is being left goes on without it.
        self._session: LiveSession | None = session
        self._observe = observe
        self._clock = clock
        self._settings = settings
        self._memory = memory
        self._recording = recording
        self._player = Player(call, recording, pausable=settings.barge_in is BargeInMode.LOCAL)
        self._meter = SpeechMeter(call.sample_rate)
        self._keys = Keypad(
            call.sample_rate, self._note_keys, clock, lambda: self._player.idle and not self._meter.speaking
        )
        self._caller_spoke_until: float | None = None
        self._answers = Answers(observe, clock, lambda: self._player.played_ms)
        self._listeners = [] if listeners is None else listeners
        self._guard = Guard(self._answers, lambda: self._player.played_ms, clock, self._meter)
        self._hold = Hold(self._player, self._answers, settings.hold, call.sample_rate)
        self._leaving: Leaving | None = None
        self._interruption: Interruption | None = None
        self._watchdogs: Watchdogs | None = None
        self._remarks = Remarks(call.call_id, self._send_remark)
        self.floor = Floor(self._stage, self._answers, self._meter, self.tell, self.remind, self._note)

    async def run(self, tools: ToolCalls, *, opening: str | None = None) -> EndReason:
        """Carry the conversation until a side ends it.

        Args:
            tools: Runs the model's tool calls; those under way may outlive the conversation.
            opening: What makes the model speak first; None waits for the caller.

        Returns:
            How it ended. The call may still be up: ending it is up to whoever runs the bridge.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                parts = Parts(
                    self._call,
                    self._stage,
                    self._player,
                    self._answers,
                    self._observe,
                    self._clock,
                    tasks,
                )
                self._leaving = Leaving(parts, self._hold, self._settings.goodbye, self.tell)
                self._interruption = Interruption(
                    parts, self._settings, self._meter, self._guard, self.floor, self._leaving, self.tell
                )
                self._watchdogs = Watchdogs(parts, self._settings, self._leaving, self, tools)
                tools.watch(self._watchdogs.tools)
                self._memory.attach(
                    lambda: self._answers.last,
                    lambda: bool(tools.running) or not self._stage.calm,
                    lambda: self._meter.speaking,
                )
                running = [
                    tasks.create_task(self._carry_caller(), name="caller to model"),
                    tasks.create_task(self._carry_model(tools), name="model to caller"),
                    tasks.create_task(self._watch_line(), name="line"),
                    tasks.create_task(self._remarks.run(self._opening(opening)), name="remarks to model"),
                    tasks.create_task(self._watchdogs.run(), name="watchdogs"),
                ]
                reason = await self._stage.ended
                self._stage.state = BridgeState.ENDED
                self._leaving.cancel()
                self._interruption.cancel()
                for task in running:
                    task.cancel()
            return reason
        finally:
            self._stage.state = BridgeState.ENDED
            self._keys.close()
            self._answers.report_rest()

    def end(self, reason: EndReason) -> None:
        """End the conversation now; the first reason given counts."""
        self._stage.end(reason)

    @property
    def joined(self) -> bool:
        """Whether the callee has picked up: the two talk, with the agent or without it."""
        return self._stage.joined

    @property
    def note(self) -> str:
        """Why the agent ended the call, as it said itself."""
        return "" if self._leaving is None else self._leaving.note

    # Caller to model -----------------------------------------------------------------------------------

    async def _carry_caller(self) -> None:
        resampler = Resampler(self._call.sample_rate, INPUT_RATE)
        async for pcm in self._call.audio_stream():
            heard = self._keys.hear(pcm)
            if self._keys.private:
                pcm = bytes(len(pcm))
            if self._recording is not None:
                self._recording.caller(pcm)
            if self._listeners:
                self._hand_out(pcm)
            await self._player.refill()
            self._answers.report_heard()
            if self._stage.deaf:
                # Silence, and not nothing: a model that heard somebody begin to speak waits for the end of it
                # before it says what it has to say.
                heard = bytes(len(pcm))
            else:
                changed = self._meter.hear(heard)
                if changed and self._watchdogs is not None:
                    self._watchdogs.caller(self._meter.speaking)
                if self._interruption is not None:
                    await self._interruption.heard(changed)
                if changed or self._meter.speaking:
                    self._caller_spoke_until = self._clock() - self._meter.quiet_ms
            converted = self._guard.pass_on(resampler.process(heard))
            if converted and self._session is not None:
                try:
                    await self._session.send_audio(converted)
                except LiveClosedError as closed:
                    self._lose_model(closed)
        self.end(EndReason.CALLER_HUNG_UP)

    def _note_keys(self, moment: Moment) -> None:
        if self._watchdogs is not None:
            self._watchdogs.keys()
        self._observe(moment)

    def _hand_out(self, pcm: bytes) -> None:
        """Let the agent's own listeners have what came from the line."""
        for listener in tuple(self._listeners):
            try:
                listener(pcm)
            except Exception:
                logger.exception("call %s: a listener failed and hears no more", self._call.call_id)
                # It may have ended its listening itself before it failed.
                if listener in self._listeners:
                    self._listeners.remove(listener)

    async def _watch_line(self) -> None:
        await self._call.wait_terminated()
        self.end(EndReason.CALLER_HUNG_UP)

    def _opening(self, text: str | None) -> Remark | None:
        if text is None:
            return None
        interruptible = self._settings.opening_interruptible
        return Remark(text, RemarkKind.ANSWERED if interruptible else RemarkKind.GUARDED)

    async def _send_remark(self, remark: Remark) -> None:
        if self._session is None:
            return
        if remark.kind is RemarkKind.GUARDED:
            self._guard.begin()
        try:
            if remark.kind is RemarkKind.NOTED:
                await self._session.send_said([Said("user", remark.text)])
            else:
                reminder = remark.kind is RemarkKind.REMINDER
                self.floor.touch()
                await self._session.send_text(remark.text, keep=not reminder)
                if self._watchdogs is not None and not reminder:
                    self._watchdogs.told(remark.text)
        except LiveClosedError as closed:
            self._lose_model(closed)

    def _lose_model(self, closed: LiveClosedError) -> None:
        """Go on without the model where the agent is leaving anyway; otherwise end the conversation."""
        if self._session is None or self._stage.over:
            return
        logger.error("call %s: %s", self._call.call_id, closed)
        self._session = None
        self._stage.model_lost = True
        if self._answers.last is not None:
            self._answers.last.state = TurnState.OVER
        self._answers.changed()
        if self._stage.state is BridgeState.TALKING and not self._rings:
            self.end(EndReason.MODEL_UNAVAILABLE)
        elif self._stage.joined:
            # The two need no model to go on talking.
            self.end(EndReason.TRANSFERRED)

    @property
    def _rings(self) -> bool:
        """Whether the callee's phone rings, though the model may have taken its request back."""
        return self._leaving is not None and self._leaving.rings

    # Model to caller -----------------------------------------------------------------------------------

    async def _carry_model(self, tools: ToolCalls) -> None:
        if self._session is not None:
            try:
                async for event in self._session.events():
                    await self._handle(event, tools)
            except LiveClosedError as closed:
                self._lose_model(closed)

    async def _handle(self, event: LiveEvent, tools: ToolCalls) -> None:
        if self._watchdogs is not None:
            self._watchdogs.model(event)
        match event:
            case Audio():
                await self._play(event.pcm)
            case OutputTranscript():
                turn = self._answers.current()
                if not turn.late and not self._stage.mute:
                    turn.add_text(event.text)
                    self._observe(
                        AgentText(self._clock(), turn.number, event.text, turn.parts - 1, turn.generated_ms)
                    )
            case InputTranscript():
                if self._stage.state is BridgeState.LISTENING:
                    # A turn in which the model says nothing, as it should, parts what the parties say, too.
                    self._answers.current()
                self._observe(CallerText(self._clock(), event.text))
            case Interrupted():
                if self._interruption is not None and self._interruption.confirmed():
                    if self._interruption.by_caller:
                        tools.interrupted()
                    if self._leaving is not None:
                        self._leaving.barge_in()
            case GenerationComplete():
                await self._generated(TurnState.GENERATED)
            case TurnComplete():
                await self._generated(TurnState.OVER)
                tools.turn_complete()
            case ToolCallsEvent():
                self._answers.current().tool_called()
                for call in event.calls:
                    tools.start(call)
            case ToolCallsCancelled():
                for call_id in event.ids:
                    tools.cancel(call_id)
            case Usage():
                self._observe(UsageCounted(self._clock(), event.prompt_tokens, event.response_tokens))
            case Reopened():
                tools.reopened(event)
                self._note_reopened(event)
            case GoAway() | ResumptionHandle() | WrittenText():
                pass

    async def _play(self, pcm: bytes) -> None:
        turn = self._answers.current()
        if turn.late or self._stage.mute:
            return
        if self._interruption is not None:
            self._interruption.model_speaks(turn)
        # A model that goes on after a tool's result has not generated all of its answer after all.
        turn.state = TurnState.SPEAKING
        first = not turn.generated_ms
        await self._player.play(turn, pcm)
        if first and turn.generated_ms:
            now = self._clock()
            spoke_until, self._caller_spoke_until = self._caller_spoke_until, None
            latency = None if spoke_until is None or self._meter.speaking else now - spoke_until
            self._observe(FirstAudio(now, turn.number, latency))
        # Not only where somebody leaves: a hook may wait for the greeting to be heard.
        self._answers.changed()

    async def _generated(self, state: TurnState) -> None:
        turn = self._answers.last
        if turn is None or turn.state is TurnState.OVER:
            return
        if turn.state is TurnState.SPEAKING:
            await self._player.finish(turn)
        if state is TurnState.OVER or not turn.late:
            turn.state = state
        self._answers.changed()

    def _note_reopened(self, reopened: Reopened) -> None:
        # What comes next is an answer of its own; what was generated of the old one is on the line.
        if self._answers.last is not None:
            self._answers.last.break_off(goes_on=reopened.unfinished)
        if self._interruption is not None:
            self._interruption.reopened()
        self._answers.changed()
        self._observe(ModelReopened(self._clock(), reopened.cause, reopened.gap_ms, reopened.resumed))

    async def reopen(self, cause: str) -> None:
        """Let the live session go on over another connection."""
        if self._session is not None:
            await self._session.reopen(cause)

    def give_up(self, cause: str) -> None:
        """There is no use in this model: go on without it."""
        self._lose_model(LiveClosedError(1006, cause))

    # Leaving -------------------------------------------------------------------------------------------

    def hang_up_after_goodbye(self, reason: str) -> bool:
        """Let the model finish its goodbye, let the caller hear it, then end the call.

        A goodbye that is under way, or that has just been said, counts; otherwise the model gets some
        seconds to begin one. A caller who speaks into it brings the conversation back. Once the callee has
        joined, the agent only leaves.

        Args:
            reason: Why, for the report.

        Returns:
            False where the caller is being put through, which goes on.
        """
        return self._leaving is not None and self._leaving.hang_up_after_goodbye(reason)

    def goodbye_said(self) -> bool:
        """Whether the goodbye is in the answer that asked to hang up, so that none is to follow."""
        return self._leaving is not None and self._leaving.goodbye_said()

    async def transfer(self, ring_seconds: int, note: str, *, brief: bool, stay: bool) -> str | None:
        """Ring the callee; see :meth:`.leaving.Leaving.transfer`."""
        if self._leaving is None:
            return "CALL_ENDED"
        return await self._leaving.transfer(ring_seconds, note, brief=brief, stay=stay)

    async def whisper(self) -> str | None:
        """Let the callee alone hear what comes next; see :meth:`.conference.Conference.whisper`."""
        if self._leaving is None:
            return "CALL_ENDED"
        return await self._leaving.conference.whisper()

    async def collect_keys(
        self, prompt: str | None, *, most: int, end: str, timeout: float, between: float, secret: bool
    ) -> tuple[str, bool] | None:
        """Ask for keys and wait for them; see :meth:`.keypad.Keypad.collect`."""
        if prompt and not self._keys.collecting:
            self.tell(prompts.say(prompt))
        return await self._keys.collect(Wanted(most, end, timeout * 1000, between * 1000, secret))

    async def connect(self, ring_seconds: int) -> None:
        """Ring the callee once the conversation is over; the caller hears hold audio meanwhile."""
        if self._leaving is not None and self._leaving.in_vain is not None:
            # Their phone has just rung to the end: nobody waits through that twice.
            raise self._leaving.in_vain
        self._player.drop_waiting()
        await self._hold.during(self._call.connect(ring_seconds))

    async def heard_out(self) -> None:
        """Return when the answer under way, or about to begin, has been heard to its end."""
        if self._leaving is not None:
            await self._leaving.heard_out()

    def tell(self, text: str, *, interruptible: bool = True) -> None:
        """Say something to the model, without waiting; an answer that it generates is cut off by it.

        Args:
            text: What it is told.
            interruptible: Whether the caller can interrupt what it says then.
        """
        self._remarks.add(text, RemarkKind.ANSWERED if interruptible else RemarkKind.GUARDED)

    def remind(self, text: str) -> None:
        """Ask the model for what it owes anyway."""
        self._remarks.add(text, RemarkKind.REMINDER)

    def _note(self, text: str) -> None:
        self._remarks.add(text, RemarkKind.NOTED)
