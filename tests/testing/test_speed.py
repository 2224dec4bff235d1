"""A minute on the telephone is tested in under two seconds."""

from __future__ import annotations

import time
from pathlib import Path

from tests.testing.shop import Shop
from voiceagent.testing import phone_line, run_virtual

TALK = (
    ("is repair number twelve ready", "Yes, your repair is ready. We have put on new brakes and new lights."),
    ("and what does it cost", "It costs forty two dollars, and you can pay by card or in cash, as you like."),
    (
        "when do you close today",
        "We close at seven today, and on Saturday we are open from nine to two.",
    ),
    ("can I bring another bicycle on monday", "Of course you can. Please come before noon, and wait for it."),
    ("do you sell helmets for children", "Yes, we have many helmets for children, in all colours and sizes."),
    (
        "and what do they cost",
        "They cost twenty dollars and more. The one that fits most children costs thirty.",
    ),
    ("thank you very much, goodbye", "You are welcome. Goodbye, have a nice ride, and please come again."),
)


def conversation() -> dict[str, object]:
    script: list[object] = []
    model: list[dict[str, object]] = [
        {"on": "start", "say": "Bicycle shop, good morning. How can I help you?"}
    ]
    for heard, answer in TALK:
        script += [{"wait": "agent_done"}, {"say": heard}]
        model.append({"on": "caller_done", "heard": heard, "call": {"is_it_ready": {"number": 12}}})
        model.append({"on": "tool_result", "say": answer})
    model[-1]["call"] = {"end_call": {}}
    return {"script": script, "model": model}


async def _talk(reports: Path) -> float:
    async with phone_line(Shop, conversation(), reports=reports) as line:
        played = await line.call()
    assert len(played.tools) == len(TALK) + 1
    assert len(played.agent_said) == len(TALK) + 1
    return len(played.caller.heard) / 48_000


def test_a_minute_on_the_telephone_takes_less_than_two_seconds_of_computing(tmp_path: Path) -> None:
    costs = []
    for _ in range(4):
        # Processor time, of all threads: how long one waits depends on what else the machine does. The first
        # time imports, and renders the speech.
        began = time.process_time()
        seconds = run_virtual(_talk(tmp_path))
        costs.append(time.process_time() - began)
        assert seconds >= 60
        if len(costs) > 1 and costs[-1] < 1.5:
            break
    assert min(costs[1:]) < 2.0, costs
