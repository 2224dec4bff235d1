"""Gemini Live through google-genai: its setup, our audio path.

google-genai does authentication, Vertex AI, configuration and the setup handshake. From then on the session
reads and writes the client's own WebSocket with prebuilt JSON and typed decoding, because the client's
conversions cost three to five times as much CPU on every 20 ms of every call.

google-genai is imported when the first connector is made, not with this module: it costs 0.35 s.
"""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from voiceagent.live import messages
from voiceagent.live.events import LiveEvent
from voiceagent.live.models import History, facts_about
from voiceagent.live.session import LiveClosedError, LiveConfig, LiveConnectError, Said, Scheduling
from voiceagent.live.setup import setup_of

if TYPE_CHECKING:
    from google.genai import Client
    from websockets.asyncio.client import ClientConnection

logger = logging.getLogger(__name__)

LIVE_URL = "VOICEAGENT_LIVE_URL"
"""Environment variable: a ``ws://`` address of a live server, such as the sandbox's."""

KEYS = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
"""Environment variables that hold the API key, the first one first."""

OPEN_TIMEOUT = 10.0
"""Seconds for connecting and setup together; google-genai itself waits for setup without end."""

SEND_TIMEOUT = 10.0
"""Seconds a message may wait for the network before the session counts as broken."""

_SOCKET_OPTIONS: dict[str, Any] = {
    # Deflating audio costs three times what sending it costs, and saves nothing.
    "compression": None,
    # A full receive queue of 16 frames would stop the reading of pings and close frames.
    "max_queue": None,
    "max_size": 16 * 1024 * 1024,
    "close_timeout": 0.5,
    "open_timeout": OPEN_TIMEOUT,
}


class GenaiSession:
    """A live session over google-genai: one connection. Made by :meth:`GenaiConnector.open`."""

    def __init__(
        self,
        socket: ClientConnection,
        config: LiveConfig,
        resources: AsyncExitStack,
        *,
        resumed: bool = False,
    ) -> None:
        facts = facts_about(config.model)
        self._socket = socket
        self._text_input = facts.text_input
        self._resources = resources
        # A result that the model waits for needs no scheduling, and some services refuse it.
        self._awaited = frozenset(tool.name for tool in config.tools if facts.waits(tool.blocking))
        # How the model takes what was said before: as content, or not any more.
        self._takes_content = facts.history is History.ANY_TIME
        self._awaits_history = config.continues and not resumed and not self._takes_content
        # What could not be told as content, and goes with the next text.
        self._untold: list[Said] = []
        self.unreadable = 0
        """Messages of the service that could not be read, and were skipped."""

    async def send_audio(self, pcm: bytes) -> None:
        """Send caller audio: s16le mono PCM at 16 kHz."""
        # A text frame of bytes: websockets sends it without encoding it once more. Its deadline is the
        # keepalive's: a connection that takes nothing for 20 s is closed, which ends this wait.
        try:
            await self._socket.send(messages.encode_audio(pcm), text=True)
        except ConnectionClosed as closed:
            raise _closed(closed) from None

    async def send_text(self, text: str) -> None:
        """Say something to the model as the user, and let it answer."""
        if self._untold:
            said, self._untold = self._untold, []
            text = f"{messages.retold(said)}\n{text}"
        await self._send(messages.encode_text(text, self._text_input))

    async def send_said(self, said: Sequence[Said], *, answer: str | None = None) -> None:
        """Tell the model what was said before, and with ``answer`` let it answer that."""
        if self._takes_content:
            await self._send(messages.encode_said(said, answer))
            return
        if self._awaits_history:
            # It says nothing until it has the history, and nothing to the history.
            self._awaits_history = False
            await self._send(messages.encode_said(said, None, complete=True))
        else:
            self._untold += said
        if answer is not None:
            await self.send_text(answer)

    async def send_tool_result(
        self,
        call_id: str,
        name: str,
        response: Mapping[str, Any],
        *,
        scheduling: Scheduling | None = None,
    ) -> None:
        """Give the result of a tool call."""
        if name in self._awaited:
            scheduling = None
        await self._send(messages.encode_tool_result(call_id, name, response, scheduling))

    async def _send(self, message: str) -> None:
        try:
            async with asyncio.timeout(SEND_TIMEOUT):
                await self._socket.send(message)
        except ConnectionClosed as closed:
            raise _closed(closed) from None
        except TimeoutError:
            # Whoever reads would wait for the keepalive to notice.
            self._socket.transport.abort()
            raise LiveClosedError(1006, f"nothing could be sent for {SEND_TIMEOUT:g} s") from None

    async def events(self) -> AsyncIterator[LiveEvent]:
        """What happens, across turns; raises ``LiveClosedError`` at the end."""
        receive = self._socket.recv
        while True:
            try:
                raw = await receive(decode=False)
            except ConnectionClosed as closed:
                raise _closed(closed) from None
            try:
                events = messages.decode(raw)
            except messages.MessageError as error:
                self.unreadable += 1
                if self.unreadable == 1:
                    logger.warning("%s; such messages are skipped", error)
                continue
            for event in events:
                yield event

    async def close(self) -> None:
        """End the session."""
        await self._resources.aclose()


def _closed(closed: ConnectionClosed) -> LiveClosedError:
    if closed.rcvd is None:
        return LiveClosedError(1006, "the connection broke")
    return LiveClosedError(closed.rcvd.code, closed.rcvd.reason)


class GenaiConnector:
    """Opens live sessions through one google-genai client.

    Args:
        api_key: Gemini API key; by default that of the environment (``GEMINI_API_KEY``,
            ``GOOGLE_API_KEY``). With Vertex AI (``GOOGLE_GENAI_USE_VERTEXAI``) google-genai finds the
            credentials itself.
        live_url: A plain ``ws://`` live server to use instead of the service, such as the sandbox's; by
            default ``VOICEAGENT_LIVE_URL``. No key is sent to it.

    Raises:
        LiveConnectError: no API key was given or found.
    """

    def __init__(self, *, api_key: str | None = None, live_url: str | None = None) -> None:
        self._client = _make_client(api_key, live_url or os.environ.get(LIVE_URL) or None)

    async def open(self, config: LiveConfig, *, handle: str | None = None) -> GenaiSession:
        """Open a connection and wait until it is set up.

        Args:
            config: What it is opened with.
            handle: Where another connection was, to go on there; None begins a session.

        Raises:
            LiveConnectError: the service refused, did not answer in time, or cannot be reached.
        """
        from google.genai.errors import APIError

        resources = AsyncExitStack()
        setup: Any = setup_of(config, handle)
        connecting = self._client.aio.live.connect(model=config.model, config=setup)
        try:
            async with asyncio.timeout(OPEN_TIMEOUT):
                session = await resources.enter_async_context(connecting)
            if session.setup_complete is None:
                raise LiveConnectError("the live service did not answer setup with setupComplete")
        except BaseException as error:
            with suppress(ConnectionClosed):
                await resources.aclose()
            reason = _why_not(error, APIError)
            if reason is None:
                raise
            code = _code_of(error, APIError)
            raise LiveConnectError(f"cannot open a session of {config.model}: {reason}", code) from error
        return GenaiSession(session._ws, config, resources, resumed=handle is not None)

    async def check(self) -> None:
        """See whether the service can be reached, by opening and closing a TCP connection to it.

        Raises:
            LiveConnectError: it cannot.
        """
        api = self._client._api_client
        address = urlsplit(str(api._websocket_base_url(api._http_options)))
        port = address.port or (80 if address.scheme == "ws" else 443)
        try:
            async with asyncio.timeout(OPEN_TIMEOUT):
                _, writer = await asyncio.open_connection(address.hostname, port)
                writer.close()
                await writer.wait_closed()
        except (OSError, TimeoutError) as error:
            raise LiveConnectError(
                f"the live service at {address.hostname}:{port} cannot be reached: {error or 'no answer'}"
            ) from error


def _why_not(error: BaseException, api_error: type[Any]) -> str | None:
    """Why a session could not be opened, in a sentence without secrets; None if it was cancelled."""
    match error:
        case LiveConnectError():
            return str(error)
        case TimeoutError():
            return f"no answer within {OPEN_TIMEOUT:g} s"
        case ConnectionClosed():
            return str(_closed(error))
        case InvalidHandshake() | InvalidURI():
            return str(error)
        case OSError():
            return f"the live service cannot be reached ({error})"
        case _ if isinstance(error, api_error):
            return f"the service closed with {error.code}: {error.details}"
        case Exception():
            # Such as Google's libraries raise where they find no credentials for Vertex AI.
            return f"{type(error).__name__}: {error}"
        case _:
            return None


def _code_of(error: BaseException, api_error: type[Any]) -> int | None:
    """With which code the service closed the connection; None if it did not come to that."""
    if isinstance(error, ConnectionClosed):
        return _closed(error).code
    return error.code if isinstance(error, api_error) else None


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("ws", "wss") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _make_client(api_key: str | None, live_url: str | None) -> Client:
    from google import genai
    from google.genai.types import HttpOptions

    options = HttpOptions(async_client_args=dict(_SOCKET_OPTIONS))
    if live_url is not None:
        if not _is_address(live_url):
            raise LiveConnectError(f"{LIVE_URL} must begin with ws:// or wss:// and a host, not {live_url!r}")
        if live_url.startswith("ws://"):
            # Without one of its own, the client loads certificate authorities three times, in 60 ms.
            unused = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            options.client_args = {"verify": unused}
            options.async_client_args = {**_SOCKET_OPTIONS, "verify": unused, "ssl": unused}
        client = genai.Client(api_key="none", vertexai=False, http_options=options)
        if live_url.startswith("ws://"):
            # google-genai forces TLS and offers no public way around it; these two attributes decide it.
            # A proxy of the environment cannot reach a live server on this machine.
            client._api_client._websocket_ssl_ctx = {**_SOCKET_OPTIONS, "proxy": None}
        client._api_client._websocket_base_url = lambda *_: live_url  # type: ignore[method-assign]
        return client
    if os.environ.get("GOOGLE_GENAI_USE_VERTEXAI", "").lower() in {"1", "true"}:
        return genai.Client(http_options=options)
    key = api_key or next((os.environ[name] for name in KEYS if os.environ.get(name)), None)
    if key is None:
        raise LiveConnectError(
            f"no Gemini API key: set {' or '.join(KEYS)}, or {LIVE_URL} to use the sandbox's live server"
        )
    return genai.Client(api_key=key, vertexai=False, http_options=options)
