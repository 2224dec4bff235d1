"""Programs as customers of SDK 0.24.0 write them run unchanged in the sandbox, under either name of the SDK.

Each runs twice, side by side: as it is written, and with nothing but the SDK's names replaced. Only the
environment tells them where they are.
"""

from __future__ import annotations

import asyncio
import json
import signal
import wave
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.pcm import spoken
from tests.programs.stage import CALLER, DEADLINE, HERE, Stage, agent_says, caller_says, renamed, stage

PROGRAMS = sorted(path.stem for path in HERE.glob("*.yaml"))
STRANGER = "+15550142"
CLOSED = "+15550190"
"""The number whose office is always closed."""

Play = Callable[[Stage], Awaitable[None]]


async def under_both_names(program: str, folder: Path, play: Play) -> None:
    """Play the same piece with both, at the same time."""

    async def perform(name: str, other: bool) -> None:
        async with stage(program, folder / name, other_name=other) as running:
            await play(running)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(perform("telcoflow", other=False))
        tasks.create_task(perform("agentao", other=True))


def happened(call: dict[str, Any], *names: str) -> list[str]:
    """The events of a call that have one of these names, in their order."""
    return [event["event"] for event in call["events"] if event["event"] in names]


def told(session: dict[str, Any], tool: str) -> list[dict[str, Any]]:
    """What the model was told by a tool."""
    return [answer["response"] for answer in session["tool_responses"] if answer["name"] == tool]


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_holds_nothing_but_the_sdk(program: str) -> None:
    source = (HERE / f"{program}.py").read_text()
    assert "voiceagent" not in source.lower()
    assert "import telcoflow_sdk" in source or "from telcoflow_sdk" in source
    assert "telcoflow_sdk" not in renamed(source)
    compile(renamed(source), program, "exec")


@pytest.mark.realtime
async def test_voicemail_takes_a_message_also_from_who_hangs_up_and_connects_in_office_hours(
    tmp_path: Path,
) -> None:
    async def play(on: Stage) -> None:
        patient = await on.phone(to=CLOSED)
        hasty = await on.phone(to=CLOSED, script=[{"wait": 0.5}, {"say": "it is me"}, "hangup"])
        in_hours = await on.phone(to="+15550124", script=[])

        call = await on.operator.wait_for(in_hours, "detached")
        assert happened(call, "answered", "bridged", "detached") == ["bridged", "detached"]
        await on.operator.hangup(in_hours)

        assert (await on.ended(hasty))["end_reason"] == "caller_hangup"
        message = await on.reported("message_saved", hasty)
        assert spoken(caller_says("it is me")) in recorded(on.folder / message["file"])

        assert (await on.ended(patient))["end_reason"] == "agent_disconnect"
        message = await on.reported("message_saved", patient)
        assert message["text"] == "please call me back on Monday"
        assert spoken(caller_says(message["text"])) in recorded(on.folder / message["file"])
        heard = await on.heard(patient)
        assert heard.startswith(agent_says("Leave a message."))
        assert heard.endswith(agent_says("Thank you. Goodbye."))
        sessions = await on.sessions(2)
        assert sum(len(told(session, "end_voicemail")) for session in sessions) == 1

        await on.stop()
        assert len(on.reports("call_over")) == 2
        # The level that the program sets for the SDK's logger reaches all of it, under its own name.
        log = (on.folder / "stderr").read_text()
        for part in ("control_connection", "media_connection"):
            assert f"DEBUG:{on.folder.name}_sdk.{part}:" in log
        assert "voiceagent" not in log

    await under_both_names("after_hours_voicemail", tmp_path, play)


def recorded(file: Path) -> bytes:
    with wave.open(str(file)) as wav:
        assert (wav.getnchannels(), wav.getsampwidth(), wav.getframerate()) == (1, 2, 24_000)
        return spoken(wav.readframes(wav.getnframes()))


@pytest.mark.realtime
async def test_an_appointment_is_booked_by_who_barges_in_while_another_caller_gets_a_person(
    tmp_path: Path,
) -> None:
    offer = (
        "Ten o'clock is free, eleven o'clock is free, and so is twelve o'clock. Which of them suits you best?"
    )

    async def play(on: Stage) -> None:
        booking = await on.phone()
        asks = [{"wait": "agent_done"}, {"say": "may I talk with a person"}, {"wait": 30}]
        asking = await on.phone(from_=STRANGER, script=asks)

        call = await on.operator.wait_for(asking, "detached", timeout=DEADLINE)
        assert happened(call, "answered", "bridged", "detached") == ["answered", "bridged", "detached"]
        assert agent_says("One moment.") in await on.heard(asking)
        await on.reported("handed_over", asking)
        await on.operator.hangup(asking, leg="callee")
        assert (await on.ended(asking))["end_reason"] == "callee_hangup"

        call = await on.ended(booking)
        assert call["end_reason"] == "agent_disconnect"
        assert happened(call, "answered", "bridged", "interrupted") == ["answered", "interrupted"]
        heard = await on.heard(booking)
        assert heard.startswith(agent_says("Hello, this is the practice."))
        assert heard.endswith(agent_says("It is booked. Goodbye."))
        assert agent_says(offer)[:24_000] in heard
        assert agent_says(offer) not in heard, "the offer was cut short"
        await on.reported("call_over", booking)
        booked = await on.reported("booked", booking)
        assert (booked["who"], booked["date"], booked["time"]) == (CALLER, "tomorrow", "11:00")
        assert (await on.reported("sms"))["to"] == CALLER

        by_text = {session["texts"][0]: session for session in await on.sessions(2)}
        session = by_text["Greet Ms Quinn."]
        assert told(session, "check_availability") == [{"result": "free: 10:00, 11:00, 12:00"}]
        assert told(session, "book_appointment") == [{"result": "booked"}]
        assert "Greet a new customer." in by_text
        await on.stop()

    await under_both_names("appointment_booking", tmp_path, play)


@pytest.mark.realtime
async def test_coaching_is_whispered_to_the_callee_and_never_to_the_caller(tmp_path: Path) -> None:
    complaint, concession, farewell = "this is too expensive", "then have it cheaper", "thank you"

    async def play(on: Stage) -> None:
        call_id = await on.phone(script=[])
        await on.operator.wait_for(call_id, lambda call: call["mode"] == "spy", timeout=DEADLINE)
        assert await on.heard(call_id) == agent_says("This call is monitored.")
        assert await on.heard(call_id, "callee") == b""
        await on.operator.clear_heard(call_id)

        await on.operator.error(call_id, "TTS_SESSION_ERROR", "no voice")
        error = await on.reported("call_error", call_id)
        assert (error["error_code"], error["error_message"]) == ("TTS_SESSION_ERROR", "no voice")

        await on.operator.say(call_id, caller_says(complaint))
        await on.operator.wait_for(call_id, lambda call: call["mode"] == "whisper", timeout=DEADLINE)
        await on.operator.wait_for(call_id, lambda call: call["mode"] == "spy", timeout=DEADLINE)
        await on.operator.say(call_id, caller_says(concession), leg="callee")
        call = await on.operator.wait_for(call_id, "detached", timeout=DEADLINE)
        assert happened(call, "answered", "bridged", "detached") == ["answered", "bridged", "detached"]
        modes = [event["mode"] for event in call["events"] if event["event"] == "mode"]
        assert modes == ["spy", "whisper", "spy"]

        # They talk on without the agent.
        await on.operator.say(call_id, caller_says(farewell))
        expected = spoken(caller_says(complaint)) + agent_says("Offer her ten percent.")
        expected += spoken(caller_says(farewell))

        async def all_heard() -> bool:
            return len(await on.heard(call_id, "callee")) >= len(expected)

        await on.until(all_heard, "the callee has not heard the farewell")
        assert await on.heard(call_id, "callee") == expected
        assert await on.heard(call_id) == spoken(caller_says(concession)), "nothing but the salesperson"
        await on.operator.hangup(call_id, leg="callee")
        assert (await on.ended(call_id))["end_reason"] == "callee_hangup"

        await on.reported("call_over", call_id)
        assert [line["event"] for line in on.reports(call_id=call_id)] == [
            "connected",
            "call_error",
            "log_sentiment",
            "end_monitoring",
            "call_over",
        ]
        (session,) = await on.sessions(1)
        assert told(session, "log_sentiment") == [{"result": "noted"}]
        await on.stop()

    await under_both_names("call_monitoring", tmp_path, play)


@pytest.mark.realtime
async def test_a_customer_is_found_by_number_and_a_stranger_becomes_a_lead(tmp_path: Path) -> None:
    async def play(on: Stage) -> None:
        known = await on.phone()
        asks = [{"wait": "agent_done"}, {"say": "I want to buy something"}, {"wait": 30}]
        new = await on.phone(from_=STRANGER, script=asks)

        call = await on.operator.wait_for(new, "detached", timeout=DEADLINE)
        assert happened(call, "answered", "bridged", "detached") == ["answered", "bridged", "detached"]
        assert agent_says("I connect you.") in await on.heard(new)
        await on.operator.hangup(new)
        assert (await on.reported("lead_created", new))["number"] == STRANGER
        routed = await on.reported("routed", new)
        assert (routed["department"], routed["reason"]) == ("sales", "wants to buy")

        assert (await on.ended(known))["end_reason"] == "agent_disconnect"
        assert (await on.heard(known)).endswith(agent_says("We are at it. Goodbye."))
        assert (await on.reported("tickets", known))["titles"] == ["The invoice of May is wrong"]
        await on.reported("call_over", known)
        await on.reported("call_over", new)

        by_text = {session["texts"][0]: session for session in await on.sessions(2)}
        session = by_text["The caller is the customer Rosa Klein. Greet them."]
        assert told(session, "list_tickets") == [{"tickets": ["The invoice of May is wrong"]}]
        await on.stop(signal.SIGINT)
        assert "Goodbye" in (on.folder / "stdout").read_text()

    await under_both_names("database_lookup", tmp_path, play)


@pytest.mark.realtime
async def test_a_caller_is_put_through_or_told_that_nobody_answers(tmp_path: Path) -> None:
    async def play(on: Stage) -> None:
        away = "+15550155"
        await on.operator.party(away, "noanswer", after_ms=300)
        reached, unreached = await on.phone(), await on.phone(from_=STRANGER, to=away)

        call = await on.operator.wait_for(reached, "detached", timeout=DEADLINE)
        assert happened(call, "answered", "bridged", "detached") == ["answered", "bridged", "detached"]
        assert call["legs"] == {"caller": "up", "callee": "up"}
        assert (await on.heard(reached)).endswith(agent_says("I put you through."))
        assert await on.heard(reached, "callee") == b"", "the callee hears nothing of what was said before"
        assert (await on.reported("escalated", reached))["reason"] == "stolen card"
        context = json.loads((on.folder / f"context-{reached}.json").read_text())
        assert context == {"reason": "stolen card", "summary": "The card was stolen.", "caller": CALLER}
        await on.operator.hangup(reached)

        call = await on.ended(unreached)
        assert call["end_reason"] == "agent_disconnect"
        rang = happened(call, "answered", "callee_ringing", "callee_unanswered", "bridged")
        assert rang == ["answered", "callee_ringing", "callee_unanswered"]
        assert (await on.heard(unreached)).endswith(agent_says("We will call you back."))
        await on.reported("call_over", unreached)
        assert (
            len(on.reports("connect_failed", unreached)) == len(on.reports("nobody_answered", unreached)) == 1
        )

        answers = [told(session, "escalate_to_human") for session in await on.sessions(2)]
        assert sorted(answers) == [
            [],
            [{"result": "Nobody answers. Tell the caller that we will call back."}],
        ]
        await on.stop()

    await under_both_names("human_escalation", tmp_path, play)


@pytest.mark.realtime
async def test_notifications_lose_no_word_though_the_send_buffer_is_always_full(tmp_path: Path) -> None:
    async def play(on: Stage) -> None:
        await on.until(lambda: len(on.reports("due")) == 2, "the notifications are not due")
        nobody = await on.phone(from_=STRANGER, script=[])
        call_id = await on.phone()
        assert (await on.ended(nobody))["end_reason"] == "rejected"
        await on.reported("nothing_pending", nobody)

        call = await on.ended(call_id)
        assert call["end_reason"] == "agent_disconnect"
        assert happened(call, "answered", "bridged", "interrupted") == ["answered"]
        said = (
            "Your prescription is ready.",
            "Your check-up is due.",
            "We will. Goodbye.",
        )
        assert await on.heard(call_id) == b"".join(map(agent_says, said))
        assert len(on.reports("buffer_full", call_id)) == 1
        assert (await on.reported("call_over", call_id))["left"] == []
        assert (await on.reported("acknowledge_notification"))["id"] == "n-1"
        assert (await on.reported("flag_for_followup"))["id"] == "n-2"
        (session,) = await on.sessions(1)
        assert told(session, "flag_for_followup") == [{"result": "noted"}]
        await on.stop()
        assert on.reports("stopped")

    await under_both_names("interactive_notifications", tmp_path, play)


@pytest.mark.realtime
async def test_a_program_that_is_stopped_in_mid_call_leaves_the_call_and_ends_in_peace(
    tmp_path: Path,
) -> None:
    async def stop_in_mid_call(program: str, other_name: bool) -> None:
        async with stage(program, tmp_path / program, other_name=other_name) as on:
            await on.until(
                lambda: program != "interactive_notifications" or on.reports("due"), "nothing is due"
            )
            call_id = await on.phone(to=CLOSED, script=[])
            monitors = program == "call_monitoring"
            # The monitor is stopped when both parties are on the line, the others while they greet.
            await on.operator.wait_for(
                call_id,
                lambda call: call["mode"] == "spy" if monitors else call["state"] == "answered",
                timeout=DEADLINE,
            )
            await on.stop(signal.SIGINT if program == "database_lookup" else signal.SIGTERM)
            call = await on.operator.call(call_id)
            assert not call["agent_connected"]
            # After connect() the parties talk on; the others have nobody left to talk to.
            assert call["state"] == ("detached" if monitors else "ended")
            if program == "after_hours_voicemail":
                (message,) = on.reports("message_saved", call_id)
                assert message["seconds"] > 3
            await on.sessions(1)

    async with asyncio.TaskGroup() as tasks:
        for number, program in enumerate(PROGRAMS):
            tasks.create_task(stop_in_mid_call(program, other_name=bool(number % 2)))
