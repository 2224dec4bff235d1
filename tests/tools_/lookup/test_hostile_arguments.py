"""Nothing that a model can be talked into reaches another customer's data."""

from __future__ import annotations

import json
from typing import Any

from tests.tools_.lookup.conftest import (
    ANNA,
    ANNAS_ORDER,
    ANNAS_PIN,
    BOB,
    BOBS_ORDER,
    BOBS_PIN,
    BOBS_TICKET,
    Desk,
    attempts,
)

BOBS_SECRETS = ("Bob", "Stone", "telescope", "production", "scratched", "Harbour", "1 dollar")

IDS: list[Any] = [
    BOBS_ORDER,
    str(BOBS_ORDER),
    float(BOBS_ORDER),
    f" {BOBS_ORDER} ",
    "\u0661\u0660\u0667\u0667",  # 1077 in Arabic-Indic digits
    "\uff11\uff10\uff17\uff17",  # 1077 in fullwidth digits
    "1077 OR 1=1",
    "1077; DROP TABLE lookup_orders; --",
    "' UNION SELECT * FROM lookup_customers --",
    "%",
    "*",
    "_" * 4,
    "1077.0",
    "0x435",
    "1e3",
    "",
    None,
    True,
    [BOBS_ORDER],
    [1042, BOBS_ORDER],
    {"$gt": 0},
    {"id": BOBS_ORDER},
    0,
    -1,
    -BOBS_ORDER,
    2**31,
    2**63,
    -(2**63) - 1,
    10**400,
    float("1e308"),
    "9" * 5000,
]


def mentions_bob(answer: Any) -> bool:
    return any(secret in json.dumps(answer) for secret in BOBS_SECRETS)


async def test_no_order_id_finds_what_is_not_the_callers(desk: Desk) -> None:
    model = desk.calling(ANNA)
    for order_id in IDS:
        answer = await model("order_status", order_id=order_id)

        assert isinstance(answer, str), f"{order_id!r} is refused"
        assert not mentions_bob(answer), repr(order_id)
    assert "telescope" in str(await desk.calling(BOB)("order_status", order_id=BOBS_ORDER))


EXTRA: list[dict[str, Any]] = [
    {"customer_id": 2},
    {"customer": "Bob Stone"},
    {"caller_number": BOB},
    {"phone": BOB},
    {"number": BOB},
    {"call": {"caller_number": BOB}},
    {"self": None},
    {"context": {"caller_number": BOB}},
    {"where": "1=1"},
    {"__class__": "Customer"},
    {"": BOB},
]


async def test_arguments_that_name_a_customer_are_refused(desk: Desk) -> None:
    model = desk.calling(ANNA)
    tools: dict[str, dict[str, Any]] = {
        "my_orders": {},
        "order_status": {"order_id": ANNAS_ORDER},
        "my_tickets": {},
        "my_balance": {},
        "my_address": {},
        "my_payments": {},
        "verify_caller": {"code": BOBS_PIN},
        "open_ticket": {"subject": "hello"},
        "create_lead": {"name": "Bob", "reason": "hello"},
    }
    for extra in EXTRA:
        for tool, args in tools.items():
            answer = await model.call(tool, args | extra)
            assert "wrong arguments" in answer, (tool, extra)
    assert await model("my_tickets") == []
    assert await attempts(desk) == []


def test_no_tool_has_a_parameter_for_a_customer_or_a_number(desk: Desk) -> None:
    parameters = {
        name
        for declaration in desk.calling(ANNA).toolbox.declarations
        for name in declaration.parameters["properties"]
    }

    assert parameters == {"order_id", "subject", "details", "code", "name", "reason"}


LOOKALIKES = [
    "+15550200' OR '1'='1",
    "%",
    "_" * len(BOB),
    "+1555020%",
    "*",
    "+15550200,+15550100",
    "+15550200;ext=1",
    "sip:+15550200@evil.example",
    "15550200",
    "+\u0661\u0665\u0665\u0665\u0660\u0662\u0660\u0660",
    "+1555020",
    "+155502000",
    "+" * 5000,
]


async def test_a_caller_whose_number_only_looks_like_a_customers_is_a_stranger(desk: Desk) -> None:
    for number in LOOKALIKES:
        model = desk.calling(number)

        assert await desk.tools.find(model.context) is None
        answer = await model("my_orders")
        assert "belongs to no customer" in answer or "withheld" in answer, number
        assert not mentions_bob(await model("order_status", order_id=BOBS_ORDER))


async def test_a_spoofed_number_learns_nothing_sensitive(desk: Desk) -> None:
    """Who can make the line show Bob's number still needs Bob's code; Anna's does not do."""
    spoofed = desk.calling(BOB)

    assert "wrong" in await spoofed("verify_caller", code=ANNAS_PIN)
    for tool in ("my_balance", "my_address", "my_payments"):
        assert "code" in await spoofed(tool)


async def test_one_customers_verification_is_of_no_use_with_another(desk: Desk) -> None:
    model = desk.calling(ANNA)
    await model("verify_caller", code=ANNAS_PIN)
    model.context.caller_number = BOB

    assert "code" in await model("my_balance")


async def test_text_of_a_model_is_kept_as_text(desk: Desk) -> None:
    model = desk.calling(ANNA)
    subjects = ["'; DROP TABLE lookup_tickets; --", "{customer} %s%n", "\u202eevil"]

    for subject in subjects:
        assert (await model("open_ticket", subject=subject))["subject"] == subject
    assert [ticket["subject"] for ticket in await model("my_tickets")] == subjects[::-1]
    assert [ticket["ticket_id"] for ticket in await desk.calling(BOB)("my_tickets")] == [BOBS_TICKET]


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("open_ticket", {"subject": "x" * 121}),
    ("open_ticket", {"subject": " "}),
    ("open_ticket", {"subject": ["a", "b"]}),
    ("open_ticket", {"subject": "fine", "details": "x" * 501}),
    ("create_lead", {"name": "", "reason": "a quote"}),
    ("create_lead", {"name": "x" * 81, "reason": "a quote"}),
    ("create_lead", {"name": "Eve", "reason": "x" * 301}),
    ("verify_caller", {"code": "1" * 101}),
    ("verify_caller", {"code": 4271}),
    ("verify_caller", {}),
]


async def test_texts_of_the_wrong_size_or_kind_are_refused_before_anything_happens(desk: Desk) -> None:
    model = desk.calling(ANNA)

    for tool, args in WRONG:
        assert (await model.call(tool, args)).startswith("wrong arguments"), (tool, args)
    assert await model("my_tickets") == []
    assert await attempts(desk) == []
