"""The REST plane: which sessions are open, and closing one.

Rule: errors are ``{"code", "message"}`` with a status from 400 up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import web

from voiceagent.sandbox.exchange.session import (
    ClosedSession,
    RequestError,
    Session,
    SessionState,
    Switchboard,
)
from voiceagent.wire import control

PREFIX = "/public/v1/sessions"


class RestPlane:
    """The routes below :data:`PREFIX`."""

    def __init__(self, board: Switchboard, refusal: Callable[[web.Request], str | None]) -> None:
        """``refusal`` says why a request is not let in, or None."""
        self._board = board
        self._refusal = refusal

    def routes(self) -> list[web.RouteDef]:
        """What to serve."""
        return [web.get(PREFIX, self._list), web.post(PREFIX + "/{session_id}/close", self._close)]

    async def _list(self, request: web.Request) -> web.Response:
        if reason := self._refusal(request):
            return _error(401, "UNAUTHORIZED", reason)
        query = request.query
        if query.get("state", "OPEN") != "OPEN":
            return _error(400, control.INVALID_REQUEST, f"state: {query['state']!r} is not 'OPEN'")
        items = [
            _item(session)
            for session in self._board.sessions
            if session.state is SessionState.OPEN
            and query.get("channel", "TELCO") == "TELCO"
            and query.get("remoteAddress", session.call.caller.address) == session.call.caller.address
        ]
        return web.json_response({"items": items})

    async def _close(self, request: web.Request) -> web.Response:
        if reason := self._refusal(request):
            return _error(401, "UNAUTHORIZED", reason)
        try:
            session = self._board.find(request.match_info["session_id"])
        except RequestError:
            return _error(404, control.SESSION_NOT_FOUND, "there is no such session")
        if isinstance(session, Session):
            if session.state is SessionState.OFFERED:
                return _error(409, control.SESSION_NOT_OPEN, "nobody opened the session")
            session.call.close()
            session = self._board.find(session.id)
        assert isinstance(session, ClosedSession), "the agent's close() ends its session"
        return web.json_response({"closedAt": session.closed_at, "reason": session.close_reason})


def _item(session: Session) -> dict[str, Any]:
    return {
        "id": session.id,
        "channel": "TELCO",
        "initiator": "CONNECTOR",
        "state": "OPEN",
        "remoteAddress": session.call.caller.address,
        "localAddress": session.call.callee.address,
        "openedAt": session.opened_at,
        "closedAt": None,
    }


def _error(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"code": code, "message": message}, status=status)
