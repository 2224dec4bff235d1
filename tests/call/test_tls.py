"""Who proves what to whom: server certificates, client certificates, and the links in the clear."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path

import pytest
import trustme

from tests.call.line import CALLEE, CALLER, Inbox, config, noise
from tests.virtual_time import virtual_time
from voiceagent.call import CallClient, CallClientConfig
from voiceagent.call.exceptions import WSSAuthenticationError, WSSConnectionError, WSSError
from voiceagent.sandbox.exchange import Exchange


class Certificates:
    """Files of a certificate authority, made for the test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = trustme.CA()
        self.ca_file = str(folder / "ca.pem")
        self.authority.cert_pem.write_to_path(self.ca_file)

    def server(self, *names: str, clients: trustme.CA | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.authority.issue_cert(*names).configure_cert(context)
        if clients is not None:
            clients.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def client(self, authority: trustme.CA | None = None) -> tuple[str, str]:
        issued = (authority or self.authority).issue_cert("client.example")
        name = f"client-{id(issued)}"
        cert, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        issued.cert_chain_pems[0].write_to_path(str(cert))
        issued.private_key_pem.write_to_path(str(key))
        return str(cert), str(key)


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


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
            with pytest.raises(WSSConnectionError, match="certificate is not trusted"):
                await CallClient(config(exchange, ca_file=certificates.ca_file)).connect()

    run()


def test_a_client_certificate_takes_the_place_of_the_key(certificates: Certificates) -> None:
    @virtual_time
    async def run() -> None:
        context = certificates.server("127.0.0.1", clients=certificates.authority)
        async with Exchange(ssl_context=context) as exchange:

            def production(cert: str, key: str) -> CallClientConfig:
                return CallClientConfig.production(
                    cert, key, base_url=exchange.url, ca_file=certificates.ca_file
                )

            await complete_a_call(exchange, production(*certificates.client()))
            stranger = certificates.client(trustme.CA())
            with pytest.raises(WSSConnectionError, match=r"does it want a \(different\) client certificate"):
                await CallClient(production(*stranger)).connect()
            with pytest.raises(WSSConnectionError, match=r"does it want a \(different\) client certificate"):
                await CallClient(config(exchange, ca_file=certificates.ca_file)).connect()

    run()


@pytest.mark.realtime
async def test_a_server_that_says_why_it_refuses_a_certificate_is_quoted(certificates: Certificates) -> None:
    context = certificates.server("127.0.0.1", clients=certificates.authority)

    def refuse(listener: socket.socket) -> None:
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

    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"wss://127.0.0.1:{listener.getsockname()[1]}"
        settings = CallClientConfig.sandbox(
            "key-0123456789", "connector", base_url=url, ca_file=certificates.ca_file
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(asyncio.to_thread(refuse, listener))
            with pytest.raises(WSSAuthenticationError, match="CERTIFICATE_REQUIRED"):
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


@virtual_time
async def test_files_that_cannot_be_used_are_named() -> None:
    url = "wss://127.0.0.1:9"
    with pytest.raises(WSSAuthenticationError, match=r"client certificate 'nowhere\.pem'"):
        await CallClient(CallClientConfig.production("nowhere.pem", "nowhere.key", base_url=url)).connect()
    sandbox = CallClientConfig.sandbox("key-0123", "connector", base_url=url, ca_file="nowhere.pem")
    with pytest.raises(WSSConnectionError, match=r"ca_file 'nowhere\.pem'"):
        await CallClient(sandbox).connect()


def test_a_key_with_a_password_is_an_error_and_no_question_on_the_terminal(
    certificates: Certificates, tmp_path: Path
) -> None:
    from cryptography.hazmat.primitives import serialization

    cert, key = certificates.client()
    private = serialization.load_pem_private_key(Path(key).read_bytes(), None)
    locked = tmp_path / "locked.key"
    locked.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    with pytest.raises(WSSError, match="cannot use the client certificate"):
        CallClientConfig.production(cert, str(locked), base_url="wss://calls.example").tls(
            "wss://calls.example"
        )


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
