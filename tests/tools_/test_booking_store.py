"""Slots are given out once, whoever asks for them at once, and taken back by their owner only."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from tests.tools_.conftest import Clock, OpenStore, practice
from tools.booking import (
    BookingStore,
    Customer,
    NoSuchAppointmentError,
    NotOfferedError,
    Service,
    SlotTakenError,
    TooManyAppointmentsError,
)
from tools.booking.models import Appointment, OccupiedCell, cells
from tools.storage import Database

ANNA, BEN = "+15550100", "+15550101"
TUESDAY = date(2026, 3, 3)
CLEANING, FILLING, ROOT_CANAL = practice().services


def at(hour: int, minute: int = 0, day: date = TUESDAY) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=practice().opening.zone)


async def free_times(store: BookingStore, service: Service = CLEANING, day: date = TUESDAY) -> list[str]:
    return [f"{start:%H:%M}" for start in await store.free_slots(day, service)]


async def stored(store: BookingStore) -> tuple[int, int]:
    """How many appointments and occupied cells the database holds."""
    async with store._database.reading() as session:
        counts = [
            await session.scalar(select(func.count()).select_from(t)) for t in (Appointment, OccupiedCell)
        ]
    return counts[0] or 0, counts[1] or 0


async def test_a_booked_time_is_no_longer_free_and_is_found_by_its_number(store: BookingStore) -> None:
    booked = await store.book(Customer(ANNA, "Anna Miller"), CLEANING, at(10))
    assert await free_times(store) == ["09:00", "09:30", "10:30", "11:00", "11:30"]
    found = await store.next_appointment(ANNA)
    assert found is not None
    assert (found.id, found.customer_name, found.service) == (booked.id, "Anna Miller", "cleaning")
    assert (found.starts_at, found.ends_at) == (at(10), at(10, 30))
    assert await store.next_appointment(BEN) is None


async def test_appointments_of_different_lengths_never_overlap(store: BookingStore) -> None:
    await store.book(Customer(ANNA, "Anna"), FILLING, at(10))
    assert await free_times(store, CLEANING) == ["09:00", "09:30", "11:00", "11:30"]
    assert await free_times(store, ROOT_CANAL) == []
    for service, start in (
        (CLEANING, at(10)),
        (CLEANING, at(10, 30)),
        (ROOT_CANAL, at(9)),
        (FILLING, at(9, 30)),
    ):
        with pytest.raises(SlotTakenError):
            await store.book(Customer(BEN, "Ben"), service, start)
    await store.book(Customer(BEN, "Ben"), FILLING, at(9))
    assert await stored(store) == (2, 24)


async def test_the_database_itself_refuses_an_overlap(store: BookingStore) -> None:
    booked = await store.book(Customer(ANNA, "Anna"), FILLING, at(10))
    with pytest.raises(IntegrityError):
        async with store._database.writing() as session:
            for start in cells(at(10, 55), at(11, 25)):
                session.add(OccupiedCell(staff=booked.staff, starts_at=start, appointment_id=booked.id))
    assert await stored(store) == (1, 12)


async def test_two_of_the_staff_take_two_at_once(open_store: OpenStore) -> None:
    store = await open_store(staff=("Doctor Rivera", "Doctor Chen"))
    first = await store.book(Customer(ANNA, "Anna"), CLEANING, at(10))
    second = await store.book(Customer(BEN, "Ben"), CLEANING, at(10))
    assert {first.staff, second.staff} == {"Doctor Rivera", "Doctor Chen"}
    with pytest.raises(SlotTakenError, match="Tuesday, March 3, at 10 AM is taken"):
        await store.book(Customer("+15550102", "Carl"), CLEANING, at(10))


async def test_fifty_callers_want_five_slots_and_five_get_one_each(open_store: OpenStore) -> None:
    workers = [await open_store(), await open_store()]
    slots = [at(9), at(9, 30), at(10), at(10, 30), at(11)]

    async def call(n: int) -> str:
        try:
            await workers[n % 2].book(Customer(f"+1555{n:04}", f"Caller {n}"), CLEANING, slots[n % 5])
        except SlotTakenError:
            return "taken"
        return "booked"

    outcomes = await asyncio.gather(*(call(n) for n in range(50)))
    assert (outcomes.count("booked"), outcomes.count("taken")) == (5, 45)
    assert await stored(workers[0]) == (5, 30)
    assert await free_times(workers[0]) == ["11:30"]


async def test_overlapping_lengths_at_once_leave_no_cell_without_its_appointment(
    open_store: OpenStore,
) -> None:
    store = await open_store(staff=("Doctor Rivera", "Doctor Chen"))
    services, starts = practice().services, [at(9), at(9, 30), at(10), at(10, 30)]

    async def call(n: int) -> bool:
        try:
            await store.book(Customer(f"+1555{n:04}", "Caller"), services[n % 3], starts[n % 4])
        except SlotTakenError:
            return False
        return True

    booked = sum(await asyncio.gather(*(call(n) for n in range(24))))
    async with store._database.reading() as session:
        appointments = list(await session.scalars(select(Appointment)))
    assert len(appointments) == booked >= 2
    taken = [(a.staff, cell) for a in appointments for cell in cells(a.starts_at, a.ends_at)]
    assert len(set(taken)) == len(taken) == (await stored(store))[1]


async def test_booking_the_same_again_books_once(store: BookingStore) -> None:
    again = await asyncio.gather(*(store.book(Customer(ANNA, "Anna"), CLEANING, at(10)) for _ in range(5)))
    assert len({appointment.id for appointment in again}) == 1
    assert await stored(store) == (1, 6)


async def test_moving_frees_the_old_time_and_takes_the_new_one(store: BookingStore) -> None:
    booked = await store.book(Customer(ANNA, "Anna"), FILLING, at(9))
    moved = await store.move(ANNA, booked.id, at(11))
    assert (moved.id, moved.starts_at, moved.ends_at) == (booked.id, at(11), at(12))
    assert await free_times(store) == ["09:00", "09:30", "10:00", "10:30"]
    assert await stored(store) == (1, 12)


async def test_an_appointment_may_move_into_its_own_time(store: BookingStore) -> None:
    booked = await store.book(Customer(ANNA, "Anna"), FILLING, at(9))
    await store.move(ANNA, booked.id, at(9, 30))
    assert await free_times(store) == ["09:00", "10:30", "11:00", "11:30"]
    assert await stored(store) == (1, 12)


async def test_a_move_to_where_it_is_changes_nothing_also_when_the_clock_repeats_the_hour(
    open_store: OpenStore,
) -> None:
    store = await open_store(hours={"sunday": "0:00-6:00"})
    twice = at(1, day=date(2026, 11, 1))
    booked = await store.book(Customer(ANNA, "Anna"), CLEANING, twice)
    assert (await store.move(ANNA, booked.id, twice)).sequence == 0


async def test_a_refused_move_leaves_everything_as_it_was(store: BookingStore) -> None:
    annas = await store.book(Customer(ANNA, "Anna"), CLEANING, at(9))
    await store.book(Customer(BEN, "Ben"), CLEANING, at(10))
    with pytest.raises(SlotTakenError):
        await store.move(ANNA, annas.id, at(10))
    with pytest.raises(NotOfferedError):
        await store.move(ANNA, annas.id, at(17))
    assert await free_times(store) == ["09:30", "10:30", "11:00", "11:30"]
    kept = await store.next_appointment(ANNA)
    assert kept is not None and kept.starts_at == at(9)


async def test_two_who_want_each_others_time_are_both_refused(open_store: OpenStore) -> None:
    store, other = await open_store(), await open_store()
    annas = await store.book(Customer(ANNA, "Anna"), CLEANING, at(9))
    bens = await store.book(Customer(BEN, "Ben"), CLEANING, at(10))
    outcomes = await asyncio.gather(
        store.move(ANNA, annas.id, at(10)), other.move(BEN, bens.id, at(9)), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [SlotTakenError, SlotTakenError]
    assert await stored(store) == (2, 12)


async def test_cancelling_frees_the_time(store: BookingStore) -> None:
    booked = await store.book(Customer(ANNA, "Anna"), ROOT_CANAL, at(9))
    await store.cancel(ANNA, booked.id)
    assert "09:00" in await free_times(store, ROOT_CANAL)
    assert await stored(store) == (0, 0)
    with pytest.raises(NoSuchAppointmentError):
        await store.cancel(ANNA, booked.id)


@pytest.mark.parametrize("wrong_id", [0, -1, 2**31, 10**30])
async def test_an_id_that_cannot_exist_is_like_one_that_does_not(store: BookingStore, wrong_id: int) -> None:
    with pytest.raises(NoSuchAppointmentError):
        await store.cancel(ANNA, wrong_id)


async def test_another_numbers_appointment_does_not_exist(store: BookingStore) -> None:
    annas = await store.book(Customer(ANNA, "Anna"), CLEANING, at(10))
    with pytest.raises(NoSuchAppointmentError):
        await store.cancel(BEN, annas.id)
    with pytest.raises(NoSuchAppointmentError):
        await store.move(BEN, annas.id, at(11))
    assert await store.upcoming(BEN) == []
    kept = await store.next_appointment(ANNA)
    assert kept is not None and kept.starts_at == at(10)


async def test_what_has_begun_is_history(store: BookingStore, clock: Clock) -> None:
    booked = await store.book(Customer(ANNA, "Anna"), CLEANING, at(10))
    clock.now = at(10)
    assert await store.upcoming(ANNA) == []
    with pytest.raises(NoSuchAppointmentError):
        await store.cancel(ANNA, booked.id)
    assert await free_times(store) == ["10:30", "11:00", "11:30"]


@pytest.mark.parametrize(
    ("start", "complaint"),
    [
        (at(9, day=date(2026, 3, 2)), "is in the past"),
        (at(10, day=date(2026, 2, 27)), "is in the past"),
        (at(10, day=date(2026, 3, 7)), "closed on Saturday, March 7"),
        (at(10, day=date(2027, 3, 10)), "up to Tuesday, March 2"),
        (at(8), "can begin"),
        (at(12), "can begin"),
        (at(10, 10), "can begin"),
    ],
)
async def test_a_time_that_is_not_offered_is_refused_in_words(
    store: BookingStore, start: datetime, complaint: str
) -> None:
    with pytest.raises(NotOfferedError, match=complaint):
        await store.book(Customer(ANNA, "Anna"), CLEANING, start)
    assert await stored(store) == (0, 0)


async def test_a_closed_day_offers_nothing_until_it_is_reopened(store: BookingStore) -> None:
    await store.close_day(TUESDAY, "public holiday")
    await store.close_day(TUESDAY, "staff training")
    assert await free_times(store) == []
    with pytest.raises(NotOfferedError, match=r"closed on Tuesday, March 3 \(staff training\)"):
        await store.book(Customer(ANNA, "Anna"), CLEANING, at(10))
    await store.reopen_day(TUESDAY)
    assert await store.closed_because(TUESDAY) is None
    assert "10:00" in await free_times(store)


async def test_the_next_free_times_skip_what_is_closed_or_booked(store: BookingStore) -> None:
    await store.close_day(TUESDAY)
    friday = at(11, 30, day=date(2026, 3, 6))
    await store.book(Customer(ANNA, "Anna"), CLEANING, friday)
    found = await store.next_free_slots(CLEANING, at(9), limit=1)
    assert found == [at(9, day=date(2026, 3, 4))]
    found = await store.next_free_slots(CLEANING, friday, limit=2)
    assert found == [at(9, day=date(2026, 3, 9)), at(9, 30, day=date(2026, 3, 9))]


async def test_a_number_cannot_hold_the_whole_calendar(open_store: OpenStore) -> None:
    store = await open_store(max_upcoming=2)
    await store.book(Customer(ANNA, "Anna"), CLEANING, at(9))
    await store.book(Customer(ANNA, "Anna"), CLEANING, at(10))
    with pytest.raises(TooManyAppointmentsError):
        await store.book(Customer(ANNA, "Anna"), CLEANING, at(11))


async def test_a_slot_after_the_clocks_change_is_at_the_same_time_on_the_wall(open_store: OpenStore) -> None:
    store = await open_store(hours={"saturday": "9:00-12:00", "sunday": "9:00-12:00"})
    for day, utc_hour in ((date(2026, 3, 7), 14), (date(2026, 3, 8), 13)):
        booked = await store.book(Customer(ANNA, "Anna"), CLEANING, at(9, day=day))
        assert booked.starts_at == datetime(day.year, day.month, day.day, utc_hour, tzinfo=UTC)
        assert (await free_times(store, CLEANING, day))[0] == "09:30"


async def test_appointments_outlive_the_process(clock: Clock, database_url: str) -> None:
    before, after = Database(database_url), Database(database_url)
    store = BookingStore(before, business=practice(), now=clock)
    await before.open()
    booked = await store.book(Customer(ANNA, "Anna"), CLEANING, at(10))
    await before.close()
    store = BookingStore(after, business=practice(), now=clock)
    await after.open()
    found = await store.next_appointment(ANNA)
    await after.close()
    assert found is not None
    assert (found.id, found.starts_at, found.starts_at.utcoffset()) == (booked.id, at(10), timedelta(0))


async def test_a_store_in_memory_serves_many_calls_too(clock: Clock) -> None:
    database = Database("sqlite://")
    store = BookingStore(database, business=practice(), now=clock)
    await database.open()
    try:
        outcomes = await asyncio.gather(
            *(store.book(Customer(f"+1555{n:04}", "Caller"), CLEANING, at(10)) for n in range(8)),
            return_exceptions=True,
        )
        assert sum(isinstance(outcome, Appointment) for outcome in outcomes) == 1
        assert sum(isinstance(outcome, SlotTakenError) for outcome in outcomes) == 7
    finally:
        await database.close()


async def test_reprs_do_not_tell_who_the_customer_is(store: BookingStore) -> None:
    shown = repr(await store.book(Customer(ANNA, "Anna Miller"), CLEANING, at(10)))
    assert "Anna" not in shown and ANNA not in shown


async def test_only_who_does_a_service_is_booked_for_it(open_store: OpenStore) -> None:
    canal = Service("root canal", 90, staff=("Doctor Chen",))
    store = await open_store(staff=("Doctor Rivera", "Doctor Chen"), services=(CLEANING, canal))
    assert (await store.book(Customer(ANNA, "Anna"), canal, at(9))).staff == "Doctor Chen"
    with pytest.raises(SlotTakenError):
        await store.book(Customer(BEN, "Ben"), canal, at(10))
    assert "10:00" in await free_times(store) and "10:00" not in await free_times(store, canal)
    with pytest.raises(NotOfferedError, match="Doctor Rivera does not do this: root canal"):
        await store.book(Customer(BEN, "Ben"), canal, at(10, 30), "Doctor Rivera")
    assert (await store.book(Customer(BEN, "Ben"), CLEANING, at(10))).staff == "Doctor Rivera"


async def test_who_is_asked_for_is_booked_or_nobody(open_store: OpenStore) -> None:
    store = await open_store(staff=("Doctor Rivera", "Doctor Chen"))
    first = await store.book(Customer(ANNA, "Anna"), CLEANING, at(10), "Doctor Chen")
    assert first.staff == "Doctor Chen"
    with pytest.raises(SlotTakenError, match="10 AM is taken with Doctor Chen"):
        await store.book(Customer(BEN, "Ben"), CLEANING, at(10), "Doctor Chen")
    assert f"{(await store.next_free_slots(CLEANING, at(10), 1, 'Doctor Chen'))[0]:%H:%M}" == "10:30"
    assert at(10) not in await store.free_slots(TUESDAY, CLEANING, "Doctor Chen")
    assert at(10) in await store.free_slots(TUESDAY, CLEANING)


async def test_a_moved_appointment_stays_with_whom_it_was_if_they_are_free(open_store: OpenStore) -> None:
    store = await open_store(staff=("Doctor Rivera", "Doctor Chen"))
    annas = await store.book(Customer(ANNA, "Anna"), CLEANING, at(9), "Doctor Chen")
    await store.book(Customer(BEN, "Ben"), CLEANING, at(11), "Doctor Chen")
    assert (await store.move(ANNA, annas.id, at(10))).staff == "Doctor Chen"
    assert (await store.move(ANNA, annas.id, at(11))).staff == "Doctor Rivera"
    moved = await store.move(ANNA, annas.id, at(9), "Doctor Chen")
    assert (moved.staff, moved.sequence) == ("Doctor Chen", 3)
    # The same time with somebody else is a move as well.
    assert (await store.move(ANNA, annas.id, at(9), "Doctor Rivera")).staff == "Doctor Rivera"
    assert await stored(store) == (2, 12)


async def test_a_holiday_offers_nothing_and_has_its_name(open_store: OpenStore) -> None:
    store = await open_store(holidays="US")
    independence = date(2026, 7, 3)
    assert await store.free_slots(independence, CLEANING) == []
    with pytest.raises(NotOfferedError, match=r"closed on Friday, July 3 \(Independence Day"):
        await store.book(Customer(ANNA, "Anna"), CLEANING, at(10, day=independence))
    assert (await store.next_free_slots(CLEANING, at(9, day=independence), 1))[0].date() == date(2026, 7, 6)


async def test_whoever_waits_is_on_the_list_once_until_they_have_an_appointment(store: BookingStore) -> None:
    anna, ben = Customer(ANNA, "Anna"), Customer(BEN, "Ben", "de")
    await asyncio.gather(*(store.wait_for(anna, CLEANING, wishes="any morning") for _ in range(3)))
    await store.wait_for(ben, CLEANING)
    await store.wait_for(anna, FILLING)
    await store.wait_for(ben, CLEANING, "Doctor Rivera", "Mondays")
    waiting = [(each.customer_name, each.service, each.staff, each.wishes) for each in await store.waiting()]
    assert sorted(waiting) == [
        ("Anna", "cleaning", "", "any morning"),
        ("Anna", "filling", "", ""),
        ("Ben", "cleaning", "Doctor Rivera", "Mondays"),
    ]
    await store.book(anna, CLEANING, at(10))
    assert [(each.customer_name, each.service) for each in await store.waiting()] == [
        ("Ben", "cleaning"),
        ("Anna", "filling"),
    ]


async def test_the_desk_is_open_when_the_hours_and_the_days_off_say_so(
    store: BookingStore, clock: Clock
) -> None:
    assert await store.is_open()
    await store.close_day(store.today(), "staff training")
    assert not await store.is_open()
    await store.close_day(TUESDAY)
    assert await store.next_opening() == at(9, day=date(2026, 3, 4))
    await store.reopen_day(TUESDAY)
    assert await store.next_opening() == at(9)
    await store.reopen_day(store.today())
    clock.advance(hours=3)
    assert not await store.is_open()
