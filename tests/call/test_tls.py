"""Who proves what to whom: server certificates, client certificates, and the links in the clear."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

import pytest
import trustme
from websockets.asyncio.server import serve

from tests.call.certificates import Certificates
from tests.call.line import CALLEE, CALLER, Inbox, config, noise
from tests.call.scripted import ScriptedServer
from tests.virtual_time import virtual_time
from voiceagent.call import ActiveCall, CallClient, CallClientConfig, events
from voiceagent.call.exceptions import WSSAuthenticationError, WSSConnectionError
from voiceagent.sandbox.exchange import Exchange

REFUSED: dict[str, tuple[Callable[[Certificates], tuple[str, str]], str]] = {
    "of another authority": (lambda certificates: certificates.client(trustme.CA()), "UNKNOWN_CA"),
    "expired": (Certificates.expired, "CERTIFICATE_EXPIRED"),
    "self-signed": (Certificates.self_signed, "UNKNOWN_CA"),
}
"""Client certificates that no server accepts, and the alert with which it says so."""


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


class TlsServer(ScriptedServer):
    """A call server that a test plays, over TLS."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__()
        self._context = context

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._serve, "127.0.0.1", 0, ssl=self._context, compression=None, close_timeout=0.1
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]
        self.url = f"wss://127.0.0.1:{self.port}"
        return self


def production(
    certificates: Certificates, url: str, files: tuple[str, str] | None = None
) -> CallClientConfig:
    cert, key = files or certificates.client()
    return CallClientConfig.production(
        cert, key, base_url=url, ca_file=certificates.ca_file, grace_period=0.5
    )


async def complete_a_call(exchange: Exchange, settings: CallClientConfig) -> None:
    async with CallClient(settings) as client:
        inbox = Inbox(client)
        there = exchange.phone(CALLER, CALLEE)
        call = await inbox.take()
        await call.answer()
        greeting = noise(200)
        await call.send_audio(greeting)
        await call.drained()
        await call.disconnect()
        assert greeting in there.caller.heard()


def test_a_call_over_tls_with_an_api_key(certificates: Certificates) -> None:
    @virtual_time
    async def run() -> None:
        async with Exchange(ssl_context=certificates.server("127.0.0.1")) as exchange:
            assert exchange.url.startswith("wss://")
            await complete_a_call(exchange, config(exchange, ca_file=certificates.ca_file))
            with pytest.raises(WSSConnectionError, match=r"certificate is not trusted .* pass ca_file"):
                await CallClient(config(exchange)).connect()

    run()


def test_the_server_must_have_the_name_that_was_asked_for(certificates: Certificates) -> None:
    @virtual_time
    async def run() -> None:
        async with Exchange(ssl_context=certificates.server("calls.example")) as exchange:
            with pytest.raises(WSSConnectionError, match=r"mismatch.*is the host of base_url right"):
                await CallClient(config(exchange, ca_file=certificates.ca_file)).connect()

    run()


def test_a_client_certificate_takes_the_place_of_the_key(certificates: Certificates) -> None:
    @virtual_time
    async def run() -> None:
        context = certificates.server("127.0.0.1", clients=certificates.authority)
        async with Exchange(ssl_context=context) as exchange:
            await complete_a_call(exchange, production(certificates, exchange.url))
            with pytest.raises(WSSConnectionError, match=r"does it want a \(different\) client certificate"):
                await CallClient(config(exchange, ca_file=certificates.ca_file)).connect()

    run()


@pytest.mark.parametrize("kind", REFUSED)
def test_a_client_certificate_that_proves_nothing_is_refused(certificates: Certificates, kind: str) -> None:
    files = REFUSED[kind][0](certificates)

    @virtual_time
    async def run() -> None:
        context = certificates.server("127.0.0.1", clients=certificates.authority)
        async with Exchange(ssl_context=context) as exchange:
            with pytest.raises(WSSConnectionError, match=r"does it want a \(different\) client certificate"):
                await CallClient(production(certificates, exchange.url, files)).connect()
            assert exchange.controls == []

    run()


def alert(listener: socket.socket, context: ssl.SSLContext) -> None:
    """Be a server that takes one connection and says what it has against the client's certificate."""
    raw, _ = listener.accept()
    tls = context.wrap_socket(raw, server_side=True, do_handshake_on_connect=False)
    with suppress(ssl.SSLError):
        tls.do_handshake()
    with socket.socket(fileno=tls.detach()) as plain:
        # Closing with data unread would reset the connection, and the reset overtakes the alert.
        plain.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):
            while plain.recv(4096):
                pass


@pytest.mark.realtime
@pytest.mark.parametrize("kind", [*REFUSED, "missing"])
async def test_a_server_that_says_why_it_refuses_a_certificate_is_quoted(
    certificates: Certificates, kind: str
) -> None:
    context = certificates.server("127.0.0.1", clients=certificates.authority)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"wss://127.0.0.1:{listener.getsockname()[1]}"
        if kind == "missing":
            reason = "CERTIFICATE_REQUIRED"
            settings = CallClientConfig.sandbox(
                "key-0123456789", "connector", base_url=url, ca_file=certificates.ca_file
            )
        else:
            make, reason = REFUSED[kind]
            settings = production(certificates, url, make(certificates))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(asyncio.to_thread(alert, listener, context))
            with pytest.raises(WSSAuthenticationError, match=reason):
                await CallClient(settings).connect()


def test_the_client_certificate_is_shown_to_the_call_server_only(certificates: Certificates) -> None:
    cert, key = certificates.client()
    settings = CallClientConfig.production(cert, key, base_url="wss://calls.example:8443")
    missing = CallClientConfig.production("missing.pem", key, base_url="wss://calls.example:8443")
    assert settings.tls("wss://media.example/x") is not None
    assert missing.tls("wss://media.example/x") is not None, "the certificate is not read for another host"
    assert missing.tls("ws://127.0.0.1/x") is None
    with pytest.raises(WSSAuthenticationError):
        missing.tls("wss://calls.example/x")


def test_a_media_link_on_another_host_gets_the_token_and_no_certificate(certificates: Certificates) -> None:
    context = certificates.server("127.0.0.1", "localhost", clients=certificates.authority, optional=True)

    @virtual_time
    async def run() -> None:
        async with TlsServer(context) as server:
            client = CallClient(production(certificates, server.url))
            client.on(events.INCOMING_CALL, lambda: None)
            link = await server.connected(client)
            assert link.transport.get_extra_info("peercert")
            for number, host, shown in ((1, "127.0.0.1", True), (2, "localhost", False)):
                await server.offer(link, number, f"wss://{host}:{server.port}/media")
                media = await server.medias.get()
                assert bool(media.transport.get_extra_info("peercert")) is shown, host
                assert media.request is not None
                assert media.request.headers["Authorization"].startswith("Bearer ")
            await client.disconnect()

    run()


def test_the_media_server_must_have_the_name_that_was_asked_for(
    certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    @virtual_time
    async def run() -> None:
        async with TlsServer(certificates.server("127.0.0.1")) as server:
            client = CallClient(server.config(ca_file=certificates.ca_file))
            calls: list[ActiveCall] = []
            client.on(events.INCOMING_CALL, calls.append)
            link = await server.connected(client)
            await server.offer(link, 1, f"wss://localhost:{server.port}/media")
            await asyncio.sleep(5)
            assert calls == []
            assert "the call server's certificate is not trusted (Hostname mismatch" in caplog.text
            await server.offer(link, 2)
            await server.medias.get()
            await client.disconnect()

    run()


@pytest.mark.parametrize(
    ("cert", "key", "problem"),
    [
        ("nowhere.pem", "right.key", r"cannot read the client certificate '.*nowhere\.pem': No such file"),
        ("right.pem", "nowhere.key", r"cannot read the client certificate's key '.*nowhere\.key': No such"),
        ("right.pem", ".", r"cannot read the client certificate's key '.*': Is a directory"),
        ("right.key", "right.pem", r"cert_path must be a PEM certificate, and key_path its PEM key"),
        ("right.pem", "other.key", r"'.*right\.pem' with the key '.*other\.key': the key belongs to another"),
        ("right.pem", "locked.key", r"with the key '.*locked\.key': .* PEM key without a password"),
    ],
)
def test_client_certificates_that_cannot_be_used_are_named(
    certificates: Certificates, cert: str, key: str, problem: str
) -> None:
    folder = certificates.folder
    for name, files in (
        ("right", certificates.client()),
        ("other", certificates.client()),
        ("locked", certificates.locked(b"opensesame")),
    ):
        Path(files[0]).rename(folder / f"{name}.pem")
        Path(files[1]).rename(folder / f"{name}.key")
    settings = CallClientConfig.production(folder / cert, folder / key, base_url="wss://127.0.0.1:9")

    @virtual_time
    async def run() -> None:
        with pytest.raises(WSSAuthenticationError, match=problem):
            await CallClient(settings).connect()

    run()


@virtual_time
async def test_authorities_that_cannot_be_read_are_named() -> None:
    settings = CallClientConfig.sandbox(
        "key-0123", "connector", base_url="wss://127.0.0.1:9", ca_file="nowhere.pem"
    )
    with pytest.raises(WSSConnectionError, match=r"ca_file 'nowhere\.pem'"):
        await CallClient(settings).connect()


def test_no_call_waits_while_certificates_are_read(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_in: list[threading.Thread] = []
    tls = CallClientConfig.tls

    def watched(self: CallClientConfig, url: str) -> ssl.SSLContext | None:
        read_in.append(threading.current_thread())
        return tls(self, url)

    monkeypatch.setattr(CallClientConfig, "tls", watched)

    @virtual_time
    async def run() -> None:
        async with Exchange(ssl_context=certificates.server("127.0.0.1")) as exchange:
            await complete_a_call(exchange, config(exchange, ca_file=certificates.ca_file))

    run()
    assert len(read_in) == 2, "for the control link and for the media link"
    assert threading.main_thread() not in read_in
