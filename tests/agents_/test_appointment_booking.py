"""The booking agent knows the day, the practice and the caller, and its demo books on any day of the year."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

import agents.appointment_booking as package
from agents.appointment_booking import RIVERSIDE_DENTAL, AppointmentBooking
from tools.booking import Business, Service
from voiceagent import CallContext, VoiceAgent
from voiceagent.call.base import Capabilities
from voiceagent.live import ToolCall
from voiceagent.toolbox import Toolbox

SCENARIO = Path(package.__file__).with_name("scenario.yaml")
EVERYTHING = Capabilities(transfer=True, whisper=True, exact_playback=True, dtmf=True)


@pytest.fixture(autouse=True)
def _database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOKING_DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path / 'bookings.db'}")


@pytest.fixture
async def agent() -> AsyncIterator[AppointmentBooking]:
    agent = AppointmentBooking(now=lambda: datetime(2026, 3, 2, 14, 0, tzinfo=UTC))
    await agent.on_startup()
    yield agent
    await agent.on_shutdown()


async def instruction(agent: VoiceAgent, number: str | None) -> str:
    """What the model is told when this number calls."""
    call = CallContext(call_id="call-1", caller_number=number)
    copy = agent.for_call()
    await copy.on_start(call)
    return copy.build_instruction(call)


async def test_the_model_is_told_the_day_and_the_facts_of_the_practice(agent: AppointmentBooking) -> None:
    text = await instruction(agent, "+15550100")
    assert "It is Monday, March 2, 2026, 9 AM at the practice" in text
    assert "Riverside Dental" in text and "cleaning (30 minutes)" in text and "8 AM to 6 PM" in text
    assert "has no upcoming appointment" in text
    assert not re.search(r"[{}]|\+1555", text)


async def test_a_caller_with_an_appointment_is_greeted_with_it(agent: AppointmentBooking) -> None:
    zone = agent.business.zone
    await agent.store.book(
        "+15550100", "Anna Miller", Service("cleaning", 30), datetime(2026, 3, 3, 11, tzinfo=zone)
    )
    known = await instruction(agent, "+1 555 0100")
    assert "cleaning, Tuesday, March 3, at 11 AM, for 'Anna Miller'" in known
    assert "Anna" not in await instruction(agent, "+15550101")
    assert "withheld" in await instruction(agent, None)


async def test_the_environment_goes_before_the_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Elsewhere(AppointmentBooking):
        database_url = f"sqlite+aiosqlite:///{tmp_path / 'class.db'}"

    for given in (True, False):
        if not given:
            monkeypatch.delenv("BOOKING_DATABASE_URL")
        agent = Elsewhere()
        await agent.on_startup()
        await agent.on_shutdown()
        assert (tmp_path / "class.db").exists() is not given
    assert (tmp_path / "bookings.db").exists()


async def test_a_subclass_changes_the_facts_and_adds_tools(tmp_path: Path) -> None:
    async def parking() -> str:
        """Where to park."""
        return "Behind the house."

    class Barber(AppointmentBooking):
        business = Business(name="Snip & Co", services=(Service("haircut", 20),), slot_minutes=20)
        instruction = "You answer for {business}. Say {nothing} else."
        tools = (parking,)

    barber = Barber()
    await barber.on_startup()
    text = await instruction(barber, "+15550100")
    await barber.on_shutdown()
    assert text.startswith("You answer for Snip & Co. Say {nothing} else.")
    names = [declaration.name for declaration in Toolbox(barber.tool_functions(), EVERYTHING).declarations]
    assert {"parking", "book_appointment", "end_call", "transfer_call"} <= set(names)


def test_what_serve_loads_is_the_agent() -> None:
    assert package.agent is AppointmentBooking


def moments_to_run_the_demo() -> list[datetime]:
    """Every day of a year, at different times of the day, and the nights when the clocks change."""
    start = datetime(2026, 1, 1, 0, 30, tzinfo=UTC)
    year = [start + timedelta(days=day, hours=day * 5 % 24) for day in range(0, 366, 13)]
    midnight = [
        datetime(2026, 3, 7, tzinfo=RIVERSIDE_DENTAL.zone),
        datetime(2026, 10, 31, tzinfo=RIVERSIDE_DENTAL.zone),
    ]
    return year + [m + timedelta(hours=h, minutes=59) for m in midnight for h in (1, 23)]


@pytest.mark.parametrize("now", moments_to_run_the_demo(), ids=lambda now: now.strftime("%m-%d_%H%M"))
async def test_the_demo_books_one_appointment_on_any_day(now: datetime) -> None:
    agent = AppointmentBooking(now=lambda: now)
    await agent.on_startup()
    call = CallContext(call_id="demo", caller_number="+15550100")
    toolbox = Toolbox(agent.tool_functions(), EVERYTHING)
    asked = []
    for rule in yaml.safe_load(SCENARIO.read_text())["model"]:
        for name, args in rule.get("call", {}).items():
            answer = await toolbox.run(ToolCall("1", name, args), call)
            assert "error" not in answer
            if name == "check_availability":
                assert {"10 AM", "11 AM"} <= set(answer["free_times"])
            asked.append(name)
    held = await agent.store.upcoming("+15550100")
    await agent.on_shutdown()
    assert asked == ["check_availability", "check_availability", "book_appointment", "end_call"]
    tomorrow = agent.business.local(now).date() + timedelta(days=1)
    assert [agent.business.local(each.starts_at).replace(tzinfo=None) for each in held] == [
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
