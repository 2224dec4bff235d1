"""Offering calls to agents: every control link is told, the first that opens the session has the call.

Rule: a call that is not answered belongs to nobody for long. If its claimant is lost, or never opens media,
the call is offered again, under a new session id, because clients never open an id twice.
"""

from __future__ import annotations

import asyncio
import secrets
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import msgspec

from voiceagent.sandbox.exchange.call import CallState, ExchangeCall
from voiceagent.sandbox.exchange.media import PATH as MEDIA_PATH
from voiceagent.wire import control

CLAIM_TIMEOUT = 30.0
"""Seconds that a claimant has to open the media link. It is when the public client warns, too."""

REOFFER_DELAY = 0.5
"""Seconds before a call is offered again, so that an agent that fails at once cannot spin."""

SETTLE_DELAY = 0.1
"""Seconds between ``setup.done`` and the first notification. Clients register their handler only after
``setup.done``, and a notification that finds no handler is lost."""

MAX_CLOSED_SESSIONS = 1000
"""Closed sessions that are remembered, to tell ``SESSION_CLOSED`` from ``SESSION_NOT_FOUND``."""


class RequestError(Exception):
    """A request on the control link that cannot be done."""

    def __init__(self, code: str, content: object = None) -> None:
        """``code`` and ``content`` go into the response."""
        super().__init__(code)
        self.code = code
        self.content = content


class Claimant(Protocol):
    """A control link."""

    id: str
    setup: control.SetupData
    wants_calls: bool
    media_base_url: str

    def send(self, message: msgspec.Struct) -> None:
        """Send a message."""


class SessionState(StrEnum):
    """Where the offer of a call is."""

    OFFERED = "OFFERED"
    OPEN = "OPEN"


class Session:
    """One offer of a call to the agents.

    Attributes:
        id: unique, never used again.
        token: opens the media link; a secret.
        state: see :class:`SessionState`.
        owner: the control link that claimed it.
        opened_at: Unix seconds, or None.
    """

    def __init__(self, call: ExchangeCall, board: Switchboard) -> None:
        """Offer ``call``."""
        self.id = str(uuid.uuid4())
        self.call = call
        self.token = secrets.token_urlsafe(24)
        self.state = SessionState.OFFERED
        self.owner: Claimant | None = None
        self.created_at = int(time.time())
        self.opened_at: int | None = None
        self._board = board
        self._ready = False
        self._claim_timer: asyncio.TimerHandle | None = None

    @property
    def owner_id(self) -> str | None:
        """Id of the control link that claimed it, or None."""
        return self.owner.id if self.owner is not None else None

    def notification(self) -> control.SessionNotify:
        """What tells the agents about it."""
        return control.SessionNotify(
            session_id=self.id,
            channel="TELCO",
            remote_address=self.call.caller.address,
            local_address=self.call.callee.address,
            activity="NEW_INCOMING_CALL",
            created_at=self.created_at,
        )

    def open(self, link: Claimant) -> None:
        """``link`` claims the call."""
        self.state = SessionState.OPEN
        self.owner = link
        self.opened_at = int(time.time())
        self.call.claimed(link.setup.sample_rate, isolated=link.setup.audio_mode == "isolated")
        self._claim_timer = asyncio.get_running_loop().call_later(CLAIM_TIMEOUT, self._claim_expired)

    def _claim_expired(self) -> None:
        if self.call.agent is None:
            self.call.release(f"no media link within {CLAIM_TIMEOUT:.0f} s of the claim")

    def ready(self) -> None:
        """The claimant's handlers stand: tell it where the media link is, once."""
        if self._ready or self.owner is None:
            return
        self._ready = True
        self.owner.send(
            control.CallIn(
                session_id=self.id,
                call_id=self.call.call_id,
                org_uuid=self._board.org_uuid,
                from_=self.call.caller.address,
                to=self.call.callee.address,
                url=self.owner.media_base_url + MEDIA_PATH.format(call_id=self.call.call_id),
                token=self.token,
            )
        )

    def close(self, reason: str) -> None:
        """End the offer, and tell those who know of it."""
        if self._claim_timer is not None:
            self._claim_timer.cancel()
        self._board.closed(self, reason)


@dataclass(frozen=True)
class ClosedSession:
    """What is remembered of a session that is over: nothing of its call, nor of the link that had it.

    Attributes:
        owner_id: id of the control link that claimed it, or None.
        closed_at: Unix seconds.
        close_reason: as in ``session.closed``.
    """

    owner_id: str | None
    closed_at: int
    close_reason: str


class Switchboard:
    """The control links and the sessions of the exchange."""

    def __init__(self, org_uuid: str) -> None:
        """``org_uuid`` names the organisation in ``call.in``."""
        self.org_uuid = org_uuid
        self._links: dict[str, Claimant] = {}
        self._settling: dict[str, asyncio.TimerHandle] = {}
        self._sessions: dict[str, Session] = {}
        self._closed: dict[str, ClosedSession] = {}

    # Calls --------------------------------------------------------------------------------------------

    def offer(self, call: ExchangeCall) -> None:
        """Offer a ringing call to every control link, and to those that come while nobody has it."""
        if call.state is not CallState.RINGING or call.session is not None:
            return
        session = Session(call, self)
        call.session = session
        self._sessions[session.id] = session
        for link in tuple(self._links.values()):
            self._notify(link, session)

    def offer_again(self, call: ExchangeCall) -> None:
        """Offer a call whose claimant was lost."""
        asyncio.get_running_loop().call_later(REOFFER_DELAY, self.offer, call)

    def _notify(self, link: Claimant, session: Session) -> None:
        if link.wants_calls:
            link.send(session.notification())

    # Control links ------------------------------------------------------------------------------------

    def join(self, link: Claimant) -> None:
        """A control link is set up: after :data:`SETTLE_DELAY` it learns of the calls that wait."""
        timer = asyncio.get_running_loop().call_later(SETTLE_DELAY, self._admit, link)
        self._settling[link.id] = timer

    def _admit(self, link: Claimant) -> None:
        self._settling.pop(link.id, None)
        self._links[link.id] = link
        self.notify_waiting(link)

    def notify_waiting(self, link: Claimant) -> None:
        """Tell a link of the calls that wait, because it wants calls from now on."""
        if link.id not in self._links:
            return
        for session in tuple(self._sessions.values()):
            if session.state is SessionState.OFFERED:
                self._notify(link, session)

    def leave(self, link: Claimant) -> None:
        """A control link is gone. Calls that it claimed live on if their media link is open."""
        self._links.pop(link.id, None)
        if timer := self._settling.pop(link.id, None):
            timer.cancel()
        for session in tuple(self._sessions.values()):
            if session.owner is link and session.state is SessionState.OPEN and session.call.agent is None:
                session.call.release("the control link was lost before the media link opened")

    # Sessions -----------------------------------------------------------------------------------------

    @property
    def sessions(self) -> Iterable[Session]:
        """Those that are not closed, oldest first."""
        return self._sessions.values()

    def find(self, session_id: str) -> Session | ClosedSession:
        """The session with this id.

        Raises:
            RequestError: there is none, or it is forgotten.
        """
        session = self._sessions.get(session_id) or self._closed.get(session_id)
        if session is None:
            raise RequestError(control.SESSION_NOT_FOUND)
        return session

    def open(self, link: Claimant, session_id: str) -> Session:
        """Claim a session for ``link``; claiming one's own again is fine.

        Raises:
            RequestError: there is no such session, it is over, or another link has it.
        """
        session = self.find(session_id)
        if isinstance(session, ClosedSession):
            raise RequestError(control.SESSION_CLOSED)
        if session.state is SessionState.OFFERED:
            session.open(link)
        elif session.owner is not link:
            raise RequestError(control.SESSION_BUSY, {"boundSmWsId": session.owner_id or ""})
        return session

    def closed(self, session: Session, reason: str) -> None:
        """Tell the owner of a session that it is closed; without an owner on line, tell everybody."""
        message = control.SessionClosed(session_id=session.id, reason=reason)
        owner = session.owner
        for link in [owner] if owner is not None and owner.id in self._links else tuple(self._links.values()):
            link.send(message)
        self._sessions.pop(session.id, None)
        self._closed[session.id] = ClosedSession(
            owner_id=session.owner_id, closed_at=int(time.time()), close_reason=reason
        )
        if len(self._closed) > MAX_CLOSED_SESSIONS:
            del self._closed[next(iter(self._closed))]
