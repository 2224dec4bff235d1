"""What mail and webhook have in common: whom they trust."""

from __future__ import annotations

import asyncio
import ssl
from ipaddress import ip_address

import httpx


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def trusting() -> ssl.SSLContext:
    """TLS that trusts the usual authorities, or those of ``SSL_CERT_FILE``.

    Made in a thread: reading the certificates takes tens of milliseconds, and the audio of calls must not
    wait.
    """
    return await asyncio.to_thread(httpx.create_ssl_context)
