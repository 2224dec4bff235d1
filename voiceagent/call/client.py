"""The client: it listens for calls on the control link and hands each to the program's handlers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, overload

from voiceagent.call._control import ConnectionState
from voiceagent.call._handlers import AnyHandler, Handler, Handlers
from voiceagent.call._intake import Room
from voiceagent.call._worker import Worker
from voiceagent.call.active_call import ActiveCall
from voiceagent.call.config import CallClientConfig
from voiceagent.call.events import ClientEvent


class CallClient:
    """Takes calls from a call server.

    ::

        async with CallClient(config) as client:

            @client.on(events.INCOMING_CALL)
            async def handle(call: ActiveCall) -> None:
                await call.answer()
                async for chunk in call.audio_stream():
                    await call.send_audio(chunk)

            await client.run_forever()

    Calls that arrive before a handler is registered wait for it, up to 30 s. While the control link is
    down, active calls live on and the client reconnects. Leaving the context lets active calls end by
    themselves for the configured grace period, then ends them; no task of the client outlives it.
    """

    def __init__(
        self, config: CallClientConfig, *, max_calls: int | None = None, media_on_demand: bool = False
    ) -> None:
        """Make a client that is not connected yet; ``config`` says where to and how.

        Args:
            config: Where to, and with which credentials.
            max_calls: Calls at once. One more rings on: another worker may take it, or this client when a
                call has ended. None takes all.
            media_on_demand: Open a call's media link only when a command needs it, not before the
                ``INCOMING_CALL`` handler runs. Until then the call can be handed off to another process with
                :meth:`ActiveCall.to_json`; answering takes one connection longer.

        Raises:
            ValueError: ``max_calls`` is less than 1.
            TypeError: ``config`` is no configuration.
        """
        if not isinstance(config, CallClientConfig):
            raise TypeError(
                f"config is a {type(config).__name__}, but must be made by CallClientConfig.sandbox() "
                "or .production()"
            )
        if max_calls is not None and (not isinstance(max_calls, int) or max_calls < 1):
            raise ValueError(f"max_calls is {max_calls!r}, but must be an int from 1, or None for no limit")
        self._config = config
        self._room = Room(max_calls)
        self._media_on_demand = media_on_demand
        self._handlers = Handlers(ClientEvent, "client")
        self._handler_ready = asyncio.Event()
        self._connecting = asyncio.Lock()
        self._worker: Worker | None = None
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._config.base_url} {self.state.value}>"

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.disconnect()

    @property
    def state(self) -> ConnectionState:
        """Where the control link is. Health checks may follow it."""
        return self._worker.link.state if self._worker is not None else ConnectionState.DISCONNECTED

    @property
    def calls(self) -> tuple[ActiveCall, ...]:
        """The calls that are not over."""
        return tuple(self._worker.calls.values()) if self._worker is not None else ()

    def get_call(self, call_id: str) -> ActiveCall | None:
        """The call with this id; None if there is none, or it is over."""
        return self._worker.calls.get(call_id) if self._worker is not None else None

    @overload
    def on(self, event: str) -> Callable[[AnyHandler], AnyHandler]: ...

    @overload
    def on(self, event: str, handler: AnyHandler) -> AnyHandler: ...

    def on(self, event: str, handler: Handler | None = None) -> Any:
        """Register a handler for an event of this client, as a decorator or directly.

        A call whose ``INCOMING_CALL`` handler raises is closed: nobody is left to talk to the caller.

        Args:
            event: A constant of :mod:`voiceagent.call.events` or a member of ``ClientEvent``.
            handler: Sync or async, with one argument (the ``ActiveCall``) or none. Each of its calls runs
                in a task of its own; what it raises is logged.

        Raises:
            ValueError: there is no such event.
            TypeError: the handler needs more than one argument.
        """
        self._handlers.check(event)

        def register(handler: AnyHandler) -> AnyHandler:
            self._handlers.add(event, handler)
            if event == ClientEvent.INCOMING_CALL:
                self._handler_ready.set()
            return handler

        return register if handler is None else register(handler)

    async def connect(self) -> None:
        """Open the control link; from then on calls come in. Does nothing if the client is connected.

        While :meth:`disconnect` is at work, it waits for its end and then connects again.

        The first attempt is the only one: later breaks are mended in the background.

        Raises:
            WSSAuthenticationError: the server refuses the credentials.
            WSSConnectionError: the server cannot be reached.
        """
        async with self._connecting:
            if self._worker is not None and self._task is not None:
                if not self._worker.stopping:
                    return
                await asyncio.wait((self._task,))
            worker = self._worker = Worker(
                self._config, self._handlers, self._handler_ready, self._room, self._media_on_demand
            )
            try:
                await worker.open()
            except BaseException:
                self._worker = None
                raise
            self._task = asyncio.create_task(worker.run(), name="call client")
            self._task.add_done_callback(self._finished)

    async def disconnect(self) -> None:
        """Close the client. Active calls may go on for the grace period, then they are ended.

        Called from a handler or a task of a handler, it does not wait for the end, which comes after that
        handler's. Does nothing if the client is not connected.
        """
        async with self._connecting:
            worker, task = self._worker, self._task
            if worker is None or task is None:
                return
            worker.stop()
        if worker.waits_for_us():
            return
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait((task,))
            raise
        _raise_failure(task)

    def pause(self) -> None:
        """Claim no more calls: those that ring are left to other workers. Active calls go on."""
        self._room.pause()

    def resume(self) -> None:
        """Claim calls again, also those that still ring."""
        self._room.resume()

    async def run_forever(self) -> None:
        """Run until the client is closed; connect first if need be. May be cancelled at any time."""
        if self._task is None:
            await self.connect()
        task = self._task
        if task is not None:
            await asyncio.wait((task,))
            _raise_failure(task)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._worker = self._task = None


def _raise_failure(task: asyncio.Task[None]) -> None:
    """Raise what ended a task early, except that it was cancelled, which only its canceller wants to know."""
    if not task.cancelled():
        task.result()
