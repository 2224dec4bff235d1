"""The conversations that ADK holds with an agent as text: one call context for each of ADK's sessions.

Its rule: an agent finds what it finds in a phone call. Its resources are open, ``on_start`` has run, and
``call.state`` lasts as long as the session; what JSON can hold is kept in ADK's session state as well.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from google.adk.agents.readonly_context import ReadonlyContext
from google.adk.tools.tool_context import ToolContext

from voiceagent.agent import VoiceAgent
from voiceagent.context import CallContext
from voiceagent.toolbox import EVERYTHING, Toolbox

CALLER_NUMBER = "caller_number"
"""Key in a session's state: who is to be taken for the caller. Nothing: the number is withheld."""

CALLEE_NUMBER = "callee_number"
"""Key in a session's state: which number was called."""

MOST_SESSIONS = 1000
"""Sessions that are remembered; the oldest is begun anew when it goes on."""


class Resources:
    """What an agent opens in ``on_startup``: opened at the first use, and closed between uses.

    ADK has no hook for the start, and closes what it was given with each of its runners.
    """

    def __init__(self, agent: VoiceAgent) -> None:
        self._agent = agent
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = asyncio.Lock()
        self._unused = asyncio.Event()
        self._users = 0
        self._open = False

    @asynccontextmanager
    async def used(self) -> AsyncIterator[None]:
        """Open while this is entered."""
        self._belong_to_this_loop()
        async with self._lock:
            if not self._open:
                await self._agent.on_startup()
                self._open = True
            self._users += 1
            self._unused.clear()
        try:
            yield
        finally:
            self._users -= 1
            if not self._users:
                self._unused.set()

    async def close(self) -> None:
        """Close when nothing uses it any more; the next use opens it again."""
        self._belong_to_this_loop()
        async with self._lock:
            if self._open:
                await self._unused.wait()
                self._open = False
                await self._agent.on_shutdown()

    def _belong_to_this_loop(self) -> None:
        """Start afresh in a new event loop: what an earlier one opened has ended with it."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._lock, self._unused = loop, asyncio.Lock(), asyncio.Event()
            self._users, self._open = 0, False


class SharedState:
    """Keeps ``call.state`` and the state of ADK's session alike, as far as JSON can hold it."""

    def __init__(self, call: CallContext) -> None:
        self._call = call
        # What the two have had in common, as JSON.
        self._shared: dict[str, str] = {}

    def read(self, state: Mapping[str, Any]) -> None:
        """Take over what has changed in ADK's state since it was last looked at."""
        for key, value in state.items():
            text = _as_json(value)
            if text is not None and self._shared.get(key) != text:
                self._shared[key] = text
                if value is not None:
                    self._call.state[key] = value

    def write(self, context: ToolContext) -> None:
        """Hand what has changed in the call's state to ADK."""
        for key, value in self._call.state.items():
            text = _as_json(value)
            if text is not None and self._shared.get(key) != text:
                self._shared[key] = text
                context.state[key] = value
        # ADK's state forgets nothing: what the call has dropped is kept as null.
        for key in self._shared.keys() - self._call.state.keys():
            if self._shared[key] != "null":
                self._shared[key] = "null"
                context.state[key] = None

    def first(self) -> dict[str, Any]:
        """What a new session begins with."""
        begun: dict[str, Any] = {}
        for key, value in self._call.state.items():
            text = _as_json(value)
            if text is not None:
                self._shared[key] = text
                begun[key] = value
        return begun


class TextCall:
    """One session, as a call without a line.

    Attributes:
        context: The call, as tools and hooks see it.
        instruction: The system instruction.
        toolbox: The tools of this call's own copy of the agent.
    """

    def __init__(self, agent: VoiceAgent, session_id: str, state: Mapping[str, Any]) -> None:
        self._agent = agent.for_call()
        self.context = CallContext(
            call_id=session_id,
            caller_number=state.get(CALLER_NUMBER) or None,
            callee_number=state.get(CALLEE_NUMBER) or None,
            language=agent.language,
        )
        self.toolbox = Toolbox(self._agent.tool_functions(), EVERYTHING)
        self.instruction = ""
        self._beginning = asyncio.Lock()
        self._begun = False
        self._state = SharedState(self.context)

    async def begin(self, state: Mapping[str, Any]) -> None:
        """Take over what the session remembers, and let the agent prepare; once."""
        async with self._beginning:
            if not self._begun:
                self.read(state)
                await self._agent.on_start(self.context)
                self.instruction = self._agent.build_instruction(self.context)
                self._begun = True

    def read(self, state: Mapping[str, Any]) -> None:
        """Take over what has changed in ADK's state since it was last looked at."""
        self._state.read(state)

    def write(self, context: ToolContext) -> None:
        """Hand what has changed in the call's state to ADK, as far as JSON can hold it."""
        self._state.write(context)


class TextCalls:
    """The sessions of one agent, by their ids."""

    def __init__(self, agent: VoiceAgent) -> None:
        self._agent = agent
        self._calls: OrderedDict[tuple[str, str, str], TextCall] = OrderedDict()

    async def of(self, context: ReadonlyContext) -> TextCall:
        """The call of the session that ADK is in; the agent's resources must be open."""
        session, state = context.session, context.session.state
        key = (session.app_name, session.user_id, session.id)
        call = self._calls.get(key)
        if call is None or call.context.caller_number != (state.get(CALLER_NUMBER) or None):
            call = self._calls[key] = TextCall(self._agent, session.id, state)
        self._calls.move_to_end(key)
        while len(self._calls) > MOST_SESSIONS:
            self._calls.popitem(last=False)
        await call.begin(state)
        return call


def _as_json(value: Any) -> str | None:
    """The value as JSON; None where it has no such form, and stays in this process."""
    try:
        return json.dumps(value, sort_keys=True)
    except (TypeError, ValueError):
        return None
