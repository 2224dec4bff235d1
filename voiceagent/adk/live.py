"""A live session with ADK's runner around it, for one call.

Its rule: ADK decides, and never stands in the way. Audio, interruptions and transcripts go from the model's
connection straight to the bridge; the caller's audio goes straight to the model. ADK is told what happened,
runs the tools when the bridge asks for it, and says which agent takes over.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from google.adk.models.llm_request import LlmRequest
from google.genai import types

from voiceagent.adk.callable import OwnTool, ThroughAdk, for_call
from voiceagent.adk.run import AdkRun
from voiceagent.adk.sessions import SharedState
from voiceagent.adk.transport import Link, LinkState, PhoneModel, config_for, history_of
from voiceagent.bridge import prompts
from voiceagent.engine import EngineCall
from voiceagent.live import (
    INPUT_RATE,
    Audio,
    GenerationComplete,
    Interrupted,
    LiveClosedError,
    LiveConfig,
    LiveConnectError,
    LiveEvent,
    LiveSession,
    Said,
    Scheduling,
    ToolCalls,
    ToolDeclaration,
    TurnComplete,
)
from voiceagent.live.resuming import ResumingSession
from voiceagent.tool import ToolOptions

if TYPE_CHECKING:
    from voiceagent.adk.run import PhoneRunner

logger = logging.getLogger(__name__)

CLOSE_SECONDS = 2.0
"""Closing an agent's session may take so long."""

HELD_BYTES = INPUT_RATE * 2 * 15
"""So much of the caller's audio is held while an agent hands over, 15 s; the oldest goes first."""

_MOST_TOLD = 100
"""Texts for the model that wait for the next agent; the oldest goes first."""

_CONNECT_PAUSES = (0.0, 0.3, 1.0, 2.0)
"""Seconds before each attempt to connect the next agent of a call."""


class AdkSession:
    """A conversation that ADK's runner takes part in. It implements :class:`voiceagent.live.LiveSession`.

    Args:
        call: The call.
        timeout: Seconds that a tool of ADK's agents may take.
        state: Keeps the call's state and that of ADK's session alike.
    """

    def __init__(self, call: EngineCall, timeout: float, state: SharedState) -> None:
        self._call = call
        self._timeout = timeout
        self._adk = AdkRun(self, state)
        # None while one agent hands over to another.
        self._link: Link | None = None
        self._next: asyncio.Future[Link] = asyncio.get_running_loop().create_future()
        self._handed_over = False
        self._closing: set[asyncio.Task[None]] = set()
        self._owners: dict[str, Link] = {}
        self._held: deque[bytes] = deque()
        self._held_bytes = 0
        self._told: deque[Callable[[LiveSession], Awaitable[None]]] = deque(maxlen=_MOST_TOLD)
        self._blocked: str | None = None
        self._ends: list[Callable[[], Awaitable[None]]] = []

    async def start(self, runner: PhoneRunner, user_id: str, session_id: str) -> None:
        """Begin ADK's run, and wait for the first connection.

        Raises:
            LiveConnectError: there is none, for whatever reason.
        """
        try:
            await self._adk.start(runner, user_id, session_id, self._next)
        except BaseException:
            await self.close()
            raise

    # The bridge's side ---------------------------------------------------------------------------------

    async def events(self) -> AsyncIterator[LiveEvent]:
        """What happens, whichever agent talks; raises ``LiveClosedError`` at the end."""
        while True:
            link = self._link
            if link is None:
                link = await asyncio.shield(self._next)
            try:
                async for event in link.live.events():
                    if type(event) is not Audio:
                        if type(event) is ToolCalls:
                            self._bring(link, event)
                        link.hear(event)
                    yield event
            except LiveClosedError:
                if link.state is LinkState.TALKING:
                    raise
            if self._link is link:
                self.leave(link)
            for event in link.farewell:
                yield event

    async def send_audio(self, pcm: bytes) -> None:
        """Send caller audio to the agent that talks; while one hands over, it is held for the next."""
        link = self._link
        if link is None or link.state is not LinkState.TALKING:
            self._hold(pcm)
            return
        try:
            await link.live.send_audio(pcm)
        except LiveClosedError:
            if self._link is link:
                raise
            self._hold(pcm)

    async def send_text(self, text: str, *, keep: bool = True) -> None:
        """Say something to the model of the agent that talks; see :class:`voiceagent.live.LiveSession`."""
        link = self._link
        if link is not None and link.state is LinkState.TALKING:
            await link.live.send_text(text, keep=keep)
        elif keep:
            self._told.append(lambda live: live.send_text(text))

    async def send_said(self, said: Sequence[Said], *, answer: str | None = None) -> None:
        """Tell the model what was said before."""
        link = self._link
        if link is not None and link.state is LinkState.TALKING:
            await link.live.send_said(said, answer=answer)
        else:
            self._told.append(lambda live: live.send_said(said, answer=answer))

    async def send_tool_result(
        self,
        call_id: str,
        name: str,
        response: Mapping[str, Any],
        *,
        scheduling: Scheduling | None = None,
    ) -> None:
        """Give the result of a tool call to the agent whose model asked for it, if it still talks."""
        link = self._owners.pop(call_id, self._link)
        self._call.toolbox.forget(call_id)
        if link is None or link.state is not LinkState.TALKING:
            logger.debug("the result of %s is of no use: another agent has taken over", name)
            return
        await link.live.send_tool_result(call_id, name, response, scheduling=scheduling)

    async def reopen(self, cause: str) -> None:
        """Let the agent that talks go on over another connection."""
        if self._link is not None:
            await self._link.live.reopen(cause)

    async def close(self) -> None:
        """End the run, with its callbacks, and the session."""
        link = self._link
        if link is not None:
            link.end()
        await self._adk.end(in_order=link is not None)
        if link is not None:
            self.leave(link)
        if self._closing:
            await asyncio.wait(self._closing)
        self._next.cancel()
        for end in self._ends:
            await end()
        self._ends.clear()

    def at_end(self, end: Callable[[], Awaitable[None]]) -> None:
        """Do something when the session is closed."""
        self._ends.append(end)

    def _hold(self, pcm: bytes) -> None:
        self._held.append(pcm)
        self._held_bytes += len(pcm)
        while self._held_bytes > HELD_BYTES:
            self._held_bytes -= len(self._held.popleft())

    # ADK's side: its connections -----------------------------------------------------------------------

    async def connect(self, model: PhoneModel, request: LlmRequest) -> Link:
        """An agent of ADK begins to talk: open its session, and tell it what it missed.

        Raises:
            LiveConnectError: its session cannot be opened.
        """
        config = config_for(self._call.config, model, request)
        known = self._link
        if known is not None and known.agent != model.agent_name:
            self.leave(known, cut_off=True)
            known = None
        # Where ADK's run has failed, the conversation has gone on: the next run takes it up.
        if known is None and request.contents:
            config = replace(config, continues=True)
        link = known or Link(model.agent_name, await self._open(config))
        link.declared = {tool.name: tool for tool in config.tools}
        link.tools = request.tools_dict
        for name, tool in request.tools_dict.items():
            request.tools_dict[name] = for_call(tool, link, self._adk, self._timeout)
        if known is None:
            await self._take_over(link, request.contents)
        return link

    async def _open(self, config: LiveConfig) -> LiveSession:
        # Whoever takes the call tries the first one again by itself.
        pauses = _CONNECT_PAUSES if self._handed_over else _CONNECT_PAUSES[:1]
        for number, pause in enumerate(pauses, 1):
            await asyncio.sleep(pause)
            try:
                return await ResumingSession.open(self._call.connector, config, self._call.memory)
            except LiveConnectError as error:
                if number == len(pauses):
                    raise
                logger.warning("call %s: the next agent: %s", self._call.context.call_id, error)
        raise AssertionError("the last attempt returns or raises")

    async def _take_over(self, link: Link, contents: Sequence[types.Content]) -> None:
        """Tell a new session what it is to know, and send it what the caller said meanwhile, in order."""
        said, answer = history_of(contents)
        if self._blocked is not None:
            if answer is not None:
                said.append(Said("user", answer))
            answer, self._blocked = prompts.say(self._blocked), None
        if said or answer is not None:
            await link.live.send_said(said, answer=answer)
        await self._catch_up(link)
        self._link = link
        self._handed_over = True
        self._next.set_result(link)

    async def _catch_up(self, link: Link) -> None:
        """Send what was held, in order; what comes meanwhile is held, too."""
        while self._held or self._told:
            if self._told:
                await self._told.popleft()(link.live)
            else:
                pcm = self._held.popleft()
                self._held_bytes -= len(pcm)
                await link.live.send_audio(pcm)

    def leave(self, link: Link, *, cut_off: bool = False) -> None:
        """An agent's part is over; what it said is heard to its end, unless it is cut off."""
        if link.state is LinkState.LEFT:
            return
        link.state = LinkState.LEFT
        link.end()
        link.farewell = (Interrupted() if cut_off else GenerationComplete(), TurnComplete())
        if self._link is link:
            self._link = None
            self._next = asyncio.get_running_loop().create_future()
        # Closing takes a moment of the network's, and the next agent is not to wait for it.
        task = asyncio.create_task(_close(link.live), name=f"close {link.agent}")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    @property
    def talks(self) -> bool:
        """Whether an agent is connected."""
        return self._link is not None

    async def resume(self) -> None:
        """ADK's run has failed: an agent that was to hand over goes on."""
        link = self._link
        if link is not None and link.state is LinkState.HANDING_OVER:
            # Where its connection is gone, the reader of its events sees it, too.
            with suppress(LiveClosedError):
                await self._catch_up(link)
            link.state = LinkState.TALKING

    def over(self, error: Exception | None) -> None:
        """ADK's run is over for good; where an agent talks, it goes on without its tools."""
        if self._link is None and not self._next.done():
            reason = "" if error is None else f"{type(error).__name__}: {error}"
            self._next.set_exception(LiveClosedError(1011, f"ADK's run is over. {reason}".strip()))
            # Nobody may be waiting for it.
            self._next.exception()

    def blocked(self, text: str) -> None:
        """A callback has put this in the place of what the model says; the next session says it."""
        self._blocked = text

    # Tools ---------------------------------------------------------------------------------------------

    def _bring(self, link: Link, event: ToolCalls) -> None:
        """Let the bridge run these calls through ADK."""
        for call in event.calls:
            self._owners[call.id] = link
            tool = link.tools.get(call.name)
            declaration = link.declared.get(call.name, ToolDeclaration(call.name, "", {}))
            options = ToolOptions(timeout=self._timeout)
            if isinstance(tool, OwnTool):
                options = tool.options
            elif tool is not None and tool.response_scheduling is not None:
                when: Any = tool.response_scheduling.value.lower()
                options = replace(options, scheduling=when)
            work = partial(self._adk.run_tool, link, call)
            self._call.toolbox.bring(call.id, ThroughAdk(work, declaration, options))


async def _close(live: LiveSession) -> None:
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await live.close()
    except Exception as error:
        # The conversation has gone on elsewhere, or is over.
        logger.warning("closing the session of an agent: %r", error)
