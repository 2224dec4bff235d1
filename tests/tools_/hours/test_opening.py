"""A business is open when its week, the holidays and the exceptions say so, in its own time zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest

from tools.hours import WEEKDAYS, Hours, OpeningHours

WORKDAYS = dict.fromkeys(WEEKDAYS[:5], "9:00-12:30, 13:30-18:00")
BERLIN = OpeningHours(time_zone="Europe/Berlin", hours=WORKDAYS, holidays="DE-BE")


def at(hour: int, minute: int = 0, day: int = 2, month: int = 3, opening: OpeningHours = BERLIN) -> datetime:
    """A moment of 2026; March 2 is a Monday."""
    return datetime(2026, month, day, hour, minute, tzinfo=opening.zone)


@pytest.mark.parametrize(
    ("hour", "minute", "is_open"),
    [(8, 59, False), (9, 0, True), (12, 29, True), (12, 30, False), (13, 30, True), (18, 0, False)],
)
def test_it_opens_with_the_first_minute_and_closes_with_the_last(
    hour: int, minute: int, is_open: bool
) -> None:
    assert BERLIN.is_open(at(hour, minute)) is is_open
    assert BERLIN.is_open(at(hour, minute).astimezone(UTC)) is is_open


def test_the_clock_on_its_own_wall_counts() -> None:
    tokyo = OpeningHours(time_zone="Asia/Tokyo")
    monday_9_am_in_tokyo = datetime(2026, 3, 2, 0, 0, tzinfo=UTC)
    assert tokyo.is_open(monday_9_am_in_tokyo) and not BERLIN.is_open(monday_9_am_in_tokyo)


def test_a_day_that_is_not_named_is_closed() -> None:
    assert not BERLIN.is_open(at(10, day=7))
    assert BERLIN.hours_on(date(2026, 3, 7)) == ()


def test_it_may_be_open_until_midnight() -> None:
    bar = OpeningHours(hours={"friday": "18:00-24:00"})
    assert bar.is_open(datetime(2026, 3, 6, 23, 59, tzinfo=UTC))
    assert not bar.is_open(datetime(2026, 3, 7, 0, 0, tzinfo=UTC))
    assert bar.closing(date(2026, 3, 6), bar.hours_on(date(2026, 3, 6))[0]) == datetime(
        2026, 3, 7, tzinfo=UTC
    )
    assert bar.in_words().startswith("Monday to Thursday closed; Friday 6 PM to midnight")


def test_the_next_opening_skips_the_night_the_weekend_and_a_holiday() -> None:
    assert BERLIN.next_opening(at(7)) == at(9)
    assert BERLIN.next_opening(at(10)) == at(13, 30)
    assert BERLIN.next_opening(at(20)) == at(9, day=3)
    # Good Friday and Easter Monday are holidays.
    assert BERLIN.next_opening(at(20, day=2, month=4)) == at(9, day=7, month=4)


def test_the_next_opening_after_the_clocks_change_is_at_the_same_time_on_the_wall() -> None:
    sundays = OpeningHours(time_zone="America/New_York", hours={"sunday": "9:00-12:00"})
    saturday = datetime(2026, 3, 7, 12, tzinfo=UTC)
    opens = sundays.next_opening(saturday)
    assert opens is not None and opens.time() == time(9)
    assert opens.astimezone(UTC) == datetime(2026, 3, 8, 13, tzinfo=UTC)


def test_an_opening_time_that_the_clock_skips_comes_when_it_has_moved() -> None:
    sundays = OpeningHours(time_zone="America/New_York", hours={"sunday": "2:30-12:00"})
    opens = sundays.next_opening(datetime(2026, 3, 8, 6, tzinfo=UTC))
    assert opens is not None and opens.time() == time(3, 30) and sundays.is_open(opens)
    assert sundays.moment(date(2026, 3, 8), time(2, 30)) is None


def test_a_business_that_never_opens_has_no_next_opening() -> None:
    assert OpeningHours(hours={}).next_opening(at(9)) is None


def test_a_holiday_has_a_name_in_the_language_asked_for_or_that_of_the_country() -> None:
    unity = date(2026, 10, 3)
    assert BERLIN.holiday(unity, "de-DE") == "Tag der Deutschen Einheit"
    assert BERLIN.holiday(unity, "en-US") == BERLIN.holiday(unity) == "German Unity Day"
    assert BERLIN.holiday(unity, "fi") == "Tag der Deutschen Einheit"
    assert BERLIN.holiday(date(2026, 10, 5)) is None
    assert OpeningHours().holiday(unity) is None


def test_a_subdivision_has_holidays_of_its_own() -> None:
    womens_day, epiphany = date(2027, 3, 8), date(2026, 1, 6)
    bavaria = OpeningHours(time_zone="Europe/Berlin", holidays="DE-BY")
    assert BERLIN.hours_on(womens_day) == () and bavaria.hours_on(womens_day)
    assert bavaria.hours_on(epiphany) == () and BERLIN.hours_on(epiphany)


def test_an_exception_beats_the_week_and_the_holidays() -> None:
    christmas, day_after, eve, workday = (date(2026, 12, day) for day in (25, 28, 24, 23))
    shop = OpeningHours(
        holidays="US",
        closed_days={eve: "Christmas Eve", day_after: ""},
        special_hours={christmas: "10:00-12:00", workday: ""},
    )
    assert shop.hours_on(christmas) == (Hours(time(10), time(12)),) and shop.why_closed(christmas) is None
    assert shop.hours_on(eve) == () and shop.why_closed(eve) == "Christmas Eve"
    assert shop.hours_on(day_after) == ()
    assert shop.hours_on(workday) == ()
    assert OpeningHours(holidays="US").why_closed(christmas) == "Christmas Day"


def test_the_week_is_said_in_one_sentence() -> None:
    assert OpeningHours().in_words() == "Monday to Friday 9 AM to 5 PM; Saturday to Sunday closed"
    assert BERLIN.in_words("de") == (
        "Montag bis Freitag 9 Uhr bis 12:30 Uhr und 13:30 Uhr bis 18 Uhr; Samstag bis Sonntag geschlossen"
    )
    tuesdays = OpeningHours(hours={"tuesday": "9:00-12:00"})
    assert tuesdays.in_words() == "Monday closed; Tuesday 9 AM to 12 PM; Wednesday to Sunday closed"


@pytest.mark.parametrize(
    ("facts", "complaint"),
    [
        ({"time_zone": "America/Riverside"}, "America/Riverside"),
        ({"time_zone": ""}, "IANA name"),
        ({"hours": {"mon": "9:00-12:00"}}, "'mon'"),
        ({"hours": {"monday": "9-12"}}, "'9-12'"),
        ({"hours": {"monday": "12:00-9:00"}}, "closes before it opens"),
        ({"hours": {"monday": "9:00-25:00"}}, "'9:00-25:00'"),
        ({"hours": {"monday": "9:00-12:00, 11:00-13:00"}}, "without overlap"),
        ({"hours": {"monday": "9:00-24:00, 11:00-13:00"}}, "without overlap"),
        ({"special_hours": {date(2026, 12, 31): "nine"}}, "'nine'"),
        ({"holidays": "Atlantis"}, r"'Atlantis'.*ISO 3166"),
        ({"holidays": "DE-XX"}, r"'DE-XX'.*'DE-BY'"),
    ],
)
def test_wrong_facts_are_refused_when_they_are_written(facts: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        OpeningHours(**facts)  # type: ignore[arg-type]


def test_a_year_of_openings_agrees_with_itself() -> None:
    moment, seen = at(0, day=1, month=1), 0
    while moment < at(0, day=31, month=12):
        opens = BERLIN.next_opening(moment)
        assert opens is not None and BERLIN.is_open(opens)
        assert not BERLIN.is_open(opens - timedelta(minutes=1))
        moment, seen = opens, seen + 1
    # 252 working days in Berlin, two stretches each.
    assert seen == pytest.approx(2 * 252, abs=6)
