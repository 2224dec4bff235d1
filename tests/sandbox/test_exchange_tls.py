"""Client certificates take the place of the key."""

from __future__ import annotations

import ssl

import pytest
import trustme
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

from tests.sandbox.raw_client import CALLEE, CALLER, Agent, Worker
from voiceagent.sandbox.exchange import Exchange
from voiceagent.wire import media


async def test_an_agent_with_a_certificate_needs_no_key() -> None:
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.configure_trust(server)
    server.verify_mode = ssl.CERT_REQUIRED
    client = ssl.create_default_context()
    authority.configure_trust(client)
    async with Exchange(ssl_context=server) as exchange:
        with pytest.raises((ssl.SSLError, ConnectionClosed, InvalidMessage, OSError)):
            await Worker.connect(exchange, ssl=client).__aenter__()
        authority.issue_cert("agent").configure_cert(client)
        async with Worker.connect(exchange, key="not a key", ssl=client) as worker:
            exchange.phone(CALLER, CALLEE)
            call_in = await worker.claim()
            assert call_in.url.startswith("wss://")
            async with Agent.connect(call_in, worker.journal, ssl=client) as agent:
                await agent.ok(media.ANSWER)


async def test_where_certificates_are_optional_an_agent_shows_one_or_sends_the_key() -> None:
    """The public client shows its certificate on the control link, and none on the media link."""
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.configure_trust(server)
    server.verify_mode = ssl.CERT_OPTIONAL
    bare, certified = ssl.create_default_context(), ssl.create_default_context()
    authority.configure_trust(bare)
    authority.configure_trust(certified)
    authority.issue_cert("agent").configure_cert(certified)
    async with Exchange(ssl_context=server) as exchange:
        with pytest.raises(InvalidStatus):
            await Worker.connect(exchange, key="not a key", ssl=bare).__aenter__()
        async with Worker.connect(exchange, ssl=bare):
            pass
        async with Worker.connect(exchange, key="not a key", ssl=certified) as worker:
            exchange.phone(CALLER, CALLEE)
            call_in = await worker.claim()
            async with Agent.connect(call_in, worker.journal, ssl=bare) as agent:
                await agent.ok(media.ANSWER)
