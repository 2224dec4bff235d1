"""Each notice is delivered once, in order of urgency, to whom it is for, and only if it was heard."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.tools_.notifications.conftest import ANNA, BOB, Desk
from tools.notifications import Urgency
from tools.notifications.store import LEASE

PARCEL = "Your parcel waits at the front desk until Friday."
WATER = "The water is turned off tomorrow from nine to eleven."
SURVEY = "We would be glad if you took part in our survey."


async def test_the_most_urgent_comes_first_and_then_the_oldest(desk: Desk) -> None:
    for text, urgency in [(SURVEY, Urgency.LOW), (PARCEL, Urgency.NORMAL), (WATER, Urgency.URGENT)]:
        await desk.store.add(ANNA, text, urgency=urgency)
    desk.clock.advance(minutes=1)
    await desk.store.add(ANNA, "And another parcel.")
    model = desk.calling()

    told = []
    for _ in range(4):
        notice = await model("next_notice")
        model.says(notice["text"])
        told.append((notice["text"], notice["urgency"]))
        await model("acknowledge_notice", notice_id=notice["notice_id"])

    assert told == [
        (WATER, "urgent"),
        (PARCEL, "normal"),
        ("And another parcel.", "normal"),
        (SURVEY, "low"),
    ]
    assert "no more messages" in await model("next_notice")
    assert await desk.states() == ["acknowledged"] * 4


async def test_a_notice_that_was_not_settled_comes_again_in_the_next_call(desk: Desk) -> None:
    await desk.store.add(ANNA, PARCEL)
    first = desk.calling(call_id="call-1")
    await first.reads_next()
    await desk.tools.release("call-1")

    second = desk.calling(call_id="call-2")
    notice_id = await second.reads_next()
    assert "Confirmed" in await second("acknowledge_notice", notice_id=notice_id)
    await desk.tools.release("call-2")

    assert "no more" in await desk.calling(call_id="call-3")("next_notice")


async def test_what_is_waiting_is_counted_for_the_greeting(desk: Desk) -> None:
    await desk.store.add("+1 (555) 0100", PARCEL)
    await desk.store.add(ANNA, WATER, urgency=Urgency.URGENT)
    await desk.store.add(BOB, SURVEY)

    assert [notice.text for notice in await desk.tools.waiting(desk.calling().context)] == [WATER, PARCEL]
    assert await desk.tools.waiting(desk.calling("anonymous").context) == []
    assert await desk.tools.waiting(desk.calling("+15550999").context) == []


async def test_a_withheld_number_has_no_messages(desk: Desk) -> None:
    await desk.store.add(ANNA, PARCEL)
    for number in (None, "", "anonymous"):
        assert "withheld" in await desk.calling(number)("next_notice")
        assert "withheld" in await desk.calling(number)("acknowledge_notice", notice_id=1)


async def test_an_expired_notice_is_not_told_but_one_that_expires_while_it_is_read_is_delivered(
    desk: Desk,
) -> None:
    await desk.store.add(ANNA, WATER, expires_at=desk.clock() + timedelta(minutes=1))
    await desk.store.add(ANNA, SURVEY, expires_at=desk.clock())
    model = desk.calling()
    notice_id = await model.reads_next()
    desk.clock.advance(minutes=2)

    assert await desk.tools.waiting(desk.calling(call_id="call-2").context) == []
    assert "Confirmed" in await model("acknowledge_notice", notice_id=notice_id)
    assert "no more" in await model("next_notice")
    assert await desk.states() == ["acknowledged", "pending"]


async def test_a_flagged_notice_never_comes_again_and_the_team_gets_one_message(desk: Desk) -> None:
    await desk.store.add(ANNA, PARCEL)
    model = desk.calling()
    notice_id = await model.reads_next()

    assert "team has been told" in await model("flag_notice", notice_id=notice_id, comment="I am away.")
    assert "settled already" in await model("flag_notice", notice_id=notice_id, comment="I am away!")
    assert "settled already" in await model("acknowledge_notice", notice_id=notice_id)

    (message,) = await desk.messages()
    assert message.kind == "notice_flagged"
    assert message.data == {
        "notice_id": notice_id,
        "number": ANNA,
        "notice": PARCEL,
        "comment": "I am away.",
        "call_id": "call-1",
    }
    assert all(part in message.text for part in (ANNA, PARCEL, "I am away."))
    assert await desk.states() == ["flagged"]
    assert "no more" in await model("next_notice")


async def test_a_comment_cannot_pose_as_another_line_of_the_message(desk: Desk) -> None:
    await desk.store.add(ANNA, PARCEL)
    model = desk.calling()
    comment = "I am away.\nNumber: +15550666\x00"
    await model("flag_notice", notice_id=await model.reads_next(), comment=comment)

    (message,) = await desk.messages()
    assert message.data["comment"] == "I am away. Number: +15550666"
    assert [line for line in message.text.splitlines() if line.startswith("Number:")] == [f"Number: {ANNA}"]


# What was heard --------------------------------------------------------------------------------------


async def test_a_model_that_confirms_without_reading_is_refused(desk: Desk) -> None:
    await desk.store.add(ANNA, PARCEL)
    model = desk.calling()
    notice_id = (await model("next_notice"))["notice_id"]

    for text in ("", "You have one message, it is about something or other.", "Your parcel waits"):
        model.says(text)
        assert "not heard" in await model("acknowledge_notice", notice_id=notice_id)
        assert "not heard" in await model("flag_notice", notice_id=notice_id, comment="none of it")
    assert await desk.states() == ["pending"]
    assert await desk.messages() == []


async def test_half_of_a_notice_twice_is_not_the_whole(desk: Desk) -> None:
    await desk.store.add(ANNA, PARCEL)
    model = desk.calling()
    notice_id = (await model("next_notice"))["notice_id"]

    for _ in range(5):
        model.says("Your parcel waits at the", interrupted=True)
    assert "not heard" in await model("acknowledge_notice", notice_id=notice_id)

    model.says("front desk until Friday.")
    assert "Confirmed" in await model("acknowledge_notice", notice_id=notice_id)


async def test_what_was_said_before_the_notice_came_proves_nothing(desk: Desk) -> None:
    await desk.store.add(ANNA, PARCEL)
    await desk.store.add(ANNA, PARCEL)
    model = desk.calling()
    await model("acknowledge_notice", notice_id=await model.reads_next())
    notice_id = (await model("next_notice"))["notice_id"]

    assert "not heard" in await model("acknowledge_notice", notice_id=notice_id)


async def test_a_word_that_the_transcript_mishears_does_not_matter(desk: Desk) -> None:
    await desk.store.add(ANNA, "Your appointment on March 5 at 10:30 is moved to Dr. Chen.")
    model = desk.calling()
    notice_id = (await model("next_notice"))["notice_id"]
    model.says("Your appointment on March fifth, at half past ten, is moved to Dr. Shen.")

    assert "Confirmed" in await model("acknowledge_notice", notice_id=notice_id)


AS_WRITTEN_AND_AS_TRANSCRIBED = [
    ("Your appointment is on May third at three fifteen.", "Your appointment is on May 3rd, at 3:15."),
    ("The bus leaves at 3 PM.", "The bus leaves at three p.m."),
    ("The meeting has moved to half past ten.", "The meeting has moved to 10:30."),
    ("Ihr Termin ist am dritten Mai um fünfzehn Uhr dreißig.", "Ihr Termin ist am 3. Mai um 15:30 Uhr."),
    ("Wir öffnen am einundzwanzigsten wieder.", "Wir öffnen am 21. wieder."),
    ("Your parcel is ready.", "Your parcel is reddy."),
]


@pytest.mark.parametrize(("written", "transcribed"), AS_WRITTEN_AND_AS_TRANSCRIBED)
async def test_a_notice_can_be_settled_however_the_transcript_writes_what_was_read(
    desk: Desk, written: str, transcribed: str
) -> None:
    await desk.store.add(ANNA, written)
    model = desk.calling()
    notice_id = (await model("next_notice"))["notice_id"]
    model.says(f"{transcribed} Is that all right?")

    assert "Confirmed" in await model("acknowledge_notice", notice_id=notice_id)


async def test_the_last_word_of_a_short_notice_that_was_cut_off_is_missing(desk: Desk) -> None:
    await desk.store.add(ANNA, "Your parcel is lost.")
    model = desk.calling()
    notice_id = (await model("next_notice"))["notice_id"]
    model.says("Your parcel is", interrupted=True)

    assert "not heard" in await model("acknowledge_notice", notice_id=notice_id)


async def test_a_notice_of_digits_only_counts_as_read_once_something_was_said(desk: Desk) -> None:
    await desk.store.add(ANNA, "4711")
    model = desk.calling()
    notice_id = (await model("next_notice"))["notice_id"]

    assert "not heard" in await model("acknowledge_notice", notice_id=notice_id)
    model.says("It reads four seven one one.")
    assert "Confirmed" in await model("acknowledge_notice", notice_id=notice_id)


async def test_in_a_text_chat_what_is_written_counts_as_heard(desk: Desk) -> None:
    await desk.store.add(ANNA, PARCEL)
    model = desk.calling()
    model.context.controls = None
    notice_id = (await model("next_notice"))["notice_id"]

    assert "Confirmed" in await model("acknowledge_notice", notice_id=notice_id)


# Hostile and confused models -------------------------------------------------------------------------


async def test_a_model_that_asks_again_and_again_gets_the_same_notice(desk: Desk) -> None:
    await desk.store.add(ANNA, PARCEL)
    await desk.store.add(ANNA, WATER)
    model = desk.calling()

    answers = [await model("next_notice") for _ in range(20)]
    together = await asyncio.gather(*(model("next_notice") for _ in range(10)))

    assert {answer["text"] for answer in (*answers, *together)} == {PARCEL}


IDS: list[Any] = ["all", "*", "1 OR 1=1", "\u0661", None, 0, -1, 2**31, 10**40, [1, 2], {"$gt": 0}, 1.5, ""]


async def test_no_id_settles_what_this_call_is_not_reading(desk: Desk) -> None:
    others = (await desk.store.add(BOB, SURVEY)).id
    mine = [(await desk.store.add(ANNA, text)).id for text in (PARCEL, WATER)]
    model = desk.calling()
    assert "in turn" in await model("acknowledge_notice", notice_id=mine[0]), "not asked for yet"
    await model.reads_next()
    for text in (SURVEY, WATER):
        model.says(text)

    for notice_id in (*IDS, others, mine[1], 4711):
        refusals = (
            await model("acknowledge_notice", notice_id=notice_id),
            await model("flag_notice", notice_id=notice_id, comment="for me"),
        )
        assert all("in turn" in refusal or "wrong arguments" in refusal for refusal in refusals), notice_id
    for extra in ({"number": BOB}, {"call_id": "call-2"}, {"customer_id": 1}, {"state": "acknowledged"}):
        assert "wrong arguments" in await model("next_notice", **extra)
        assert "wrong arguments" in await model("acknowledge_notice", notice_id=mine[0], **extra)
    assert await desk.states() == ["pending"] * 3
    assert await desk.messages() == []


@pytest.mark.parametrize("comment", ["", " ", "x", "x" * 501, None, ["a"]])
async def test_a_comment_that_is_none_is_refused(desk: Desk, comment: Any) -> None:
    await desk.store.add(ANNA, PARCEL)
    model = desk.calling()
    notice_id = await model.reads_next()

    assert "wrong arguments" in await model("flag_notice", notice_id=notice_id, comment=comment)
    assert await desk.states() == ["pending"]


# Several calls at once -------------------------------------------------------------------------------


async def test_calls_from_one_number_at_once_share_the_notices_and_deliver_none_twice(desk: Desk) -> None:
    for n in range(6):
        await desk.store.add(ANNA, f"Message {'abcdef'[n]} is for you.")
    delivered: list[str] = []

    async def call(n: int) -> None:
        model = desk.calling(call_id=f"call-{n}")
        while isinstance(notice := await model("next_notice"), dict):
            model.says(notice["text"])
            await model("acknowledge_notice", notice_id=notice["notice_id"])
            delivered.append(notice["text"])
        await desk.tools.release(f"call-{n}")

    await asyncio.gather(*(call(n) for n in range(5)))

    assert sorted(delivered) == [f"Message {letter} is for you." for letter in "abcdef"]
    assert await desk.states() == ["acknowledged"] * 6


async def test_what_another_call_is_reading_is_neither_counted_nor_told(desk: Desk) -> None:
    await desk.store.add(ANNA, PARCEL)
    first, second = desk.calling(call_id="call-1"), desk.calling(call_id="call-2")
    notice_id = await first.reads_next()

    assert await desk.tools.waiting(second.context) == []
    assert "no more" in await second("next_notice")
    second.says(PARCEL)
    assert "in turn" in await second("acknowledge_notice", notice_id=notice_id)
    assert "Confirmed" in await first("acknowledge_notice", notice_id=notice_id)


async def test_the_claim_of_a_program_that_died_lapses_and_its_call_cannot_settle_any_more(
    desk: Desk,
) -> None:
    await desk.store.add(ANNA, PARCEL)
    dead, living = desk.calling(call_id="call-1"), desk.calling(call_id="call-2")
    notice_id = await dead.reads_next()
    desk.clock.advance(seconds=LEASE.total_seconds() - 1)
    assert "no more" in await living("next_notice")
    desk.clock.advance(seconds=2)

    assert await living.reads_next() == notice_id
    assert "in turn" in await dead("acknowledge_notice", notice_id=notice_id)
    assert "Confirmed" in await living("acknowledge_notice", notice_id=notice_id)


@pytest.mark.parametrize(
    ("number", "text", "complaint"),
    [("anonymous", PARCEL, "withheld"), (ANNA, " \n ", "1 to 600"), (ANNA, "x" * 601, "1 to 600")],
)
async def test_a_notice_that_nobody_could_be_read_is_refused(
    desk: Desk, number: str, text: str, complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        await desk.store.add(number, text)
