"""What can be known to be wrong with a configuration is said when it is made."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from voiceagent.call import CallClientConfig

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
        ({"buffer_size": 0}, "buffer_size is 0"),
        ({"grace_period": -1}, "grace_period is -1"),
        ({"base_url": "https://calls.example"}, "base_url must be a ws:// or wss:// URL"),
        ({"base_url": "calls.example:8765"}, "base_url must be a ws:// or wss:// URL"),
        ({"base_url": "ws://[::1"}, "base_url is not a URL"),
        ({"base_url": "ws://127.0.0.1:port"}, "base_url is not a URL"),
        ({"base_url": "wss://me:secret@calls.example"}, "must not hold a user name or a password"),
    ],
)
def test_a_wrong_setting_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sandbox(**changes)


@pytest.mark.parametrize("host", ["127.0.0.1:1", "localhost", "[::1]:8765", "127.8.8.8"])
def test_plain_ws_is_fine_on_this_machine(host: str) -> None:
    assert sandbox(base_url=f"ws://{host}").base_url == f"ws://{host}"


@pytest.mark.parametrize("host", ["calls.example", "10.0.0.1", "127.0.0.1.example", "localhost.example"])
def test_plain_ws_to_another_machine_must_be_asked_for(host: str) -> None:
    with pytest.raises(ValueError, match=r"would travel unencrypted.*allow_insecure=True"):
        sandbox(base_url=f"ws://{host}")
    assert sandbox(base_url=f"ws://{host}", allow_insecure=True).base_url == f"ws://{host}"


def test_it_is_an_immutable_value_that_does_not_show_its_secrets() -> None:
    config = sandbox()
    assert config == sandbox()
    assert KEY not in repr(config)
    assert "private.pem" not in repr(CallClientConfig.production("cert.pem", "private.pem"))
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.sample_rate = 8000  # type: ignore[misc]
