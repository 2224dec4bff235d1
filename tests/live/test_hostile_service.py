"""What a broken live service may send: it is one error, short, and never reaches the program as an event."""

from __future__ import annotations

import json

import pytest

from voiceagent.live.events import Audio, GoAway, TurnComplete
from voiceagent.live.messages import MessageError, decode


@pytest.mark.parametrize(
    "raw",
    [
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        '{"toolCall":{"functionCalls":[{"name":"x","args":' + '{"a":' * 5000 + "1" + "}" * 5000 + "}]}}",
        '{"serverContent":{"outputTranscription":{"text":"\ud800"}}}',
        '{"serverContent":{"modelTurn":{"parts":[]},"outputTranscription":{"text":"\\ud800"}}}',
        b'{"goAway":{"timeLeft":"\xff"}}',
    ],
    ids=["deep", "deep arguments", "half a character", "half a character, escaped", "no UTF-8"],
)
def test_what_cannot_be_read_is_one_error(raw: str | bytes) -> None:
    with pytest.raises(MessageError) as refused:
        decode(raw)
    assert len(str(refused.value)) < 300


def test_audio_in_the_alphabet_of_urls_is_still_read() -> None:
    part = {"inlineData": {"mimeType": "audio/pcm", "data": "-_-_-_-_"}}
    message = {"serverContent": {"modelTurn": {"parts": [part]}, "turnComplete": True}}
    assert list(decode(json.dumps(message))) == [Audio(b"\xfb\xff\xbf\xfb\xff\xbf"), TurnComplete()]


@pytest.mark.parametrize("left", ["nans", "infs", "1e999s", "-5s", "soon", ""])
def test_a_time_that_is_none_is_not_told(left: str) -> None:
    assert list(decode(json.dumps({"goAway": {"timeLeft": left}}))) == [GoAway(None)]
