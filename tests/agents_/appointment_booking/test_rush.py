"""Fifty people phone at once for five slots: five are booked, and forty-five are told so."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from agents.appointment_booking import RIVERSIDE_DENTAL, AppointmentBooking
from tests.agents_.appointment_booking.practice import (
    CLEANING,
    END,
    at,
    heard,
    practice,
    talk,
    then,
)
from tools.booking.models import Appointment
from voiceagent.report import EndReason
from voiceagent.testing import PlayedCall, virtual_time

CALLERS = [f"+1555020{n:02}" for n in range(50)]
STAFF = ("Doctor Rivera", "Doctor Chen", "Doctor Stone", "Doctor Brown", "Doctor Kim")

HELLO, BOOKED, TAKEN = "Hello?", "You are booked. Goodbye.", "I am sorry, it is taken. Goodbye."
PLOT = talk(
    "ten please",
    hello=HELLO,
    rules=[
        heard(
            "ten please",
            call={
                "book_appointment": {
                    "service": "cleaning",
                    "date": "tomorrow",
                    "time": "10:00",
                    "customer_name": "Anna Miller",
                }
            },
        ),
        then(TAKEN, result="is taken", call=END),
        then(BOOKED, call=END),
    ],
)


class Rush(AppointmentBooking):
    """One slot, and five who work in it."""

    business = replace(
        RIVERSIDE_DENTAL,
        services=(CLEANING,),
        staff=STAFF,
        opening=replace(RIVERSIDE_DENTAL.opening, hours={"tuesday": "10:00-10:30"}),
        days_ahead=6,
    )


@virtual_time
async def test_fifty_callers_want_five_slots_and_five_get_one_each(database_url: str) -> None:
    async with practice(database_url, PLOT, Rush) as office:
        played = await asyncio.gather(*(office.line.call(caller=number) for number in CALLERS))
        await office.told(5)

        assert {call.ended for call in played} == {EndReason.AGENT_HUNG_UP}
        assert [call.violations for call in played if call.violations] == []
        lucky = [call for call in played if call.agent_said == [HELLO, BOOKED]]
        refused = [call for call in played if call.agent_said == [HELLO, TAKEN]]
        assert (len(lucky), len(refused)) == (5, 45)
        for call in lucky:
            check(call, hears=BOOKED, not_=TAKEN)
            assert call.tools[0].ok and call.tools[0].result["when"] == "Tuesday, March 3, at 10 AM"
        for call in refused:
            check(call, hears=TAKEN, not_=BOOKED)
            assert not call.tools[0].ok
            said = call.tools[0].result["error"]
            assert said.startswith("Not booked: Tuesday, March 3, at 10 AM is taken.")
            assert "Nothing else is free" in said and "join_waiting_list" in said

        rows = await office.rows(Appointment)
        assert len(rows) == 5 and {row.starts_at for row in rows} == {at(10)}
        assert {row.staff for row in rows} == set(STAFF), "nobody has two"
        numbers = {CALLERS[played.index(call)] for call in lucky}
        assert {row.customer_number for row in rows} == numbers
        assert await office.occupied() == 5 * 6
        assert {number for number, _ in office.texts} == numbers and len(office.texts) == 5


def check(call: PlayedCall, *, hears: str, not_: str) -> None:
    assert call.caller.heard_speech(hears) and not call.caller.heard_speech(not_)
