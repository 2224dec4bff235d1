"""What the model is told and what callers hear, in every language, with nothing left to fill in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pytest

from agents.call_monitoring import CallMonitoring
from agents.call_monitoring.texts import LINES
from tests.agents_.call_monitoring.stage import Monitoring
from voiceagent import CallContext, Words


@pytest.mark.parametrize("language", ["en-US", "de-DE", "de-AT", "fr-FR", None])
def test_all_texts_are_filled_in(language: str | None) -> None:
    agent, call = Monitoring(), CallContext(call_id="1", language=language)
    texts = [agent.build_instruction(call), agent.build_greeting(call) or ""]
    texts += [agent.line(name, call) for name in agent.lines]
    assert [text for text in texts if "{" in text or not text] == []
    assert agent.line("announcement", call) in texts[1]


def test_each_language_says_so_in_its_own_words() -> None:
    agent = Monitoring()
    english, german = (CallContext(call_id="1", language=code) for code in ("en-GB", "de-DE"))
    assert "may be monitored" in agent.line("announcement", english)
    assert "kann mitgehört werden" in agent.line("announcement", german)
    assert "Montag, 2. März, um 9 Uhr" in agent.build_instruction(german)
    assert all(set(texts) == {"en", "de"} for texts in LINES.values())


def test_a_subclass_may_announce_in_one_language_only() -> None:
    class Hotline(CallMonitoring):
        business = "Blue Water"
        lines: ClassVar[Mapping[str, Words]] = {
            **CallMonitoring.lines,
            "announcement": "{business}: we listen.",
        }

    call = CallContext(call_id="1", language="de-DE")
    assert (Hotline().build_greeting(call) or "").endswith("Blue Water: we listen.")
    assert "Blue Water: we listen." in Hotline().line("again", call)
