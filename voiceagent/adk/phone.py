"""The ``ToolContext`` that an ADK tool is given in a phone call.

Its rule: what a tool remembers lasts as long as the call; what needs ADK's runner, or a person at a screen,
is refused with a sentence for the model, or ignored where nothing is lost by it.
"""

from __future__ import annotations

import logging
from typing import Any
from uuid import uuid4

from google.adk.agents.invocation_context import InvocationContext
from google.adk.agents.run_config import RunConfig, ToolThreadPoolConfig
from google.adk.artifacts import InMemoryArtifactService
from google.adk.auth.auth_tool import AuthConfig
from google.adk.events.event_actions import EventActions
from google.adk.sessions import InMemorySessionService, Session
from google.adk.tools.tool_context import ToolContext
from pydantic import PrivateAttr

from voiceagent.context import CallContext, ToolError

logger = logging.getLogger(__name__)

APP_NAME = "voiceagent"
"""Name of the app in the sessions of phone calls."""

_IGNORED = frozenset({"transfer_to_agent", "escalate", "skip_summarization", "end_of_agent"})
"""What a tool may ask of ADK's runner that a phone call has no use for."""

_THREADS = 64
"""For ADK's sync tools: they must not hold up the audio of any call."""


class _CallActions(EventActions):
    """The actions of a tool call, of which a phone call takes the state only."""

    _call_id: str = PrivateAttr(default="")

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _IGNORED:
            logger.info("call %s: a tool set the action %s; it is ignored in a call", self._call_id, name)
            return
        super().__setattr__(name, value)


class _CallToolContext(ToolContext):
    """A tool context outside an ADK runner."""

    def request_credential(self, auth_config: AuthConfig) -> None:
        """Refuse: nobody can sign in on the phone."""
        raise ToolError(
            "This tool needs somebody to sign in, which is not possible in a phone call. Do not try it again."
        )

    def request_confirmation(self, *, hint: str | None = None, payload: Any | None = None) -> None:
        """Refuse: ADK's confirmation is a button in its user interface."""
        raise ToolError(
            "This tool needs a confirmation on a screen, which is not possible in a phone call. Do not try it"
            " again."
        )


def make_tool_context(call: CallContext) -> ToolContext:
    """A tool context whose state is ``call.state``, and whose user is the caller."""
    session = Session(id=call.call_id, app_name=APP_NAME, user_id=call.caller_number or "")
    # Not through the constructor, which copies: what the tool remembers is to be in the call's own state.
    session.state = call.state
    invocation = InvocationContext(
        session_service=InMemorySessionService(),
        artifact_service=InMemoryArtifactService(),
        invocation_id=uuid4().hex,
        session=session,
        run_config=RunConfig(tool_thread_pool_config=ToolThreadPoolConfig(max_workers=_THREADS)),
    )
    actions = _CallActions()
    actions._call_id = call.call_id
    return _CallToolContext(invocation, event_actions=actions, function_call_id=uuid4().hex)
