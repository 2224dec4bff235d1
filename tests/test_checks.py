"""What is wrong with an agent is said when its service is made, and not to the first caller."""

from __future__ import annotations

from typing import Any

import pytest

from voiceagent import VoiceAgent
from voiceagent.checks import check_agent, check_hold_audio


def agent(**attributes: Any) -> VoiceAgent:
    made: VoiceAgent = type("Shop", (VoiceAgent,), {"instruction": "You answer.", **attributes})()
    return made


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"barge_in": "loud"}, "Shop.barge_in is 'loud', but must be 'model', 'local' or 'off'"),
        ({"idle_seconds": -1}, "Shop.idle_seconds is -1, but must be a positive number of seconds"),
        ({"idle_seconds": float("nan")}, "Shop.idle_seconds is nan, but must be a positive number"),
        ({"answer_seconds": True}, "Shop.answer_seconds is True, but must be a positive number"),
        ({"longest_seconds": "1h"}, "Shop.longest_seconds is '1h', but must be a positive number"),
        ({"ring_seconds": "60"}, "Shop.ring_seconds is '60', but must be 1 to 120 seconds"),
        ({"idle_prompts": "Hello?"}, r"Shop.idle_prompts is 'Hello\?', but must be a list of texts"),
        ({"idle_prompts": {"de": "Hallo?"}}, "but must be a list of texts"),
        ({"idle_prompts": [1]}, r"Shop: idle_prompts\[0\] is 1, but must be a text"),
        ({"idle_prompts": [""]}, r"Shop: idle_prompts\[0\] is empty, but the caller is to hear it"),
        ({"idle_prompts": [{}]}, r"Shop: idle_prompts\[0\] is given in no language"),
        ({"idle_goodbye": None}, "Shop: idle_goodbye is None, but must be a text"),
        ({"goodbye": ("a", "b")}, "Shop: goodbye is .*, but must be a text"),
        ({"instruction": None}, "Shop: instruction is None, but must be a text"),
        ({"greeting": 3}, "Shop: greeting is 3, but must be a text"),
        ({"greeting_interruptible": "no"}, "Shop.greeting_interruptible is 'no', but must be True or False"),
        ({"telemetry_texts": 1}, "Shop.telemetry_texts is 1, but must be True or False"),
        ({"voice": 3}, "Shop.voice is 3, but must be a text, or None"),
        ({"temperature": "hot"}, "Shop.temperature is 'hot', but must be a number, or None"),
        ({"engine": "adk"}, r"Shop.engine is 'adk', but must be an engine, such as AdkEngine\(\)"),
        ({"lines": ["x"]}, "Shop.lines are the sentences it always says alike, by name"),
    ],
)
def test_a_wrong_attribute_is_named_with_what_it_must_be(attributes: dict[str, Any], said: str) -> None:
    with pytest.raises((TypeError, ValueError), match=said):
        check_agent(agent(**attributes))


def test_what_is_no_agent_is_no_agent() -> None:
    with pytest.raises(TypeError, match="an agent is a subclass of VoiceAgent"):
        check_agent(3)  # type: ignore[arg-type]


def test_an_engine_has_to_be_made_first() -> None:
    from voiceagent.adk import AdkEngine

    with pytest.raises(TypeError, match="must be an engine"):
        check_agent(agent(engine=AdkEngine))
    check_agent(agent(engine=AdkEngine()))


def test_hold_audio_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match=r"Shop.hold_audio: cannot read none.wav"):
        check_hold_audio(agent(hold_audio="none.wav"), 8000)


def test_what_may_be_none_may_be_none() -> None:
    never = dict.fromkeys(("answer_seconds", "idle_seconds", "longest_seconds", "hold_audio", "greeting"))
    check_agent(agent(**never, idle_prompts=()))
