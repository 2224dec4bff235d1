"""The package over TLS: control link, media link and REST, with a key or with a client certificate."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from tests.interop.office import Office, heard_by, noise, open_exchange, variables
from tests.interop.official import OrderFailed, Program
from voiceagent.sandbox.exchange import Exchange

pytestmark = pytest.mark.realtime


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def _server(authority: trustme.CA) -> ssl.SSLContext:
    """It takes client certificates, and does without: the package shows its own on the control link only."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


def _trust(authority: trustme.CA, folder: Path) -> dict[str, str]:
    path = folder / "authority.pem"
    authority.cert_pem.write_to_path(path)
    return {"SSL_CERT_FILE": str(path)}


def _with_certificate(exchange: Exchange, issuer: trustme.CA, folder: Path) -> dict[str, str]:
    certificate = issuer.issue_cert("agent")
    certificate.cert_chain_pems[0].write_to_path(folder / "agent.pem")
    certificate.private_key_pem.write_to_path(folder / "agent.key")
    paths = {"CLIENT_CERTIFICATE": str(folder / "agent.pem"), "CLIENT_KEY": str(folder / "agent.key")}
    return {"CALL_URL": exchange.url} | paths


async def _makes_a_call(phone: Office) -> None:
    there, here = await phone.talk()
    question, answer = noise(60, seed=1), noise(60, seed=2)
    there.caller.say(question)
    await here.hear(question)
    await here.say(answer)
    await heard_by(there.caller, answer)
    assert [session["id"] for session in await phone.program.do("sessions")] == [here.session_id]
    await here.ok("disconnect")
    await here.over("SDK_REQUEST")


@pytest.mark.parametrize("certificate", [False, True], ids=["with its key", "with a client certificate"])
async def test_the_package_makes_calls_over_tls(
    certificate: bool, authority: trustme.CA, tmp_path: Path
) -> None:
    async with open_exchange(ssl_context=_server(authority)) as exchange:
        identity = _with_certificate(exchange, authority, tmp_path) if certificate else variables(exchange)
        settings = identity | _trust(authority, tmp_path)
        async with Program.run("program.py", settings) as program:
            await program.do("link")
            await _makes_a_call(Office(exchange, program))
            await program.leave()


async def test_a_client_certificate_of_another_authority_opens_nothing(
    authority: trustme.CA, tmp_path: Path
) -> None:
    async with open_exchange(ssl_context=_server(authority)) as exchange:
        settings = _with_certificate(exchange, trustme.CA(), tmp_path) | _trust(authority, tmp_path)
        async with Program.run("program.py", settings) as program:
            with pytest.raises(OrderFailed, match="WSS"):
                await program.do("link")
            await program.leave()
        assert exchange.controls == []
