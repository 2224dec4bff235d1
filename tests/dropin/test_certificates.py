"""Programs of the documentation's production set-up: a certificate, and nothing else but the environment."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import trustme

from tests.call.certificates import Certificates
from tests.dropin.test_names import SDKS, sdk_of
from tests.virtual_time import virtual_time
from voiceagent.call import ActiveCall
from voiceagent.sandbox.exchange import CallState, Exchange


@pytest.mark.parametrize(("package", "prefix"), SDKS)
def test_a_certificate_authenticates_under_either_name(
    package: str, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sdk = sdk_of(package)
    Client, Config = getattr(sdk, f"{prefix}Client"), getattr(sdk, f"{prefix}ClientConfig")
    certificates = Certificates(tmp_path)
    cert, key = certificates.client()
    stranger_cert, stranger_key = certificates.client(trustme.CA())
    monkeypatch.setenv("SSL_CERT_FILE", certificates.ca_file)

    @virtual_time
    async def run() -> None:
        context = certificates.server("127.0.0.1", clients=certificates.authority)
        async with Exchange(ssl_context=context) as exchange:
            monkeypatch.setenv("VOICEAGENT_CALL_URL", exchange.url)
            config = Config.production(cert_path=cert, key_path=key, sample_rate=24000)
            assert repr(config).startswith(f"{prefix}ClientConfig(base_url='wss://127.0.0.1:")
            async with Client(config) as client:

                async def handle(call: ActiveCall) -> None:
                    await call.answer()
                    await call.connect()
                    await call.close()

                client.on(sdk.events.INCOMING_CALL, handle)
                there = exchange.phone("+15550100", "+15550199")
                await asyncio.sleep(5)
                assert there.state is CallState.DETACHED
                there.caller.hang_up()
            refused = Config.production(cert_path=stranger_cert, key_path=stranger_key, sample_rate=24000)
            with pytest.raises(sdk.exceptions.WSSError, match="client certificate"):
                await Client(refused).connect()

    run()


@pytest.mark.parametrize(("package", "prefix"), SDKS)
def test_files_that_are_no_certificate_are_an_authentication_error(package: str, prefix: str) -> None:
    sdk = sdk_of(package)
    Client, Config = getattr(sdk, f"{prefix}Client"), getattr(sdk, f"{prefix}ClientConfig")

    @virtual_time
    async def run() -> None:
        config = Config.production("nowhere.pem", "nowhere.key", base_url="wss://127.0.0.1:9")
        with pytest.raises(sdk.exceptions.WSSAuthenticationError, match=r"'nowhere\.pem'"):
            await Client(config).connect()

    run()
