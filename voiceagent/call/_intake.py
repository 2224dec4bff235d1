"""From a notification to a call: who rings is claimed, and the server is told when we are ready for it.

Rule: a call is claimed only when the program has a handler and room for it, so that meanwhile another worker
may take it. After ``HANDLER_TIMEOUT`` without a handler it is claimed to be rejected, lest it rings for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from voiceagent.call._control import ControlLink, request_id
from voiceagent.call.events import INCOMING_CALL
from voiceagent.call.exceptions import WSSConnectionError
from voiceagent.wire import control

HANDLER_TIMEOUT = 30.0
"""Seconds that a call waits for the program to register a handler."""

CALL_IN_TIMEOUT = 30.0
"""Seconds within which ``call.in`` follows ``session.ready``."""

MAX_CLAIMS = 10_000
"""Calls that ring and wait for room at once. Further ones are left to other workers."""


@dataclass(eq=False)
class _Claim:
    """One attempt to take a session."""

    session_id: str
    call_in: asyncio.Future[control.CallIn]
    task: asyncio.Task[None] | None = None


class Room:
    """How many calls the program takes at once, and whether it takes any at all just now.

    Args:
        calls: The most; None for no limit.
    """

    def __init__(self, calls: int | None) -> None:
        self._free = calls
        self._paused = False
        self._changed = asyncio.Event()

    async def enter(self) -> None:
        """Wait until there is room for one more call, and take it."""
        while self._paused or self._free == 0:
            await self._changed.wait()
        if self._free is not None:
            self._free -= 1

    def leave(self) -> None:
        """A call that had entered is over, or was not ours after all."""
        if self._free is not None:
            self._free += 1
        self._wake()

    def pause(self) -> None:
        """Let nobody in."""
        self._paused = True

    def resume(self) -> None:
        """Let calls in again."""
        self._paused = False
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class Intake:
    """Claims sessions on a control link and hands over their calls.

    Args:
        link: Where to claim.
        handler_ready: Set while the program has a handler for incoming calls.
        room: Entered for each call that is handed over; whoever gets it leaves the room when it is over.
        spawn: Starts a task of the client.
        take: Gets each call that was claimed, and whether it is to be rejected.
    """

    def __init__(
        self,
        link: ControlLink,
        handler_ready: asyncio.Event,
        room: Room,
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        take: Callable[[control.CallIn, bool], None],
    ) -> None:
        self._link = link
        self._log = link.config.logger()
        self._handler_ready = handler_ready
        self._room = room
        self._spawn = spawn
        self._take = take
        self._claims: dict[str, _Claim] = {}
        self._ignored = 0

    def notified(self, notification: control.SessionNotify) -> None:
        """Something waits. A repeated notification of a session that is being claimed changes nothing."""
        if notification.channel != "TELCO":
            return
        if len(self._claims) < MAX_CLAIMS:
            self._begin(notification.session_id, self._claim)
            return
        self._ignored += 1
        if self._ignored == 1:
            self._log.warning("more than %d calls ring at once: further ones are left to others", MAX_CLAIMS)

    def notified_again(self, session_id: str) -> None:
        """The session of a call that we have: after a reconnect, be the one again who is told about it."""
        self._begin(session_id, self._reclaim)

    def call_in(self, call_in: control.CallIn) -> None:
        """The address of a claimed call came."""
        claim = self._claims.get(call_in.session_id)
        if claim is not None and not claim.call_in.done():
            claim.call_in.set_result(call_in)

    def session_closed(self, session_id: str) -> None:
        """The caller gave up before the call was ours."""
        claim = self._claims.pop(session_id, None)
        if claim is not None and claim.task is not None:
            claim.task.cancel()

    def forget_all(self) -> None:
        """The link broke, or the client closes. The server notifies again of every call that still rings."""
        for session_id in tuple(self._claims):
            self.session_closed(session_id)

    def _begin(self, session_id: str, work: Callable[[_Claim], Coroutine[Any, Any, None]]) -> None:
        if session_id not in self._claims:
            claim = _Claim(session_id, asyncio.get_running_loop().create_future())
            self._claims[session_id] = claim
            claim.task = self._spawn(self._run(claim, work))

    async def _run(self, claim: _Claim, work: Callable[[_Claim], Coroutine[Any, Any, None]]) -> None:
        try:
            await work(claim)
        except WSSConnectionError as error:
            self._log.warning("session %s: not claimed: %s", claim.session_id, error)
        finally:
            if self._claims.get(claim.session_id) is claim:
                del self._claims[claim.session_id]

    async def _claim(self, claim: _Claim) -> None:
        session_id = claim.session_id
        reject = not await self._program_is_ready()
        if reject:
            self._log.warning("session %s: rejected, no handler for %s", session_id, INCOMING_CALL)
        await self._room.enter()
        call_in = None
        try:
            if await self._open(session_id):
                call_in = await self._call_of(claim)
        finally:
            if call_in is None:
                self._room.leave()
        if call_in is not None:
            self._take(call_in, reject)

    async def _call_of(self, claim: _Claim) -> control.CallIn | None:
        try:
            async with asyncio.timeout(CALL_IN_TIMEOUT):
                return await claim.call_in
        except TimeoutError:
            self._log.warning(
                "session %s: claimed, but no call came within %g s", claim.session_id, CALL_IN_TIMEOUT
            )
            return None

    async def _reclaim(self, claim: _Claim) -> None:
        await self._open(claim.session_id)

    async def _program_is_ready(self) -> bool:
        try:
            async with asyncio.timeout(HANDLER_TIMEOUT):
                await self._handler_ready.wait()
        except TimeoutError:
            return False
        return True

    async def _open(self, session_id: str) -> bool:
        answer = await self._link.request(control.SessionOpen(req_id=request_id(), session_id=session_id))
        if answer.ok:
            self._link.send(control.SessionReady(session_id=session_id))
        else:
            # SESSION_BUSY: another worker was faster. The others: the caller has given up meanwhile.
            self._log.info("session %s: not ours: %s", session_id, self._link.redacted(answer.error_code))
        return answer.ok
