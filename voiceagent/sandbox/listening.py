"""What a server of the sandbox says when it cannot listen: one line with its address and the reason."""

from __future__ import annotations

import errno
import os


def check_port(who: str, host: str, port: int) -> None:
    """Refuse a number that is no port, before a socket is opened for it.

    Raises:
        OSError: as :func:`cannot_listen`.
    """
    if not 0 <= port <= 65535:
        raise OSError(errno.EINVAL, _line(who, host, port, "a port is a number from 0 to 65535"))


def cannot_listen(who: str, host: str, port: int, error: OSError) -> OSError:
    """The error to raise when ``who`` cannot listen because of ``error``."""
    number = error.errno or errno.EINVAL
    # The text of asyncio's own errors names the address again. Numbers below 0 are those of name look-ups.
    reason = os.strerror(number) if number > 0 else error.strerror or str(error)
    return OSError(number, _line(who, host, port, reason))


def _line(who: str, host: str, port: int, reason: str) -> str:
    return f"{who} cannot listen on {host}:{port}: {reason}"
