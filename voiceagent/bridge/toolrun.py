"""One run of a tool, for one call of the model or for several that ask for the same."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from typing import Any

from voiceagent.bridge.repeats import Key
from voiceagent.live import ToolCall
from voiceagent.tool_policy import ToolPolicy


class ToolRun:
    """A run of a tool, and the calls of the model that wait for it. The last one to go stops it.

    It implements :class:`voiceagent.tool_late.Late` for its tool.

    Attributes:
        call: The call that it was begun for.
        key: What other calls have to share to be the same.
        policy: How it is handled.
        began_ms: When it began, in milliseconds since the call began.
        stopped: What the model is told where the run was stopped from here; empty where it was not.
        late: The tool's work, where it went on after its time.
        filler: Says something to the caller when they wait long.

    Args:
        tasks: The call's task group.
    """

    def __init__(
        self, call: ToolCall, key: Key, policy: ToolPolicy, began_ms: float, tasks: asyncio.TaskGroup
    ) -> None:
        self.call = call
        self.key = key
        self.policy = policy
        self.began_ms = began_ms
        self.stopped = ""
        self.late: asyncio.Task[dict[str, Any]] | None = None
        self.filler: asyncio.Task[None] | None = None
        self.task: asyncio.Task[dict[str, Any]]
        self._tasks = tasks
        self._outcome: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        # The tasks that wait, and the connection that each of their calls came over.
        self._waiting: dict[asyncio.Task[Any], int] = {}

    async def result(self, connection: int) -> dict[str, Any]:
        """Wait for the result, together with all others that do.

        Args:
            connection: Which connection the call came over. Calls of earlier ones wait no longer: the model
                has forgotten them, and is to be told once.
        """
        task = asyncio.current_task()
        assert task is not None
        for other, over in self._waiting.items():
            if over < connection:
                other.cancel()
        self._waiting[task] = connection
        try:
            return await asyncio.shield(self._outcome)
        finally:
            del self._waiting[task]
            if not self._waiting and not self._outcome.done():
                self.task.cancel()

    def stop(self, told: str) -> None:
        """Cancel the tool.

        Args:
            told: What the model is told.
        """
        self.stopped = told
        self.task.cancel()

    def end(self, result: dict[str, Any]) -> None:
        """The tool is done, or the model is told for the time being."""
        if self.filler is not None:
            self.filler.cancel()
        self._outcome.set_result(result)

    def start(self, work: Coroutine[Any, Any, dict[str, Any]]) -> asyncio.Task[dict[str, Any]]:
        """Run the tool's work in a task that may outlive the wait for it."""
        return self._tasks.create_task(work, name=f"work of {self.call.name}")

    def leave(self, task: asyncio.Task[dict[str, Any]]) -> dict[str, Any]:
        """Let the work go on."""
        self.late = task
        return still_at_work(self.call.name)


def still_at_work(name: str) -> dict[str, Any]:
    """What the model is given for a tool whose result comes later."""
    return {
        "status": "still at work",
        "note": f"{name} takes longer. Tell the caller, and go on with the conversation. You will be told the"
        " result when it is there: do not call it again for that.",
    }


def late_result(name: str, result: dict[str, Any]) -> str:
    """How the model is told of it then."""
    told = json.dumps(result, ensure_ascii=False)
    return (
        f"The tool {name} that you called before is done. Its result: {told}"
        " Tell the caller what matters of it to them."
    )
