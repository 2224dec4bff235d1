"""The bridge: carries one call into one live session and back, and ends both in order.

Its rule: when either side ends, all of it ends, and nothing that was started outlives it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from enum import Enum

from voiceagent.audio import Resampler, SpeechMeter
from voiceagent.bridge.answers import Answers
from voiceagent.bridge.player import Player
from voiceagent.bridge.toolcalls import ToolCalls
from voiceagent.call.base import Call
from voiceagent.call.exceptions import WSSCallClosedError, WSSCallCommandError, WSSError
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
    UsageCounted,
)
from voiceagent.turn import TurnState
from voiceagent.wire.media import RING_SECONDS

logger = logging.getLogger(__name__)

_GOODBYE_BEGINS = 4.0
"""Seconds to wait for a goodbye that the model has not begun when it asks to hang up."""

_GOODBYE_PAUSE = 4.0
"""Seconds without audio after which a goodbye that the model has not ended counts as said."""

_HAND_OVER_PAUSE = 2.0
"""The same for a hand-over line. A model that waits for its tool does not end its answer."""

_LONGEST_GOODBYE = 60.0
"""Seconds after which the call ends though the model still speaks."""


class BridgeState(Enum):
    """What the bridge does with audio."""

    TALKING = "talking"
    HANDING_OVER = "handing over"
    """The hand-over line plays; then the callee's phone rings."""
    TRANSFERRING = "transferring"
    """The callee's phone rings: the model hears nothing and is not heard."""
    ENDING = "ending"
    """The goodbye plays; a caller who speaks into it brings the conversation back."""
    ENDED = "ended"


class Bridge:
    """Connects an answered call with an open live session.

    Args:
        call: The call; it must be answered before :meth:`run`.
        session: The session; whoever opened it closes it.
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
        # None once it is lost: a call that is being left goes on without it.
        self._session: LiveSession | None = session
        self._observe = observe
        self._clock = clock
        self._recording = recording
        self._player = Player(call, recording)
        self._meter = SpeechMeter(call.sample_rate)
        self._caller_spoke_until: float | None = None
        self._answers = Answers(observe, clock, lambda: self._player.played_ms)
        self._ended: asyncio.Future[EndReason] = asyncio.get_running_loop().create_future()
        self._leaving: asyncio.Task[None] | None = None
        self._ringing: asyncio.Task[str | None] | None = None
        self.note = ""
        """Why the agent ended the call, as it said itself."""
        self._tasks: asyncio.TaskGroup | None = None

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
                self._tasks = tasks
                running = [
                    tasks.create_task(self._carry_caller(), name="caller to model"),
                    tasks.create_task(self._carry_model(tools), name="model to caller"),
                    tasks.create_task(self._watch_line(), name="line"),
                ]
                if opening is not None:
                    running.append(tasks.create_task(self._open(opening), name="opening"))
                reason = await self._ended
                self.state = BridgeState.ENDED
                for task in (*running, self._leaving, self._ringing):
                    if task is not None:
                        task.cancel()
            return reason
        finally:
            self.state = BridgeState.ENDED
            self._answers.report_rest()

    def end(self, reason: EndReason) -> None:
        """End the conversation now; the first reason given counts."""
        if not self._ended.done():
            self._ended.set_result(reason)

    # Caller to model -----------------------------------------------------------------------------------

    async def _carry_caller(self) -> None:
        resampler = Resampler(self._call.sample_rate, INPUT_RATE)
        async for pcm in self._call.audio_stream():
            if self._recording is not None:
                self._recording.caller(pcm)
            await self._player.refill()
            self._answers.report_heard()
            if self.state is BridgeState.TRANSFERRING:
                continue
            if self._meter.hear(pcm) or self._meter.speaking:
                self._caller_spoke_until = self._clock() - self._meter.quiet_ms
            converted = resampler.process(pcm)
            if converted and self._session is not None:
                try:
                    await self._session.send_audio(converted)
                except LiveClosedError as closed:
                    self._lose_model(closed)
        self.end(EndReason.CALLER_HUNG_UP)

    async def _watch_line(self) -> None:
        await self._call.wait_terminated()
        self.end(EndReason.CALLER_HUNG_UP)

    async def _open(self, opening: str) -> None:
        if self._session is not None:
            try:
                await self._session.send_text(opening)
            except LiveClosedError as closed:
                self._lose_model(closed)

    def _lose_model(self, closed: LiveClosedError) -> None:
        """Go on without the model where the agent is leaving anyway; otherwise end the conversation."""
        if self._session is None or self._ended.done():
            return
        logger.error("call %s: %s", self._call.call_id, closed)
        self._session = None
        if self._answers.last is not None:
            self._answers.last.state = TurnState.OVER
        self._answers.changed()
        if self.state is BridgeState.TALKING:
            self.end(EndReason.MODEL_UNAVAILABLE)

    # Model to caller -----------------------------------------------------------------------------------

    async def _carry_model(self, tools: ToolCalls) -> None:
        if self._session is not None:
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
                turn = self._answers.current()
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
                self._answers.current()
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

    async def _play(self, pcm: bytes) -> None:
        turn = self._answers.current()
        if turn.late or self.state is BridgeState.TRANSFERRING:
            return
        # A model that goes on after a tool's result has not generated all of its answer after all.
        turn.state = TurnState.SPEAKING
        first = not turn.generated_ms
        await self._player.play(turn, pcm)
        if first and turn.generated_ms:
            now = self._clock()
            spoke_until, self._caller_spoke_until = self._caller_spoke_until, None
            latency = None if spoke_until is None or self._meter.speaking else now - spoke_until
            self._observe(FirstAudio(now, turn.number, latency))
        if self.state is not BridgeState.TALKING:
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

    def _barge_in(self) -> None:
        unheard = self._answers.interruptible()
        self._player.silence(unheard)
        if self._answers.last is not None:
            self._answers.last.drop_late()
        self._answers.changed()
        if unheard:
            self._observe(BargeIn(self._clock(), unheard[0].number, unheard[0].heard_ms(0)))
        if self.state is BridgeState.ENDING:
            # A caller who speaks into the goodbye has something to say.
            self.state = BridgeState.TALKING
            if self._leaving is not None:
                self._leaving.cancel()

    # Leaving -------------------------------------------------------------------------------------------

    def hang_up_after_goodbye(self, reason: str) -> None:
        """Let the model finish its goodbye, let the caller hear it, then end the call.

        A goodbye that is under way, or that has just been said, counts; otherwise the model gets some
        seconds to begin one. A caller who speaks into it brings the conversation back.

        Args:
            reason: Why, for the report.
        """
        if self.state is not BridgeState.TALKING or self._tasks is None:
            return
        self.state = BridgeState.ENDING
        self.note = reason
        self._leaving = self._tasks.create_task(self._say_goodbye(), name="goodbye")

    def goodbye_said(self) -> bool:
        """Whether the goodbye is in the answer that asked to hang up, so that none is to follow."""
        turn = self._answers.last
        return (
            self.state is BridgeState.ENDING
            and turn is not None
            and turn.generated_ms > 0
            and not turn.interrupted
        )

    async def _say_goodbye(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_LONGEST_GOODBYE):
                begun = self.goodbye_said() or await self._answers.until(self._speaks, _GOODBYE_BEGINS)
                await self._play_out(_GOODBYE_PAUSE if begun else 0.0)
        self.end(EndReason.AGENT_HUNG_UP)

    def _speaks(self) -> bool:
        turn = self._answers.last
        return self._session is None or (turn is not None and turn.generated_ms > 0)

    async def _play_out(self, pause: float) -> None:
        """Return when the model has ended its answer, or has paused in it, and all of it has been heard."""
        answers = self._answers
        while True:
            before = answers.progress()

            def moved(before: tuple[int, float] = before) -> bool:
                speaking = answers.last is not None and answers.last.state is TurnState.SPEAKING
                return not speaking or answers.progress() != before

            await answers.until(moved, pause)
            await self._player.drained()
            if answers.progress() == before:
                return

    async def transfer(self, ring_seconds: int, note: str) -> str | None:
        """Play out the hand-over line, ring the callee, and leave the two alone.

        If the tool that waits for this is cancelled, the conversation goes on while the phone rings, and the
        agent still leaves when the callee answers.

        Args:
            ring_seconds: How long the callee's phone rings, 1 to 120.
            note: Why, for observers.

        Returns:
            None when the callee has taken over; otherwise the line's error code, such as
            ``CALL_UNANSWERED``: the caller is still here and the conversation goes on.

        Raises:
            ValueError: the ring time is out of range.
        """
        shortest, longest = RING_SECONDS
        if not shortest <= ring_seconds <= longest:
            raise ValueError(f"ring_seconds is {ring_seconds}, but must be {shortest} to {longest}")
        rings = self._ringing is not None and not self._ringing.done()
        if rings or self.state is BridgeState.HANDING_OVER:
            return "TRANSFER_IN_PROGRESS"
        if self.state is BridgeState.ENDED or self._tasks is None:
            return "CALL_ENDED"
        if self._leaving is not None:
            self._leaving.cancel()
        self.state = BridgeState.HANDING_OVER
        try:
            await self._play_out(_HAND_OVER_PAUSE)
            if self._ended.done():
                return "CALL_ENDED"
            self.state = BridgeState.TRANSFERRING
            self._observe(TransferStarted(self._clock(), note))
            self._ringing = self._tasks.create_task(self._ring(ring_seconds), name="ringing")
            await asyncio.wait((self._ringing,))
            return "CALL_ENDED" if self._ringing.cancelled() else self._ringing.result()
        finally:
            if not self._ended.done():
                self.state = BridgeState.TALKING
                if self._session is None:
                    self.end(EndReason.MODEL_UNAVAILABLE)

    async def _ring(self, seconds: int) -> str | None:
        try:
            await self._call.connect(seconds)
        except WSSCallClosedError:
            return "CALL_ENDED"
        except WSSError as error:
            code = error.error_code if isinstance(error, WSSCallCommandError) else type(error).__name__
            self._observe(TransferFailed(self._clock(), code))
            return code
        self.end(EndReason.TRANSFERRED)
        return None
