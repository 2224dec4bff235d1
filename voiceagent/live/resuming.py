"""A live session that outlives its connections: resumption, goAway, and drops.

Its rule: what the caller says and hears does not depend on which connection it goes over. Whoever reads
:meth:`ResumingSession.events` moves the session to its next connection; only while a ``goAway`` counts down
does a task of the session's own prepare that beside the reading, and it ends with the reading.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from enum import Enum
from typing import Any

from voiceagent.live.events import GoAway, LiveEvent, Reopened, ResumptionHandle, TurnComplete
from voiceagent.live.opening import Handle, Opener, end
from voiceagent.live.quiet import QuietMoment
from voiceagent.live.session import (
    LiveClosedError,
    LiveConfig,
    LiveConnectError,
    LiveConnection,
    LiveConnector,
    Memory,
    Said,
    Scheduling,
)
from voiceagent.live.unanswered import Remark, Unanswered

logger = logging.getLogger(__name__)

_INVALID = 1007
"""With this code the service refuses what the session holds: its handle would bring that back."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 5.0
"""Seconds between attempts while the old connection is still there."""

_FIRST_SECONDS = 6.0
"""So long may the first connection take: the caller hears it ring meanwhile."""

_LEAST_NOTICE = 10.0
"""Seconds until the connection is closed, where a ``goAway`` does not say."""

_MARGIN = 3.0
"""So many seconds before its end a connection is left though somebody speaks; at most half of its notice."""

_CATCH_UP_SECONDS = 10.0
"""Telling a new connection what it has missed may take so long."""


class _State(Enum):
    """What is done with what is to be sent."""

    OPEN = "open"
    LEAVING = "leaving"
    """It is sent. The connection will be closed; a quiet moment is awaited to go on over another."""
    HOLDING = "holding"
    """It is kept: there is no connection, or one that has not caught up."""
    CLOSED = "closed"


class ResumingSession:
    """A conversation with a model, over one connection after the other. Made by :meth:`open`.

    Caller audio, texts and tool results may be given at any time. While there is no connection they are kept
    (audio: 30 s, the oldest is dropped and counted) and sent in order once there is.
    """

    def __init__(
        self, connection: LiveConnection, connector: LiveConnector, config: LiveConfig, memory: Memory
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._connection = connection
        self._opener = Opener(connector, config)
        self._memory = memory
        self._state = _State.OPEN
        self._unanswered = Unanswered()
        self._audio = self._unanswered.audio
        # Until when a handle that comes now covers the conversation: a service sends one at once, which
        # stands for what the connection was opened with, and one after each turn.
        self._covered: float | None = None
        self._held_since = 0.0
        self._cause = ""
        self._quiet = QuietMoment(memory, self._unanswered)
        # The task that goes on over another connection while a goAway counts down.
        self._moving: asyncio.Task[Reopened] | None = None
        self._over = asyncio.Event()

    @classmethod
    async def open(cls, connector: LiveConnector, config: LiveConfig, memory: Memory) -> ResumingSession:
        """Open the first connection.

        Raises:
            LiveConnectError: it could not be opened; it is tried once.
        """
        try:
            async with asyncio.timeout(_FIRST_SECONDS):
                connection = await connector.open(config)
        except TimeoutError:
            raise LiveConnectError(f"no live session within {_FIRST_SECONDS:g} s") from None
        return cls(connection, connector, config, memory)

    # To the model -------------------------------------------------------------------------------------------

    async def send_audio(self, pcm: bytes) -> None:
        """Send caller audio: s16le mono PCM at 16 kHz.

        Raises:
            LiveClosedError: the session is over.
        """
        state = self._state
        if state is _State.CLOSED:
            raise _is_over()
        sent = state is not _State.HOLDING
        self._audio.add(pcm, speaks=self._memory.caller_speaks(), sent=sent)
        if state is _State.LEAVING:
            self._quiet.look()
        if sent:
            connection = self._connection
            try:
                await connection.send_audio(pcm)
            except LiveClosedError:
                self._hold(connection)

    async def send_text(self, text: str, *, keep: bool = True) -> None:
        """Say something to the model as the user, and let it answer.

        Args:
            text: What it is told.
            keep: Whether another connection is told it where this one is lost before the model reacts.

        Raises:
            LiveClosedError: the session is over.
        """
        if keep:
            await self._tell(Remark((), text))
            return
        if self._state is _State.CLOSED:
            raise _is_over()
        if self._state is not _State.HOLDING:
            connection = self._connection
            try:
                await connection.send_text(text)
            except LiveClosedError:
                self._hold(connection)

    async def send_said(self, said: Sequence[Said], *, answer: str | None = None) -> None:
        """Tell the model what was said before.

        Raises:
            LiveClosedError: the session is over.
        """
        await self._tell(Remark(tuple(said), answer))

    async def send_tool_result(
        self, call_id: str, name: str, response: Mapping[str, Any], *, scheduling: Scheduling | None = None
    ) -> None:
        """Give the result of a tool call. One that was made over a lost connection is told as text.

        Raises:
            LiveClosedError: the session is over.
        """
        if self._state is _State.CLOSED:
            raise _is_over()
        silent = scheduling is Scheduling.SILENT
        given = self._unanswered.give(call_id, name, response, silent=silent)
        if isinstance(given, Remark):
            await self._tell(given)
        elif self._state is not _State.HOLDING:
            connection = self._connection
            try:
                await connection.send_tool_result(given, name, response, scheduling=scheduling)
            except LiveClosedError:
                self._hold(connection)

    async def _tell(self, remark: Remark) -> None:
        if self._state is _State.CLOSED:
            raise _is_over()
        sent = self._state is not _State.HOLDING
        if self._unanswered.tell(remark, sent=sent) and sent:
            connection = self._connection
            try:
                await remark.say(connection)
            except LiveClosedError:
                self._hold(connection)

    def _hold(self, connection: LiveConnection) -> None:
        """A connection is lost; the reader of its events will see it, too, and open the next one."""
        if connection is self._connection and self._state in (_State.OPEN, _State.LEAVING):
            self._state = _State.HOLDING
            self._held_since = self._loop.time()

    # From the model -----------------------------------------------------------------------------------------

    async def events(self) -> AsyncGenerator[LiveEvent]:
        """What happens, across turns and connections.

        Raises:
            LiveClosedError: the session is over: it was closed, or no further connection could be opened.
        """
        try:
            while True:
                connection = self._connection
                try:
                    async for event in connection.events():
                        if self._connection is not connection:
                            # What a model still says that the session has moved away from.
                            continue
                        if isinstance(event, ResumptionHandle):
                            self._opener.handle = Handle(event, self._covered)
                            self._unanswered.covered()
                        elif isinstance(event, GoAway):
                            self._leave(event)
                        else:
                            if isinstance(event, TurnComplete):
                                self._covered = self._loop.time()
                            yield self._unanswered.heard(event)
                        if self._state is _State.LEAVING:
                            self._quiet.look()
                    closed = LiveClosedError(1006, "the connection ended")
                except LiveClosedError as error:
                    closed = error
                yield await self._go_on(connection, closed)
        finally:
            await self._stop_moving()

    async def reopen(self, cause: str) -> None:
        """Go on over another connection, because this one seems dead.

        Args:
            cause: Why, in a few words, for the log and for :class:`.events.Reopened`.
        """
        connection = self._connection
        if self._state in (_State.OPEN, _State.LEAVING):
            self._cause = cause
            self._hold(connection)
            # The reader of its events wakes up by it.
            await end(connection)

    async def close(self) -> None:
        """End the session. Closing twice does nothing."""
        self._state = _State.CLOSED
        self._over.set()
        await self._stop_moving()
        await self._connection.close()

    # From a lost connection to the next ---------------------------------------------------------------------

    async def _go_on(self, lost: LiveConnection, closed: LiveClosedError) -> Reopened:
        """A connection has ended; returns when there is another.

        Raises:
            LiveClosedError: there is none.
        """
        if self._connection is not lost:
            return await self._moved(closed)
        await self._stop_moving()
        if self._state is _State.CLOSED:
            raise closed
        self._hold(lost)
        await end(lost)
        cause, self._cause = self._cause or f"closed with code {closed.code}", ""
        logger.warning("going on over another connection (%s): %s", cause, closed)
        self._opener.attempts.lost(self._held_since, self._unanswered.reactions)
        if closed.code == _INVALID or self._opener.attempts.failures > 1:
            self._opener.handle = None
        return await self._reopen(closed, cause)

    async def _reopen(self, closed: LiveClosedError, cause: str) -> Reopened:
        """Open the next connection, in as many attempts as it takes and is sensible."""
        why: Exception = closed
        while (pause := self._opener.attempts.next_pause(self._loop.time())) is not None:
            await self._rest(pause)
            if self._over.is_set():
                raise closed
            handle = self._opener.handle
            try:
                connection = await self._open()
            except LiveConnectError as error:
                why = error
                continue
            if self._over.is_set():
                await end(connection)
                raise closed
            self._connection = connection
            return await self._take_up(cause, handle, resend=True, gap_since=self._held_since)
        self._state = _State.CLOSED
        raise LiveClosedError(closed.code, f"{closed.reason}; it could not be opened again: {why}") from why

    async def _open(self) -> LiveConnection:
        return await self._opener.open(something_said=bool(self._missed(None)))

    async def _take_up(
        self, cause: str, handle: Handle | None, *, resend: bool, gap_since: float | None = None
    ) -> Reopened:
        """Tell the new connection what it has missed.

        Args:
            cause: Why there is a new one.
            handle: What it was opened with.
            resend: Whether something was open between caller and model, so that it is sent again.
            gap_since: Since when there was no connection, if that was so.
        """
        connection, unanswered = self._connection, self._unanswered
        now = self._loop.time()
        self._opener.attempts.opened(now, unanswered.reactions)
        unanswered.lose_connection()
        self._covered = None if handle is None else handle.covers
        unfinished = self._memory.unfinished() if resend else None
        said = self._missed(handle)
        if resend:
            unanswered.send_again()
        answer = None if unanswered.answer_comes else unfinished
        if self._state is not _State.CLOSED:
            self._state = _State.HOLDING
        try:
            async with asyncio.timeout(_CATCH_UP_SECONDS):
                if said or answer is not None:
                    await connection.send_said(said, answer=answer)
                await self._catch_up(connection)
        except LiveClosedError:
            # The reader of its events sees it, too.
            self._held_since = self._loop.time()
        except TimeoutError:
            self._held_since = self._loop.time()
            await end(connection)
        gap_ms = 0.0 if gap_since is None else (now - gap_since) * 1000
        logger.info("another connection is open (%s), after %.0f ms without one", cause, gap_ms)
        return Reopened(cause, gap_ms, handle is not None, unfinished is not None)

    async def _catch_up(self, connection: LiveConnection) -> None:
        """Send what is kept, in order; then what comes is sent as it comes."""
        unanswered = self._unanswered
        while True:
            if (remark := unanswered.next_remark()) is not None:
                await remark.say(connection)
            elif chunk := unanswered.audio.next_chunk():
                await connection.send_audio(chunk)
            else:
                break
        if self._state is _State.HOLDING:
            self._state = _State.OPEN
        if unanswered.audio.lost_ms:
            logger.warning("%.0f ms of the caller were too much to be kept", unanswered.audio.lost_ms)
            unanswered.audio.lost_ms = 0.0

    def _missed(self, handle: Handle | None) -> list[Said]:
        """What was said that a connection does not know which is opened with ``handle``."""
        said = self._memory.said_since(None if handle is None else handle.covers)
        return [*said, *self._unanswered.calls_to_tell()]

    async def _rest(self, seconds: float) -> None:
        """Wait, but not once the session is closed."""
        if seconds:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._over.wait()

    # From a connection that will be closed to the next ------------------------------------------------------

    def _leave(self, notice: GoAway) -> None:
        """The connection will be closed: go on over another in a quiet moment before."""
        if self._state is _State.OPEN:
            self._state = _State.LEAVING
            seconds = _LEAST_NOTICE if notice.seconds_left is None else notice.seconds_left
            logger.info("the connection will be closed in %g s; a quiet moment is awaited", seconds)
            self._moving = self._loop.create_task(self._move(seconds), name="next live connection")

    async def _move(self, notice: float) -> Reopened:
        old = self._connection
        deadline = self._loop.time() + notice - min(_MARGIN, notice / 2)
        pause = _FIRST_PAUSE
        while True:
            forced = not await self._quiet.wait(deadline)
            handle = self._opener.handle
            try:
                connection = await self._open()
            except LiveConnectError:
                pause = min(2 * pause, _LONGEST_PAUSE)
                await self._rest(pause)
                continue
            current = handle is self._opener.handle and self._unanswered.idle
            if current or forced:
                break
            # The model has begun to speak meanwhile: what it says is not what the handle stands for.
            await end(connection)
        # Where only the caller speaks, the new connection hears all of it.
        resend = not (current and self._quiet.is_now)
        self._connection = connection
        try:
            return await self._take_up("goAway", handle, resend=resend)
        finally:
            await end(old)

    async def _moved(self, closed: LiveClosedError) -> Reopened:
        """The session has gone on over another connection already; wait until that has caught up."""
        moving, self._moving = self._moving, None
        if moving is None:
            raise closed
        try:
            return await moving
        except asyncio.CancelledError:
            if self._state is _State.CLOSED and not _is_cancelled():
                raise closed from None
            raise

    async def _stop_moving(self) -> None:
        moving, self._moving = self._moving, None
        if moving is not None:
            moving.cancel()
            await asyncio.wait((moving,))
            if not moving.cancelled():
                moving.result()


def _is_over() -> LiveClosedError:
    return LiveClosedError(1000, "the session is over")


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and bool(task.cancelling())
