"""ADK's ``ToolContext`` for tools that want one, without importing ADK for those that do not.

Its rule: where an ADK runner calls the tool, the tool gets the runner's own context; in a phone call it gets
one that is made for it.
"""

from __future__ import annotations

import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from google.adk.tools.tool_context import ToolContext

    from voiceagent.context import CallContext

context_of_runner: ContextVar[ToolContext | None] = ContextVar("context_of_runner", default=None)
"""The context in which an ADK runner calls the tool of this task."""


def is_tool_context(hint: Any) -> bool:
    """Whether a parameter's type is ADK's ``ToolContext``; it cannot be before somebody has imported ADK."""
    module = sys.modules.get("google.adk.agents.context")
    return module is not None and hint is module.Context


def tool_context(call: CallContext) -> ToolContext:
    """The context for a tool that is called in ``call``. Its state is ``call.state``."""
    given = context_of_runner.get()
    if given is not None:
        return given
    from voiceagent.adk.phone import make_tool_context

    return make_tool_context(call)
