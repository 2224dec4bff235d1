"""Texts of an agent: which language a call gets, and what is filled in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pytest

from voiceagent import CallContext, Service, VoiceAgent, Words
from voiceagent.words import fill, in_language

HELLO: Words = {"en": "Hello", "de": "Guten Tag", "pt-BR": "Oi"}


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "Guten Tag"),
        ("de-AT", "Guten Tag"),
        ("DE-at", "Guten Tag"),
        ("pt-PT", "Oi"),
        ("fr-FR", "Hello"),
        (None, "Hello"),
    ],
)
def test_a_call_gets_the_text_nearest_to_its_language(language: str | None, text: str) -> None:
    assert in_language(HELLO, language) == text


def test_braces_that_name_no_fact_stay() -> None:
    assert (
        fill('{shop} says {"a": 1} and {nothing}', {"shop": "Miller"}) == 'Miller says {"a": 1} and {nothing}'
    )


class Shop(VoiceAgent):
    instruction: ClassVar[Words] = {
        "en": "You answer for {shop}. Say: {closed}",
        "de": "Sie sprechen für {shop}. {closed}",
    }
    greeting = None
    lines: ClassVar[Mapping[str, Words]] = {
        "closed": {"en": "{shop} is closed.", "de": "{shop} ist geschlossen."}
    }

    def facts(self, call: CallContext) -> Mapping[str, object]:
        return {"shop": "Miller"}


def test_instruction_and_lines_are_filled_in_for_the_call() -> None:
    call = CallContext(call_id="a test", language="de-DE")
    assert Shop().build_instruction(call) == "Sie sprechen für Miller. Miller ist geschlossen."
    assert Shop().line("closed", CallContext(call_id="a test")) == "Miller is closed."
    assert Shop().build_greeting(call) is None


def test_a_line_that_does_not_exist_is_an_error_that_names_those_that_do() -> None:
    with pytest.raises(KeyError, match=r"Shop.lines has no 'open'; it has closed"):
        Shop().line("open", CallContext(call_id="a test"))


def test_a_text_in_no_language_is_refused_at_the_start() -> None:
    class Mute(VoiceAgent):
        instruction: ClassVar[Words] = {}

    with pytest.raises(ValueError, match="Mute: instruction is given in no language"):
        Service(Mute)


def test_lines_that_are_no_mapping_are_refused_at_the_start() -> None:
    class Wrong(VoiceAgent):
        def __init__(self) -> None:
            self.lines = ["hello"]  # type: ignore[misc,assignment]

    with pytest.raises(TypeError, match=r"Wrong.lines are the sentences it always says alike"):
        Service(Wrong)


def test_a_ring_time_that_no_line_allows_is_refused_at_the_start() -> None:
    class Patient(VoiceAgent):
        ring_seconds = 500

    with pytest.raises(ValueError, match=r"Patient.ring_seconds is 500, but must be 1 to 120 seconds"):
        Service(Patient)
