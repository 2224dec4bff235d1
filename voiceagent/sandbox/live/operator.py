"""The operator API of the live server: what tests and people see and do from outside a session."""

from __future__ import annotations

import asyncio
from typing import Protocol

from aiohttp import web

from voiceagent.sandbox.fault import FaultKind
from voiceagent.sandbox.live.outbox import ClientGone
from voiceagent.sandbox.live.record import SessionRecord
from voiceagent.sandbox.live.session import Session
from voiceagent.sandbox.scenario import Scenario, ScenarioError, parse_scenario


class Operated(Protocol):
    """What the API works on."""

    @property
    def records(self) -> list[SessionRecord]:
        """The sessions, oldest first."""

    @property
    def refused(self) -> int:
        """Handshakes that a fault has refused."""

    def running(self, session_id: str) -> Session | None:
        """A session whose connection is open."""

    def play(self, scenario: Scenario) -> None:
        """Use a scenario for the sessions that are set up from now on."""

    async def prepare(self) -> None:
        """Get the scenario ready to be played."""

    async def reset(self) -> None:
        """End all sessions, forget them, and go back to the first scenario."""


def operator_routes(server: Operated) -> list[web.RouteDef]:
    """The routes under ``/operator``."""
    api = _OperatorApi(server)
    return [
        web.get("/operator/info", api.info),
        web.get("/operator/sessions", api.sessions),
        web.get("/operator/sessions/{session_id}/audio", api.audio),
        web.post("/operator/sessions/{session_id}/emit", api.emit),
        web.post("/operator/scenario", api.scenario),
        web.post("/operator/reset", api.reset),
    ]


class _OperatorApi:
    def __init__(self, server: Operated) -> None:
        self._server = server

    async def info(self, request: web.Request) -> web.Response:
        """``GET /info``: which faults a scenario may have, and how many handshakes they have refused."""
        faults = [str(kind) for kind in FaultKind]
        return web.json_response(
            {"server": "voiceagent-sandbox-live", "faults": faults, "refused": self._server.refused}
        )

    async def sessions(self, request: web.Request) -> web.Response:
        """``GET /sessions``: everything that happened, per session."""
        return web.json_response({"sessions": [record.as_dict() for record in self._server.records]})

    async def audio(self, request: web.Request) -> web.Response:
        """``GET /sessions/ID/audio``: the latest caller audio, 16 kHz s16le PCM."""
        session_id = request.match_info["session_id"]
        for record in self._server.records:
            if record.session_id == session_id:
                return web.Response(body=record.audio, content_type="audio/pcm")
        return _error(404, f"there is no session {session_id!r}")

    async def emit(self, request: web.Request) -> web.Response:
        """``POST /sessions/ID/emit``: send the body as it is, as a server message."""
        session_id = request.match_info["session_id"]
        session = self._server.running(session_id)
        if session is None:
            return _error(404, f"there is no open session {session_id!r}")
        try:
            await session.emit(await request.read())
        except ClientGone:
            return _error(409, f"the client of session {session_id!r} has gone")
        return web.json_response({})

    async def scenario(self, request: web.Request) -> web.Response:
        """``POST /scenario``: the YAML in the body is for sessions set up from now on."""
        try:
            text = (await request.read()).decode()
            # A large scenario takes its time to read.
            scenario = await asyncio.to_thread(parse_scenario, text)
        except UnicodeDecodeError:
            return _error(400, "the scenario is not UTF-8 text")
        except ScenarioError as error:
            return _error(400, str(error))
        self._server.play(scenario)
        await self._server.prepare()
        return web.json_response({})

    async def reset(self, request: web.Request) -> web.Response:
        """``POST /reset``: end all sessions, forget them, and go back to the first scenario."""
        await self._server.reset()
        return web.json_response({})


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"error": message}, status=status)
