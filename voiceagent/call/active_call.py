"""A phone call that came in through the call server, as the program sees it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, Self, overload

from voiceagent.call._handlers import AnyHandler, Handler
from voiceagent.call._host import served
from voiceagent.call._secrets import Secret
from voiceagent.call._session import CallSession, CallState
from voiceagent.call._takeover import HandedOffCall
from voiceagent.call.base import Capabilities, EndReason, Playback
from voiceagent.call.config import DEFAULT_BASE_URL, CallClientConfig
from voiceagent.wire import control, handoff, media

if TYPE_CHECKING:
    from typing_extensions import Buffer


class Counters(NamedTuple):
    """What went wrong on one call without ending it."""

    malformed_messages: int
    """Messages and frames from the server that were dropped because they do not follow the protocol."""

    foreign_frames: int
    """Audio frames on channels other than the call's, dropped."""

    incoming_dropped_bytes: int
    """Incoming audio dropped because the program was slow to read it."""

    late_frames: int
    """Audio frames that came after the end of the call, dropped."""

    late_answers: int
    """Commands that the server answered after their deadline, when the program had got the timeout."""

    outgoing_overflows: int
    """Chunks that :meth:`ActiveCall.send_audio` refused with ``BufferFullError``."""


class ActiveCall:
    """One phone call.

    Programs get it from an ``INCOMING_CALL`` handler. Its media link is open by then, unless the client was
    made with ``media_on_demand=True``.

    Audio is mono, signed 16-bit little-endian PCM at :attr:`sample_rate`, in both directions.

    Commands raise :class:`~voiceagent.call.exceptions.WSSCallCommandError` when the server refuses them or
    (code ``INVALID_STATE``) the state forbids them, :class:`~voiceagent.call.exceptions.WSSCallClosedError`
    when the call has ended or ends meanwhile, :class:`~voiceagent.call.exceptions.WSSMediaError` when the
    media link breaks meanwhile, and :class:`~voiceagent.call.exceptions.WSSCallCommandTimeoutError` when the
    server does not answer.
    """

    def __init__(self, session: CallSession) -> None:
        """Made by the client."""
        self._session = session

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.call_id} {self.state}>"

    # What the call is ---------------------------------------------------------------------------------

    @property
    def call_id(self) -> str:
        """Unique id of the call."""
        return self._session.call_id

    @property
    def caller_number(self) -> str | None:
        """Who calls; None if withheld."""
        return self._session.caller_number

    @property
    def callee_number(self) -> str | None:
        """Who was called."""
        return self._session.callee_number

    @property
    def direction(self) -> str:
        """Always ``"MT"``, for a call that came in."""
        return "MT"

    @property
    def sample_rate(self) -> int:
        """Sample rate of both directions in Hz."""
        return self._session.sample_rate

    @property
    def capabilities(self) -> Capabilities:
        """This line can connect the callee, whisper, and tell what was played."""
        return Capabilities(transfer=True, whisper=True, exact_playback=True)

    @property
    def state(self) -> CallState:
        """Where the call is. It changes when the server's word arrives."""
        return self._session.state

    @property
    def end_reason(self) -> EndReason | None:
        """Why the call is over; None while it is not."""
        return self._session.end_reason

    @property
    def playback(self) -> Playback:
        """What has been queued and what has been played so far.

        The position is exact to one request of the server (some 20 to 40 ms): it may lag by that much, and
        never runs ahead. On a server that asks for everything in advance it is reckoned by the clock.
        Clearing cuts the timeline at what has been played, so that ``queued_ms`` falls back to
        ``played_ms`` and new audio is counted from there.
        """
        return self._session.outgoing.playback

    @property
    def counters(self) -> Counters:
        """What went wrong without ending the call."""
        session = self._session
        return Counters(
            malformed_messages=session.link.malformed,
            foreign_frames=session.link.foreign_frames,
            incoming_dropped_bytes=session.incoming.dropped_bytes,
            late_frames=session.link.late_frames,
            late_answers=session.link.late_answers,
            outgoing_overflows=session.outgoing.overflows,
        )

    # Events -------------------------------------------------------------------------------------------

    @overload
    def on(self, event: str) -> Callable[[AnyHandler], AnyHandler]: ...

    @overload
    def on(self, event: str, handler: AnyHandler) -> AnyHandler: ...

    def on(self, event: str, handler: Handler | None = None) -> Any:
        """Register a handler for an event of this call, as a decorator or directly.

        Args:
            event: A constant of :mod:`voiceagent.call.events` or a member of ``CallEvent``.
            handler: Sync or async, with one argument (a dict of details) or none. Each of its calls runs
                in a task of its own; what it raises is logged. A handler for ``CALL_TERMINATED`` that is
                registered after the call's end is called at once, as long as its client runs.

        Raises:
            ValueError: there is no such event.
            TypeError: the handler needs more than one argument.
        """
        self._session.check_event(event)

        def register(handler: AnyHandler) -> AnyHandler:
            self._session.add_handler(event, handler)
            return handler

        return register if handler is None else register(handler)

    def register_event_handler(self, event: str, handler: Handler) -> None:
        """Register a handler, as :meth:`on` does."""
        self.on(event, handler)

    async def wait_terminated(self) -> None:
        """Return when the call is over for this agent."""
        await self._session.over.wait()

    # Hand-off -----------------------------------------------------------------------------------------

    def to_json(self) -> str:
        """Hand a pending call off: the text with which another process takes it, by :meth:`from_json`.

        In this process the call is over then, with the reason ``handed_off``; the caller hears it ring on.
        Audio that was queued here is dropped. It works only before the media link is open, hence in a client
        that was made with ``media_on_demand=True``, and this client's control link must stay up until the
        other process has opened the media link.

        The text holds the token that opens the call. Treat it as a password: whoever reads it can listen.

        Returns:
            JSON with the fields of the public client's hand-off, which may take the call as well, and
            ``sample_rate``.

        Raises:
            WSSCallCommandError: ``INVALID_STATE``: the media link is or was wanted in this process.
            WSSCallClosedError: the call has ended, or was handed off before.
        """
        return self._session.hand_off()

    @classmethod
    def from_json(cls, text: str | bytes, config: CallClientConfig | None = None) -> HandedOffCall[Self]:
        """Take a call that another process handed off with :meth:`to_json`. It takes no client and no key.

        ::

            async with ActiveCall.from_json(text) as call:
                await call.answer()

        Entering the block opens the media link. Leaving it ends the call, if it is not over, as
        :meth:`close` does. A block that fails because the call has ended under it (``BufferClosedError``,
        ``WSSCallClosedError``) just ends, as an ``INCOMING_CALL`` handler does.

        Args:
            text: What :meth:`to_json` returned here or in the public client. It says which server to connect
                to, so take it only from where you trust.
            config: For a buffer size, TLS settings or a grace period other than the defaults, and for a text
                of the public client, which does not tell the sample rate.

        Raises:
            ValueError: the text is no hand-off, or the config has another sample rate than the call.
            WSSMediaError: on entering: the media link cannot be opened.
        """
        # First of all, so that no report of an error in what follows shows it among its variables.
        if isinstance(text, bytes):
            text = text.decode(errors="replace")
        if not isinstance(text, str):
            raise TypeError(f"from_json() takes the text of to_json(), not {type(text).__name__}")
        text = Secret(text)
        offer = handoff.decode_handoff(text)
        if config is None:
            if offer.sample_rate is None:
                raise ValueError(
                    "the text does not tell the sample rate of the call: pass a config that does"
                )
            config = CallClientConfig(base_url=DEFAULT_BASE_URL, sample_rate=offer.sample_rate)
        elif offer.sample_rate not in (None, config.sample_rate):
            raise ValueError(
                f"the call has {offer.sample_rate} Hz, but the config {config.sample_rate} Hz: "
                "make both configs with the same sample_rate"
            )
        call_in = control.CallIn(
            session_id="",
            call_id=offer.id,
            from_=offer.caller,
            to=offer.callee,
            url=offer.session_url,
            token=offer.session_token,
        )

        @asynccontextmanager
        async def taken() -> AsyncIterator[Self]:
            async with served(call_in, config) as session:
                yield cls(session)

        return HandedOffCall(offer.id, taken)

    # Commands -----------------------------------------------------------------------------------------

    async def answer(self) -> None:
        """Answer a pending call: the caller and the agent can talk."""
        await self._session.command(media.ANSWER)

    async def connect(self, ring_time_seconds: int = 60) -> None:
        """Ring the original callee, and join them to the call. From then on both parties hear the agent.

        If they do not answer, the error code is ``CALL_UNANSWERED``, ``CALL_CONNECT_FAILED`` fires, and the
        call goes on as before.

        Args:
            ring_time_seconds: How long to ring, from 1 to 120 seconds.

        Raises:
            ValueError: the ring time is out of range.
            TypeError: it is no number.
        """
        if not isinstance(ring_time_seconds, int | float):
            raise TypeError(
                f"ring_time_seconds must be a number, not {type(ring_time_seconds).__name__}: "
                "connect() rings the number that was called"
            )
        shortest, longest = media.RING_SECONDS
        if not shortest <= ring_time_seconds <= longest:
            raise ValueError(f"ring_time_seconds is {ring_time_seconds}, but must be {shortest} to {longest}")
        await self._session.command(
            media.CONNECT,
            timeout_ms=int(ring_time_seconds * 1000),
            data={"ringTimeSeconds": int(ring_time_seconds)},
        )

    async def whisper(self) -> None:
        """Let only the callee hear the agent. The agent hears both."""
        await self._session.command(media.WHISPER)

    async def barge(self) -> None:
        """Let both parties hear the agent, as right after :meth:`connect`."""
        await self._session.command(media.BARGE)

    async def spy(self) -> None:
        """Let nobody hear the agent. The agent hears both."""
        await self._session.command(media.SPY)

    async def close(self) -> None:
        """Leave the call. Connected parties stay connected; an answered call ends, a pending one is rejected.

        Audio that is still queued is not played: await :meth:`drained` first to let it play out. Does nothing
        if the call is over.
        """
        await self._session.leave()

    async def disconnect(self) -> None:
        """End the call for everybody; reject it if it is pending. Does nothing if the call is over."""
        await self._session.finish(media.DISCONNECT)

    async def force_disconnect(self) -> None:
        """End the call at once from this side, whatever the server says. Does nothing if the call is over."""
        self._session.force_end()

    async def hangup(self) -> None:
        """End the call for everybody, as :meth:`disconnect` does."""
        await self.disconnect()

    # Audio --------------------------------------------------------------------------------------------

    def audio_stream(self) -> AsyncIterator[bytes]:
        """What the parties say, in chunks as the server sends them (the sandbox: 20 ms), until the call ends.

        Up to 10 s wait for a slow program, then the oldest are dropped and counted. Every chunk goes to one
        reader: iterating again goes on where the last iteration stopped, and a second task that waits for
        a chunk at the same time gets a ``RuntimeError``.
        """
        return self._session.incoming

    async def send_audio(self, audio_data: Buffer, *, wait: bool = False) -> None:
        """Queue audio for playback. It leaves when the server asks for it.

        Audio may be queued before the call is answered; it is played from then on.

        Args:
            audio_data: PCM in whole samples, of any length that fits: bytes, or anything that holds 16-bit
                integers or raw bytes, such as a numpy array of int16.
            wait: Wait for room instead of raising ``BufferFullError``. What waits when the queue is cleared
                is dropped, too: it belongs to the audio that was cleared.

        Raises:
            ValueError: the audio ends in half a sample.
            BufferFullError: it does not fit, and nothing of it was queued.
            BufferClosedError: the call has ended.
            TypeError: it holds other numbers than 16-bit integers.
        """
        pcm = audio_data if type(audio_data) is bytes else _pcm(audio_data)
        session = self._session
        if wait:
            await session.queue_all(pcm)
        else:
            session.outgoing.put(pcm)
            session.pump()

    def clear_audio(self) -> None:
        """Drop everything that is queued, here and on the line, without waiting for the line's answer.

        Not one byte of what was queued leaves after this.
        """
        self._session.clear()

    async def clear_send_audio_buffer(self) -> None:
        """Do what :meth:`clear_audio` does, and wait until the server has dropped what it held."""
        self._session.clear()
        await self._session.cleared()

    async def interrupt(self) -> None:
        """Stop the agent's speech, as :meth:`clear_send_audio_buffer` does."""
        await self.clear_send_audio_buffer()

    def get_send_audio_buffer_size(self) -> int:
        """Bytes of audio that are queued here and have not been sent."""
        return self._session.outgoing.size

    async def drained(self) -> None:
        """Return when everything queued so far has been played or cleared, or the call has ended.

        If the server's requests do not tell, it returns 2 s after the audio should have ended; and so it does
        while the call is pending and nobody listens.
        """
        await self._session.outgoing.drained()


def _pcm(audio: Buffer) -> bytes:
    """The bytes of a buffer. Floating-point samples would be noise on the line."""
    view = memoryview(audio)
    if view.format.lstrip("@=<>!") not in ("c", "b", "B", "h", "H"):
        raise TypeError(f"audio of format {view.format!r} is no PCM: convert it to 16-bit integers")
    return view.tobytes()
