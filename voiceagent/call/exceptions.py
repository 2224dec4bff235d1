"""Every error of the call SDK, as one tree.

::

    WSSError
    ├── WSSConnectionError
    ├── WSSAuthenticationError
    ├── WSSMediaError
    ├── BufferFullError
    ├── BufferClosedError
    └── WSSCallError
        ├── WSSCallClosedError
        ├── WSSCallCommandError
        └── WSSCallCommandTimeoutError

Wrong arguments are no part of it: they raise ``ValueError`` or ``TypeError``.
No text of these errors holds an API key, a token or a phone number.
"""

from __future__ import annotations


class WSSError(Exception):
    """Base of all errors of the call SDK."""


class WSSConnectionError(WSSError):
    """The control link cannot be opened. Later breaks raise nothing: the client mends them by itself."""


class WSSAuthenticationError(WSSError):
    """The server refuses the API key, the connector or the client certificate. Trying again does not help."""


class WSSMediaError(WSSError):
    """The media link of a call cannot be opened, or it broke. The call is over for this agent."""


class BufferFullError(WSSError):
    """The outgoing queue has no room for the chunk, and nothing of it was queued.

    ``send_audio(pcm, wait=True)`` waits for room instead.
    """


class BufferClosedError(WSSError):
    """Audio was sent to a call that has ended, or that ended while the chunk waited for room."""


class WSSCallError(WSSError):
    """Base of the errors of one call."""


class WSSCallClosedError(WSSCallError):
    """A command was given to a call that has ended, or the call ended before the command was answered."""


class WSSCallCommandError(WSSCallError):
    """A command was refused, by the server or (code ``INVALID_STATE``) by the state of the call.

    Attributes:
        error_code: What went wrong, for programs. ``CALL_UNANSWERED`` means that the callee did not pick up;
            the call is still live, so the program may ring again, talk on, or end it.
        error_message: What went wrong, for people.
    """

    def __init__(self, error_code: str, error_message: str = "") -> None:
        super().__init__(error_code, error_message)
        self.error_code = error_code
        self.error_message = error_message

    def __str__(self) -> str:
        return f"{self.error_code}: {self.error_message}" if self.error_message else self.error_code


class WSSCallCommandTimeoutError(WSSCallError):
    """A command was not answered in time. It may still take effect; the call's ``state`` tells."""


__all__ = [
    "BufferClosedError",
    "BufferFullError",
    "WSSAuthenticationError",
    "WSSCallClosedError",
    "WSSCallCommandError",
    "WSSCallCommandTimeoutError",
    "WSSCallError",
    "WSSConnectionError",
    "WSSError",
    "WSSMediaError",
]
