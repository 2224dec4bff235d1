"""Opening a WebSocket to the call server, the same way for both links.

Secrets travel in the headers. So nothing follows a redirect, which would carry them to another host, and
the library's debug log, which prints headers, stays off.
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
from websockets.exceptions import InvalidMessage, InvalidStatus, WebSocketException

from voiceagent.call.config import CallClientConfig, is_loopback
from voiceagent.call.exceptions import WSSAuthenticationError, WSSConnectionError, WSSError
from voiceagent.wire import MAX_MESSAGE_BYTES

OPEN_TIMEOUT = 10.0
"""Seconds within which a link must be open."""

CLOSE_TIMEOUT = 1.0
"""Seconds that a closing link waits for the other side."""

_ERROR_TEXT_LIMIT = 200
_SHORTEST_SECRET = 8


class _NoHeadersLog(logging.LoggerAdapter[logging.Logger]):
    """The library's log without its debug level, at which it prints the headers of requests."""

    def isEnabledFor(self, level: int) -> bool:
        return level > logging.DEBUG and super().isEnabledFor(level)


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

    Raises:
        WSSAuthenticationError: the server refuses the key, the token or the client certificate.
        WSSConnectionError: anything else is in the way; the text says what.
    """
    options: dict[str, Any] = {}
    if urlsplit(url).scheme == "wss":
        # Reading the system's certificate authorities takes some 20 ms, for which no call shall wait.
        options["ssl"] = await asyncio.to_thread(config.tls, url)
    if is_loopback(url):
        # A proxy of the environment cannot reach this machine's loopback.
        options["proxy"] = None
    connections: list[ClientConnection] = []

    def connection(*args: Any, **kwargs: Any) -> ClientConnection:
        connections.append(ClientConnection(*args, **kwargs))
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
    except (WebSocketException, OSError, EOFError) as error:
        refusal = _refusal(url, error, _tls_error(connections, error), headers)
    # Outside the handler, so that the error's chain holds no object that holds the headers.
    raise refusal


def write(socket: ClientConnection, message: str | bytes) -> None:
    """Write a message in this very step, behind all that was written before; nothing if the socket is closed.

    ``broadcast`` is the library's documented way to write without waiting, and for clients too. Writing
    cannot be cancelled half-way, and messages keep the order in which the program gave them.
    """
    broadcast((socket,), message)


def _refusal(
    url: str, error: Exception, tls_error: ssl.SSLError | None, headers: Mapping[str, str]
) -> WSSError:
    address = urlsplit(url)
    if isinstance(error, InvalidStatus):
        response = error.response
        text = _readable(response.body or b"", headers) or response.reason_phrase
        if response.status_code in (401, 403):
            return WSSAuthenticationError(f"the call server refuses the credentials: {text}")
        return WSSConnectionError(f"the call server answers HTTP {response.status_code}: {text}")
    if isinstance(tls_error, ssl.SSLCertVerificationError):
        return WSSConnectionError(
            f"the call server's certificate is not trusted ({tls_error.verify_message}); "
            "for a server with its own certificate authority pass ca_file"
        )
    if tls_error is not None:
        reason = tls_error.reason or tls_error
        return WSSAuthenticationError(f"the call server refuses the TLS connection: {reason}")
    if address.scheme == "wss" and isinstance(error, InvalidMessage):
        return WSSConnectionError(
            "the call server hangs up after the TLS handshake; does it want a (different) client certificate?"
        )
    return WSSConnectionError(f"cannot reach the call server at {address.netloc}: {error}")


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


def _readable(body: bytes | bytearray, headers: Mapping[str, str]) -> str:
    """A server's error text, made safe to log: short, printable, without our own secrets."""
    text = bytes(body).decode(errors="replace")
    for value in headers.values():
        if len(value) >= _SHORTEST_SECRET:
            text = text.replace(value.removeprefix("Bearer "), "***")
    text = "".join(char if char.isprintable() else " " for char in text[:_ERROR_TEXT_LIMIT])
    return text.strip()
