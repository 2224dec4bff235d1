"""The demo: one call in which a patient books and changes her mind, on any day of any year."""

from __future__ import annotations

import re
import wave
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import yaml

import agents.appointment_booking as package
from agents.appointment_booking import RIVERSIDE_DENTAL, AppointmentBooking, agent, demo
from tests.agents_.appointment_booking.practice import ANNA, sqlite
from voiceagent import CallContext
from voiceagent.live import ToolCall
from voiceagent.report import BargeIn, EndReason
from voiceagent.testing import loud_spans, phone_line, virtual_time
from voiceagent.toolbox import EVERYTHING, Toolbox

SCENARIO = Path(package.__file__).with_name("scenario.yaml")


@pytest.fixture(autouse=True)
def database_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("VOICEAGENT_DATABASE_URL", sqlite(tmp_path))
    return sqlite(tmp_path)


@virtual_time
async def test_a_patient_books_changes_her_mind_and_is_bid_goodbye(tmp_path: Path, database_url: str) -> None:
    await demo.before(database_url)
    async with phone_line(agent, SCENARIO, reports=tmp_path / "calls") as line:
        played = await line.call()
    after = await demo.after(database_url)

    assert played.ended is EndReason.AGENT_HUNG_UP and played.violations == []
    assert [(use.name, use.ok) for use in played.tools] == [
        ("check_availability", True),
        ("check_availability", True),
        ("book_appointment", True),
        ("end_call", True),
    ]
    assert len(played.caller.heard_ms) == 5
    assert [line.interrupted for line in played.transcript if line.who == "agent"] == [
        False,
        True,
        False,
        False,
        False,
    ]
    assert played.agent_said[-1].endswith("Goodbye.")
    booked, message = after
    assert re.fullmatch(r"appointment 2: Anna Miller, cleaning with Doctor Rivera, .*, at 11 AM", booked)
    assert message.startswith("text message: Riverside Dental: your appointment for cleaning with Doctor")

    (barge_in,) = played.seen(BargeIn)
    with wave.open(str(tmp_path / "calls" / played.call_id / "call.wav")) as file:
        both = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2)
    recorded = loud_spans(both[:, 1].tobytes(), 24000)
    assert len(recorded) == 5, "the old answer never resumes"
    assert abs(recorded[1][1] - barge_in.at_ms) < 200


def moments_to_run_the_demo() -> list[datetime]:
    """Every day of a year, at different times of the day, and the nights when the clocks change."""
    start, zone = datetime(2026, 1, 1, 0, 30, tzinfo=UTC), RIVERSIDE_DENTAL.opening.zone
    year = [start + timedelta(days=day, hours=day * 5 % 24) for day in range(0, 366, 13)]
    midnight = [datetime(2026, 3, 7, tzinfo=zone), datetime(2026, 10, 31, tzinfo=zone)]
    return year + [m + timedelta(hours=h, minutes=59) for m in midnight for h in (1, 23)]


@pytest.mark.parametrize("now", moments_to_run_the_demo(), ids=lambda now: now.strftime("%m-%d_%H%M"))
async def test_the_demo_books_one_appointment_on_any_day(now: datetime) -> None:
    agent = AppointmentBooking(now=lambda: now)
    await agent.on_startup()
    call = CallContext(call_id="demo", caller_number=ANNA)
    toolbox = Toolbox(agent.tool_functions(), EVERYTHING)
    asked = []
    for rule in yaml.safe_load(SCENARIO.read_text())["model"]:
        for name, args in rule.get("call", {}).items():
            answer = await toolbox.run(ToolCall("1", name, args), call)
            assert "error" not in answer
            if name == "check_availability":
                assert {"10 AM", "11 AM"} <= set(answer["free_times"])
            asked.append(name)
    held = await agent.store.upcoming(ANNA)
    await agent.on_shutdown()
    assert asked == ["check_availability", "check_availability", "book_appointment", "end_call"]
    local = agent.business.opening.local
    tomorrow = local(now).date() + timedelta(days=1)
    assert [local(each.starts_at).replace(tzinfo=None) for each in held] == [
        datetime(tomorrow.year, tomorrow.month, tomorrow.day, 11)
    ]


def test_the_demo_keeps_to_words_that_a_recogniser_knows() -> None:
    soundswallower = pytest.importorskip("soundswallower")
    with open(soundswallower.get_model_path("en-us/dict.txt"), encoding="utf-8") as dictionary:
        known = {line.split(maxsplit=1)[0] for line in dictionary}
    scenario = yaml.safe_load(SCENARIO.read_text())
    spoken = [step["say"] for step in scenario["script"] if "say" in step]
    heard = [rule["heard"] for rule in scenario["model"] if "heard" in rule]
    assert heard == spoken
    lines = spoken + [rule["say"] for rule in scenario["model"] if "say" in rule]
    words = {word for line in lines for word in re.findall(r"[^\s,.?!]+", line.lower())}
    assert words - known == set()


def test_the_demo_is_interrupted_in_its_longest_sentence_and_ends_with_a_goodbye() -> None:
    scenario = yaml.safe_load(SCENARIO.read_text())
    said = [rule["say"] for rule in scenario["model"] if "say" in rule]
    barge_in = next(n for n, step in enumerate(scenario["script"]) if "interrupt_after" in step)
    before = [step for step in scenario["script"][:barge_in] if "say" in step]
    assert len(before) == 1 and max(said, key=len) == said[1]
    last = scenario["model"][-1]
    assert "Goodbye" in last["say"] and list(last["call"]) == ["end_call"]
