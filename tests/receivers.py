"""A real mail server and a real HTTP receiver on loopback, in the test's own loop, on any clock.

    async with mail_server() as inbox, http_receiver() as hooks:
        ...                       # something sends to inbox.url and hooks.url
        await inbox.wait(1)
        assert inbox.messages[0]["Subject"] == "New voicemail"

Both can be told to refuse or to be slow, for the tests of what happens then.
"""

from __future__ import annotations

import asyncio
import email
import email.policy
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from aiohttp import web
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

DEADLINE_S = 120
"""How long ``wait`` waits, on the clock of the loop."""


class _Arrivals:
    """Wakes who waits for the next arrival."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._changed = asyncio.Event()

    def notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait(self, arrived: list[Any], n: int) -> None:
        try:
            async with asyncio.timeout(DEADLINE_S):
                while len(arrived) < n:
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"{len(arrived)} of {n} {self._what} arrived in {DEADLINE_S} s") from None


class Inbox:
    """What a mail server has accepted.

    Attributes:
        url: Of the server, ``smtp://127.0.0.1:PORT``.
        messages: The mails, in the order of their arrival.
        recipients: Of each mail, as the envelope says.
        attempts: How often somebody tried to hand over a mail, refused ones included.
        refuse: A reply such as ``451 4.3.0 try again later`` to give instead of accepting; None accepts.
        delay: Seconds until a mail is answered, on the clock of the loop.
        logins: User names that logged in.
    """

    def __init__(self, login: tuple[str, str] | None = None) -> None:
        self.url = ""
        self.messages: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.attempts = 0
        self.refuse: str | None = None
        self.delay = 0.0
        self.logins: list[str] = []
        self._login = login
        self._arrivals = _Arrivals("mails")

    async def wait(self, n: int = 1) -> list[EmailMessage]:
        """Return the mails once ``n`` have arrived."""
        await self._arrivals.wait(self.messages, n)
        return self.messages

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        self.attempts += 1
        if self.delay:
            await asyncio.sleep(self.delay)
        if self.refuse is not None:
            return self.refuse
        assert isinstance(envelope.content, bytes)
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        self.recipients.append(list(envelope.rcpt_tos))
        self._arrivals.notify()
        return "250 OK"

    def authenticate(self, _server: Any, _session: Any, _envelope: Any, _kind: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        given = (data.login.decode(), data.password.decode())
        if given != self._login:
            return AuthResult(success=False, handled=False)
        self.logins.append(given[0])
        return AuthResult(success=True)


@asynccontextmanager
async def mail_server(
    *,
    login: tuple[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
    starttls: bool = False,
) -> AsyncIterator[Inbox]:
    """An SMTP server.

    Args:
        login: User name and password that it demands.
        tls: With this certificate, from the first byte on (``smtps://``), or after STARTTLS.
        starttls: Whether to demand STARTTLS.
    """
    inbox = Inbox(login)
    loop = asyncio.get_running_loop()
    connections: list[SMTP] = []

    def connected() -> SMTP:
        protocol = SMTP(
            inbox,
            hostname="127.0.0.1",
            loop=loop,
            enable_SMTPUTF8=True,
            tls_context=tls if starttls else None,
            require_starttls=starttls,
            # It takes only STARTTLS for TLS.
            auth_required=login is not None and starttls,
            auth_require_tls=starttls,
            authenticator=inbox.authenticate,
        )
        connections.append(protocol)
        return protocol

    implicit = tls if tls is not None and not starttls else None
    server = await loop.create_server(connected, "127.0.0.1", 0, ssl=implicit)
    scheme = "smtps" if implicit is not None else "smtp"
    inbox.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield inbox
    finally:
        server.close()
        await _hang_up(connections)
        await server.wait_closed()


async def _hang_up(connections: list[SMTP]) -> None:
    for protocol in connections:
        if protocol.transport is not None:
            protocol.transport.abort()
    serving = [each._handler_coroutine for each in connections if each._handler_coroutine is not None]
    for task in serving:
        task.cancel()
    if serving:
        await asyncio.wait(serving)


@dataclass(frozen=True)
class Request:
    """A request that arrived.

    Attributes:
        headers: Their names in lower case.
        body: As it was sent.
        status: What it was answered.
    """

    headers: dict[str, str]
    body: bytes
    status: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Hooks:
    """What an HTTP receiver has received.

    Attributes:
        url: To POST to.
        requests: All that arrived, the refused ones too.
        status: The answer to the next request; one of 300 or more refuses it.
        headers: Of the answer.
        delay: Seconds until a request is answered, on the clock of the loop.
        closing: Set when the receiver goes away, so that slow answers do not keep it.
    """

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    _arrivals: _Arrivals = field(default_factory=lambda: _Arrivals("requests"))

    @property
    def accepted(self) -> list[Request]:
        """The requests that were answered with success."""
        return [request for request in self.requests if request.status < 300]

    async def wait(self, n: int = 1) -> list[Request]:
        """Return the requests once ``n`` have arrived."""
        await self._arrivals.wait(self.requests, n)
        return self.requests

    async def take(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        received = Request(headers, await request.read(), self.status)
        self.requests.append(received)
        self._arrivals.notify()
        with suppress(TimeoutError):
            await asyncio.wait_for(self.closing.wait(), self.delay)
        return web.Response(status=received.status, headers=self.headers)


@asynccontextmanager
async def http_receiver() -> AsyncIterator[Hooks]:
    """An HTTP server that takes every POST."""
    hooks = Hooks()
    app = web.Application(client_max_size=64 * 2**20)
    app.router.add_post("/{tail:.*}", hooks.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        hooks.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hooks"
        yield hooks
    finally:
        hooks.closing.set()
        await runner.cleanup()
