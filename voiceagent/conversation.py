"""One call, taken by one agent: from the first ring to the written report.

Its rule: the caller is never left in silence or on a dead line. The live session is open before the call is
answered; when the model cannot be had, a person is tried; and whatever happens, the call ends, the report is
written, and nothing is left running.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from voiceagent.agent import Decision, VoiceAgent
from voiceagent.bridge import Bridge, ConversationMemory, ToolCalls
from voiceagent.bridge.hold_audio import hold_pcm
from voiceagent.bridge.settings import BargeInMode, Idle, Settings
from voiceagent.call.base import Call
from voiceagent.call.base import EndReason as CallEnd
from voiceagent.call.exceptions import WSSCallClosedError, WSSCallError, WSSError, WSSMediaError
from voiceagent.context import is_own_cancellation
from voiceagent.engine import EngineCall
from voiceagent.hooks import Hooks
from voiceagent.live import LiveConfig, LiveConnectError, LiveConnector, LiveSession, ToolCall
from voiceagent.live.resuming import ResumingSession
from voiceagent.report import (
    Answered,
    CallRecording,
    CallReport,
    Ended,
    EndReason,
    KeysPressed,
    Moment,
    Observer,
    ReportWriter,
    redacted,
)
from voiceagent.report.page import make_page_beside
from voiceagent.telemetry import CallTelemetry
from voiceagent.tool import CallContext
from voiceagent.toolbox import AnyTool, Toolbox
from voiceagent.words import Words

logger = logging.getLogger(__name__)

_Argument = TypeVar("_Argument")
_Result = TypeVar("_Result")

CallObserver = Callable[[CallContext, Moment], None]
"""Called on the event loop with each moment of a call; must return at once. What it raises is logged."""

_OPEN_ATTEMPTS = 2
"""How often a live session is tried before the caller is handed to a person."""

_HOOK_SECONDS = 10.0
"""A hook that the caller waits for may take so long."""

_CLOSE_SECONDS = 5.0
"""Closing the session and the call may take so long."""


class Conversation:
    """An agent's handling of one call.

    Attributes:
        context: The call, as tools and hooks see it.
        report: The report, up to date.
        folder: Where report and recording are; None if nothing is kept.

    Args:
        agent: This call's own copy of the agent.
        call: The ringing call.
        connector: Opens live sessions.
        tools: Of toolsets, beside the agent's own.
        reports: Folder in which the call's folder with report and recording is made; None keeps no files.
        observer: Told of every moment of the call, after the report.
    """

    def __init__(
        self,
        agent: VoiceAgent,
        call: Call,
        connector: LiveConnector,
        *,
        tools: Sequence[AnyTool] = (),
        reports: Path | None = None,
        observer: CallObserver | None = None,
    ) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._clock: Callable[[], float] = lambda: (loop.time() - began) * 1000
        self._agent = agent
        self._call = call
        self._connector = connector
        self._tools = tools
        self.context = CallContext(
            call_id=call.call_id,
            caller_number=call.caller_number,
            callee_number=call.callee_number,
            language=agent.language,
            sample_rate=call.sample_rate,
            ring_seconds=agent.ring_seconds,
        )
        self.folder = None if reports is None else _make_folder(reports, call.call_id)
        self.report = CallReport(
            call_id=call.call_id,
            agent=type(agent).__name__,
            model=agent.model,
            caller=self._redacted_number(call.caller_number),
            callee=self._redacted_number(call.callee_number),
            started_at=datetime.now(UTC),
            page_audio=agent.report_audio,
        )
        self._hooks = Hooks(agent, self.context, self.report)
        self._telemetry = CallTelemetry(
            self.report,
            (call.caller_number, call.callee_number),
            turn=lambda: self._memory.turn,
            language=lambda: self.context.language,
            tell_numbers=agent.telemetry_numbers,
            tell_texts=agent.telemetry_texts,
        )
        # The hooks get what the report has made of a moment, so it comes first.
        self._observers: list[Observer] = [
            ReportWriter(self.report, self.folder and self.folder / "report.json", redact=self._redact),
            self._telemetry,
            self._hooks,
        ]
        if observer is not None:
            self._observers.append(partial(observer, self.context))
        self._memory = ConversationMemory(loop.time)
        self._bridge: Bridge | None = None
        self._task: asyncio.Task[Any] | None = None
        # Why and when the agent's part in the call ended.
        self._over: tuple[EndReason, float] | None = None
        # Whether the line let go of the call; None before it was told to.
        self._left: bool | None = None

    async def run(self) -> CallReport:
        """Take the call; returns when it is over for the agent. The report is complete then.

        Raises:
            WSSCallError: the line does not let go of the call; report and hooks are done all the same.
        """
        self._task = asyncio.current_task()
        with self._telemetry.current():
            return await self._run()

    async def _run(self) -> CallReport:
        async with asyncio.TaskGroup() as tasks:
            hooks = tasks.create_task(self._hooks.run(), name="hooks")
            try:
                await self._serve()
            finally:
                await self._hooks.settle()
                hooks.cancel()
                if self.folder is not None:
                    await make_page_beside(self.folder / "report.json")
                await self._hook("on_end", self._agent.on_end, self.report)
        if not self._left:
            # The client tears down a call whose handler fails, whatever the line says.
            raise WSSCallError("the call could not be ended in order")
        return self.report

    def stop(self) -> None:
        """End the call now, because the program ends: :meth:`run` returns soon, or is cancelled."""
        if self._bridge is not None and self.context.controls is not None:
            self._bridge.end(EndReason.SHUTDOWN)
        elif self._over is None and self._task is not None:
            self._task.cancel()

    def _redact(self, text: str) -> str:
        try:
            return self._agent.redact(self.context, text)
        except Exception:
            logger.exception("call %s: redact failed; the text is left out", self._call.call_id)
            return ""

    def _redacted_number(self, number: str | None) -> str | None:
        return None if number is None else self._redact(number)

    def _observe(self, moment: Moment) -> None:
        self._memory.note(moment)
        if isinstance(moment, KeysPressed) and not moment.collected:
            self._hooks.keys(moment.digits)
        moment = redacted(moment, self._redact)
        for observer in self._observers:
            try:
                observer(moment)
            except Exception:
                # Whoever watches a call must not be able to end it.
                logger.exception(
                    "call %s: an observer failed at %s", self._call.call_id, type(moment).__name__
                )

    async def _serve(self) -> None:
        """From the first ring until the call is over and the report says how."""
        reason, note = EndReason.FAILED, ""
        try:
            async with asyncio.TaskGroup() as tasks:
                reason = await self._take(tasks)
        except asyncio.CancelledError:
            reason = EndReason.SHUTDOWN
            raise
        except Exception as error:
            note = _name_of(error)
            logger.exception("call %s failed", self._call.call_id)
        finally:
            reason, at_ms = self._note_end(reason)
            if reason is EndReason.AGENT_HUNG_UP and self._bridge is not None:
                note = note or self._bridge.note
            try:
                await self._end_call(reason)
            finally:
                self._observe(Ended(at_ms, reason, note))

    def _note_end(self, reason: EndReason) -> tuple[EndReason, float]:
        """Why and when the agent's part in the call ended: what was noted first counts."""
        if self._over is None:
            if reason is EndReason.CALLER_HUNG_UP and self._call.end_reason is CallEnd.MEDIA_LOST:
                reason = EndReason.LINE_LOST
            elif reason is EndReason.CALLER_HUNG_UP and self._joined:
                reason = EndReason.CONFERENCE_ENDED
            self._over = reason, self._clock()
        return self._over

    async def _take(self, tasks: asyncio.TaskGroup) -> EndReason:
        try:
            decision = await self._hook("on_incoming", self._agent.on_incoming, self.context)
            if decision is Decision.REJECT:
                return EndReason.REJECTED
            if decision is Decision.CONNECT and await self._put_through():
                return EndReason.CONNECTED
            await self._hook("on_start", self._agent.on_start, self.context)
            try:
                toolbox = Toolbox((*self._agent.tool_functions(), *self._tools), self._call.capabilities)
                session = await self._open_session(toolbox)
            except LiveConnectError:
                return await self._without_model()
            except Exception:
                # A defect of the agent's code. The caller is worth a person all the same.
                if await self._without_model() is not EndReason.CONNECTED:
                    raise
                logger.exception("call %s: put through, because its agent failed", self._call.call_id)
                return EndReason.CONNECTED
            async with AsyncExitStack() as stack:
                stack.push_async_callback(self._close_session, session)
                await self._call.answer()
                self._observe(Answered(self._clock()))
                return await self._talk(session, toolbox, stack, tasks)
        except (WSSCallClosedError, WSSMediaError):
            return EndReason.CALLER_HUNG_UP

    async def _talk(
        self, session: LiveSession, toolbox: Toolbox, stack: AsyncExitStack, tasks: asyncio.TaskGroup
    ) -> EndReason:
        recording = None
        if self.folder is not None:
            recording = CallRecording(self.folder / "call.wav", self._call.sample_rate)
            stack.callback(recording.close)
            self.report.audio = recording.path.name
        bridge = Bridge(
            self._call,
            session,
            observe=self._observe,
            clock=self._clock,
            settings=_settings(self._agent, self.context),
            memory=self._memory,
            recording=recording,
            listeners=self.context.listeners,
        )
        self._bridge = self.context.controls = bridge

        async def run_tool(call: ToolCall) -> dict[str, Any]:
            return await toolbox.run(call, self.context)

        tools = ToolCalls(
            session,
            run_tool,
            self._observe,
            self._clock,
            bridge.goodbye_said,
            toolbox.shown,
            tasks,
            policy=lambda call: toolbox.policy(call, self._agent.model, self._words),
            floor=bridge.floor,
        )
        beside = tasks.create_task(self._run_beside(), name="on_answered")
        try:
            reason = await bridge.run(tools, opening=self._agent.build_greeting(self.context))
        finally:
            beside.cancel()
            self.context.controls = None
        if reason is EndReason.MODEL_UNAVAILABLE:
            reason = await self._without_model()
        # Before tools and session come to their end: nobody is to wait on a line on which nothing happens.
        self._note_end(reason)
        await self._end_call(reason)
        await tools.finish()
        return reason

    async def _run_beside(self) -> None:
        """Run ``on_answered``, which may take as long as the conversation."""
        try:
            await self._agent.on_answered(self.context)
        except (Exception, asyncio.CancelledError) as error:
            if is_own_cancellation(error):
                raise
            logger.exception("call %s: on_answered failed", self._call.call_id)

    @property
    def _joined(self) -> bool:
        """Whether caller and callee talk because the agent put them through."""
        return self._bridge is not None and self._bridge.joined

    async def _open_session(self, toolbox: Toolbox) -> LiveSession:
        agent = self._agent
        config = LiveConfig(
            model=agent.model,
            instruction=agent.build_instruction(self.context),
            voice=agent.voice,
            language=self.context.language,
            tools=toolbox.declared(agent.model, self._words),
            temperature=agent.temperature,
            interruptible=agent.barge_in != "off",
        )
        capabilities = self._call.capabilities
        part = EngineCall(agent, self.context, self._connector, config, self._memory, toolbox, capabilities)
        for attempt in range(1, _OPEN_ATTEMPTS + 1):
            try:
                if agent.engine is not None:
                    return await agent.engine.open(part)
                return await ResumingSession.open(self._connector, config, self._memory)
            except LiveConnectError as error:
                logger.error("call %s: attempt %d: %s", self._call.call_id, attempt, error)
                if attempt == _OPEN_ATTEMPTS:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _words(self, words: Words) -> str:
        return self._agent.words(words, self.context)

    async def _without_model(self) -> EndReason:
        """There is no model: a person, if the agent says so, or an end."""
        decision = await self._hook("on_model_unavailable", self._agent.on_model_unavailable, self.context)
        if decision is Decision.CONNECT and await self._put_through():
            return EndReason.CONNECTED
        return EndReason.MODEL_UNAVAILABLE

    async def _put_through(self) -> bool:
        """Connect caller and callee; false where nobody takes the call, which then still lives."""
        if not self._call.capabilities.transfer:
            return False
        # Without a bridge the call has not been answered: the caller hears the line's own ringing.
        line = self._call if self._bridge is None else self._bridge
        try:
            await line.connect(self._agent.ring_seconds)
        except (WSSCallClosedError, WSSMediaError):
            raise
        except WSSError as error:
            logger.info("call %s: not put through: %s", self._call.call_id, error)
            return False
        return True

    async def _end_call(self, reason: EndReason) -> None:
        """Leave the call; unless caller and callee have been connected, it ends. A line is told once."""
        if self._left is not None:
            return
        self._left = False
        connected = reason is EndReason.CONNECTED or self._joined
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await (self._call.close() if connected else self._call.disconnect())
        except (WSSError, TimeoutError) as error:
            logger.warning("call %s: closing it: %s", self._call.call_id, str(error) or "no answer")
        else:
            self._left = True

    async def _close_session(self, session: LiveSession) -> None:
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await session.close()
        except Exception as error:
            # The call is over, or about to be put through: nothing hangs on the session any more.
            logger.warning("call %s: closing the live session: %r", self._call.call_id, error)

    async def _hook(
        self, name: str, hook: Callable[[_Argument], Awaitable[_Result]], argument: _Argument
    ) -> _Result | None:
        """Run a hook that the caller waits for; None where it fails or takes too long."""
        try:
            async with asyncio.timeout(_HOOK_SECONDS):
                return await hook(argument)
        except (Exception, asyncio.CancelledError) as error:
            if is_own_cancellation(error):
                raise
            logger.exception("call %s: %s failed", self._call.call_id, name)
            return None


def _settings(agent: VoiceAgent, context: CallContext) -> Settings:
    idle = None
    if agent.idle_seconds is not None:
        idle = Idle(
            agent.idle_seconds,
            [agent.words(line, context) for line in agent.idle_prompts],
            agent.words(agent.idle_goodbye, context),
        )
    return Settings(
        barge_in=BargeInMode(agent.barge_in),
        opening_interruptible=agent.greeting_interruptible,
        tell_heard=agent.tell_heard,
        answer_seconds=agent.answer_seconds,
        idle=idle,
        longest_seconds=agent.longest_seconds,
        longest_goodbye=agent.words(agent.longest_goodbye, context),
        goodbye=agent.words(agent.goodbye, context),
        hold=hold_pcm(agent.hold_audio, context.sample_rate),
    )


def _make_folder(reports: Path, call_id: str) -> Path | None:
    """A folder for a call; None where it cannot be made, which costs the report and not the call."""
    # The id comes from the line: whatever it holds, it names a folder inside ``reports``.
    name = quote(call_id, safe="").lstrip(".") or "_"
    folder, part = reports / name, 1
    try:
        # A call whose media link broke is offered once more: its second part leaves the first as it is.
        while folder.exists():
            part += 1
            folder = reports / f"{name}-{part}"
        folder.mkdir(parents=True)
    except OSError as error:
        logger.error("call %s: no report and no recording: %s", call_id, error)
        return None
    return folder


def _name_of(error: Exception) -> str:
    """The class of an error, or of the first in a group: its text may hold what is nobody's business."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return type(error).__name__
