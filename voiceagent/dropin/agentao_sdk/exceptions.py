"""The errors of :mod:`voiceagent.call.exceptions`."""

from voiceagent.call.exceptions import (
    BufferClosedError,
    BufferFullError,
    WSSAuthenticationError,
    WSSCallClosedError,
    WSSCallCommandError,
    WSSCallCommandTimeoutError,
    WSSCallError,
    WSSConnectionError,
    WSSError,
    WSSMediaError,
)

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
