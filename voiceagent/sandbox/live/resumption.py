"""Sessions that go on over another connection: what they share, and the handles to go on with.

A handle stands for a session at one moment, the end of a turn. Whoever sets up with it goes on from there,
also while the connection that it came from is still open.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from voiceagent.sandbox.fault import FaultKind
from voiceagent.sandbox.live import protocol
from voiceagent.sandbox.live.faults import FaultPlan, Faults
from voiceagent.sandbox.live.mind import Line, MindState
from voiceagent.sandbox.live.outbox import Outbox
from voiceagent.sandbox.live.playing import Playing
from voiceagent.sandbox.live.record import SessionRecord

MAX_HANDLES = 2048
"""Handles that are known; the oldest go first."""

HANDLE_SECONDS = 2 * 3600.0
"""So long a handle is good for: Google documents two hours."""

UNKNOWN = 1008
"""Close code for a handle that nobody knows."""


class Story:
    """What all connections of one session share.

    Args:
        playing: The scenario, which goes on though another one may be played by now.

    Attributes:
        playing: See above.
        faults: What is still to go wrong.
        speaking: What the model is in the middle of saying; of a connection that was lost, what is owed.
        newest: Number of the newest connection.
    """

    def __init__(self, playing: Playing) -> None:
        self.playing = playing
        self.faults = FaultPlan(playing.faults_of_sessions)
        self.speaking: Line | None = None
        self.newest = 0


@dataclass(frozen=True)
class Snapshot:
    """A session at one moment.

    Attributes:
        session_id: Of the connection that it was on.
        story: What goes on whatever the moment.
        mind: What the model knew.
        heard_seconds: Audio in its context.
    """

    session_id: str
    story: Story
    mind: MindState
    heard_seconds: float


class HandleStore:
    """The handles of a server."""

    def __init__(self) -> None:
        self._snapshots: OrderedDict[str, tuple[float, Snapshot]] = OrderedDict()

    def give(self, snapshot: Snapshot) -> str:
        """A new handle for a moment."""
        now = asyncio.get_running_loop().time()
        handle = secrets.token_urlsafe(24)
        self._snapshots[handle] = (now + HANDLE_SECONDS, snapshot)
        while len(self._snapshots) > MAX_HANDLES or next(iter(self._snapshots.values()))[0] <= now:
            self._snapshots.popitem(last=False)
        return handle

    def find(self, handle: str) -> Snapshot | None:
        """The moment of a handle, if it is known and not too old."""
        expires, snapshot = self._snapshots.get(handle, (0.0, None))
        return snapshot if expires > asyncio.get_running_loop().time() else None

    def clear(self) -> None:
        """Forget all of them."""
        self._snapshots.clear()


class Offers:
    """Tells one client how it could go on elsewhere.

    Args:
        store: Where handles are kept.
        take: Takes a snapshot of the session as it is now.
        wanted: Whether the client asked for handles.
        faults: May keep them back.
        outbox: The way to the client.
        record: Where it is noted.
    """

    def __init__(
        self,
        store: HandleStore,
        *,
        take: Callable[[], Snapshot],
        wanted: bool,
        faults: Faults,
        outbox: Outbox,
        record: SessionRecord,
    ) -> None:
        self._store = store
        self._take = take
        self._wanted = wanted
        self._faults = faults
        self._outbox = outbox
        self._record = record
        self._resumable = False

    async def offer(self) -> None:
        """A handle for this moment."""
        if self._wanted and not self._faults.holds(FaultKind.NO_HANDLE):
            self._resumable = True
            self._record.note("handle")
            await self._send({"newHandle": self._store.give(self._take()), "resumable": True})

    async def withhold(self) -> None:
        """There is no way to go on from the moments to come: functions have been called."""
        if self._resumable:
            self._resumable = False
            await self._send({"resumable": False})

    async def _send(self, update: dict[str, object]) -> None:
        await self._outbox.send(protocol.encode({"sessionResumptionUpdate": update}))
