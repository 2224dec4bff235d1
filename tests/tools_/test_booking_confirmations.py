"""Customer and business are told of every change, once, and of nothing that did not happen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from icalendar import Calendar
from sqlalchemy import select

from tests.tools_.conftest import Clock, practice
from tools.booking import (
    TEXTS,
    Appointment,
    BookingStore,
    Confirmations,
    Customer,
    Event,
    SlotTakenError,
)
from tools.booking.calendar_file import calendar_file
from tools.messaging import Outbox, OutboxAttachment, OutboxMessage
from tools.storage import Database

ANNA, BEN = Customer("+15550100", "Anna Miller"), Customer("+15550101", "Ben Stone", "de-DE")
CLEANING, FILLING, _ = practice().services


def at(hour: int, day: int = 3) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=practice().opening.zone)


_TEN = at(10)


class Office:
    """A store that tells what it does, and what it has told."""

    def __init__(self, database: Database, clock: Clock, **changes: object) -> None:
        business = practice(**changes)
        self._database = database
        confirmations = Confirmations(Outbox(database, now=clock), business=business, now=clock)
        self.store = BookingStore(database, business=business, now=clock, announce=confirmations.announce)

    async def told(self) -> list[OutboxMessage]:
        async with self._database.reading() as session:
            return list(await session.scalars(select(OutboxMessage).order_by(OutboxMessage.id)))

    async def calendars(self) -> list[Calendar]:
        async with self._database.reading() as session:
            files = await session.scalars(select(OutboxAttachment).order_by(OutboxAttachment.id))
            return [Calendar.from_ical(file.content) for file in files]


@pytest.fixture
async def office(database_url: str, clock: Clock) -> AsyncIterator[Office]:
    database = Database(database_url)
    office = Office(database, clock)
    await database.open()
    yield office
    await database.close()


async def test_each_change_is_told_to_the_customer_and_to_the_business(office: Office) -> None:
    booked = await office.store.book(ANNA, CLEANING, at(10))
    await office.store.move(ANNA.number, booked.id, at(11))
    await office.store.cancel(ANNA.number, booked.id)
    told = await office.told()
    assert [(each.kind, each.recipient) for each in told] == [
        ("appointment_booked", ANNA.number),
        ("appointment_booked", None),
        ("appointment_moved", ANNA.number),
        ("appointment_moved", None),
        ("appointment_cancelled", ANNA.number),
        ("appointment_cancelled", None),
    ]
    assert told[2].text == (
        "Riverside Dental: your appointment for cleaning with Doctor Rivera has moved."
        " It is now Tuesday, March 3, at 11 AM."
    )
    assert told[3].text == (
        "Moved: cleaning with Doctor Rivera, Tuesday, March 3, at 11 AM.\nCustomer: Anna Miller, +15550100"
    )
    assert told[0].data == {
        "appointment_id": booked.id,
        "uid": booked.uid,
        "sequence": 0,
        "service": "cleaning",
        "staff": "Doctor Rivera",
        "starts_at": "2026-03-03T10:00:00-05:00",
        "ends_at": "2026-03-03T10:30:00-05:00",
        "customer_name": "Anna Miller",
    }


async def test_calendars_follow_the_same_appointment_by_its_uid_and_sequence(office: Office) -> None:
    booked = await office.store.book(ANNA, CLEANING, at(10))
    await office.store.move(ANNA.number, booked.id, at(11))
    await office.store.cancel(ANNA.number, booked.id)
    calendars = (await office.calendars())[::2]
    events = [calendar.walk("VEVENT")[0] for calendar in calendars]
    assert [calendar["METHOD"] for calendar in calendars] == ["REQUEST", "REQUEST", "CANCEL"]
    assert [event["SEQUENCE"] for event in events] == [0, 1, 2]
    assert {str(event["UID"]) for event in events} == {f"{booked.uid}@example.com"}
    assert [event.decoded("DTSTART") for event in events] == [at(10), at(11), at(11)]


async def test_what_did_not_happen_is_not_told(office: Office, clock: Clock) -> None:
    booked = await office.store.book(ANNA, CLEANING, at(10))
    await office.store.book(ANNA, CLEANING, at(10))
    await office.store.move(ANNA.number, booked.id, at(10))
    with pytest.raises(SlotTakenError):
        await office.store.book(BEN, FILLING, at(10))
    assert len(await office.told()) == 2


async def test_a_message_that_cannot_be_stored_undoes_the_booking(
    database_url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object) -> None:
        raise ValueError("the text of an owner has a {mistake}")

    database = Database(database_url)
    office = Office(database, clock)
    await database.open()
    monkeypatch.setattr(Outbox, "add", fails)
    with pytest.raises(ValueError, match="mistake"):
        await office.store.book(ANNA, CLEANING, at(10))
    assert await office.store.upcoming(ANNA.number) == [] and await office.told() == []
    assert at(10) in await office.store.free_slots(date(2026, 3, 3), CLEANING)
    await database.close()


async def test_a_customer_is_told_in_their_language_and_the_business_in_its_own(office: Office) -> None:
    booked = await office.store.book(BEN, CLEANING, at(10))
    await office.store.cancel(BEN.number, booked.id)
    await office.store.wait_for(BEN, FILLING, wishes="vormittags")
    texts = [each.text for each in await office.told()]
    assert texts[0].endswith("Doctor Rivera ist gebucht: Dienstag, 3. März, um 10 Uhr.")
    assert texts[1].startswith("Booked: cleaning with Doctor Rivera, Tuesday, March 3, at 10 AM.")
    assert texts[2].endswith("Dienstag, 3. März, um 10 Uhr, ist abgesagt.")
    assert texts[4] == ("Riverside Dental: Sie stehen auf der Warteliste für filling. Wir rufen Sie zurück.")
    assert texts[5] == "Please call back: Ben Stone, +15550101, for filling (vormittags)"


async def test_who_waits_for_what_has_become_free_is_told_to_the_business_alone(office: Office) -> None:
    booked = await office.store.book(ANNA, CLEANING, at(10))
    await office.store.wait_for(BEN, CLEANING, "Doctor Rivera")
    await office.store.wait_for(BEN, FILLING)
    await office.store.cancel(ANNA.number, booked.id)
    *_, to_customer, to_business = await office.told()
    assert "Ben" not in to_customer.text
    assert to_business.text.endswith(
        "On the waiting list for it:\nBen Stone, +15550101, for cleaning with Doctor Rivera"
    )


async def test_an_owner_words_the_messages_and_the_first_language_is_the_default(
    database_url: str, clock: Clock
) -> None:
    texts = {"de": TEXTS["de"], "en": dict(TEXTS["en"]) | {Event.BOOKED: "See you {when}!"}}
    database, business = Database(database_url), practice()
    confirmations = Confirmations(Outbox(database, now=clock), business=business, texts=texts, now=clock)
    store = BookingStore(database, business=business, now=clock, announce=confirmations.announce)
    await database.open()
    await store.book(replace(ANNA, language="en-GB"), CLEANING, at(10))
    await store.book(replace(ANNA, language="fi-FI"), CLEANING, at(11))
    async with database.reading() as session:
        told = list(await session.scalars(select(OutboxMessage.text).order_by(OutboxMessage.id)))
    await database.close()
    assert told[0] == "See you Tuesday, March 3, at 10 AM!"
    assert told[2].endswith("ist gebucht: Dienstag, 3. März, um 11 Uhr.")


def appointment(name: str = "Anna Miller", number: str = "+15550100", start: datetime = _TEN) -> Appointment:
    return Appointment(
        id=1,
        uid="7d0c",
        sequence=3,
        customer_number=number,
        customer_name=name,
        language="",
        service="cleaning",
        staff="Doctor Rivera",
        starts_at=start.astimezone(UTC),
        ends_at=start.astimezone(UTC) + timedelta(minutes=30),
        created_at=at(9),
    )


def test_a_calendar_file_says_all_that_a_calendar_needs() -> None:
    business = practice(email="desk@riverside.example", address="12 River Street, Springfield")
    file = calendar_file(appointment(), business, at(9), cancelled=False)
    calendar = Calendar.from_ical(file)
    (event,) = calendar.walk("VEVENT")
    assert str(event["UID"]) == "7d0c@riverside.example" and event["STATUS"] == "CONFIRMED"
    assert str(event["ORGANIZER"]) == "mailto:desk@riverside.example"
    assert event["ORGANIZER"].params["CN"] == "Riverside Dental"
    assert str(event["ATTENDEE"]) == "tel:+15550100" and event["ATTENDEE"].params["CN"] == "Anna Miller"
    assert event["LOCATION"] == "12 River Street, Springfield"
    assert event["DTSTART"].params["TZID"] == "America/New_York"
    (zone,) = calendar.walk("VTIMEZONE")
    assert zone["TZID"] == "America/New_York"
    # The file is whole without the names of the reader's system: the offset stands in it.
    assert zone.to_tz().utcoffset(datetime(2026, 3, 3, 10)) == timedelta(hours=-5)
    assert zone.to_tz().utcoffset(datetime(2026, 7, 3, 10)) == timedelta(hours=-4)
    assert b"\r\n" in file and max(len(line) for line in file.split(b"\r\n")) <= 75


@pytest.mark.parametrize(
    "name",
    [
        'Anna "the Tooth" Miller',
        "Anna;CN=x:mailto:evil@example.com",
        "Anna\r\nATTENDEE:mailto:evil@example.com",
        "Anna, Ben; and \\n Carl",
        "Ännchen 👑" * 20,
    ],
)
def test_a_name_cannot_write_into_the_calendar_file(name: str) -> None:
    file = calendar_file(appointment(name), practice(), at(9), cancelled=False)
    (event,) = Calendar.from_ical(file).walk("VEVENT")
    assert str(event["ATTENDEE"]) == "tel:+15550100"
    assert not any(line.startswith(b"ATTENDEE:mailto") for line in file.split(b"\r\n"))


def test_who_calls_by_another_address_than_a_number_is_known_by_it() -> None:
    file = calendar_file(appointment(number="sip:anna@example.org"), practice(), at(9), cancelled=True)
    (event,) = Calendar.from_ical(file).walk("VEVENT")
    assert str(event["ATTENDEE"]) == "sip:anna@example.org"
    assert (event["STATUS"], event["SEQUENCE"]) == ("CANCELLED", 4)
