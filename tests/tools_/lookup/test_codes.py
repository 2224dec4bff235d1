"""The second factor: who knows the code is told more, who guesses is locked out, and nobody sees the code."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from sqlalchemy import select

from tests.tools_.lookup.conftest import ANNA, ANNA_AT_WORK, ANNAS_PIN, BOB, BOBS_PIN, Desk, attempts
from tools.lookup import UnreadableCodeError, hash_code
from tools.lookup.codes import code_matches, read_code
from tools.lookup.models import Customer

SENSITIVE = {
    "my_balance": "The caller owes 42 dollars and 50 cents.",
    "my_address": "4 Mill Lane, Springfield",
    "my_payments": ["19 dollars and 99 cents, card ending in 22, Monday, February 2"],
}


async def test_what_is_sensitive_is_told_only_after_the_right_code(desk: Desk) -> None:
    model = desk.calling(ANNA)
    for tool in SENSITIVE:
        assert "code" in await model(tool)

    assert "verified" in await model("verify_caller", code=ANNAS_PIN)

    assert {tool: await model(tool) for tool in SENSITIVE} == SENSITIVE
    assert "code" in await desk.calling(ANNA, "call-2")("my_balance"), "it holds for one call"


@pytest.mark.parametrize("said", ["4271", "4 2 7 1", "4-2-7-1.", "four two seven one", "Four, two, 7 1"])
def test_a_code_is_understood_however_it_is_written(said: str) -> None:
    assert read_code(said) == ANNAS_PIN


NO_CODES = [
    "",
    "427",
    "oh no",
    "\u0664\u0662\u0667\u0661",
    "\uff14\uff12\uff17\uff11",
    "4271" * 11,
    "%%%%",
    "4271' OR '1",
]


async def test_what_can_be_no_code_is_refused_and_counts_as_no_attempt(desk: Desk) -> None:
    model = desk.calling(ANNA)
    for said in NO_CODES:
        assert (await model("verify_caller", code=said)).startswith("That is no code"), said
    assert await attempts(desk) == []
    assert "verified" in await model("verify_caller", code=ANNAS_PIN)


async def test_a_call_has_three_attempts(desk: Desk) -> None:
    model = desk.calling(ANNA)

    answers = [await model("verify_caller", code=code) for code in ("0000", "1111", "2222", ANNAS_PIN)]

    assert ["Ask once more" in answer for answer in answers] == [True, True, False, False]
    assert all("Too many" in answer for answer in answers[2:]), "the right code is of no use any more"
    assert "code" in await model("my_balance")


async def test_attempts_at_once_are_no_more_than_attempts_one_after_the_other(desk: Desk) -> None:
    model = desk.calling(ANNA)

    answers = await asyncio.gather(*(model("verify_caller", code=f"{n:04}") for n in range(20)))

    assert sum("wrong. Ask" in answer for answer in answers) == 2
    assert await attempts(desk) == [False] * 3


async def test_a_customer_has_five_attempts_an_hour_whatever_calls_and_numbers_they_come_from(
    desk: Desk,
) -> None:
    for n, number in enumerate([ANNA, ANNA_AT_WORK, ANNA, ANNA_AT_WORK, ANNA]):
        await desk.calling(number, f"call-{n}")("verify_caller", code="0000")

    assert "Too many" in await desk.calling(ANNA, "call-9")("verify_caller", code=ANNAS_PIN)
    assert "verified" in await desk.calling(BOB, "call-10")("verify_caller", code=BOBS_PIN), "others may"

    desk.clock.advance(minutes=59)
    assert "Too many" in await desk.calling(ANNA, "call-11")("verify_caller", code=ANNAS_PIN)
    desk.clock.advance(minutes=2)
    assert "verified" in await desk.calling(ANNA, "call-12")("verify_caller", code=ANNAS_PIN)


async def test_an_attempt_counts_though_the_caller_hangs_up_before_it_is_checked(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached = asyncio.Event()

    async def never(code: str, kept: str) -> bool:
        reached.set()
        await asyncio.Event().wait()
        return False

    monkeypatch.setattr("tools.lookup.attempts.code_matches", never)
    check = asyncio.create_task(desk.calling(ANNA)("verify_caller", code=ANNAS_PIN))
    await reached.wait()
    check.cancel()
    await asyncio.gather(check, return_exceptions=True)

    assert await attempts(desk) == [False]


async def test_right_codes_are_not_held_against_the_caller(desk: Desk) -> None:
    for n in range(8):
        assert "verified" in await desk.calling(ANNA, f"call-{n}")("verify_caller", code=ANNAS_PIN)


async def test_a_customer_without_a_code_is_told_nothing_sensitive(desk: Desk) -> None:
    await desk.store.add_customer("Carl", ["+15550300"], address="1 Oak Street")
    model = desk.calling("+15550300")

    assert "No code is agreed" in await model("verify_caller", code="0000")
    assert "No code is agreed" in await model("my_address")


async def test_the_code_is_kept_as_a_salted_hash(desk: Desk) -> None:
    kept = await hash_code(ANNAS_PIN)

    assert kept != await hash_code(ANNAS_PIN)
    assert ANNAS_PIN not in kept.replace("16384", "")
    assert await code_matches(read_code("4 2 7 1"), kept)
    assert not await code_matches("4272", kept)
    async with desk.database.reading() as session:
        hashes = list(await session.scalars(select(Customer.code_hash)))
    assert all(each is not None and each.startswith("scrypt$") for each in hashes)


@pytest.mark.parametrize(
    "kept", ["", ANNAS_PIN, "scrypt$x$8$1$AA==$AA==", "md5$1$1$1$AA==$AA==", "scrypt$3$8$1$!$!"]
)
async def test_a_code_that_was_stored_in_the_clear_never_matches(kept: str) -> None:
    with pytest.raises(ValueError, match="store what hash_code returns") as caught:
        await code_matches(ANNAS_PIN, kept)
    assert ANNAS_PIN not in str(caught.value)


@pytest.mark.parametrize("text", ["SW1A 1AA, 1980-05-17", "sw1a1aa 1980 05 17"])
def test_a_code_may_be_a_postcode_and_a_date_of_birth(text: str) -> None:
    assert read_code(text) == "sw1a1aa19800517"


async def test_no_code_reaches_a_log_a_refusal_or_an_error(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    model = desk.calling(ANNA)
    said: list[Any] = [
        await model("verify_caller", code=code) for code in ("5093", "60 61 62 63 x!", ANNAS_PIN)
    ]
    with pytest.raises(UnreadableCodeError) as caught:
        read_code("6061 6263 x!")

    shown = (repr(model.context), repr(model.context.state), caplog.text)
    for text in (*map(str, said), str(caught.value), *shown):
        assert not any(code in text for code in ("5093", "6061", "60 61", ANNAS_PIN))


async def test_a_model_that_tries_code_after_code_does_not_slow_the_transcripts_down(desk: Desk) -> None:
    model = desk.calling(ANNA)
    for n in range(100):
        await model("verify_caller", code=f"guess{n:03}")

    # Every text of the call is searched for each code that is kept.
    assert len(model.context.state["lookup"].codes) <= 10
    assert desk.tools.redact(model.context, "it is guess 000") == "it is ***"
