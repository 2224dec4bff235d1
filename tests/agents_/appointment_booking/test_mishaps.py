"""Callers hang up and barge in, channels are down: nothing is half booked, and what is booked is kept."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.agents_.appointment_booking.practice import (
    ANNA,
    END,
    GOODBYE,
    HELLO,
    NINE,
    heard,
    practice,
    sqlite,
    talk,
    then,
)
from tools.messaging import OutboxMessage
from voiceagent.report import BargeIn, EndReason, ToolFinished, ToolStarted
from voiceagent.testing import virtual_time

WISH = "a cleaning tomorrow at ten please, I am Anna Miller"
BOOK = {
    "book_appointment": {
        "service": "cleaning",
        "date": "tomorrow",
        "time": "10:00",
        "customer_name": "Anna Miller",
    }
}
PLOT = talk(WISH, rules=[heard(WISH, call=BOOK), then(GOODBYE, call=END)])


@virtual_time
async def test_who_hangs_up_before_anything_is_agreed_has_booked_nothing(tmp_path: Path) -> None:
    plot = PLOT | {"script": [{"wait": "agent_done"}, {"say": "a cleaning tomorrow"}, "hangup"]}
    async with practice(sqlite(tmp_path), plot) as office:
        played = await office.line.call(caller=ANNA)

        assert played.ended is EndReason.CALLER_HUNG_UP
        assert await office.appointments() == [] and await office.occupied() == 0
        assert await office.rows(OutboxMessage) == []


@virtual_time
async def test_who_hangs_up_while_it_is_being_booked_has_all_of_it_or_nothing(tmp_path: Path) -> None:
    async with practice(sqlite(tmp_path), PLOT) as office:
        async with office.line.ringing(caller=ANNA) as running:
            await running.until(ToolStarted)
            running.caller.hang_up()

        assert running.played.ended is EndReason.CALLER_HUNG_UP
        booked = await office.appointments()
        assert booked in ([], [("Anna Miller", "cleaning", "03-03 10:00")])
        assert await office.occupied() == 6 * len(booked)
        await office.told(len(booked))
        assert len(office.texts) == len(booked)


@virtual_time
async def test_who_hangs_up_once_it_is_booked_keeps_it_and_is_sent_it(tmp_path: Path) -> None:
    async with practice(sqlite(tmp_path), PLOT) as office:
        async with office.line.ringing(caller=ANNA) as running:
            await running.until(ToolFinished)
            running.caller.hang_up()

        assert running.played.ended is EndReason.CALLER_HUNG_UP
        await office.told(1)
        assert not running.played.caller.heard_speech(GOODBYE)
        assert await office.appointments() == [("Anna Miller", "cleaning", "03-03 10:00")]
        ((number, text),) = office.texts
        assert number == ANNA and "Tuesday, March 3, at 10 AM" in text
        assert len(office.inbox.messages) == 1


@virtual_time
async def test_who_changes_their_mind_in_the_middle_of_a_sentence_gets_what_they_said_last(
    tmp_path: Path,
) -> None:
    long = (
        "Ten o'clock tomorrow is free. It takes half an hour, so please come ten minutes early, and bring"
        " your insurance card."
    )
    plot = {
        "script": [
            {"wait": "agent_done"},
            {"say": "a cleaning tomorrow at ten"},
            {"interrupt_after": 1.5},
            {"say": "no wait, make it eleven, I am Anna Miller"},
            {"wait": "agent_done"},
        ],
        "model": [
            {"on": "start", "say": HELLO},
            heard(
                "a cleaning tomorrow at ten",
                call={"check_availability": {"date": "tomorrow", "service": "cleaning"}},
            ),
            then(long),
            heard(
                "no wait, make it eleven, I am Anna Miller",
                call={"book_appointment": BOOK["book_appointment"] | {"time": "eleven"}},
            ),
            then(GOODBYE, call=END),
        ],
    }
    async with practice(sqlite(tmp_path), plot) as office:
        played = await office.line.call(caller=ANNA)

        assert len(played.seen(BargeIn)) == 1
        assert not played.caller.heard_speech(long) and played.caller.heard_speech(GOODBYE)
        cut = [line for line in played.transcript if line.interrupted]
        assert len(cut) == 1 and cut[0].text.startswith("Ten o'clock") and "card" not in cut[0].text
        assert await office.appointments() == [("Anna Miller", "cleaning", "03-03 11:00")]


@virtual_time
async def test_channels_that_are_down_cost_no_booking_and_get_the_messages_later(tmp_path: Path) -> None:
    async with practice(sqlite(tmp_path), PLOT) as office:
        office.gateway.status, office.inbox.refuse = 503, "451 4.3.0 try again later"
        played = await office.line.call(caller=ANNA)

        assert played.ended is EndReason.AGENT_HUNG_UP and played.caller.heard_speech(GOODBYE)
        assert len(await office.appointments()) == 1
        assert office.texts == [] and office.inbox.messages == []
    async with practice(sqlite(tmp_path), PLOT, now=NINE + timedelta(hours=1)) as office:
        await office.told(1)
        ((number, text),) = office.texts
        assert number == ANNA and "Tuesday, March 3, at 10 AM" in text
