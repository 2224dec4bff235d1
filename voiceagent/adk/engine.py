"""AdkEngine: lets Google's ADK take part in the calls of a voice agent.

Its rule: a call that begins with ADK is a call like any other. Audio, barge-in, reconnecting, deadlines and
reports are the bridge's; sub-agents, callbacks, plugins and the session are ADK's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from google.adk.agents import LlmAgent
from google.adk.apps import App
from google.adk.artifacts import BaseArtifactService, InMemoryArtifactService
from google.adk.memory import BaseMemoryService
from google.adk.plugins.base_plugin import BasePlugin
from google.adk.sessions import BaseSessionService, InMemorySessionService

from voiceagent.adk import handover
from voiceagent.adk.live import AdkSession
from voiceagent.adk.run import PhoneRunner
from voiceagent.adk.sessions import SharedState
from voiceagent.adk.text import snake_case
from voiceagent.adk.tree import Plan, SubAgent, belongs_to
from voiceagent.agent import VoiceAgent
from voiceagent.context import CallContext
from voiceagent.engine import EngineCall
from voiceagent.live import LiveConnectError, LiveSession
from voiceagent.telemetry.numbers import hashed
from voiceagent.tool import DEFAULT_TIMEOUT

logger = logging.getLogger(__name__)

OPEN_SECONDS = 20.0
"""Session service, callbacks and the first connection may take so long before a call is answered."""

STORE_SECONDS = 5.0
"""The session service may take so long for one request, and a plugin to close."""

SHARED_TOOLS = ("end_call", "transfer_call")
"""The tools of the voice agent that every sub-agent has, too: any of them may end the call."""


def hashed_caller(call: CallContext) -> str:
    """The caller as a user of ADK's sessions: the number, hashed by :func:`voiceagent.telemetry.hashed`.

    All calls of a number are found together where the environment has ``VOICEAGENT_TELEMETRY_KEY``; else only
    those of one process.
    """
    return hashed(call.caller_number) if call.caller_number else "withheld"


class AdkEngine:
    """Runs the calls of a voice agent through ADK's ``Runner.run_live``.

    Args:
        agent: A ready tree of ADK's agents, whose root answers the call. By default the voice agent itself
            answers it, with its instruction and tools.
        sub_agents: Those that the voice agent can hand the call over to: ``LlmAgent`` or ``VoiceAgent``.
        plugins: Plugins of ADK.
        session_service: Keeps the conversations; by default they are forgotten after each call.
        artifact_service: Keeps the artifacts of tools; by default they are forgotten after each call.
        memory_service: ADK's memory of earlier conversations.
        app_name: Name of the app in the session service; the name of the voice agent's class by default.
        user_id: The user of a call's session; :func:`hashed_caller` by default.
        voices: Prebuilt voices of agents, by their names; the voice agent's by default.
        shared_tools: Names of the voice agent's tools that the sub-agents have, too.
        tool_timeout: Seconds that a tool of ADK's agents may take.
        options: Further fields of the ``LlmAgent`` that the voice agent becomes: callbacks such as
            ``before_tool_callback``, or ``global_instruction``.

    Raises:
        TypeError: something of it is not of the type that ADK wants, or there are two roots.
    """

    def __init__(
        self,
        *,
        agent: LlmAgent | None = None,
        sub_agents: Sequence[SubAgent] = (),
        plugins: Sequence[BasePlugin] = (),
        session_service: BaseSessionService | None = None,
        artifact_service: BaseArtifactService | None = None,
        memory_service: BaseMemoryService | None = None,
        app_name: str | None = None,
        user_id: Callable[[CallContext], str] = hashed_caller,
        voices: Mapping[str, str] | None = None,
        shared_tools: Sequence[str] = SHARED_TOOLS,
        tool_timeout: float = DEFAULT_TIMEOUT,
        **options: Any,
    ) -> None:
        if agent is not None and not isinstance(agent, LlmAgent):
            raise TypeError(f"AdkEngine(agent=...) takes an LlmAgent of ADK, not {agent!r}")
        if agent is not None and (sub_agents or options):
            given = ", ".join(["sub_agents"] * bool(sub_agents) + list(options))
            raise TypeError(f"AdkEngine(agent=...) has its own {given}: give them to that agent")
        for name in ("model", "instruction", "name"):
            if name in options:
                raise TypeError(f"AdkEngine: {name} is that of the voice agent, so it cannot be given here")
        for plugin in plugins:
            if not isinstance(plugin, BasePlugin):
                raise TypeError(f"a plugin of ADK is a BasePlugin, not {plugin!r}")
        if tool_timeout <= 0:
            raise ValueError(f"tool_timeout must be a positive number of seconds, not {tool_timeout}")
        self._plan = Plan(agent, tuple(sub_agents), options, dict(voices or {}), tuple(shared_tools))
        self._plugins = list(plugins)
        self._sessions = session_service or InMemorySessionService()
        self._forgets = session_service is None
        self._artifacts = artifact_service
        self._memory = memory_service
        self._app_name = app_name
        self._user_id = user_id
        self._timeout = tool_timeout
        self._started: list[VoiceAgent] = []

    def check(self, agent: VoiceAgent) -> None:
        """See whether it can run this agent.

        Raises:
            TypeError: it cannot; the text says what to change.
            ValueError: likewise.
        """
        name = type(agent).__name__
        if self._plan.root is not None and agent.instruction is not VoiceAgent.instruction:
            raise TypeError(
                f"{name}.instruction is not used: AdkEngine(agent=...) has that of {self._plan.root.name}."
                " Leave one of them out"
            )
        try:
            self._plan.check(agent)
        except TypeError as error:
            raise TypeError(f"{name}.engine: {error}") from None
        except ValueError as error:
            raise ValueError(f"{name}.engine: {error}") from None

    async def start(self, agent: VoiceAgent) -> None:
        """Open what the sub-agents open."""
        handover.install()
        try:
            for member in self._plan.voice_agents():
                await member.on_startup()
                self._started.append(member)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Close sub-agents, toolsets and plugins; what goes wrong is logged."""
        closing = [member.on_shutdown for member in reversed(self._started)]
        closing += [toolset.close for toolset in self._plan.toolsets()]
        closing += [plugin.close for plugin in self._plugins]
        self._started.clear()
        for close in closing:
            try:
                async with asyncio.timeout(STORE_SECONDS):
                    await close()
            except Exception:
                logger.exception("AdkEngine: something could not be closed")

    async def open(self, call: EngineCall) -> LiveSession:
        """Open the session of one call.

        Raises:
            LiveConnectError: the model cannot be reached, or ADK refuses the call.
        """
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                return await self._open(call)
        except TimeoutError:
            raise LiveConnectError(f"ADK has not begun the call within {OPEN_SECONDS:g} s") from None
        except LiveConnectError:
            raise
        except Exception as error:
            logger.exception("call %s: ADK refuses it", call.context.call_id)
            raise LiveConnectError(f"ADK refuses the call: {type(error).__name__}: {error}") from error

    async def _open(self, call: EngineCall) -> LiveSession:
        state = SharedState(call.context)
        root = await self._plan.build(call, state)
        app_name = self._app_name or snake_case(type(call.agent).__name__)
        app = App(name=app_name, root_agent=root, plugins=self._plugins)
        runner = PhoneRunner(
            app=app,
            session_service=self._sessions,
            artifact_service=self._artifacts or InMemoryArtifactService(),
            memory_service=self._memory,
        )
        user, session_id, store = self._user_id(call.context), call.context.call_id, self._sessions
        if await store.get_session(app_name=app_name, user_id=user, session_id=session_id) is None:
            await store.create_session(
                app_name=app_name, user_id=user, session_id=session_id, state=state.first()
            )
        session = AdkSession(call, self._timeout, state)
        belongs_to(root, session)
        if self._forgets:
            forget = partial(store.delete_session, app_name=app_name, user_id=user, session_id=session_id)
            session.at_end(forget)
        await session.start(runner, user, session_id)
        return session
