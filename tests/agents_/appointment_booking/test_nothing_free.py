"""Nothing suits: the next days are offered, then a person, then the waiting list; holidays are days off."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

from agents.appointment_booking import RIVERSIDE_DENTAL, AppointmentBooking
from tests.agents_.appointment_booking.practice import (
    ANNA,
    BEN,
    CLEANING,
    END,
    MAILBOX,
    at,
    heard,
    practice,
    sqlite,
    talk,
    then,
)
from tools.messaging import OutboxMessage
from voiceagent.report import EndReason, TransferStarted
from voiceagent.sandbox.exchange import CallState
from voiceagent.testing import virtual_time

SORRY = "I am sorry, nobody is at the desk. Shall we call you back?"
LISTED = "You are on the list, Anna. Goodbye."
HAND_OVER = "One moment, I put you through."


class Small(AppointmentBooking):
    """One chair, two slots a day."""

    business = replace(
        RIVERSIDE_DENTAL,
        services=(CLEANING,),
        staff=("Doctor Rivera",),
        opening=replace(
            RIVERSIDE_DENTAL.opening,
            hours=dict.fromkeys(("monday", "tuesday", "wednesday"), "9:00-10:00"),
            holidays="US",
        ),
    )


LOOK = {"check_availability": {"date": "tomorrow", "service": "cleaning"}}
JOIN = {
    "join_waiting_list": {"service": "cleaning", "customer_name": "Anna Miller", "wishes": "Tuesday mornings"}
}


def plot(hand_over: str | None, callee: dict[str, object]) -> dict[str, object]:
    """No time suits; the agent tries to put the caller through, and says ``hand_over`` first."""
    lines = (
        "do you have time tomorrow for a cleaning",
        "no it must be tomorrow",
        "yes please, I am Anna Miller",
    )
    put_through = {"call": {"transfer_call": {"reason": "nothing suits"}}}
    rules = [
        heard(lines[0], call=LOOK),
        then("Tomorrow is full. Wednesday at nine is free."),
        heard(lines[1], **put_through, **({"say": hand_over} if hand_over else {})),
        then(SORRY),
        heard(lines[2], call=JOIN),
        then(LISTED, call=END),
    ]
    scenario = talk(*lines, rules=rules, callee=callee)
    if hand_over:
        # After the hand-over line it rings, and then the caller hears somebody.
        scenario["script"].insert(5, {"wait": "agent_done"})
    return scenario


UNANSWERED = plot(HAND_OVER, {"answers": False})


@virtual_time
async def test_the_next_days_then_a_person_then_the_waiting_list(tmp_path: Path) -> None:
    async with practice(sqlite(tmp_path), UNANSWERED, Small) as office:
        await office.booked(BEN, "Ben Stone", at(9))
        await office.booked(BEN, "Ben Stone", at(9, 30))
        played = await office.line.call(caller=ANNA)
        await office.told(1)

        assert played.ended is EndReason.AGENT_HUNG_UP and played.violations == []
        looked, asked, joined, _ = played.tools
        assert looked.result["free_times"] == []
        assert looked.result["note"].startswith(
            "Nothing is free on Tuesday, March 3. Free instead: Wednesday, March 4, at 9 AM;"
        )
        assert "join_waiting_list" in str(asked.result) and "Nobody answered" in str(asked.result)
        assert joined.ok
        (rang,) = played.seen(TransferStarted)
        assert played.callee.heard == b""
        for line in (HAND_OVER, SORRY, LISTED):
            assert played.caller.heard_speech(line)

        assert len(await office.appointments()) == 2, "waiting books nothing"
        (waiting,) = await office.waiting()
        assert (waiting.customer_name, waiting.customer_number) == ("Anna Miller", ANNA)
        assert (waiting.service, waiting.wishes) == ("cleaning", "Tuesday mornings")
        assert office.texts == [
            (ANNA, "Riverside Dental: you are on the waiting list for cleaning. We will call you back.")
        ]
        (mail,) = office.inbox.messages
        assert mail["To"] == MAILBOX
        assert f"Please call back: Anna Miller, {ANNA}, for cleaning" in mail.get_body().get_content()
        assert rang.note == "nothing suits"


@virtual_time
async def test_a_person_who_answers_takes_over(tmp_path: Path) -> None:
    desk = "front desk, this is Mary"
    callee = {"answers": True, "after": 3, "script": [{"say": desk}, {"wait": "agent_done"}, "hangup"]}
    async with practice(sqlite(tmp_path), plot(HAND_OVER, callee), Small) as office:
        for minute in (0, 30):
            await office.booked(BEN, "Ben Stone", at(9, minute))
        played = await office.line.call(caller=ANNA)

        assert played.ended is EndReason.TRANSFERRED
        assert played.caller.heard_speech(HAND_OVER) and not played.caller.heard_speech(SORRY)
        assert played.caller.heard_speech(desk, voice="en-GB")
        assert not played.callee.heard_speech(HAND_OVER)
        assert await office.waiting() == [] and len(await office.rows(OutboxMessage)) == 4, "Ben's alone"
        assert played.line_state is CallState.ENDED


@virtual_time
async def test_after_hours_nobody_is_rung_and_the_waiting_list_is_offered(tmp_path: Path) -> None:
    evening = datetime(2026, 3, 2, 23, 0, tzinfo=UTC)
    async with practice(sqlite(tmp_path), plot(None, {}), Small, now=evening) as office:
        for minute in (0, 30):
            await office.booked(BEN, "Ben Stone", at(9, minute))
        played = await office.line.call(caller=ANNA)

        _, asked, joined, _ = played.tools
        assert not asked.ok and "opens again Tuesday, March 3, at 9 AM" in str(asked.result)
        assert played.seen(TransferStarted) == [] and joined.ok
        assert len(await office.waiting()) == 1


@virtual_time
async def test_a_holiday_and_a_day_off_are_skipped_with_their_reason(tmp_path: Path) -> None:
    # The third Monday of February is Washington's Birthday.
    sunday = datetime(2026, 2, 15, 17, 0, tzinfo=UTC)
    asking = talk(
        "do you have time tomorrow for a cleaning",
        "goodbye",
        rules=[
            heard("do you have time tomorrow for a cleaning", call=LOOK),
            then("We are closed tomorrow. Wednesday at nine is free."),
            heard("goodbye", say="Goodbye.", call=END),
        ],
    )
    async with practice(sqlite(tmp_path), asking, Small, now=sunday) as office:
        await office.agent.store.close_day(date(2026, 2, 17), "staff training")
        played = await office.line.call(caller=ANNA)

        note = played.tools[0].result["note"]
        assert "closed on Monday, February 16 (Washington's Birthday)" in note
        assert "Free instead: Wednesday, February 18, at 9 AM" in note
