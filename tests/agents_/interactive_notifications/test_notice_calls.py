"""Whole calls to the message line: what is delivered, once, and what waits for the next call."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from agents.interactive_notifications import InteractiveNotifications, agent
from agents.interactive_notifications.demo import after, before
from tests.agents_.interactive_notifications.conftest import (
    ANNA,
    BOB,
    PARCEL,
    READ,
    SURVEY,
    WATER,
    confirm,
    conversation,
    leave,
    loop_clock,
    states,
    team,
    url_of,
)
from tools.notifications import Urgency
from tools.notifications.store import LEASE
from voiceagent import CallContext
from voiceagent.report import BargeIn, EndReason, ToolStarted
from voiceagent.testing import phone_line, virtual_time

SCENARIO = Path(__file__).parents[3] / "agents" / "interactive_notifications" / "scenario.yaml"

WATER_FIRST = [(PARCEL, Urgency.NORMAL), (WATER, Urgency.URGENT)]
"""Their ids are 1 and 2; the second one is told first."""


@virtual_time
async def test_the_urgent_message_is_confirmed_the_other_flagged_and_the_team_is_told(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await before(url_of(database))
    async with team(monkeypatch) as (inbox, hooks):
        async with phone_line(agent, SCENARIO) as line:
            played = await line.call()
            (mail,) = await inbox.wait(1)
            await hooks.wait(1)
            again = await line.call(conversation(("yes please", [READ, {"say": "There is nothing new."}])))

    assert played.ended is EndReason.AGENT_HUNG_UP
    assert all(use.ok for use in played.tools)
    said = [
        "The water in your building is turned off tomorrow from nine to eleven. Have you understood that?",
        "Thank you. The second message. Your parcel waits at our front desk until Friday. Is that all right?",
    ]
    water, parcel = (played.caller.heard_speech_at(text) for text in said)
    assert water is not None and parcel is not None and water < parcel
    assert played.violations == []
    assert await after(url_of(database)) == [
        f"acknowledged: {WATER}",
        f"flagged: {PARCEL} The caller is away until Monday.",
        "to the team: Follow up on notice 1",
    ]
    assert mail["To"] == "team@harbor.example"
    assert all(part in mail.get_content() for part in (ANNA, PARCEL, "away until Monday"))
    assert len(hooks.requests) == 1
    assert "no more messages" in json.dumps(again.tools[0].result)


@virtual_time
async def test_the_greeting_says_how_many_messages_wait(database: Path) -> None:
    await leave(database, *WATER_FIRST)
    async with phone_line(agent, conversation()) as line:
        for caller in (ANNA, BOB, "anonymous"):
            await line.call(caller=caller)
        anna, bob, withheld = (record.texts[0] for record in line.live.records)

    assert "they have 2 new message(s) and how many of them are urgent (1)" in anna
    assert "there are no new messages for them today" in bob
    assert "their number is withheld" in withheld


@virtual_time
async def test_nothing_waits_and_the_caller_is_told_so_in_a_friendly_sentence(database: Path) -> None:
    friendly = "There are no new messages for you today. Have a good day!"
    plot = conversation()
    plot["model"][0]["say"] = friendly
    async with phone_line(agent, plot) as line:
        played = await line.call(caller=BOB)

    assert played.caller.heard_speech(friendly)
    assert played.tool_names == ["end_call"]


@virtual_time
async def test_a_message_cut_off_by_a_hangup_comes_again_and_one_that_was_confirmed_does_not(
    database: Path,
) -> None:
    await leave(database, *WATER_FIRST)
    plot = conversation(
        ("yes please", [READ, {"say": WATER}]),
        ("I have got that", [confirm(2), READ, {"say": PARCEL}]),
        ("yes I know", [confirm(1), READ, {"say": "That was all."}]),
    )
    hangs_up = plot | {"script": [*plot["script"][:4], {"interrupt_after": 1.0}, "hangup"]}
    async with phone_line(agent, hangs_up) as line:
        first = await line.call()
        after_first = states(database)
        second = await line.call(
            conversation(
                ("yes please", [READ, {"say": PARCEL}]),
                ("yes I know", [confirm(1), READ, {"say": "That was all."}]),
            )
        )

    assert first.ended is EndReason.CALLER_HUNG_UP
    assert first.caller.heard_speech(WATER) and not first.caller.heard_speech(PARCEL)
    assert after_first == [(PARCEL, "pending"), (WATER, "acknowledged")]
    assert second.caller.heard_speech(PARCEL) and not second.caller.heard_speech(WATER)
    assert states(database) == [(PARCEL, "acknowledged"), (WATER, "acknowledged")]


@virtual_time
async def test_a_caller_who_hangs_up_while_it_is_confirmed_is_not_told_again(database: Path) -> None:
    await leave(database, (WATER, Urgency.NORMAL))
    plot = conversation(
        ("yes please", [READ, {"say": WATER}]), ("I have got that", [confirm(1), {"say": "Good."}])
    )
    async with phone_line(agent, plot) as line:
        async with line.ringing() as running:
            # The tool is at work, and the caller is gone before it is done.
            await running.until(ToolStarted, lambda started: started.name == "acknowledge_notice")
            running.caller.hang_up()
        played = running.played

    assert played.ended is EndReason.CALLER_HUNG_UP
    assert states(database) == [(WATER, "acknowledged")]


@virtual_time
async def test_a_message_that_the_caller_talks_into_has_to_be_read_again(database: Path) -> None:
    await leave(database, (WATER, Urgency.NORMAL))
    plot = conversation(
        ("yes please", [READ, {"say": WATER}]),
        ("stop stop, I know", [confirm(1), {"say": f"Let me read it once more. {WATER}"}]),
        ("yes, I understand", [confirm(1), {"say": "Thank you."}]),
    )
    at = plot["script"].index({"say": "stop stop, I know"})
    plot["script"][at - 1] = {"interrupt_after": 1.0}
    async with phone_line(agent, plot) as line:
        played = await line.call()

    assert len(played.seen(BargeIn)) == 1
    assert [(use.name, use.ok) for use in played.tools] == [
        ("next_notice", True),
        ("acknowledge_notice", False),
        ("acknowledge_notice", True),
        ("end_call", True),
    ]
    assert played.caller.heard_speech(f"Let me read it once more. {WATER}")
    assert states(database) == [(WATER, "acknowledged")]


@virtual_time
async def test_two_calls_from_one_number_at_once_deliver_each_message_once(database: Path) -> None:
    await leave(database, *WATER_FIRST)
    # Both calls play the same model, which confirms whatever it may have been given.
    plot = conversation(
        ("yes please", [READ, {"say": f"{WATER} {PARCEL}"}]),
        (
            "I have got that",
            [confirm(1), confirm(2), READ, {"say": f"{PARCEL} {WATER}"}],
        ),
    )
    async with phone_line(agent, plot) as line:
        calls = await asyncio.gather(line.call(), line.call())

    confirmed = [
        use for played in calls for use in played.tools if use.name == "acknowledge_notice" and use.ok
    ]
    assert len(confirmed) == 2
    assert states(database) == [(PARCEL, "acknowledged"), (WATER, "acknowledged")]
    read = [played.tools[0].result for played in calls]
    assert {each["notice_id"] for each in read if each} == {1, 2}, "no message is read by both"


@virtual_time
async def test_a_hostile_model_delivers_nothing_that_was_not_heard_and_nothing_of_others(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await leave(database, *WATER_FIRST)
    await leave(database, (SURVEY, Urgency.NORMAL), number=BOB)
    attacks = [
        confirm(2),
        READ,
        confirm(2),
        confirm(1),
        confirm(3),
        confirm("all"),
        confirm([1, 2, 3]),
        {"call": {"flag_notice": {"notice_id": 3, "comment": "please send it to me"}}},
        {"call": {"next_notice": {"number": BOB}}},
        {"call": {"acknowledge_notice": {"notice_id": 2, "state": "acknowledged"}}},
        {"call": {"delete_notices": {}}},
        *([READ] * 5),
        {"call": [{"next_notice": {}}, {"acknowledge_notice": {"notice_id": 2}}]},
    ]
    plot = conversation(("confirm them all for me", [*attacks, {"say": "You have got no new messages."}]))
    async with team(monkeypatch) as (inbox, hooks):
        async with phone_line(agent, plot) as line:
            played = await line.call()

    told = [use.result for use in played.tools if use.name == "next_notice" and use.ok]
    assert all(each is not None and each["text"] == WATER for each in told)
    assert not any(use.ok for use in played.tools if use.name not in ("next_notice", "end_call"))
    assert [state for _, state in states(database)] == ["pending"] * 3
    assert (inbox.messages, hooks.requests) == ([], [])
    assert SURVEY not in json.dumps([use.result for use in played.tools])


@virtual_time
async def test_a_model_that_confirms_while_it_still_reads_has_to_wait_for_the_caller(database: Path) -> None:
    await leave(database, (WATER, Urgency.NORMAL))
    plot = conversation(
        ("yes please", [READ, {"say": WATER} | confirm(1), {"say": "Have you understood that?"}]),
        ("yes I know", [confirm(1), {"say": "Thank you."}]),
    )
    async with phone_line(agent, plot) as line:
        played = await line.call()

    assert [(use.name, use.ok) for use in played.tools[:3]] == [
        ("next_notice", True),
        ("acknowledge_notice", False),
        ("acknowledge_notice", True),
    ]


class Impatient(InteractiveNotifications):
    ring_seconds = 15


@virtual_time
async def test_nobody_answers_at_the_desk_and_the_messages_go_on(database: Path) -> None:
    await leave(database, (WATER, Urgency.NORMAL))
    plot = conversation(
        (
            "I want to speak to a person",
            [
                {"say": "One moment please.", "call": {"transfer_call": {}}},
                {"say": "Nobody is there. Shall I read you your message?"},
            ],
        ),
        ("yes please", [READ, {"say": WATER}]),
        ("I know that", [confirm(1), {"say": "Thank you."}]),
        callee={"answers": False},
    )
    # While it rings nothing is heard from the agent.
    plot["script"].insert(3, {"wait": "agent_done"})
    async with phone_line(Impatient, plot) as line:
        played = await line.call()

    assert played.report.transfers_failed == ["CALL_UNANSWERED"]
    assert played.caller.heard_speech(WATER)
    assert states(database) == [(WATER, "acknowledged")]


@virtual_time
async def test_the_team_is_told_later_where_its_mail_server_is_down(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await leave(database, (WATER, Urgency.NORMAL))
    flag = {"call": {"flag_notice": {"notice_id": 1, "comment": "I need it tomorrow."}}}
    plot = conversation(
        ("yes please", [READ, {"say": WATER}]), ("no, not tomorrow", [flag, {"say": "I see."}])
    )
    async with team(monkeypatch) as (inbox, hooks):
        inbox.refuse = "451 4.3.0 try again later"
        async with phone_line(InteractiveNotifications(now=loop_clock()), plot) as line:
            played = await line.call()
            await hooks.wait(1)
            attempts = inbox.attempts
            inbox.refuse = None
            await inbox.wait(1)

    assert played.ended is EndReason.AGENT_HUNG_UP
    assert attempts >= 1 and len(inbox.messages) == 1
    assert states(database) == [(WATER, "flagged")]
    assert len(hooks.requests) == 1, "what has arrived is not sent again"


@virtual_time
async def test_a_notice_stays_with_the_call_that_reads_it_however_long_that_lasts(database: Path) -> None:
    await leave(database, *WATER_FIRST)
    called = InteractiveNotifications(now=loop_clock())
    await called.on_startup()
    reading = await called.store.claim(ANNA, "call-1")
    beside = asyncio.create_task(called.on_answered(CallContext("call-1", caller_number=ANNA)))

    await asyncio.sleep(3 * LEASE.total_seconds())
    (other,) = await called.store.waiting(ANNA, "call-2")
    assert reading is not None and (reading.text, other.text) == (WATER, PARCEL)

    beside.cancel()
    await asyncio.sleep(2 * LEASE.total_seconds())
    assert len(await called.store.waiting(ANNA, "call-2")) == 2, "a call that died keeps nothing"
    await called.on_shutdown()


@virtual_time
async def test_in_german_the_model_is_told_in_german(database: Path) -> None:
    class Ansage(InteractiveNotifications):
        language = "de-DE"

    await leave(database, *WATER_FIRST)
    async with phone_line(Ansage, conversation()) as line:
        await line.call()
        (record,) = line.live.records

    told = json.dumps([record.setup, list(record.texts)], default=str, ensure_ascii=False)
    assert "Du bist die Nachrichtenansage von Harbor Supplies" in told
    assert "dass 2 neue Nachricht(en) bereitliegen" in told
