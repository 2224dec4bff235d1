"""The control link: one WebSocket per client, which comes back by itself when it breaks.

It carries requests with answers, and hands everything else to its listener. What the messages mean for
calls is not decided here, and a break here ends no call.
"""

from __future__ import annotations

import asyncio
import enum
import logging
import random
import uuid
from typing import Protocol

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from voiceagent.call._secrets import redacted
from voiceagent.call._websocket import open_websocket, write
from voiceagent.call.config import CallClientConfig
from voiceagent.call.exceptions import WSSConnectionError, WSSError
from voiceagent.wire import Unknown, WireError, control, encode

FIRST_DELAY = 0.5
LAST_DELAY = 10.0
DELAY_FACTOR = 1.5

STEADY_SECONDS = 10.0
"""A link that broke sooner does not count as a success: the delay before the next attempt goes on growing."""

JITTER = 0.2
"""Up to this part is added to a delay at random, so that many workers do not come back in step."""

LONGEST_ID = 256
"""Characters of an id: ids go into logs, where a line end would begin a record of the server's making."""


class ConnectionState(enum.Enum):
    """Where the control link is."""

    DISCONNECTED = "disconnected"
    """There is none, for the client is closed."""

    CONNECTING = "connecting"
    """It is being opened for the first time."""

    CONNECTED = "connected"
    """It is up, and calls can come in."""

    RECONNECTING = "reconnecting"
    """It broke. Active calls go on; the client opens it again by itself."""


class ControlListener(Protocol):
    """Who gets what happens on the control link. Called on the event loop; must not block."""

    def control_message(self, message: control.ServerMessage) -> None:
        """A message that is no answer came in."""

    def control_established(self) -> None:
        """The link is set up, for the first time or again."""

    def control_lost(self) -> None:
        """The link broke; requests that were open have failed."""


class ControlLink:
    """One client's control link. :meth:`open` it, let :meth:`run` keep it, :meth:`close` it."""

    def __init__(self, config: CallClientConfig, listener: ControlListener) -> None:
        self.config = config
        self._log = config.logger("control_connection")
        self._listener = listener
        self._socket: ClientConnection | None = None
        self._requests: dict[str, asyncio.Future[control.Response]] = {}
        self._delay = FIRST_DELAY
        self.state = ConnectionState.DISCONNECTED
        self.malformed_messages = 0

    async def open(self) -> None:
        """Connect once, and wait until the server has accepted the setup.

        Raises:
            WSSAuthenticationError: the server refuses the credentials.
            WSSConnectionError: the server cannot be reached, or does not answer the setup.
        """
        self.state = ConnectionState.CONNECTING
        try:
            self._socket = await self._connect()
        except BaseException:
            self.state = ConnectionState.DISCONNECTED
            raise
        self.state = ConnectionState.CONNECTED

    async def run(self) -> None:
        """Read until cancelled; reconnect whenever the link breaks. :meth:`close` comes after it."""
        loop = asyncio.get_running_loop()
        while self._socket is not None:
            began = loop.time()
            self._listener.control_established()
            await self._read(self._socket)
            self._lost()
            if loop.time() - began >= STEADY_SECONDS:
                self._delay = FIRST_DELAY
            self._socket = await self._reconnect()
            self.state = ConnectionState.CONNECTED

    async def close(self) -> None:
        """Close the link for good."""
        self.state = ConnectionState.DISCONNECTED
        socket, self._socket = self._socket, None
        self._fail_requests()
        if socket is not None:
            await socket.close()

    def send(self, message: control.ClientMessage) -> None:
        """Send a message; it is lost if the link is down."""
        if self._socket is not None:
            self._write(self._socket, message)

    async def request(self, message: control.SessionOpen) -> control.Response:
        """Send a request and wait for its answer, which may be a refusal.

        Raises:
            WSSConnectionError: the link is down, breaks, or the answer does not come in time.
        """
        if self.state is not ConnectionState.CONNECTED:
            raise WSSConnectionError("the control link is down")
        answer: asyncio.Future[control.Response] = asyncio.get_running_loop().create_future()
        self._requests[message.req_id] = answer
        try:
            self.send(message)
            async with asyncio.timeout(control.REQUEST_TIMEOUT):
                return await answer
        except TimeoutError:
            raise WSSConnectionError("the call server does not answer on the control link") from None
        finally:
            self._requests.pop(message.req_id, None)

    def _write(self, socket: ClientConnection, message: control.ClientMessage) -> None:
        self._log.debug("sent %s", message.__struct_config__.tag)
        write(socket, encode(message))

    async def _connect(self) -> ClientConnection:
        config = self.config
        self._log.debug("connecting to %s", config.base_url)
        socket = await open_websocket(
            config.control_url,
            config.headers(),
            config,
            ping_interval=control.PING_INTERVAL,
            ping_timeout=control.PING_TIMEOUT,
            logger=self._log,
        )
        try:
            self._write(socket, control.Setup(data=control.SetupData(sample_rate=config.sample_rate)))
            async with asyncio.timeout(control.SETUP_TIMEOUT):
                await self._setup_done(socket)
            return socket
        except TimeoutError:
            problem = "the call server does not answer the setup"
        except ConnectionClosed as closed:
            problem = f"the call server closed the link during setup: {self.redacted(str(closed))}"
        except BaseException:
            await socket.close()
            raise
        await socket.close()
        # Outside the handlers, so that what the server said as it closed is not in the error's chain.
        raise WSSConnectionError(problem)

    async def _setup_done(self, socket: ClientConnection) -> None:
        while True:
            match self._decode(await socket.recv()):
                case control.SetupDone(sm_ws_id=link_id):
                    self._log.info("the control link is up: %s", link_id)
                    return
                case control.Response(ok=False, error_code=code):
                    code = self.redacted(code)
                    raise WSSConnectionError(f"the call server refuses the setup: {code}")

    async def _read(self, socket: ClientConnection) -> None:
        try:
            while True:
                message = self._decode(await socket.recv())
                if isinstance(message, control.Response):
                    answer = self._requests.get(message.req_id)
                    if answer is not None and not answer.done():
                        answer.set_result(message)
                elif message is not None:
                    self._listener.control_message(message)
        except ConnectionClosed as closed:
            self._log.warning("the control link broke: %s", self.redacted(str(closed)))

    def _decode(self, data: str | bytes) -> control.ServerMessage | None:
        """The message, or None for one that is unknown, or malformed: those are counted, and logged once."""
        try:
            if isinstance(data, bytes):
                raise WireError(f"binary message of {len(data)} bytes on the control link")
            message = control.decode_server(data)
            _check_ids(message)
        except WireError as error:
            self.malformed_messages += 1
            if self.malformed_messages == 1:
                self._log.error("dropped a malformed message; further ones are only counted: %s", error)
            return None
        if isinstance(message, Unknown):
            if self._log.isEnabledFor(logging.DEBUG):
                self._log.debug("skipped a message of type %s", self.redacted(message.type))
            return None
        self._log.debug("received %s", message.__struct_config__.tag)
        return message

    def redacted(self, text: str | None) -> str:
        """What the server says, made safe to log."""
        key = self.config.api_key
        return redacted(text or "", () if key is None else (key,))

    async def _reconnect(self) -> ClientConnection:
        while True:
            wait = self._delay * random.uniform(1, 1 + JITTER)
            self._delay = min(LAST_DELAY / (1 + JITTER), self._delay * DELAY_FACTOR)
            self._log.warning("reconnecting the control link in %.1f s", wait)
            await asyncio.sleep(wait)
            try:
                return await self._connect()
            except WSSError as error:
                # Also a refusal of the credentials: active calls live on, and the server may recover.
                self._log.error("the control link cannot be opened: %s", error)

    def _lost(self) -> None:
        self._socket = None
        self.state = ConnectionState.RECONNECTING
        self._fail_requests()
        self._listener.control_lost()

    def _fail_requests(self) -> None:
        for answer in self._requests.values():
            if not answer.done():
                answer.set_exception(WSSConnectionError("the control link broke"))


def _check_ids(message: control.ServerMessage | Unknown) -> None:
    for name in message.__struct_fields__:
        if name.endswith("_id"):
            value: str = getattr(message, name)
            if len(value) > LONGEST_ID or not value.isprintable():
                raise WireError(f"malformed {message.__struct_config__.tag!r} message: `{name}` is no id")


def request_id() -> str:
    """A fresh id for a request."""
    return str(uuid.uuid4())
