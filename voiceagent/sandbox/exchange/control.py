"""A control link: one worker's connection, over which it learns of calls and claims them.

Rule: a link is never closed before ``setup.done`` (the public client would open several in its place); a
setup that makes no sense is answered with an error, and the link stays.
"""

from __future__ import annotations

import uuid
from typing import Any

import msgspec

from voiceagent.sandbox.exchange import malformed
from voiceagent.sandbox.exchange.faults import Faults
from voiceagent.sandbox.exchange.session import RequestError, Session, Switchboard
from voiceagent.sandbox.exchange.socket import Socket
from voiceagent.sandbox.violations import Violations
from voiceagent.wire import Unknown, WireError, control, encode
from voiceagent.wire.frames import SAMPLE_RATES

HEARTBEAT = control.PING_INTERVAL

REQUEST_TYPES = ("call_flow.setup", "session.open", "session.create", "wa.msg.out")
"""The messages that want an answer."""


class ControlLink:
    """One worker.

    Attributes:
        id: the ``smWsId``.
        setup: sample rate and audio mode of the calls that it claims.
        wants_calls: whether incoming calls are offered to it.
        media_base_url: ``ws://host:port`` as this worker reached the exchange.
    """

    def __init__(self, socket: Socket, board: Switchboard, faults: Faults, *, media_base_url: str) -> None:
        """A link that was accepted and not set up yet."""
        self.id = str(uuid.uuid4())
        self.setup = control.SetupData()
        self.wants_calls = True
        self.media_base_url = media_base_url
        self._socket = socket
        self._board = board
        self._faults = faults
        self._done = False
        self._violations = Violations(f"control link {self.id}")

    async def serve(self) -> None:
        """Handle what the worker sends until the link closes."""
        try:
            while (message := await self._socket.receive()) is not None:
                if isinstance(message, str):
                    self._handle(message)
                else:
                    self._violations.add(f"binary message of {len(message)} bytes on a control link")
        finally:
            if self._socket.error is not None:
                self._violations.add(self._socket.error)
            self._board.leave(self)

    def send(self, message: msgspec.Struct) -> None:
        """Send a message."""
        self._socket.send_text(encode(message))

    def close(self) -> None:
        """Close the link; the exchange shuts down."""
        self._socket.close(1001)

    def abort(self) -> None:
        """Break the connection."""
        self._socket.abort()

    def snapshot(self) -> dict[str, Any]:
        """The link as the operator API shows it."""
        return {
            "id": self.id,
            "ready": self._done,
            "sample_rate": self.setup.sample_rate,
            "audio_mode": self.setup.audio_mode,
            "wants_calls": self.wants_calls,
            "violations": self._violations.snapshot(),
        }

    # What the worker sends ----------------------------------------------------------------------------

    def _handle(self, text: str) -> None:
        try:
            message = control.decode_client(text)
        except WireError as error:
            self._violations.add(str(error))
            self._refuse(text, str(error), always=not self._done)
            return
        match message:
            case Unknown():
                self._refuse(text, f"there is no request {message.type!r}")
            case control.Setup():
                self._set_up(message.data)
            case control.SessionReady():
                self._ready(message)
            case _:
                self._request(message)

    def _refuse(self, text: str, reason: str, *, always: bool = False) -> None:
        """Answer what cannot be done, if it asks for an answer."""
        asked = malformed.request_id(text)
        if always or asked is not None:
            self._fail(asked or "", control.INVALID_REQUEST, {"message": reason})

    def _set_up(self, setup: control.SetupData) -> None:
        if self._done:
            self._violations.add("a second setup")
            return
        if setup.sample_rate not in SAMPLE_RATES:
            reason = f"sampleRate: {setup.sample_rate} is none of {', '.join(map(str, SAMPLE_RATES))}"
            self._violations.add(reason)
            self._fail("", control.INVALID_REQUEST, {"message": reason})
            return
        self.setup = setup
        self._done = True
        self.send(control.SetupDone(sm_ws_id=self.id))
        self._board.join(self)

    def _ready(self, message: control.SessionReady) -> None:
        try:
            session = self._board.find(message.session_id)
        except RequestError:
            session = None
        if session is None or session.owner_id != self.id:
            self._violations.add("session.ready for a session that this link did not open")
        elif isinstance(session, Session):
            session.ready()

    def _request(
        self,
        message: control.CallFlowSetup | control.SessionOpen | control.SessionCreate | control.MessageOut,
    ) -> None:
        fault = self._faults.take(str(message.__struct_config__.tag))
        if fault is not None:
            if not fault.silent:
                self._fail(message.req_id, fault.error_code, {"message": fault.error_message})
            return
        try:
            content = self._answer(message)
        except RequestError as error:
            self._fail(message.req_id, error.code, error.content)
        else:
            self.send(control.Response(req_id=message.req_id, ok=True, content=content))

    def _answer(
        self,
        message: control.CallFlowSetup | control.SessionOpen | control.SessionCreate | control.MessageOut,
    ) -> Any:
        if not self._done:
            self._violations.add(f"{message.__struct_config__.tag} before setup")
            raise RequestError(control.INVALID_REQUEST, {"message": "send setup first"})
        match message:
            case control.CallFlowSetup():
                self._route(message.data)
                return None
            case control.SessionOpen():
                return control.OpenContent(session=_opened(self._board.open(self, message.session_id)))
            case control.SessionCreate():
                raise RequestError(control.CHANNEL_NOT_CONFIGURED)
            case control.MessageOut():
                self._board.find(str(message.data.get("sessionId", "")))
                raise RequestError("INVALID_CHANNEL")

    def _route(self, routing: control.CallFlowData) -> None:
        # Nobody else answers calls to the agent's number, so MISSED_ONLY gets them all, too.
        wanted, self.wants_calls = self.wants_calls, routing.inbound_call != "NO"
        if self.wants_calls and not wanted:
            self._board.notify_waiting(self)

    def _fail(self, req_id: str, code: str, content: object) -> None:
        self.send(control.Response(req_id=req_id, ok=False, error_code=code, error_content=content))


def _opened(session: Session) -> control.OpenedSession:
    return control.OpenedSession(
        id=session.id,
        channel="TELCO",
        remote_address=session.call.caller.address,
        local_address=session.call.callee.address,
        opened_at=session.opened_at or 0,
    )
