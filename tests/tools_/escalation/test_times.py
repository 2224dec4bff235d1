"""A wish in words becomes a moment at which somebody is there, or a sentence that says why not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.tools_.conftest import MONDAY_9_AM
from tests.tools_.escalation.conftest import HOURS
from tools.escalation import NoSuchTimeError, callback_time
from tools.hours import OpeningHours

SATURDAY_NIGHT = datetime(2026, 3, 7, 23, 30, tzinfo=UTC)
SUNDAY_BEFORE_HOLIDAY = datetime(2026, 5, 24, 12, 0, tzinfo=UTC)
MONDAY_5_50_PM = datetime(2026, 3, 2, 22, 50, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "day", "at", "due"),
    [
        (MONDAY_9_AM, "", "", "Mon 2026-03-02 09:30"),
        (MONDAY_9_AM, "today", "", "Mon 2026-03-02 09:30"),
        (MONDAY_9_AM, "", "half past two", "Mon 2026-03-02 14:30"),
        (MONDAY_9_AM, "", "eight", "Tue 2026-03-03 08:00"),
        (MONDAY_9_AM, "tomorrow", "ten", "Tue 2026-03-03 10:00"),
        (MONDAY_9_AM, "tomorrow", "", "Tue 2026-03-03 08:00"),
        (MONDAY_9_AM, "tomorrow", "12:30", "Tue 2026-03-03 13:00"),
        (MONDAY_9_AM, "tomorrow", "7 pm", "Wed 2026-03-04 08:00"),
        (MONDAY_9_AM, "saturday", "", "Mon 2026-03-09 08:00"),
        (MONDAY_9_AM, "2026-03-06", "09:15", "Fri 2026-03-06 09:15"),
        (MONDAY_5_50_PM, "", "", "Tue 2026-03-03 08:00"),
        (SATURDAY_NIGHT, "", "", "Mon 2026-03-09 08:00"),
        (SUNDAY_BEFORE_HOLIDAY, "", "", "Tue 2026-05-26 08:00"),
        (SUNDAY_BEFORE_HOLIDAY, "tomorrow", "ten", "Tue 2026-05-26 08:00"),
    ],
)
def test_a_wish_becomes_the_next_time_at_which_somebody_is_there(
    now: datetime, day: str, at: str, due: str
) -> None:
    assert f"{callback_time(HOURS, now, day, at):%a %Y-%m-%d %H:%M}" == due


@pytest.mark.parametrize(
    ("day", "at", "why"),
    [
        ("yesterday", "", "has passed"),
        ("2026-02-27", "ten", "has passed"),
        ("today", "8 am", "has passed"),
        ("2027-01-01", "", "60 days ahead"),
        ("sometime", "", "cannot be read"),
        ("tomorrow", "whenever", "cannot be read"),
        ("9" * 400, "", "cannot be read"),
    ],
)
def test_what_cannot_be_is_said(day: str, at: str, why: str) -> None:
    with pytest.raises(NoSuchTimeError, match=why):
        callback_time(HOURS, MONDAY_9_AM, day, at)


def test_a_business_that_never_opens_promises_nothing() -> None:
    with pytest.raises(NoSuchTimeError, match="no opening hours"):
        callback_time(OpeningHours(hours={}), MONDAY_9_AM)
