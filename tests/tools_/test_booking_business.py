"""Opening hours become slots, also on the days when the clocks change; wrong facts are refused at once."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest

from tests.tools_.conftest import practice
from tools.booking import Business, Service, UnknownServiceError, UnknownStaffError

CLEANING, FILLING = Service("cleaning", 30), Service("filling", 60)
MONDAY = date(2026, 3, 2)
CLOCKS_FORWARD = date(2026, 3, 8)
CLOCKS_BACK = date(2026, 11, 1)


def local_times(business: Business, day: date, service: Service) -> list[str]:
    return [f"{start:%H:%M}" for start in business.starts(day, service)]


def test_a_service_must_end_before_closing_time() -> None:
    assert local_times(practice(), MONDAY, CLEANING) == ["09:00", "09:30", "10:00", "10:30", "11:00", "11:30"]
    assert local_times(practice(), MONDAY, FILLING)[-1] == "11:00"


def test_nothing_spans_a_lunch_break() -> None:
    business = practice(hours={"monday": "9:00-10:30, 11:30-12:30"})
    assert local_times(business, MONDAY, FILLING) == ["09:00", "09:30", "11:30"]


def test_a_day_without_hours_has_no_slots() -> None:
    assert local_times(practice(), date(2026, 3, 7), CLEANING) == []


def test_when_the_clocks_go_forward_the_missing_hour_is_not_offered() -> None:
    business = practice(hours={"sunday": "1:00-4:00"})
    assert local_times(business, CLOCKS_FORWARD, CLEANING) == ["01:00", "01:30", "03:00", "03:30"]
    assert business.opening.moment(CLOCKS_FORWARD, time(2, 30)) is None
    starts = [start.astimezone(UTC) for start in business.starts(CLOCKS_FORWARD, FILLING)]
    # The filling of 01:30 ends at 03:30 by the wall, one hour later.
    assert [f"{start:%H:%M}" for start in starts] == ["06:00", "06:30", "07:00"]


def test_when_the_clocks_go_back_no_two_slots_are_the_same_moment() -> None:
    business = practice(hours={"sunday": "0:00-4:00"})
    starts = [start.astimezone(UTC) for start in business.starts(CLOCKS_BACK, CLEANING)]
    assert len(set(starts)) == len(starts)
    assert starts[-1] + timedelta(minutes=30) == datetime(2026, 11, 1, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize("name", ["cleaning", "Cleaning", " CLEANING "])
def test_a_service_is_found_however_it_is_written(name: str) -> None:
    assert practice().service(name) == CLEANING


def test_hyphens_and_other_names_do_not_matter() -> None:
    business = practice(services=(Service("check-up", 30, also=("exam",)),))
    assert business.service("checkup") is business.service("Check Up") is business.service("EXAM")


def test_an_unknown_service_is_answered_with_those_there_are() -> None:
    with pytest.raises(UnknownServiceError, match=r"'whitening'.*cleaning, filling, root canal"):
        practice().service("whitening")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"hours": {"monday": "9:03-12:00"}}, "09:03"),
        ({"special_hours": {MONDAY: "9:03-12:00"}}, "09:03"),
        (
            {"services": (Service("filling", 60, staff=("Doctor No",)),)},
            r"'filling'.*'Doctor No'.*Doctor Rivera",
        ),
        ({"services": ()}, "services"),
        ({"staff": ("A", "a")}, "staff"),
        ({"slot_minutes": 7}, "slot_minutes"),
    ],
)
def test_wrong_facts_are_refused_when_they_are_written(changes: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        practice(**changes)


def test_a_service_lasts_a_multiple_of_five_minutes() -> None:
    with pytest.raises(ValueError, match=r"'quick look'.*multiple of 5"):
        Service("quick look", 12)


STAFF = ("Doctor Mary Rivera", "Doctor Chen", "Doctor Paul Rivera")


@pytest.mark.parametrize("name", ["Chen", "doctor chen", "Dr. Chen", " CHEN "])
def test_a_member_of_staff_is_found_however_they_are_called(name: str) -> None:
    assert practice(staff=STAFF).member(name, CLEANING) == "Doctor Chen"


def test_a_name_that_two_share_must_be_told_apart() -> None:
    business = practice(staff=STAFF)
    with pytest.raises(UnknownStaffError, match=r"may be Doctor Mary Rivera or Doctor Paul Rivera: ask"):
        business.member("Doctor Rivera", CLEANING)
    assert business.member("Paul Rivera", CLEANING) == "Doctor Paul Rivera"


@pytest.mark.parametrize("name", ["Doctor Who", "doctor", "%", "'; drop table appointments; --"])
def test_a_name_that_nobody_has_is_answered_with_those_there_are(name: str) -> None:
    with pytest.raises(UnknownStaffError, match=r"For cleaning there is: .*Doctor Chen"):
        practice(staff=STAFF).member(name, CLEANING)


def test_not_everybody_does_everything() -> None:
    canal = Service("root canal", 90, staff=("Doctor Chen",))
    business = practice(staff=STAFF, services=(CLEANING, canal))
    assert business.who_does(canal) == ("Doctor Chen",) and business.who_does(CLEANING) == STAFF
    with pytest.raises(UnknownStaffError, match=r"Paul Rivera does not do this: root canal.*Doctor Chen"):
        business.member("Paul", canal)
