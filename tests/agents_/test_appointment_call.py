"""The demo's call, on a virtual clock: what the caller hears, what is booked, what the recording proves."""

from __future__ import annotations

import sqlite3
import wave
from pathlib import Path

import numpy as np
import pytest

from agents.appointment_booking import agent
from tests.phone import loud_ms, phone_system
from tests.virtual_time import virtual_time
from voiceagent.report import BargeIn, EndReason

SCENARIO = Path(__file__).parents[2] / "agents" / "appointment_booking" / "scenario.yaml"


@virtual_time
async def test_a_patient_books_changes_her_mind_and_is_bid_goodbye(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = tmp_path / "bookings.db"
    monkeypatch.setenv("BOOKING_DATABASE_URL", f"sqlite+aiosqlite:///{database}")
    async with phone_system(agent, SCENARIO.read_text(), reports=tmp_path) as phone:
        call, report = await phone.call()
        heard = loud_ms(call.caller.heard(), 24000)
        (barge_in,) = phone.seen(BargeIn)

    assert report.ended is EndReason.AGENT_HUNG_UP
    assert call.snapshot()["end_reason"] == "agent_disconnect"
    assert call.snapshot()["violations"] == []
    assert [(use.name, use.ok) for use in report.tools] == [
        ("check_availability", True),
        ("check_availability", True),
        ("book_appointment", True),
        ("end_call", True),
    ]
    assert len(heard) == 5
    answers = [line for line in report.transcript if line.who == "agent"]
    assert [line.interrupted for line in answers] == [False, True, False, False, False]
    assert answers[-1].text.endswith("Goodbye.")

    with sqlite3.connect(database) as rows:
        assert rows.execute("select count(*) from appointments").fetchone() == (1,)

    with wave.open(str(tmp_path / report.call_id / "call.wav")) as file:
        both = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2)
    recorded = loud_ms(both[:, 1].tobytes(), 24000)
    assert len(recorded) == 5, "the old answer never resumes"
    assert abs(recorded[1][1] - barge_in.at_ms) < 200
