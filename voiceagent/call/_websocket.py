"""Opening a WebSocket to the call server, the same way for both links.

Secrets travel in the headers. So nothing follows a redirect, which would carry them to another host, no proxy
sees them in the clear, the library's debug log, which prints headers, stays off, and no traceback of an error
leads into the library, whose frames hold them.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as _connect
from websockets.asyncio.server import broadcast
from websockets.exceptions import InvalidMessage, InvalidProxy, InvalidStatus, WebSocketException
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Response

from voiceagent.call._secrets import Secret, redacted
from voiceagent.call.config import BASE_URL_VARIABLE, DEFAULT_BASE_URL, CallClientConfig, is_loopback
from voiceagent.call.exceptions import WSSAuthenticationError, WSSConnectionError, WSSError
from voiceagent.wire import MAX_MESSAGE_BYTES

OPEN_TIMEOUT = 10.0
"""Seconds within which a link must be open."""

CLOSE_TIMEOUT = 1.0
"""Seconds that a closing link waits for the other side."""

MAX_FRAGMENTS = 4096
"""Pieces in which one message may come. The library counts their bytes, but empty ones have none."""

MAX_UNREAD = 4 * MAX_MESSAGE_BYTES
"""Bytes that a server may leave unread, of its own pongs for example, before it is given up."""


class _NoHeadersLog(logging.LoggerAdapter[logging.Logger]):
    """The library's log without its debug level, at which it prints the headers of requests."""

    def isEnabledFor(self, level: int) -> bool:
        return level > logging.DEBUG and super().isEnabledFor(level)


class _Connection(ClientConnection):
    """A connection that bounds what the library leaves to the good manners of the other side."""

    _fragments = 0
    _parting: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._parting is None and self.protocol.close_expected():
            # The other side has said good-bye, and it is up to it to hang up. It may forget to.
            self._parting = self.loop.call_later(CLOSE_TIMEOUT, self.transport.abort)
        if self.transport.get_write_buffer_size() > MAX_UNREAD:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._parting is not None:
            self._parting.cancel()
        super().connection_lost(exc)

    def process_event(self, event: Response | Frame) -> None:  # type: ignore[override]
        super().process_event(event)
        if not isinstance(event, Frame):
            return
        if not event.fin:
            self._fragments += 1
            if self._fragments == MAX_FRAGMENTS:
                self.protocol.fail(CloseCode.MESSAGE_TOO_BIG, "too many fragments")
                self.transport.writelines(self.protocol.data_to_send())
        elif event.opcode is Opcode.CONT:
            self._fragments = 0


class _DirectConnect(_connect):
    """A connection attempt that treats a redirect as a refusal."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


async def open_websocket(
    url: str,
    headers: Mapping[str, str],
    config: CallClientConfig,
    *,
    ping_interval: float,
    ping_timeout: float,
    logger: logging.Logger,
) -> ClientConnection:
    """Open a WebSocket, with the TLS settings of ``config`` if it is a ``wss://`` URL.

    Args:
        url: Where to; a :class:`Secret` if it may hold one.
        headers: What authenticates us there, each secret a :class:`Secret`.
        config: TLS settings.
        ping_interval: Seconds between pings.
        ping_timeout: Seconds within which a pong answers.
        logger: Of the link.

    Raises:
        WSSAuthenticationError: the server refuses the key, the token or the client certificate.
        WSSConnectionError: anything else is in the way; the text says what.
    """
    options: dict[str, Any] = {}
    encrypted = urlsplit(url).scheme == "wss"
    if encrypted:
        # Reading the system's certificate authorities takes some 20 ms, for which no call shall wait.
        options["ssl"] = await asyncio.to_thread(config.tls, url)
    if not encrypted or is_loopback(url):
        # A proxy of the environment cannot reach this machine's loopback, and shall not listen in.
        options["proxy"] = None
    connections: list[ClientConnection] = []

    def connection(*args: Any, **kwargs: Any) -> ClientConnection:
        connections.append(_Connection(*args, **kwargs))
        return connections[-1]

    attempt = _DirectConnect(
        url,
        create_connection=connection,  # type: ignore[arg-type]  # any callable that makes one will do
        additional_headers=headers,
        user_agent_header="voiceagent",
        # Audio does not compress, and compressing costs more CPU than all the rest.
        compression=None,
        max_size=MAX_MESSAGE_BYTES,
        # Readers take messages as they come; a pause in reading would also hold back pongs.
        max_queue=None,
        open_timeout=OPEN_TIMEOUT,
        close_timeout=CLOSE_TIMEOUT,
        ping_interval=ping_interval,
        ping_timeout=ping_timeout,
        logger=_NoHeadersLog(logger, {}),
        **options,
    )
    try:
        return await attempt
    except asyncio.CancelledError as cancelled:
        raise cancelled.with_traceback(None) from None
    except (WebSocketException, OSError, EOFError, ValueError, ImportError) as error:
        refusal = _refusal(url, error, _tls_error(connections, error), headers, config.ca_file)
    # Outside the handler, so that the error's chain holds no object that holds the headers.
    raise refusal


def write(socket: ClientConnection, message: str | bytes) -> None:
    """Write a message in this very step, behind all that was written before; nothing if the socket is closed.

    ``broadcast`` is the library's documented way to write without waiting, and for clients too. Writing
    cannot be cancelled half-way, and messages keep the order in which the program gave them.
    """
    if socket.transport.is_closing():
        # Broken, which the protocol learns in the next step: until then asyncio warns of every write.
        return
    broadcast((socket,), message)


def _refusal(
    url: str,
    error: Exception,
    tls_error: ssl.SSLError | None,
    headers: Mapping[str, str],
    ca_file: str | None,
) -> WSSError:
    address = urlsplit(url)
    secrets = [value.removeprefix("Bearer ") for value in headers.values() if isinstance(value, Secret)]
    secrets.append(address.query)
    if isinstance(error, InvalidStatus):
        response = error.response
        body = bytes(response.body or b"").decode(errors="replace")
        text = redacted(body, secrets) or redacted(response.reason_phrase, secrets)
        if response.status_code in (401, 403):
            return WSSAuthenticationError(f"the call server refuses the credentials: {text}")
        return WSSConnectionError(f"the call server answers HTTP {response.status_code}: {text}")
    if isinstance(tls_error, ssl.SSLCertVerificationError):
        problem = tls_error.verify_message
        if "mismatch" in problem:
            advice = "is the host of base_url right?"
        elif ca_file is not None:
            advice = f"ca_file {ca_file!r} names the only authorities to trust"
        else:
            advice = "for a server with its own certificate authority pass ca_file"
        return WSSConnectionError(f"the call server's certificate is not trusted ({problem}); {advice}")
    if tls_error is not None:
        reason = tls_error.reason or tls_error
        return WSSAuthenticationError(f"the call server refuses the TLS connection: {reason}")
    if address.scheme == "wss" and isinstance(error, InvalidMessage):
        return WSSConnectionError(
            "the call server hangs up after the TLS handshake; does it want a (different) client certificate?"
        )
    if isinstance(error, InvalidProxy):
        # Its text has the address of the proxy, which may hold a password.
        return WSSConnectionError(f"the proxy that the environment names cannot be used: {error.msg}")
    if isinstance(error, ValueError):
        return WSSConnectionError("the address of the call server, or of the proxy, is malformed")
    host = address.netloc.rpartition("@")[2]
    text = f"cannot reach the call server at {host}: {redacted(str(error), secrets)}"
    if host == urlsplit(DEFAULT_BASE_URL).netloc:
        text += f"; for another one set {BASE_URL_VARIABLE}, or pass base_url"
    return WSSConnectionError(text)


def _tls_error(connections: Iterable[ClientConnection], error: Exception) -> ssl.SSLError | None:
    """The TLS error behind a failed attempt.

    With TLS 1.3 a server refuses a client certificate only after the handshake. Then the attempt merely looks
    cut short, and the connection knows why, if the server said so before it hung up: under the first name in
    websockets 15, under the second in later ones.
    """
    causes: list[object] = [error, error.__cause__]
    for connection in connections:
        causes += [getattr(connection, "recv_exc", None), getattr(connection, "connection_exc", None)]
    return next((cause for cause in causes if isinstance(cause, ssl.SSLError)), None)
