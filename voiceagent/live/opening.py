"""Opens the connections of a session, each where the last one was, as far as the service remembers."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace

from voiceagent.live.attempts import Attempts
from voiceagent.live.events import ResumptionHandle
from voiceagent.live.session import LiveConfig, LiveConnectError, LiveConnection, LiveConnector

logger = logging.getLogger(__name__)

_ATTEMPT_SECONDS = 4.0
"""So long may one attempt take: a connection that hangs is not the way to a caller who waits."""

_REFUSALS = frozenset({1007, 1008})
"""With these codes a service refuses a handle: it is malformed, or no session is found for it."""

_CLOSE_SECONDS = 2.0
"""Closing a connection may take so long."""


@dataclass(frozen=True, slots=True)
class Handle:
    """A resumption handle.

    Attributes:
        event: The handle as it came.
        covers: Until when the service remembers the conversation by it, on the event loop's clock; None: it
            remembers nothing yet.
    """

    event: ResumptionHandle
    covers: float | None


class Opener:
    """Opens connections for one session.

    Attributes:
        handle: Where the next connection goes on; None where the service does not remember the session.
        attempts: Counts what is tried.
    """

    def __init__(self, connector: LiveConnector, config: LiveConfig) -> None:
        self.handle: Handle | None = None
        self.attempts = Attempts()
        self._connector = connector
        self._config = config

    async def open(self, *, something_said: bool) -> LiveConnection:
        """Try once to open a connection; a handle that turns out to be of no use is forgotten.

        Args:
            something_said: Whether a model without a handle has something to be told first.

        Raises:
            LiveConnectError: it failed, or took too long.
        """
        handle = self.handle
        try:
            async with asyncio.timeout(_ATTEMPT_SECONDS):
                if handle is not None:
                    return await self._connector.open(self._config, handle=handle.event.handle)
                return await self._connector.open(replace(self._config, continues=something_said))
        except TimeoutError:
            error = LiveConnectError(f"no connection within {_ATTEMPT_SECONDS:g} s")
        except LiveConnectError as failed:
            error = failed
        logger.warning("attempt %d: %s", self.attempts.made, error)
        # A service that breaks down over a handle is not asked for a third time.
        refused = error.code in _REFUSALS or (error.code is not None and self.attempts.made > 1)
        if refused and handle is self.handle:
            self.handle = None
        raise error


async def end(connection: LiveConnection) -> None:
    """Close a connection whose work is done; that it does not go well does not matter any more."""
    try:
        async with asyncio.timeout(_CLOSE_SECONDS):
            await connection.close()
    except Exception as error:
        logger.debug("closing a connection: %r", error)
