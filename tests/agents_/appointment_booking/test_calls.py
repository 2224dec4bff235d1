"""Callers book, move and cancel by phone: what they hear, what is stored, and what is sent."""

from __future__ import annotations

from pathlib import Path

from tests.agents_.appointment_booking.practice import (
    ANNA,
    BEN,
    CLEANING,
    END,
    FILLING,
    GOODBYE,
    HELLO,
    MAILBOX,
    at,
    calendar_of,
    heard,
    practice,
    sqlite,
    talk,
    then,
)
from tools.booking import Customer
from voiceagent.report import EndReason
from voiceagent.testing import virtual_time

BOOKING = talk(
    "I need a filling tomorrow with doctor Chen",
    "two in the afternoon, my name is Anna Miller",
    rules=[
        heard(
            "I need a filling tomorrow with doctor Chen",
            call={"check_availability": {"date": "tomorrow", "service": "filling", "staff": "doctor Chen"}},
        ),
        then("Doctor Chen is free at two. What is your name?"),
        heard(
            "two in the afternoon, my name is Anna Miller",
            call={
                "book_appointment": {
                    "service": "filling",
                    "date": "tomorrow",
                    "time": "2 PM",
                    "customer_name": "Anna Miller",
                    "staff": "Chen",
                }
            },
        ),
        then(GOODBYE, call=END),
    ],
)


@virtual_time
async def test_a_caller_books_with_whom_they_like_and_is_sent_what_was_booked(tmp_path: Path) -> None:
    async with practice(sqlite(tmp_path), BOOKING) as office:
        played = await office.line.call(caller=ANNA)
        await office.told(1)

        assert played.ended is EndReason.AGENT_HUNG_UP and played.violations == []
        assert [(use.name, use.ok) for use in played.tools] == [
            ("check_availability", True),
            ("book_appointment", True),
            ("end_call", True),
        ]
        assert played.caller.heard_speech(HELLO) and played.caller.heard_speech(GOODBYE)
        assert await office.appointments() == [("Anna Miller", "filling", "03-03 14:00")]
        assert await office.occupied() == 12

        when = "Tuesday, March 3, at 2 PM"
        assert office.texts == [
            (ANNA, f"Riverside Dental: your appointment for filling with Doctor Chen is booked: {when}.")
        ]
        (mail,) = office.inbox.messages
        assert mail["To"] == MAILBOX and mail["Subject"] == "Riverside Dental: appointment booked"
        body = mail.get_body().get_content()
        assert f"filling with Doctor Chen, {when}" in body and f"Anna Miller, {ANNA}" in body
        calendar = calendar_of(mail)
        (event,) = calendar.walk("VEVENT")
        assert calendar["METHOD"] == "REQUEST" and event["SEQUENCE"] == 0
        assert (event.decoded("DTSTART"), event.decoded("DTEND")) == (at(14), at(15))


@virtual_time
async def test_a_known_caller_is_greeted_with_their_appointment_and_moves_it(tmp_path: Path) -> None:
    hello = "Hello Anna, is it about your cleaning on Thursday?"
    plot = talk(
        "yes please move it to tomorrow at eleven",
        "no thank you, goodbye",
        hello=hello,
        rules=[
            heard(
                "yes please move it to tomorrow at eleven",
                call={"move_appointment": {"date": "tomorrow", "time": "11:00"}},
            ),
            then("It is tomorrow at eleven now. Anything else?"),
            heard("no thank you, goodbye", say=GOODBYE, call=END),
        ],
    )
    async with practice(sqlite(tmp_path), plot) as office:
        booked = await office.booked(ANNA, "Anna Miller", at(10, day=at(0).date().replace(day=5)))
        played = await office.line.call(caller="+1 (555) 0100")
        await office.told(1)

        # The number is written in another way, and is the same.
        (session,) = office.line.live.records
        told = str(session.setup)
        assert "cleaning with Doctor Rivera, Thursday, March 5, at 10 AM, for 'Anna Miller'" in told
        assert played.caller.heard_speech(hello) and played.caller.heard_speech(GOODBYE)
        assert await office.appointments() == [("Anna Miller", "cleaning", "03-03 11:00")]
        assert await office.occupied() == 6

        ((number, text),) = office.texts
        assert number == ANNA and text.endswith("has moved. It is now Tuesday, March 3, at 11 AM.")
        (mail,) = office.inbox.messages
        calendar = calendar_of(mail)
        (event,) = calendar.walk("VEVENT")
        assert calendar["METHOD"] == "REQUEST" and event["SEQUENCE"] == 1
        assert str(event["UID"]).startswith(booked.uid) and event.decoded("DTSTART") == at(11)


@virtual_time
async def test_a_caller_cancels_one_of_two_and_the_desk_hears_who_waits_for_it(tmp_path: Path) -> None:
    plot = talk(
        "I must cancel my filling",
        "yes I am sure",
        rules=[
            heard("I must cancel my filling", call={"my_appointments": {}}),
            then("Your filling on Tuesday at nine. Shall I cancel it?"),
            heard("yes I am sure", call={"cancel_appointment": {"appointment_id": 2}}),
            then("It is cancelled. Goodbye.", call=END),
        ],
    )
    async with practice(sqlite(tmp_path), plot) as office:
        await office.booked(ANNA, "Anna Miller", at(14))
        filling = await office.booked(ANNA, "Anna Miller", at(9), service=FILLING)
        assert filling.id == 2
        for wants in (FILLING, CLEANING):
            await office.agent.store.wait_for(Customer(BEN, "Ben Stone"), wants, wishes="any morning")
        await office.forget(2)
        played = await office.line.call(caller=ANNA)
        await office.told(1)

        listed, cancelled, _ = played.tools
        assert [each["service"] for each in listed.result["result"]] == ["filling", "cleaning"]
        assert cancelled.result == {"result": "Cancelled: filling, Tuesday, March 3, at 9 AM."}
        assert played.caller.heard_speech("It is cancelled. Goodbye.")
        assert await office.appointments() == [("Anna Miller", "cleaning", "03-03 14:00")]
        assert await office.occupied() == 6

        ((number, text),) = office.texts
        assert number == ANNA and text.endswith("filling, Tuesday, March 3, at 9 AM, is cancelled.")
        (mail,) = office.inbox.messages
        assert mail["Subject"] == "Riverside Dental: appointment cancelled"
        assert f"Ben Stone, {BEN}, for filling (any morning)" in mail.get_body().get_content()
        calendar = calendar_of(mail)
        (event,) = calendar.walk("VEVENT")
        assert (calendar["METHOD"], event["STATUS"], event["SEQUENCE"]) == ("CANCEL", "CANCELLED", 1)
        assert str(event["UID"]).startswith(filling.uid)


@virtual_time
async def test_a_call_in_german_is_german_up_to_the_text_message(tmp_path: Path) -> None:
    from agents.appointment_booking import AppointmentBooking

    class Zahnarzt(AppointmentBooking):
        language = "de-DE"

    line = {"text": "morgen um zehn", "voice": "de-DE"}
    plot = {
        "script": [{"wait": "agent_done"}, {"say": line}, {"wait": "agent_done"}],
        "model": [
            {"on": "start", "say": "Guten Tag, was kann ich für Sie tun?"},
            {
                "on": "caller_done",
                "heard": "morgen um zehn",
                "call": {
                    "book_appointment": {
                        "service": "cleaning",
                        "date": "2026-03-03",
                        "time": "10:00",
                        "customer_name": "Anna Müller",
                    }
                },
            },
            then("Das ist gebucht. Auf Wiederhören.", call=END),
        ],
    }
    async with practice(sqlite(tmp_path), plot, Zahnarzt) as office:
        played = await office.line.call(caller=ANNA)
        await office.told(1)

        (session,) = office.line.live.records
        told = str(session.setup)
        assert "Du nimmst Anrufe für Riverside Dental entgegen" in told and "Montag, 2. März" in told
        assert "gibt es keinen Termin" in told
        assert played.caller.heard_speech("Das ist gebucht. Auf Wiederhören.", voice="de-DE")
        assert played.tools[0].result["when"] == "Dienstag, 3. März, um 10 Uhr"
        when = "Dienstag, 3. März, um 10 Uhr"
        assert office.texts == [
            (ANNA, f"Riverside Dental: Ihr Termin für cleaning bei Doctor Rivera ist gebucht: {when}.")
        ]
