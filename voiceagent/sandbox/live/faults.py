"""What goes wrong in one session, and when. Some strike at a time, the others at the next occasion."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from voiceagent.sandbox.fault import Fault, FaultKind
from voiceagent.sandbox.live import protocol
from voiceagent.sandbox.live.outbox import EndOfSession, Outbox
from voiceagent.sandbox.live.record import SessionRecord

GO_AWAY_CODE = 1001
"""The close code when the time of a ``goAway`` is over: "going away" (RFC 6455, 7.4.1)."""

_TIMED = (FaultKind.GO_AWAY, FaultKind.CLOSE, FaultKind.DROP, FaultKind.FREEZE, FaultKind.GARBAGE)


class FaultPlan:
    """Faults that are still to come, and their clock, which starts when the plan is made.

    Each fault happens once, on whichever connection of a session is there when its time has come.

    Args:
        faults: All of them.

    Attributes:
        timed: Those that strike by the clock, by time.
        waiting: Those that strike at the next occasion, by time.
        began: Loop time at which the clock started.
    """

    def __init__(self, faults: Iterable[Fault]) -> None:
        by_time = sorted(faults, key=lambda fault: fault.at)
        self.timed = [fault for fault in by_time if fault.kind in _TIMED]
        self.waiting = [fault for fault in by_time if fault.kind not in _TIMED]
        self.began = asyncio.get_running_loop().time()

    def due(self, kind: FaultKind) -> Fault | None:
        """The fault of this kind whose time has come."""
        elapsed = asyncio.get_running_loop().time() - self.began
        return next((fault for fault in self.waiting if fault.kind is kind and fault.at <= elapsed), None)


class Faults:
    """The faults of one connection.

    Args:
        of_session: Those that strike once, on the newest connection of the session.
        of_connection: Those of this connection alone.
        newest: Whether no later connection has taken this one's place.
        outbox: The way to the client.
        record: Where they are noted.
    """

    def __init__(
        self,
        of_session: FaultPlan,
        of_connection: FaultPlan,
        *,
        newest: Callable[[], bool],
        outbox: Outbox,
        record: SessionRecord,
    ) -> None:
        self._of_session = of_session
        self._plans = (of_session, of_connection)
        self._newest = newest
        self._outbox = outbox
        self._record = record

    def take(self, kind: FaultKind) -> Fault | None:
        """The fault of this kind that is due now; each happens once."""
        for plan in self._plans:
            fault = plan.due(kind)
            if fault is not None:
                plan.waiting.remove(fault)
                self._note(fault)
                return fault
        return None

    def holds(self, kind: FaultKind) -> bool:
        """Whether a fault that lasts has begun."""
        return any(plan.due(kind) is not None for plan in self._plans)

    async def run(self) -> None:
        """Let the faults happen that go by the clock; ``goAway`` counts down beside the others.

        Raises:
            EndOfSession: in a group, when a fault closes the connection.
            ClientGone: in a group, when a fault cuts it.
        """
        async with asyncio.TaskGroup() as tasks:
            for plan in self._plans:
                tasks.create_task(self._follow(plan, tasks))

    async def _follow(self, plan: FaultPlan, tasks: asyncio.TaskGroup) -> None:
        loop = asyncio.get_running_loop()
        while plan.timed:
            fault = plan.timed[0]
            await asyncio.sleep(plan.began + fault.at - loop.time())
            if plan is self._of_session and not self._newest():
                return
            if plan.timed and plan.timed[0] is fault:
                del plan.timed[0]
                await self._happen(fault, tasks)

    async def _happen(self, fault: Fault, tasks: asyncio.TaskGroup) -> None:
        self._note(fault)
        match fault.kind:
            case FaultKind.GO_AWAY:
                tasks.create_task(self._go_away(fault.value))
            case FaultKind.CLOSE:
                raise EndOfSession(int(fault.value), "the scenario closes the connection")
            case FaultKind.DROP:
                self._outbox.cut()
            case FaultKind.FREEZE:
                self._outbox.freeze()
            case _ if not self._outbox.frozen:
                await self._outbox.send(b"\x00\xff this is no JSON {")

    async def _go_away(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        time_left = protocol.encode_duration(seconds)
        self._record.note("go_away", time_left=time_left)
        if not self._outbox.frozen:
            await self._outbox.send(protocol.encode({"goAway": {"timeLeft": time_left}}))
        await asyncio.sleep(end - loop.time())
        raise EndOfSession(GO_AWAY_CODE, "the time announced by goAway is over")

    def _note(self, fault: Fault) -> None:
        self._record.note("fault", kind=str(fault.kind))
