"""Dates and times are read as callers say them, or refused in words."""

from __future__ import annotations

from datetime import date, time

import pytest

from tools.hours import UnreadableError, read_date, read_time, spoken_date, spoken_time

MONDAY = date(2026, 3, 2)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("2026-03-05", date(2026, 3, 5)),
        ("2026-03-05T10:00:00", date(2026, 3, 5)),
        ("today", MONDAY),
        ("Tomorrow.", date(2026, 3, 3)),
        ("the day after tomorrow", date(2026, 3, 4)),
        ("Thursday", date(2026, 3, 5)),
        ("on thursday", date(2026, 3, 5)),
        ("this Thursday", date(2026, 3, 5)),
        ("next Thursday", date(2026, 3, 12)),
        ("monday", date(2026, 3, 9)),
        ("March 5", date(2026, 3, 5)),
        ("the 5th of March", date(2026, 3, 5)),
        ("Thursday, March 5th", date(2026, 3, 5)),
        ("March 1", date(2027, 3, 1)),
        ("in two weeks", date(2026, 3, 16)),
    ],
)
def test_a_date_is_read_as_it_is_said(said: str, meant: date) -> None:
    assert read_date(said, MONDAY) == meant


@pytest.mark.parametrize(
    "said", ["", "ten", "soon", "2026-02-30", "February 30", "2026-13-01", "x" * 5000, "\x00"]
)
def test_an_unreadable_date_is_named_in_the_error(said: str) -> None:
    with pytest.raises(UnreadableError) as error:
        read_date(said, MONDAY)
    assert said[:10] in str(error.value) or repr(said)[1:-1] in str(error.value)
    assert len(str(error.value)) < 200


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("10:00", [time(10), time(22)]),
        ("14:30", [time(14, 30)]),
        ("02:30", [time(2, 30)]),
        ("2:30", [time(2, 30), time(14, 30)]),
        ("10:00:00", [time(10), time(22)]),
        ("2026-03-05T09:30", [time(9, 30)]),
        ("10 am", [time(10)]),
        ("10AM", [time(10)]),
        ("10 a.m.", [time(10)]),
        ("2:30 PM", [time(14, 30)]),
        ("12 pm", [time(12)]),
        ("12:15 am", [time(0, 15)]),
        ("noon", [time(12)]),
        ("twelve", [time(12), time(0)]),
        ("ten", [time(10), time(22)]),
        ("at eleven", [time(11), time(23)]),
        ("eleven o'clock", [time(11), time(23)]),
        ("ten thirty", [time(10, 30), time(22, 30)]),
        ("ten forty-five", [time(10, 45), time(22, 45)]),
        ("half past ten", [time(10, 30), time(22, 30)]),
        ("quarter past nine", [time(9, 15), time(21, 15)]),
        ("a quarter to one", [time(12, 45), time(0, 45)]),
        ("twenty-five to eleven in the morning", [time(10, 35)]),
        ("three in the afternoon", [time(15)]),
        ("15", [time(15)]),
        ("0:00", [time(0)]),
    ],
)
def test_a_time_is_read_as_it_is_said(said: str, meant: list[time]) -> None:
    assert list(read_time(said)) == meant


@pytest.mark.parametrize(
    "said", ["", "later", "25:00", "10:75", "14:00 am", "quarter", "half", "99", "9" * 5000]
)
def test_an_unreadable_time_is_named_in_the_error(said: str) -> None:
    with pytest.raises(UnreadableError, match="Give it as HH:MM"):
        read_time(said)


def test_what_is_written_for_the_phone_can_be_read_again() -> None:
    for hour in range(24):
        for minute in (0, 5, 30):
            assert read_time(spoken_time(time(hour, minute))) == (time(hour, minute),)
    assert read_date(spoken_date(date(2026, 3, 5)), MONDAY) == date(2026, 3, 5)
