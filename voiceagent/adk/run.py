"""ADK's run of one call: what it is told, the tools that it runs, and what happens when it fails.

Its rule: the conversation does not depend on it. A run that fails is begun again beside the conversation;
a tool call that it loses gets an error for a result.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from google.adk.agents.invocation_context import InvocationContext
from google.adk.agents.run_config import RunConfig
from google.adk.events.event import Event
from google.adk.live.live_request_queue import LiveRequestQueue
from google.adk.runners import Runner
from google.adk.tools.tool_context import ToolContext
from google.genai import types
from pydantic import PrivateAttr

from voiceagent.adk.callable import TRANSFER
from voiceagent.adk.handover import without_pause
from voiceagent.adk.transport import Link, LinkState
from voiceagent.live import LiveConnectError, ToolCall

if TYPE_CHECKING:
    from google.adk.live._active_background_tool import ActiveBackgroundTool

    from voiceagent.adk.live import AdkSession
    from voiceagent.adk.sessions import SharedState

logger = logging.getLogger(__name__)

END_SECONDS = 2.0
"""ADK gets so long to end its run in order, with its callbacks."""

CALLBACK_SECONDS = 15.0
"""The callbacks before a tool may take so long, and those after it."""

_PAUSES = (0.1, 0.5, 2.0)
"""Seconds before a run of ADK that failed is begun again."""

_OTHERS_SECONDS = 10.0
"""A hand-over waits so long for other tools, which ADK would cancel."""


@dataclass
class _Pending:
    """A tool call that ADK has."""

    outcome: asyncio.Future[dict[str, Any]]
    deadline: asyncio.Timeout
    context: Context
    task: asyncio.Task[Any] | None = None


class AdkRun:
    """The runner's part in one call.

    Args:
        session: The call's session.
        state: Keeps the call's state and that of ADK's session alike.
    """

    def __init__(self, session: AdkSession, state: SharedState) -> None:
        self._session = session
        self._state = state
        self._task: asyncio.Task[None] | None = None
        self._failure: Exception | None = None
        self._pending: dict[str, _Pending] = {}
        self._agents: frozenset[str] = frozenset()
        self._handovers = 0

    async def start(
        self, runner: PhoneRunner, user_id: str, session_id: str, connected: asyncio.Future[Link]
    ) -> None:
        """Begin, and wait until ``connected``.

        Raises:
            LiveConnectError: the run ended before.
        """
        runner.call_run = self
        self._agents = names_of(runner.agent)
        self._task = asyncio.create_task(self._go_on(runner, user_id, session_id), name="adk")
        either: set[asyncio.Future[Any]] = {self._task, connected}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if connected.done() and connected.exception() is None:
            return
        if isinstance(self._failure, LiveConnectError):
            raise self._failure
        if self._failure is not None:
            raise LiveConnectError(
                f"ADK's run failed: {type(self._failure).__name__}: {self._failure}"
            ) from self._failure
        raise LiveConnectError(
            "ADK's run ended before it was connected: a callback or plugin has answered for the agent"
        )

    async def end(self, *, in_order: bool) -> None:
        """End the run; in order, it is let come to its end, which its callbacks are told of."""
        if self._task is None:
            return
        if in_order:
            await asyncio.wait({self._task}, timeout=END_SECONDS)
        self._task.cancel()
        _, late = await asyncio.wait({self._task}, timeout=END_SECONDS)
        if late:
            logger.error("ADK's run does not end: a callback or plugin keeps it from being cancelled")

    async def _go_on(self, runner: PhoneRunner, user_id: str, session_id: str) -> None:
        """Run until the end, and again where a run fails while somebody talks."""
        with without_pause():
            for pause in (*_PAUSES, None):
                try:
                    await self._run(runner, user_id, session_id)
                    self._failure = None
                    break
                except Exception as error:
                    self._failure = error
                    await self._session.resume()
                    self._lose_pending()
                    if pause is None or not self._session.talks:
                        break
                    logger.exception("call %s: ADK's run failed; it is begun again", session_id)
                    await asyncio.sleep(pause)
        self._lose_pending()
        self._session.over(self._failure)

    async def _run(self, runner: PhoneRunner, user_id: str, session_id: str) -> None:
        events = runner.run_live(
            user_id=user_id,
            session_id=session_id,
            live_request_queue=_Requests(self),
            run_config=RunConfig(response_modalities=[types.Modality.AUDIO]),
        )
        async with aclosing(events) as events:
            async for event in events:
                self._note(event)

    def _note(self, event: Event) -> None:
        if event.actions.state_delta:
            self._state.read(event.actions.state_delta)
        if event.turn_complete and event.content is not None:
            # A callback has blocked what the caller said, or what the model was about to say.
            text = " ".join(part.text for part in event.content.parts or () if part.text)
            if text:
                self._session.blocked(text)

    # Tools ---------------------------------------------------------------------------------------------

    async def run_tool(self, link: Link, call: ToolCall) -> dict[str, Any]:
        """Let ADK run a tool call, with its callbacks and plugins; what went wrong is under ``error``."""
        if call.name not in link.tools:
            return {"error": f"there is no tool {call.name!r}; the tools are {', '.join(link.tools)}"}
        if self._task is None or self._task.done() or link.state is LinkState.LEFT:
            return _failed(call.name)
        if call.name == TRANSFER:
            target = call.args.get("agent_name")
            if target not in self._agents:
                return {"error": f"there is no agent {target!r}"}
            await self._let_others_end()
        outcome: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        deadline = asyncio.timeout(CALLBACK_SECONDS)
        pending = self._pending[call.id] = _Pending(outcome, deadline, copy_context())
        link.call(call.id, call.name, call.args)
        try:
            async with deadline:
                return await outcome
        except TimeoutError:
            logger.warning("the callbacks of tool %s took too long", call.name)
            return {"error": f"{call.name} took too long and was stopped"}
        finally:
            del self._pending[call.id]
            if pending.task is not None:
                pending.task.cancel()

    async def _let_others_end(self) -> None:
        others = [pending.outcome for pending in self._pending.values()]
        if others:
            await asyncio.wait(others, timeout=_OTHERS_SECONDS)

    def begins(self, context: ToolContext) -> Context | None:
        """A tool runs, and has its own deadline; the callbacks before it are done.

        Returns:
            What the bridge has set for this call, in the context of its own task.
        """
        pending = self._pending.get(context.function_call_id or "")
        if pending is None:
            return None
        pending.deadline.reschedule(None)
        return pending.context

    def ended(self, link: Link, name: str, context: ToolContext) -> None:
        """A tool has ended, and the callbacks after it come; it may have asked for another agent."""
        pending = self._pending.get(context.function_call_id or "")
        if pending is not None:
            pending.deadline.reschedule(asyncio.get_running_loop().time() + CALLBACK_SECONDS)
        target = context.actions.transfer_to_agent
        if not target:
            return
        if name == TRANSFER:
            link.state = LinkState.HANDING_OVER
        elif TRANSFER in link.tools and target in self._agents:
            # ADK looks for this in the results of tools that it waited for, and it did not wait for this one.
            self._handovers += 1
            link.call(f"handover-{self._handovers}", TRANSFER, {"agent_name": target})

    def launched(self, entry: ActiveBackgroundTool) -> None:
        """ADK runs a call in a task of its own."""
        pending, task = self._pending.get(entry.function_call_id), entry.task
        if task is None:
            return
        if pending is None:
            # It was cancelled before ADK came to it.
            task.cancel()
            return
        pending.task = task

        def fail(_: asyncio.Task[Any]) -> None:
            # ADK has logged why: a callback raised.
            if not pending.outcome.done():
                pending.outcome.set_result(_failed(entry.tool_name))

        task.add_done_callback(fail)

    def answered(self, response: types.FunctionResponse) -> None:
        """A call has its result."""
        pending = self._pending.get(response.id or "")
        if pending is not None and not pending.outcome.done():
            pending.outcome.set_result(dict(response.response or {}))

    def _lose_pending(self) -> None:
        for pending in self._pending.values():
            if not pending.outcome.done():
                pending.outcome.set_result(_failed("the tool"))


class _Requests(LiveRequestQueue):
    """ADK's queue to the model, of which the results of tools go to the bridge."""

    def __init__(self, run: AdkRun) -> None:
        super().__init__()
        self._run = run

    def send_content(self, content: types.Content, partial: bool = False) -> None:
        """Take results out; the rest goes ADK's way."""
        results = [part.function_response for part in content.parts or () if part.function_response]
        for result in results:
            self._run.answered(result)
        if not results:
            super().send_content(content, partial)


class _CallInvocation(InvocationContext):
    """An invocation that tells of the tools that it runs beside the conversation."""

    _run: AdkRun | None = PrivateAttr(default=None)

    def _add_background_tool(self, entry: ActiveBackgroundTool) -> None:
        super()._add_background_tool(entry)
        if self._run is not None:
            self._run.launched(entry)


class PhoneRunner(Runner):
    """ADK's runner for one call.

    Attributes:
        call_run: The call's run.
    """

    call_run: AdkRun | None = None

    def _warn_uncached_agent_transfer(self) -> None:
        """Nothing: a live session has no such cache, and the warning would come with each call."""

    def _create_invocation_context(self, **kwargs: Any) -> InvocationContext:
        context = _CallInvocation(**kwargs)
        context._run = self.call_run
        return context


def _failed(name: str) -> dict[str, Any]:
    return {"error": f"{name} failed; it cannot be used right now"}


def names_of(agent: Any) -> frozenset[str]:
    """The names of an agent and of all that are below it."""
    return frozenset({agent.name}).union(*(names_of(below) for below in agent.sub_agents))
