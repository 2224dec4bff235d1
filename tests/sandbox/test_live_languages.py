"""The sandbox's model speaks the language of the session, and follows the rules where it cannot listen."""

from __future__ import annotations

import logging

import pytest

from voiceagent import VoiceAgent
from voiceagent.sandbox.speech import is_understood, voice_for
from voiceagent.testing import Phone

FIRST, SECOND = "Guten Tag, was kann ich für Sie tun?", "Ja, morgen um zehn Uhr."
CALL = {
    "script": [
        {"wait": "agent_done"},
        {"say": {"text": "Haben Sie morgen Zeit?", "voice": "de-DE"}},
        {"wait": "agent_done"},
        "hangup",
    ],
    "model": [
        {"on": "start", "say": FIRST},
        {"on": "caller_done", "heard": "Haben Sie morgen Zeit?", "say": SECOND},
        {"on": "caller_done", "heard": "Vielen Dank", "say": "Auf Wiederhören."},
    ],
}


class German(VoiceAgent):
    language = "de"


class English(VoiceAgent):
    language = "en-GB"


def test_a_german_session_has_a_german_voice(phone: Phone) -> None:
    caller = phone.call(German, CALL).caller

    assert caller.heard_speech(FIRST, voice="de-DE")
    assert not caller.heard_speech(FIRST, voice="en-US")


def test_in_another_language_the_rules_fire_in_their_order_and_no_word_is_missed(
    phone: Phone, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        played = phone.call(German, CALL)

    assert played.caller_said == ["Haben Sie morgen Zeit?"]
    assert played.caller.heard_speech(SECOND, voice="de-DE")
    assert caplog.messages == []


def test_in_english_unknown_words_are_warned_of(phone: Phone, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        phone.call(English, CALL)

    assert any("does not know the word 'haben'" in message for message in caplog.messages)


@pytest.mark.parametrize(
    ("language", "voice", "understood"),
    [
        (None, "en-US", True),
        ("en-GB", "en-US", True),
        ("de", "de-DE", False),
        ("de-AT", "de-DE", False),
        ("es_MX", "es-ES", False),
        ("nl-NL", "en-US", False),
    ],
)
def test_a_language_without_a_voice_is_spoken_with_the_english_one(
    language: str | None, voice: str, understood: bool
) -> None:
    assert (voice_for(language), is_understood(language)) == (voice, understood)
