"""What the model is told, in every language, with nothing left to fill in."""

from __future__ import annotations

import pytest

from tests.agents_.human_escalation.stage import Plumber
from voiceagent import CallContext


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en-US", ("You answer the phone", "Monday, March 2, at 9 AM", "8 AM to 6 PM")),
        ("de-DE", ("Du beantwortest das Telefon", "Montag, 2. März, um 9 Uhr", "8 Uhr bis 18 Uhr")),
        ("fr-FR", ("You answer the phone",)),
        (None, ("You answer the phone",)),
    ],
)
def test_all_texts_are_filled_in(language: str | None, words: tuple[str, ...]) -> None:
    agent, call = Plumber(), CallContext(call_id="1", language=language)
    instruction = agent.build_instruction(call)
    assert "{" not in instruction + (agent.build_greeting(call) or "")
    assert [word for word in words if word not in instruction] == []
