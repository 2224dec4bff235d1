"""The bridge: carries one call into one live session and back, and ends both in order.

Its rule: when either side ends, all of it ends, and nothing that was started outlives it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from enum import Enum

from voiceagent.audio import Resampler, SpeechMeter
from voiceagent.bridge.player import Player
from voiceagent.bridge.toolcalls import ToolCalls, ToolRunner
from voiceagent.call.base import Call
from voiceagent.call.exceptions import WSSCallCommandError, WSSError
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
    ResumptionHandle,
    ToolCallsCancelled,
    TurnComplete,
    Usage,
)
from voiceagent.live import ToolCalls as ToolCallsEvent
from voiceagent.report import (
    AgentText,
    BargeIn,
    CallerText,
    CallRecording,
    EndReason,
    FirstAudio,
    Observer,
    TransferFailed,
    TransferStarted,
    TurnEnded,
    UsageCounted,
)
from voiceagent.turn import Turn, TurnState

logger = logging.getLogger(__name__)

_GOODBYE_BEGINS = 4.0
"""Seconds to wait for a goodbye that the model has not begun when it asks to hang up."""

_GOODBYE_GENERATED = 30.0
"""Seconds within which a goodbye is generated, or the call ends all the same."""

_HAND_OVER_GENERATED = 2.0
"""Seconds to wait for the rest of a hand-over line. A model that waits for its tool sends no more of it."""


class BridgeState(Enum):
    """What the bridge does with audio."""

    TALKING = "talking"
    TRANSFERRING = "transferring"
    """The callee's phone rings: the model hears nothing and is not heard."""
    ENDING = "ending"
    """The goodbye plays; a caller who speaks into it brings the conversation back."""
    ENDED = "ended"


class Bridge:
    """Connects an answered call with an open live session.

    Args:
        call: The call; it must be answered before :meth:`run`.
        session: The session; the caller of :meth:`run` closes it.
        observe: Told of every moment of the call.
        clock: Milliseconds since the agent took the call.
        recording: Records both sides; None records nothing.
    """

    def __init__(
        self,
        call: Call,
        session: LiveSession,
        *,
        observe: Observer,
        clock: Callable[[], float],
        recording: CallRecording | None = None,
    ) -> None:
        self.state = BridgeState.TALKING
        self._call = call
        self._session = session
        self._observe = observe
        self._clock = clock
        self._recording = recording
        self._player = Player(call, recording)
        self._meter = SpeechMeter(call.sample_rate)
        self._caller_spoke_until: float | None = None
        self._turn: Turn | None = None
        self._turns = 0
        self._unheard: deque[Turn] = deque()
        self._turn_changed = asyncio.Event()
        self._ended: asyncio.Future[EndReason] = asyncio.get_running_loop().create_future()
        self._leaving: asyncio.Task[None] | None = None
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self, run_tool: ToolRunner, *, opening: str | None = None) -> EndReason:
        """Carry the conversation until a side ends it.

        Args:
            run_tool: Runs one tool call of the model.
            opening: What makes the model speak first; None waits for the caller.

        Returns:
            How it ended. The call may still be up, when the model was lost.
        """
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            tools = ToolCalls(self._session, run_tool, self._observe, self._clock, self._goodbye_said, tasks)
            running = [
                tasks.create_task(self._carry_caller(), name="caller to model"),
                tasks.create_task(self._carry_model(tools), name="model to caller"),
                tasks.create_task(self._watch_line(), name="line"),
            ]
            if opening is not None:
                running.append(tasks.create_task(self._open(opening), name="opening"))
            reason = await self._ended
            self.state = BridgeState.ENDED
            for task in (*running, self._leaving):
                if task is not None:
                    task.cancel()
            await tools.finish()
        while self._unheard:
            self._report(self._unheard.popleft())
        return reason

    def end(self, reason: EndReason) -> None:
        """End the conversation now; the first reason given counts."""
        if not self._ended.done():
            self._ended.set_result(reason)

    # Caller to model -----------------------------------------------------------------------------------

    async def _carry_caller(self) -> None:
        resampler = Resampler(self._call.sample_rate, INPUT_RATE)
        try:
            async for pcm in self._call.audio_stream():
                if self._recording is not None:
                    self._recording.caller(pcm)
                await self._player.refill()
                self._report_heard()
                if self.state is BridgeState.TRANSFERRING:
                    continue
                if self._meter.hear(pcm) or self._meter.speaking:
                    self._caller_spoke_until = self._clock() - self._meter.quiet_ms
                converted = resampler.process(pcm)
                if converted:
                    await self._session.send_audio(converted)
        except LiveClosedError as closed:
            self._lose_model(closed)
        else:
            self.end(EndReason.CALLER_HUNG_UP)

    async def _watch_line(self) -> None:
        await self._call.wait_terminated()
        self.end(EndReason.CALLER_HUNG_UP)

    async def _open(self, opening: str) -> None:
        try:
            await self._session.send_text(opening)
        except LiveClosedError as closed:
            self._lose_model(closed)

    def _lose_model(self, closed: LiveClosedError) -> None:
        if not self._ended.done():
            logger.error("call %s: %s", self._call.call_id, closed)
        self.end(EndReason.MODEL_UNAVAILABLE)

    # Model to caller -----------------------------------------------------------------------------------

    async def _carry_model(self, tools: ToolCalls) -> None:
        try:
            async for event in self._session.events():
                await self._handle(event, tools)
        except LiveClosedError as closed:
            self._lose_model(closed)

    async def _handle(self, event: LiveEvent, tools: ToolCalls) -> None:
        match event:
            case Audio():
                await self._play(event.pcm)
            case OutputTranscript():
                turn = self._current_turn()
                if not turn.late and self.state is not BridgeState.TRANSFERRING:
                    turn.add_text(event.text)
                    self._observe(AgentText(self._clock(), turn.number, event.text))
            case InputTranscript():
                self._observe(CallerText(self._clock(), event.text))
            case Interrupted():
                self._barge_in()
            case GenerationComplete():
                await self._generated(TurnState.GENERATED)
            case TurnComplete():
                await self._generated(TurnState.OVER)
            case ToolCallsEvent():
                self._current_turn()
                for call in event.calls:
                    tools.start(call)
            case ToolCallsCancelled():
                for call_id in event.ids:
                    tools.cancel(call_id)
            case Usage():
                self._observe(UsageCounted(self._clock(), event.prompt_tokens, event.response_tokens))
            case GoAway():
                logger.warning("call %s: the live service will close soon", self._call.call_id)
            case ResumptionHandle():
                pass

    def _current_turn(self) -> Turn:
        """The answer that an event of the model belongs to; a new one after the last was over."""
        if self._turn is None or self._turn.state is TurnState.OVER:
            self._turns += 1
            self._turn = Turn(self._turns)
            self._unheard.append(self._turn)
        return self._turn

    async def _play(self, pcm: bytes) -> None:
        turn = self._current_turn()
        if turn.late or self.state is BridgeState.TRANSFERRING:
            return
        if not turn.generated_ms:
            now = self._clock()
            spoke_until, self._caller_spoke_until = self._caller_spoke_until, None
            latency = None if spoke_until is None or self._meter.speaking else now - spoke_until
            self._observe(FirstAudio(now, turn.number, latency))
        await self._player.play(turn, pcm)
        if self.state is BridgeState.ENDING:
            self._signal()

    async def _generated(self, state: TurnState) -> None:
        turn = self._turn
        if turn is None or turn.state is TurnState.OVER:
            return
        if turn.state is TurnState.SPEAKING:
            await self._player.finish(turn)
        if state is TurnState.OVER or not turn.late:
            turn.state = state
        self._signal()

    def _barge_in(self) -> None:
        unheard = [turn for turn in self._unheard if not turn.heard_out(self._player.played_ms)]
        self._player.silence(unheard)
        if self._turn is not None:
            self._turn.drop_late()
        self._signal()
        if unheard:
            self._observe(BargeIn(self._clock(), unheard[0].number, unheard[0].heard_ms(0)))
        if self.state is BridgeState.ENDING:
            # A caller who speaks into the goodbye has something to say.
            self.state = BridgeState.TALKING
            if self._leaving is not None:
                self._leaving.cancel()

    def _report_heard(self) -> None:
        """Report the answers that have been heard to their end, or were cut off."""
        while self._unheard:
            turn = self._unheard[0]
            if turn.state is not TurnState.OVER or not turn.heard_out(self._player.played_ms):
                return
            self._report(self._unheard.popleft())

    def _report(self, turn: Turn) -> None:
        played = self._player.played_ms
        self._observe(
            TurnEnded(
                self._clock(),
                turn.number,
                turn.text_heard(played),
                turn.generated_ms,
                turn.heard_ms(played),
                turn.interrupted,
            )
        )

    def _signal(self) -> None:
        self._turn_changed.set()
        self._turn_changed = asyncio.Event()

    async def _until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait until the model's turns meet a condition; false when they have not within ``seconds``."""
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    await self._turn_changed.wait()
        except TimeoutError:
            return False
        return True

    # Leaving -------------------------------------------------------------------------------------------

    def hang_up_after_goodbye(self) -> None:
        """Let the model finish its goodbye, let the caller hear it, then end the call.

        A goodbye that is under way, or that has just been said, counts; otherwise the model gets some
        seconds to begin one. A caller who speaks into it brings the conversation back.
        """
        if self.state is not BridgeState.TALKING or self._tasks is None:
            return
        self.state = BridgeState.ENDING
        self._leaving = self._tasks.create_task(self._say_goodbye(), name="goodbye")

    def _goodbye_said(self) -> bool:
        """Whether the goodbye is in the answer that asked to hang up, so that none is to follow."""
        turn = self._turn
        return (
            self.state is BridgeState.ENDING
            and turn is not None
            and turn.generated_ms > 0
            and not turn.interrupted
        )

    async def _say_goodbye(self) -> None:
        if not self._goodbye_said():
            await self._until(lambda: self._turn is not None and self._turn.generated_ms > 0, _GOODBYE_BEGINS)
        await self._until(lambda: self._turn is None or self._turn.complete, _GOODBYE_GENERATED)
        await self._player.drained()
        self.end(EndReason.AGENT_HUNG_UP)

    async def transfer(self, ring_seconds: int) -> str | None:
        """Play out the hand-over line, ring the callee, and leave the two alone.

        Args:
            ring_seconds: How long the callee's phone rings, 1 to 120.

        Returns:
            None when the callee has taken over; otherwise the line's error code, such as
            ``CALL_UNANSWERED``: the caller is still here and the conversation goes on.
        """
        if self.state is BridgeState.TRANSFERRING:
            return "TRANSFER_IN_PROGRESS"
        await self._until(
            lambda: self._turn is None or self._turn.state is not TurnState.SPEAKING, _HAND_OVER_GENERATED
        )
        await self._player.drained()
        self.state = BridgeState.TRANSFERRING
        self._observe(TransferStarted(self._clock()))
        try:
            await self._call.connect(ring_seconds)
        except WSSError as error:
            code = error.error_code if isinstance(error, WSSCallCommandError) else type(error).__name__
            self._observe(TransferFailed(self._clock(), code))
            self.state = BridgeState.TALKING
            return code
        self.end(EndReason.TRANSFERRED)
        return None
