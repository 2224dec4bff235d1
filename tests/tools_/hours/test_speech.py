"""Days and times sound as they are said in the language of the call."""

from __future__ import annotations

from datetime import date, datetime, time

import pytest

from tools.hours import spoken_date, spoken_moment, spoken_time

THURSDAY = date(2026, 3, 5)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (None, "Thursday, March 5, at 2:30 PM"),
        ("en-GB", "Thursday, March 5, at 2:30 PM"),
        ("de-AT", "Donnerstag, 5. März, um 14:30 Uhr"),
        ("es", "jueves, 5 de marzo, a las 14:30"),
        ("fi-FI", "Thursday, March 5, at 2:30 PM"),
    ],
)
def test_a_moment_is_said_in_the_language_of_the_call(language: str | None, said: str) -> None:
    assert spoken_moment(datetime.combine(THURSDAY, time(14, 30)), language) == said


@pytest.mark.parametrize(
    ("at", "english", "german"),
    [
        (time(0), "12 AM", "0 Uhr"),
        (time(9), "9 AM", "9 Uhr"),
        (time(12), "12 PM", "12 Uhr"),
        (time(12, 5), "12:05 PM", "12:05 Uhr"),
        (time(20, 15), "8:15 PM", "20:15 Uhr"),
    ],
)
def test_a_full_hour_is_said_without_minutes(at: time, english: str, german: str) -> None:
    assert (spoken_time(at), spoken_time(at, "de")) == (english, german)


def test_every_day_of_a_year_has_its_name() -> None:
    assert spoken_date(date(2026, 1, 1)) == "Thursday, January 1"
    assert spoken_date(date(2026, 12, 31), "de") == "Donnerstag, 31. Dezember"
    assert spoken_date(date(2026, 8, 2), "es") == "domingo, 2 de agosto"
