"""A call server that does what a test says, right or wrong."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from voiceagent.call import ActiveCall, CallClient, CallClientConfig, events
from voiceagent.wire import control, encode, media

KEY, CONNECTOR, TOKEN = "key-0123456789abcdef", "connector-0001", "token-0123456789abcdef"


class ScriptedServer:
    """Accepts links and hands them to the test. ``refusal`` is what a new link is answered instead, once."""

    def __init__(self) -> None:
        self.controls: asyncio.Queue[ServerConnection] = asyncio.Queue()
        self.medias: asyncio.Queue[ServerConnection] = asyncio.Queue()
        self.requests: list[Request] = []
        self.refusals: list[Response] = []
        self._server: Server

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._serve, "127.0.0.1", 0, process_request=self._process, compression=None, close_timeout=0.1
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]
        self.url = f"ws://127.0.0.1:{self.port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        await self._server.wait_closed()

    def _process(self, socket: ServerConnection, request: Request) -> Response | None:
        self.requests.append(request)
        return self.refusals.pop(0) if self.refusals else None

    async def _serve(self, socket: ServerConnection) -> None:
        path = socket.request.path if socket.request is not None else ""
        await (self.controls if path == control.PATH else self.medias).put(socket)
        await socket.wait_closed()

    def config(self, **changes: Any) -> CallClientConfig:
        return CallClientConfig.sandbox(KEY, CONNECTOR, base_url=self.url, grace_period=0.5, **changes)

    async def connected(self, client: CallClient) -> ServerConnection:
        """Let a client connect, and accept its setup."""
        connecting = asyncio.create_task(client.connect())
        link = await self.accepted()
        await connecting
        return link

    async def accepted(self) -> ServerConnection:
        """The next control link, its setup accepted."""
        link = await self.controls.get()
        assert isinstance(control.decode_client(await _text(link)), control.Setup)
        await link.send(encode(control.SetupDone(sm_ws_id="link-1")))
        return link

    async def offer(
        self, link: ServerConnection, number: int = 1, url: str | None = None
    ) -> control.SessionReady:
        """Offer a call on a control link, and give it to the client."""
        session_id = f"session-{number}"
        await link.send(encode(control.SessionNotify(session_id=session_id, channel="TELCO")))
        claim = control.decode_client(await _text(link))
        assert isinstance(claim, control.SessionOpen)
        await link.send(encode(control.Response(req_id=claim.req_id, ok=True, content={})))
        ready = control.decode_client(await _text(link))
        assert isinstance(ready, control.SessionReady)
        await link.send(
            encode(
                control.CallIn(
                    session_id=session_id,
                    call_id=f"call-{number}",
                    from_="+15550100",
                    to="+15550199",
                    url=url or f"{self.url}/media/{number}",
                    token=TOKEN,
                )
            )
        )
        return ready


class ScriptedCall:
    """A call of a client that the test plays the server for."""

    def __init__(self, server: ScriptedServer, **changes: Any) -> None:
        self.server = server
        self.client = CallClient(server.config(**changes))
        self.call: ActiveCall
        self.link: ServerConnection
        self.media: ServerConnection

    async def __aenter__(self) -> Self:
        calls: asyncio.Queue[ActiveCall] = asyncio.Queue()
        self.client.on(events.INCOMING_CALL, calls.put)
        self.link = await self.server.connected(self.client)
        await self.server.offer(self.link)
        self.media = await self.server.medias.get()
        self.call = await calls.get()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.call.force_disconnect()
        await self.client.disconnect()

    async def grant(self, size: int, channel: int = 0) -> None:
        data = media.BufferRequestData(requested_bytes=size, channel_id=channel)
        await self.media.send(encode(media.BufferRequest(data=data)))

    async def command(self) -> media.CommandData:
        """The next message, which is a command."""
        message = media.decode_client(await _text(self.media))
        assert isinstance(message, media.Command)
        return message.data

    async def respond(self, command_id: str, **answer: Any) -> None:
        data = media.CommandResponseData(command_id=command_id, **answer)
        await self.media.send(encode(media.CommandResponse(data=data)))

    async def event(self, name: str, **details: Any) -> None:
        await self.media.send(encode(media.CallEvent(data=media.CallEventData(event=name, **details))))


async def _text(socket: ServerConnection) -> str:
    message = await socket.recv()
    assert isinstance(message, str)
    return message
