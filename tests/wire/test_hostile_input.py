"""What a peer may send to hurt: a decoder answers with its own error, which is short and shows no secret."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from voiceagent.wire import WireError, control, media
from voiceagent.wire.handoff import decode_handoff

DECODERS = (control.decode_client, control.decode_server, media.decode_client, media.decode_server)

HAND_OFF = {
    "channel": "TELCO",
    "id": "call-1",
    "caller": "+15550100",
    "callee": "+15550199",
    "session_url": "ws://127.0.0.1:9/",
    "session_token": "token-0123456789abcdef",
}


@pytest.mark.parametrize("decode", DECODERS)
@pytest.mark.parametrize("text", ['{"type":"\ud800"}', b'{"type":"\xed\xa0\x80"}', '{"type":"\\ud800"}'])
def test_half_a_character_is_malformed(decode: Callable[[str | bytes], object], text: str | bytes) -> None:
    with pytest.raises(WireError, match="not a message"):
        decode(text)


@pytest.mark.parametrize("decode", DECODERS)
def test_a_message_that_is_nested_too_deep_is_malformed(decode: Callable[[str | bytes], object]) -> None:
    with pytest.raises(WireError, match="not a message"):
        decode('{"a":' * 100_000 + "1" + "}" * 100_000)


def test_an_error_does_not_repeat_a_long_value() -> None:
    with pytest.raises(WireError) as refused:
        control.decode_client(json.dumps({"type": "setup", "data": {"audioMode": "a" * 100_000}}))
    assert str(refused.value).startswith("malformed 'setup' message: Invalid enum value 'aaa")
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize("field", ["channel", "sample_rate"])
def test_the_error_about_a_hand_off_shows_no_value(field: str) -> None:
    secret = 10**300 if field == "sample_rate" else HAND_OFF["session_token"]
    with pytest.raises(WireError, match=field) as refused:
        decode_handoff(json.dumps(HAND_OFF | {field: secret}))
    assert str(secret) not in str(refused.value)
