"""What can be known to be wrong with a configuration is said when it is made."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from tests.virtual_time import virtual_time
from voiceagent.call import CallClient, CallClientConfig
from voiceagent.call.config import check_url
from voiceagent.call.exceptions import WSSConnectionError

KEY, CONNECTOR = "key-0123456789", "8d0f5b62-connector"


def sandbox(**changes: Any) -> CallClientConfig:
    return CallClientConfig.sandbox(**({"api_key": KEY, "connector_uuid": CONNECTOR} | changes))


def test_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VOICEAGENT_CALL_URL", raising=False)
    config = sandbox()
    assert config.base_url == "wss://wss-prod.agentao.com"
    assert (config.sample_rate, config.buffer_size) == (24000, 1 << 20)


def test_the_url_comes_from_the_argument_then_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEAGENT_CALL_URL", "ws://127.0.0.1:8765/")
    assert sandbox().base_url == "ws://127.0.0.1:8765"
    assert sandbox(base_url="wss://calls.example/").base_url == "wss://calls.example"
    assert CallClientConfig.production("a.pem", "a.key").base_url == "ws://127.0.0.1:8765"
    assert sandbox().control_url == "ws://127.0.0.1:8765/v1/agent/session-manager"


def test_a_wrong_url_in_the_environment_is_blamed_on_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEAGENT_CALL_URL", "http://127.0.0.1:8765")
    with pytest.raises(
        ValueError, match="the environment variable VOICEAGENT_CALL_URL must be a ws:// or wss"
    ):
        CallClientConfig.sandbox("key-0123456789", "connector")
    with pytest.raises(ValueError, match="the environment variable VOICEAGENT_CALL_URL must be"):
        CallClientConfig.production("cert.pem", "key.pem")


@virtual_time
async def test_who_forgot_to_name_the_server_is_told_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VOICEAGENT_CALL_URL", raising=False)
    monkeypatch.setattr("voiceagent.call.config.DEFAULT_BASE_URL", "ws://127.0.0.1:1")
    monkeypatch.setattr("voiceagent.call._websocket.DEFAULT_BASE_URL", "ws://127.0.0.1:1")
    with pytest.raises(WSSConnectionError, match=r"127.0.0.1:1: .*; for another one set VOICEAGENT_CALL_URL"):
        await CallClient(CallClientConfig.sandbox("key-0123456789", "connector")).connect()


@pytest.mark.parametrize("missing", [None, ""])
def test_a_missing_credential_names_its_variable(missing: str | None) -> None:
    with pytest.raises(ValueError, match="api_key is missing: set the environment variable WSS_API_KEY"):
        sandbox(api_key=missing)
    with pytest.raises(ValueError, match=r"connector_uuid is missing: .* WSS_CONNECTOR_UUID"):
        sandbox(connector_uuid=missing)
    with pytest.raises(ValueError, match="cert_path and key_path"):
        CallClientConfig.production(missing, "key.pem")  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", ["key\n", "ke y", "k\u00e9y", "key\x00"])
def test_a_key_that_no_header_can_carry_is_refused_without_being_shown(bad: str) -> None:
    with pytest.raises(ValueError, match="check WSS_API_KEY") as error:
        sandbox(api_key=bad)
    assert bad not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sample_rate": 44100}, r"sample_rate is 44100, but must be one of \(8000, 16000, 24000\)"),
        ({"sample_rate": 24000.0}, "sample_rate is 24000.0"),
        ({"buffer_size": 0}, "buffer_size is 0"),
        ({"buffer_size": "100"}, "buffer_size is '100', but must be an int"),
        ({"buffer_size": 2001.5}, "buffer_size is 2001.5, but must be an int"),
        ({"grace_period": -1}, "grace_period is -1"),
        ({"grace_period": None}, "grace_period is None"),
        ({"grace_period": float("nan")}, "grace_period is nan"),
        ({"base_url": "https://calls.example"}, "base_url must be a ws:// or wss:// URL"),
        ({"base_url": "calls.example:8765"}, "base_url must be a ws:// or wss:// URL"),
        ({"base_url": "ws://[::1"}, "base_url is not a URL"),
        ({"base_url": "ws://127.0.0.1:port"}, "base_url is not a URL"),
        ({"base_url": "wss://me:secret@calls.example"}, "must not hold a user name or a password"),
        ({"base_url": "ws://user@127.0.0.1@evil.example"}, "must not hold a user name or a password"),
        ({"base_url": "ws://evil.example\\@127.0.0.1"}, "holds a space, a backslash or a control character"),
        ({"base_url": "wss://calls.example\n.evil.example"}, "a space, a backslash or a control character"),
        ({"base_url": "wss://calls.example/?token=1"}, "base_url must not hold a query"),
        ({"base_url": "wss://calls.example/#evil"}, "base_url must not hold a fragment"),
        ({"ca_file": ""}, "ca_file is empty"),
    ],
)
def test_a_wrong_setting_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sandbox(**changes)


@pytest.mark.parametrize("host", ["127.0.0.1:1", "localhost", "LocalHost", "[::1]:8765", "127.8.8.8"])
def test_plain_ws_is_fine_on_this_machine(host: str) -> None:
    assert sandbox(base_url=f"ws://{host}").base_url == f"ws://{host}"
    assert sandbox(base_url=f"WS://{host}").base_url == f"WS://{host}"


@pytest.mark.parametrize(
    "host",
    [
        *("calls.example", "10.0.0.1", "0.0.0.0", "[::]"),
        # Names that look like this machine's.
        *("127.0.0.1.example", "localhost.example", "localhost.evil.com", "xn--localhost-9fg"),
        # Spellings that some resolvers take for this machine, and others for a name.
        *("127.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.0.0.1.", "localhost.", "[::1%25eth0]"),
        # Another machine in the clothes of IPv6.
        *("[::ffff:10.0.0.1]", "[64:ff9b::7f00:1]", "[fe80::1]"),
    ],
)
@pytest.mark.parametrize("scheme", ["ws", "WS", "wS"])
def test_plain_ws_to_another_machine_must_be_asked_for(
    scheme: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"{scheme}://{host}"
    with pytest.raises(ValueError, match=r"would travel unencrypted.*allow_insecure=True"):
        sandbox(base_url=url)
    monkeypatch.setenv("VOICEAGENT_CALL_URL", url)
    with pytest.raises(ValueError, match="would travel unencrypted"):
        sandbox()
    with pytest.raises(ValueError, match="would travel unencrypted"):
        CallClientConfig.production("a.pem", "a.key")
    assert sandbox(allow_insecure=True).base_url == url
    with pytest.raises(ValueError, match="the media URL is plain ws://"):
        check_url(f"{url}/media?token=1", name="the media URL", allow_insecure=False)


@pytest.mark.parametrize(
    "url", ["wss://me:hunter22@calls.example", "wss://calls.example:hunter22", "wss://c.example?key=hunter22"]
)
def test_a_url_with_a_password_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(ValueError, match="base_url") as error:
        sandbox(base_url=url)
    assert "hunter22" not in str(error.value)


def test_a_credential_of_another_type_is_refused() -> None:
    with pytest.raises(TypeError, match="api_key must be a str, not bytes"):
        sandbox(api_key=KEY.encode())


def test_it_is_an_immutable_value_that_does_not_show_its_secrets() -> None:
    config = sandbox()
    assert config == sandbox()
    assert KEY not in repr(config)
    assert "private.pem" not in repr(CallClientConfig.production("cert.pem", "private.pem"))
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.sample_rate = 8000  # type: ignore[misc]
