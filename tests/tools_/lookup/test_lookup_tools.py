"""What a customer, a stranger and a withheld number get from the tools."""

from __future__ import annotations

import asyncio
import traceback
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.tools_.lookup.conftest import ANNA, ANNA_AT_WORK, ANNAS_ORDER, ANNAS_PIN, BOB, Desk
from tools.lookup import CodeCheck, LookupTools, Order
from tools.lookup.store import TICKETS_PER_CALL


@pytest.mark.parametrize("number", [ANNA, ANNA_AT_WORK, "tel:+1 555 0100", "+1 (555) 01-00"])
async def test_a_customer_is_known_by_every_number_however_the_line_writes_it(
    desk: Desk, number: str
) -> None:
    customer = await desk.tools.find(desk.calling(number).context)

    assert customer is not None
    assert customer.name == "Anna Miller"


@pytest.mark.parametrize("number", [None, "", "anonymous", "Restricted", "  unknown "])
async def test_a_withheld_number_knows_nobody(desk: Desk, number: str | None) -> None:
    model = desk.calling(number)

    assert await desk.tools.find(model.context) is None
    tools: dict[str, dict[str, Any]] = {
        "my_orders": {},
        "order_status": {"order_id": ANNAS_ORDER},
        "my_tickets": {},
        "open_ticket": {"subject": "the parcel"},
        "verify_caller": {"code": ANNAS_PIN},
        "my_balance": {},
        "create_lead": {"name": "Anna", "reason": "a quote"},
    }
    for tool, args in tools.items():
        assert "withheld" in await model(tool, **args)
    assert await desk.store.leads() == 0


async def test_orders_are_told_as_they_are_said(desk: Desk) -> None:
    model = desk.calling(ANNA)

    assert await model("my_orders") == [await model("order_status", order_id=ANNAS_ORDER)]
    assert await model("order_status", order_id=ANNAS_ORDER) == {
        "order_id": ANNAS_ORDER,
        "items": "two filter cartridges",
        "status": "shipped",
        "ordered": "Thursday, February 26",
        "expected": "Thursday, March 5",
    }


async def test_of_many_orders_the_newest_three_are_told(desk: Desk) -> None:
    orders = [Order(id=n, items="soap", status="new", ordered_on=desk.clock().date()) for n in range(1, 6)]
    await desk.store.add_customer("Carl", ["+15550300"], belongings=orders)

    told = await desk.calling("+15550300")("my_orders")

    assert [order["order_id"] for order in told] == [5, 4, 3]


async def test_a_ticket_is_opened_once_however_often_the_model_says_so(desk: Desk) -> None:
    model = desk.calling(ANNA)

    first, again = [await model("open_ticket", subject=" Wrong colour ") for _ in range(2)]
    together = await asyncio.gather(*(model("open_ticket", subject="Wrong colour") for _ in range(5)))

    assert first == again == together[0]
    assert await model("my_tickets") == [first]
    assert (first["subject"], first["status"]) == ("Wrong colour", "open")


async def test_a_ticket_is_of_the_day_that_it_is_where_the_business_is(desk: Desk) -> None:
    new_york = ZoneInfo("America/New_York")
    desk.tools = LookupTools(
        desk.store, CodeCheck(desk.database), local=lambda moment: moment.astimezone(new_york)
    )
    desk.clock.advance(hours=12)  # 9 PM there, and the next day in UTC.
    model = desk.calling(ANNA)

    opened = await model("open_ticket", subject="the wrong colour")

    assert opened["opened"] == "Monday, March 2"
    assert await model("my_tickets") == [opened]


async def test_a_model_that_goes_on_opening_tickets_is_stopped(desk: Desk) -> None:
    model = desk.calling(ANNA)

    answers = await asyncio.gather(*(model("open_ticket", subject=f"ticket {n}") for n in range(10)))

    assert sum(isinstance(answer, dict) for answer in answers) == TICKETS_PER_CALL
    assert sum("no more can be" in answer for answer in answers) == 10 - TICKETS_PER_CALL
    assert isinstance(await desk.calling(ANNA, "call-2")("open_ticket", subject="another"), dict)


async def test_a_stranger_becomes_one_lead_that_is_kept_up_to_date(desk: Desk) -> None:
    stranger = desk.calling("+1 555 0999")
    assert "belongs to no customer" in await stranger("my_orders")

    assert "Noted" in await stranger("create_lead", name="Eve Fox", reason="a quote for chairs")
    desk.clock.advance(days=2)
    assert "Noted" in await desk.calling("+15550999", "call-2")(
        "create_lead", name="Eve Fox", reason="chairs and tables"
    )

    lead = await desk.store.lead("+15550999")
    assert lead is not None
    assert (lead.name, lead.reason, await desk.store.leads()) == ("Eve Fox", "chairs and tables", 1)
    assert (lead.last_called_at - lead.first_called_at).days == 2


async def test_two_calls_of_a_stranger_at_once_are_one_lead(desk: Desk) -> None:
    calls = [desk.calling("+15550999", f"call-{n}") for n in range(8)]

    answers = await asyncio.gather(*(call("create_lead", name="Eve", reason="a quote") for call in calls))

    assert all("Noted" in answer for answer in answers)
    assert await desk.store.leads() == 1


async def test_a_customer_is_no_lead(desk: Desk) -> None:
    assert "open_ticket" in await desk.calling(BOB)("create_lead", name="Bob", reason="a quote")
    assert await desk.store.leads() == 0


async def test_a_number_belongs_to_one_customer(desk: Desk) -> None:
    with pytest.raises(ValueError, match="belongs to a customer already") as refused:
        await desk.store.add_customer("Mallory", ["+1 555 0100"])
    assert "5550100" not in "".join(traceback.format_exception(refused.value))
    with pytest.raises(ValueError, match="withheld"):
        await desk.store.add_customer("Mallory", ["anonymous"])
    anna = await desk.tools.find(desk.calling(ANNA).context)
    assert anna is not None and anna.name == "Anna Miller"
