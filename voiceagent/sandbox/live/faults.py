"""What goes wrong in one session, and when. Some strike at a time, the others at the next turn."""

from __future__ import annotations

import asyncio

from voiceagent.sandbox.live import protocol
from voiceagent.sandbox.live.outbox import EndOfSession, Outbox
from voiceagent.sandbox.live.record import SessionRecord
from voiceagent.sandbox.scenario import Fault, FaultKind

GO_AWAY_CODE = 1001
"""The close code when the time of a ``goAway`` is over: "going away" (RFC 6455, 7.4.1)."""

_TIMED = (FaultKind.GO_AWAY, FaultKind.CLOSE, FaultKind.GARBAGE)


class Faults:
    """The faults of one session. Their clock starts when the object is made, right after setup."""

    def __init__(self, faults: tuple[Fault, ...], *, outbox: Outbox, record: SessionRecord) -> None:
        self._timed = [fault for fault in faults if fault.kind in _TIMED]
        self._waiting = [fault for fault in faults if fault.kind not in _TIMED]
        self._outbox = outbox
        self._record = record
        self._began = asyncio.get_running_loop().time()

    def take(self, kind: FaultKind) -> bool:
        """Whether a fault of this kind is due now; each happens once."""
        elapsed = asyncio.get_running_loop().time() - self._began
        for fault in self._waiting:
            if fault.kind is kind and fault.at <= elapsed:
                self._waiting.remove(fault)
                self._record.note("fault", kind=str(kind))
                return True
        return False

    async def run(self) -> None:
        """Let the faults happen that go by the clock; ``goAway`` counts down beside the others.

        Raises:
            EndOfSession: in a group, when a fault closes the connection.
        """
        async with asyncio.TaskGroup() as tasks:
            for fault in self._timed:
                tasks.create_task(self._happen(fault))

    async def _happen(self, fault: Fault) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._began + fault.at - loop.time())
        self._record.note("fault", kind=str(fault.kind))
        match fault.kind:
            case FaultKind.GO_AWAY:
                time_left = protocol.encode_duration(fault.value)
                self._record.note("go_away", time_left=time_left)
                await self._outbox.send(protocol.encode({"goAway": {"timeLeft": time_left}}))
                await asyncio.sleep(fault.value)
                raise EndOfSession(GO_AWAY_CODE, "the time announced by goAway is over")
            case FaultKind.CLOSE:
                raise EndOfSession(int(fault.value), "the scenario closes the connection")
            case _:
                await self._outbox.send(b"\x00\xff this is no JSON {")
