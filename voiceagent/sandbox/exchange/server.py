"""The telephone exchange: control links, REST, media links and the operator API on one port.

It is a real server of the wire protocol on loopback, so that agents need no account. Rule: it shares no
code with the client that it tests, only the wire messages.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
import ssl
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from aiohttp import web

from voiceagent.sandbox.exchange import media as media_plane
from voiceagent.sandbox.exchange.call import ExchangeCall
from voiceagent.sandbox.exchange.control import HEARTBEAT, ControlLink
from voiceagent.sandbox.exchange.faults import Faults
from voiceagent.sandbox.exchange.media import MediaLink
from voiceagent.sandbox.exchange.operator import PREFIX, OperatorApi
from voiceagent.sandbox.exchange.registry import Registry
from voiceagent.sandbox.exchange.rest import RestPlane
from voiceagent.sandbox.exchange.session import Session, Switchboard
from voiceagent.sandbox.exchange.socket import CLOSE_TIMEOUT, Socket
from voiceagent.sandbox.exchange.ticker import Ticker
from voiceagent.sandbox.listening import cannot_listen, check_port
from voiceagent.sandbox.party import Party
from voiceagent.wire import control

if TYPE_CHECKING:
    from voiceagent.sandbox.scenario import Script

logger = logging.getLogger(__name__)

MAX_REQUEST_BYTES = 64 << 20
"""Largest body of an operator request: 22 minutes of speech at 24 kHz."""


class Exchange:
    """A telephone exchange. Use it as an async context manager.

    Attributes:
        api_key: what agents send as ``x-api-key``.
        connector_uuid: what agents send as ``x-connector-uuid``.
        parties: how numbers react to ringing; others answer after 300 ms.
        faults: commands that are to fail.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        api_key: str | None = None,
        connector_uuid: str | None = None,
        ssl_context: ssl.SSLContext | None = None,
        sample_rate: int = 24000,
    ) -> None:
        """Configure an exchange.

        Args:
            host: address to listen on. Whoever reaches it can place calls and read the key.
            port: TCP port; 0 takes a free one.
            api_key: made up if None.
            connector_uuid: made up if None.
            ssl_context: serve TLS. If it verifies client certificates, a certificate takes the place of the
                key. The public client shows its own on control links and REST only, so for that client
                certificates must be optional (``ssl.CERT_OPTIONAL``).
            sample_rate: of a call that no agent has claimed yet, in Hz.
        """
        self.api_key = api_key or secrets.token_urlsafe(24)
        self.connector_uuid = connector_uuid or str(uuid.uuid4())
        self.parties: dict[str, Party] = {}
        self.faults = Faults()
        self._host = host
        self._port = port
        self._ssl = ssl_context
        self._sample_rate = sample_rate
        self._board = Switchboard(self.connector_uuid)
        self._registry = Registry()
        self._links: dict[ControlLink, None] = {}
        self._connections: set[asyncio.Future[None]] = set()
        self._ticker = Ticker()
        self._refuse_until = 0.0
        self._callees: dict[ExchangeCall, Party] = {}
        self._scripted: dict[ExchangeCall, dict[str, asyncio.Task[None]]] = {}
        self._tasks = asyncio.TaskGroup()
        self._runner = self._make_runner()

    def __repr__(self) -> str:
        """Without the key."""
        return f"<Exchange {self._host}:{self._port}, {len(self._links)} control links>"

    def _make_runner(self) -> web.AppRunner:
        app = web.Application(client_max_size=MAX_REQUEST_BYTES)
        app.add_routes([web.get(control.PATH, self._control), web.get(media_plane.PATH, self._media)])
        app.add_routes(RestPlane(self._board, self._refusal).routes())
        app.add_routes(OperatorApi(self).routes())
        # A body is PCM or JSON as it is: what claims to be compressed is neither.
        return web.AppRunner(app, access_log=None, shutdown_timeout=CLOSE_TIMEOUT + 1, auto_decompress=False)

    async def __aenter__(self) -> Self:
        """Listen.

        Raises:
            OSError: the address cannot be listened on, for example because the port is taken.
        """
        check_port("the exchange", self._host, self._port)
        await self._runner.setup()
        self._site = web.TCPSite(self._runner, self._host, self._port, ssl_context=self._ssl)
        try:
            await self._site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise cannot_listen("the exchange", self._host, self._port, error) from error
        self._port = self._runner.addresses[0][1]
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End every call and link, and stop listening."""
        try:
            await self._site.stop()
            self._end_calls("shutdown")
            for link in tuple(self._links):
                link.close()
            self._ticker.stop()
            if self._connections:
                # The runner, once it cleans up, reads nothing more, and so no answer to a closing handshake.
                await asyncio.wait(self._connections, timeout=CLOSE_TIMEOUT + 1)
            await self._runner.cleanup()
        finally:
            # The scripted callers were cancelled with their calls; the body's error goes on by itself.
            await self._tasks.__aexit__(None, None, None)

    @property
    def url(self) -> str:
        """Base URL for agents, ``ws://host:port``."""
        return f"{'wss' if self._ssl else 'ws'}://{self._authority}"

    @property
    def operator_url(self) -> str:
        """Base URL of the operator API."""
        return f"{'https' if self._ssl else 'http'}://{self._authority}{PREFIX}"

    @property
    def _authority(self) -> str:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)
        return f"[{host}]:{self._port}" if ":" in host else f"{host}:{self._port}"

    # What happens outside the agents ------------------------------------------------------------------

    @property
    def calls(self) -> list[ExchangeCall]:
        """The calls that are going on, and those that ended lately; oldest first."""
        return self._registry.all()

    @property
    def controls(self) -> list[ControlLink]:
        """The control links."""
        return list(self._links)

    def find(self, call_id: str) -> ExchangeCall | None:
        """The call with this id."""
        return self._registry.find(call_id)

    def phone(
        self, from_: str, to: str, script: Script | None = None, callee: Party | None = None
    ) -> ExchangeCall:
        """Somebody phones the agent's number.

        Args:
            from_: who calls.
            to: the number that they call.
            script: what the caller does; without one, whoever operates the exchange plays the caller.
            callee: who is reached at ``to`` if the agent rings there; by default what :attr:`parties` says.
        """
        call = ExchangeCall(
            from_,
            to,
            sample_rate=self._sample_rate,
            on_released=self._board.offer_again,
            on_up=self._ticker.add,
            on_ended=self._call_ended,
        )
        self._registry.add(call)
        self._board.offer(call)
        self._scripted[call] = {}
        if callee is not None:
            self._callees[call] = callee
        if script is not None:
            self._perform(call, "caller", script)
        return call

    async def acted_out(self, call: ExchangeCall) -> None:
        """Return when the scripted people of a call have nothing more to do, or the call has ended."""
        while acting := [task for task in self._scripted.get(call, {}).values() if not task.done()]:
            await asyncio.wait(acting, return_when=asyncio.FIRST_COMPLETED)

    def reset(self) -> None:
        """End every call and session; forget faults, parties and recordings. Control links stay."""
        self._end_calls("reset")
        self._registry.clear()
        self.faults.clear()
        self.parties.clear()

    def drop_control(self, *, refuse_for: float = 0.0) -> None:
        """Break all control links, and refuse new ones for ``refuse_for`` seconds."""
        self._refuse_until = asyncio.get_running_loop().time() + refuse_for
        for link in tuple(self._links):
            link.abort()

    def _end_calls(self, reason: str) -> None:
        for call in self._registry.all():
            call.end(reason, "FORCE_CLOSE")

    def _call_ended(self, call: ExchangeCall) -> None:
        self._ticker.remove(call)
        self._registry.ended(call)
        self._callees.pop(call, None)
        for task in self._scripted.pop(call, {}).values():
            task.cancel()

    def _perform(self, call: ExchangeCall, who: str, script: Script) -> None:
        """Let a party do what its script says; whoever had the part before has it no more."""
        if before := self._scripted[call].get(who):
            before.cancel()
        self._scripted[call][who] = self._tasks.create_task(self._play(call, who, script))

    async def _play(self, call: ExchangeCall, who: str, script: Script) -> None:
        from voiceagent.sandbox.caller import play
        from voiceagent.sandbox.script import in_words

        leg = call.leg(who)
        try:
            await play(script, leg, lambda step: call.log.add("script", who=who, step=in_words(step)))
        except Exception as error:
            # A broken caller must not end the calls of others, as it would through the task group.
            logger.exception("call %s: its scripted %s failed", call.call_id, who)
            call.log.add("script_failed", who=who, error=str(_cause(error)))
            leg.hang_up()
        else:
            call.log.add("script_done", who=who)

    # Connections --------------------------------------------------------------------------------------

    def _refusal(self, request: web.Request) -> str | None:
        if request.get_extra_info("peercert"):
            return None
        key = request.headers.get(control.API_KEY_HEADER, "")
        connector = request.headers.get(control.CONNECTOR_HEADER, "")
        if not _same(key, self.api_key):
            return "the API key is not valid"
        if not _same(connector, self.connector_uuid):
            return "the connector is not known"
        return None

    @contextmanager
    def _connected(self) -> Iterator[None]:
        """While a WebSocket is open."""
        closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._connections.add(closed)
        try:
            yield
        finally:
            self._connections.discard(closed)
            closed.set_result(None)

    async def _control(self, request: web.Request) -> web.StreamResponse:
        if asyncio.get_running_loop().time() < self._refuse_until:
            return web.Response(status=503, text="control links are refused for a while")
        if reason := self._refusal(request):
            return web.Response(status=401, text=reason)
        socket = await Socket.accept(request, heartbeat=HEARTBEAT)
        base = f"{'wss' if request.secure else 'ws'}://{request.host}"
        link = ControlLink(socket, self._board, self.faults, media_base_url=base)
        self._links[link] = None
        try:
            with self._connected():
                await link.serve()
        finally:
            del self._links[link]
        return socket.response

    async def _media(self, request: web.Request) -> web.StreamResponse:
        call = self._registry.find(request.match_info["call_id"])
        session = call.session if call is not None else None
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if call is None or not isinstance(session, Session):
            return web.Response(status=404, text="the call is over, or was never there")
        if not _same(token, session.token):
            return web.Response(status=401, text="the token does not open this call")
        if call.agent is not None:
            return web.Response(status=409, text="the call has a media link already")
        socket = await Socket.accept(request, heartbeat=media_plane.HEARTBEAT)
        # Others may have been served while this peer was being accepted.
        if call.session is not session or call.agent is not None:
            socket.close(1008)
            await socket.receive()
            return socket.response
        with self._connected():
            await MediaLink(socket, call, self.faults, self._ring).serve()
        return socket.response

    def _ring(self, call: ExchangeCall) -> Party:
        """A call's callee is rung: how do they react?"""
        party = self._callees.get(call) or self.parties.get(call.callee.address, Party())
        if party.script is not None:
            self._perform(call, "callee", party.script)
        return party


def _same(given: str, secret: str) -> bool:
    """Compare in constant time. What of a header is no UTF-8, the web server gives as surrogates."""
    return hmac.compare_digest(given.encode(errors="surrogateescape"), secret.encode())


def _cause(error: BaseException) -> BaseException:
    """The first error inside the groups that task groups put around it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
