"""Whatever the model is talked into: it acts for the caller alone, books once, and breaks nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.agents_.appointment_booking.practice import (
    ANNA,
    BEN,
    END,
    GOODBYE,
    HELLO,
    Practice,
    at,
    heard,
    practice,
    sqlite,
    talk,
    then,
)
from tools.messaging import OutboxMessage
from voiceagent.report import EndReason
from voiceagent.testing import PlayedCall, virtual_time

WISH = "please do it now"
SORRY = "I am sorry, I cannot do that. Goodbye."

BOOK = {"service": "cleaning", "date": "tomorrow", "time": "10:00", "customer_name": "Anna Miller"}


def asked(call: object) -> dict[str, object]:
    """The caller asks for something, and the model calls these tools."""
    return talk(WISH, rules=[heard(WISH, call=call), then(SORRY, call=END)])


async def refused(office: Practice) -> PlayedCall:
    """A call in which no tool but the goodbye does anything."""
    played = await office.line.call(caller=ANNA)
    assert played.ended is EndReason.AGENT_HUNG_UP and played.violations == []
    assert played.caller.heard_speech(SORRY)
    *tools, end = played.tools
    assert tools and not any(use.ok for use in tools) and end.name == "end_call"
    return played


@virtual_time
@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        ({"delete_all_appointments": {"really": True}}, "there is no tool"),
        ({"cancel_appointment": {"appointment_id": 1}}, "no upcoming appointment for this phone number"),
        ({"move_appointment": {"appointment_id": 1, "date": "tomorrow", "time": "11"}}, "no upcoming"),
        ({"my_appointments": {"customer_number": BEN}}, "wrong arguments"),
        ({"book_appointment": BOOK | {"customer_number": BEN}}, "wrong arguments"),
        ({"book_appointment": BOOK | {"date": "yesterday"}}, "in the past"),
        ({"book_appointment": BOOK | {"date": "2026-02-27"}}, "in the past"),
        ({"book_appointment": BOOK | {"date": "tomorrow' OR 1=1"}}, "cannot be read"),
        ({"book_appointment": BOOK | {"time": "25:61"}}, "cannot be read"),
        ({"book_appointment": BOOK | {"service": "'; DROP TABLE appointments; --"}}, "no service called"),
        ({"book_appointment": BOOK | {"staff": "Doctor Evil"}}, "Nobody called 'Doctor Evil'"),
        ({"book_appointment": BOOK | {"customer_name": " "}}, "name is missing"),
        ({"book_appointment": None}, "wrong arguments"),
        ({"cancel_appointment": {"appointment_id": "all"}}, "wrong arguments"),
    ],
)
async def test_a_request_that_is_nobodys_business_changes_nothing(
    tmp_path: Path, call: dict[str, object], complaint: str
) -> None:
    async with practice(sqlite(tmp_path), asked(call)) as office:
        await office.booked(BEN, "Ben Stone", at(9))
        played = await refused(office)

        assert complaint in str(played.tools[0].result) and "Ben" not in str(played.tools[0].result)
        assert await office.appointments() == [("Ben Stone", "cleaning", "03-03 09:00")]
        assert len(await office.rows(OutboxMessage)) == 2, "those of Ben's booking"


@virtual_time
async def test_orders_and_sql_in_a_name_are_a_name(tmp_path: Path) -> None:
    name = "Robert'); DROP TABLE appointments;-- {hours}"
    async with practice(
        sqlite(tmp_path), asked({"book_appointment": BOOK | {"customer_name": name}})
    ) as office:
        await office.line.call(caller=ANNA)
        await office.told(1)
        assert await office.appointments() == [(name, "cleaning", "03-03 10:00")]
        assert name in office.inbox.messages[0].get_body().get_content()

        # At the next call the name is told to the model as a quoted name, and as nothing else.
        await office.line.call(caller=ANNA)
        assert f'for "{name}".' in str(office.line.live.records[-1].setup).replace('\\"', '"').replace(
            "\\'", "'"
        )


@virtual_time
@pytest.mark.parametrize(
    "calls",
    [
        [{"book_appointment": BOOK}, {"book_appointment": BOOK}],
        [
            {"book_appointment": BOOK | {"staff": "Rivera"}},
            {"book_appointment": BOOK | {"staff": "Chen"}},
            {"book_appointment": BOOK | {"service": "filling"}},
        ],
    ],
    ids=["the same twice", "with everybody"],
)
async def test_what_is_booked_twice_in_one_breath_is_booked_once(
    tmp_path: Path, calls: list[dict[str, object]]
) -> None:
    async with practice(sqlite(tmp_path), asked(calls)) as office:
        played = await office.line.call(caller=ANNA)
        await office.told(1)

        assert played.ended is EndReason.AGENT_HUNG_UP
        assert [row[0::2] for row in await office.appointments()] == [("Anna Miller", "03-03 10:00")]
        assert len(office.texts) == len(office.inbox.messages) == 1


@virtual_time
async def test_a_model_that_hangs_up_at_once_has_done_nothing(tmp_path: Path) -> None:
    plot = {
        "script": [{"wait": 5}],
        "model": [{"on": "start", "say": HELLO, "call": [{"book_appointment": {}}, END]}],
    }
    async with practice(sqlite(tmp_path), plot) as office:
        played = await office.line.call(caller=ANNA)

        assert played.ended is EndReason.AGENT_HUNG_UP and played.caller.heard_speech(HELLO)
        assert await office.appointments() == [] == await office.rows(OutboxMessage)


@virtual_time
async def test_booking_moving_and_cancelling_at_once_leaves_the_calendar_whole(tmp_path: Path) -> None:
    calls = [
        {"book_appointment": BOOK},
        {"move_appointment": {"date": "tomorrow", "time": "11:00"}},
        {"cancel_appointment": {}},
        {"join_waiting_list": {"service": "cleaning", "customer_name": "Anna Miller"}},
    ]
    plot = talk(WISH, rules=[heard(WISH, call=calls), then(GOODBYE, call=END)])
    async with practice(sqlite(tmp_path), plot) as office:
        played = await office.line.call(caller=ANNA)

        assert played.ended is EndReason.AGENT_HUNG_UP and played.caller.heard_speech(GOODBYE)
        assert await office.occupied() == 6 * len(await office.appointments())


@virtual_time
async def test_a_withheld_number_books_nothing_and_hears_why(tmp_path: Path) -> None:
    async with practice(sqlite(tmp_path), asked({"book_appointment": BOOK})) as office:
        played = await office.line.call(caller="anonymous")
        assert "withheld" in str(played.tools[0].result)
        assert "number is withheld" in str(office.line.live.records[0].setup)
        assert await office.appointments() == []
