"""Cases and callbacks: saved first, settled once, one callback per call, and the team told of it."""

from __future__ import annotations

import asyncio

import pytest

from tests.tools_.escalation.conftest import Office
from tools.escalation import Escalation, EscalationState, TooManyChangesError

SAID = [{"who": "caller", "text": "I have paid twice"}]


async def opened(office: Office, call_id: str = "call-1", number: str | None = "+15550100") -> Escalation:
    return await office.store.open(
        call_id, number, reason="billing", summary="Paid twice.", transcript=SAID, facts={"language": "en"}
    )


async def test_a_case_is_saved_with_all_that_is_known(office: Office) -> None:
    first = await opened(office, "call-0")
    await office.store.settle(first.id, EscalationState.CONNECTED)
    (earlier,) = await office.store.earlier("+15550100")
    assert (earlier["reason"], earlier["state"]) == ("billing", "connected")
    assert await office.store.earlier(None) == [] == await office.store.earlier("+15550101")
    await opened(office)
    (case,) = await office.store.of_call("call-1")
    assert (case.state, case.reason, case.summary) == ("ringing", "billing", "Paid twice.")
    assert case.transcript == SAID and case.settled_at is None
    assert case.facts == {"language": "en"}
    assert "+1555" not in repr(case)


async def test_whoever_took_over_needs_no_callback(office: Office) -> None:
    case = await office.store.settle((await opened(office)).id, EscalationState.CONNECTED)
    assert case.settled_at is not None and case.callback_id is None
    assert await office.callbacks.waiting() == [] and await office.messages() == []


@pytest.mark.parametrize(
    "state", [EscalationState.UNANSWERED, EscalationState.ABANDONED, EscalationState.FAILED]
)
async def test_whoever_was_not_reached_is_called_back(office: Office, state: EscalationState) -> None:
    case = await office.store.settle((await opened(office)).id, state, "CALL_UNANSWERED")
    (callback,) = await office.callbacks.waiting()
    assert (case.callback_id, case.note) == (callback.id, "CALL_UNANSWERED")
    assert callback.number == "+15550100" and callback.wish == "billing: Paid twice."
    assert office.callbacks.in_words(callback) == "Monday, March 2, at 9:30 AM"
    (message,) = await office.messages()
    assert message.kind == "callback" and "Monday, March 2, at 9:30 AM" in message.subject
    assert message.data["number"] == "+15550100" and message.data["call_id"] == "call-1"


async def test_a_case_is_settled_once(office: Office) -> None:
    case = await opened(office)
    await asyncio.gather(
        *(office.store.settle(case.id, EscalationState.UNANSWERED) for _ in range(5)),
        office.store.finish("call-1", EscalationState.ABANDONED, SAID, "caller_hung_up"),
    )
    assert len(await office.callbacks.waiting()) == 1 and len(await office.messages()) == 1
    (settled,) = await office.store.of_call("call-1")
    later = await office.store.settle(case.id, EscalationState.CONNECTED)
    assert later.state == settled.state != "connected"
    with pytest.raises(LookupError):
        await office.store.settle(case.id + 1, EscalationState.CONNECTED)


async def test_a_withheld_number_is_not_called_back(office: Office) -> None:
    case = await office.store.settle((await opened(office, number=None)).id, EscalationState.ABANDONED)
    assert case.state == "abandoned" and case.callback_id is None
    assert await office.messages() == []


async def test_the_end_of_a_call_settles_what_still_rings_and_keeps_all_that_was_said(office: Office) -> None:
    first = await opened(office)
    await office.store.settle(first.id, EscalationState.UNANSWERED)
    await opened(office)
    whole = [*SAID, {"who": "agent", "text": "Goodbye."}]
    await office.store.finish("call-1", EscalationState.ABANDONED, whole, "caller_hung_up")
    cases = await office.store.of_call("call-1")
    assert [case.state for case in cases] == ["unanswered", "abandoned"]
    assert all(case.transcript == whole for case in cases)
    # One call, one callback, one message.
    assert {case.callback_id for case in cases} == {(await office.callbacks.waiting())[0].id}
    assert len(await office.messages()) == 1


async def test_a_callback_is_moved_and_not_doubled(office: Office) -> None:
    book = office.callbacks.book
    first = await book("call-1", "+15550100", office.callbacks.time(), "billing")
    same = await book("call-1", "+15550100", office.callbacks.time(), "")
    moved = await book("call-1", "+15550100", office.callbacks.time("tomorrow", "ten"), "")
    assert first.id == same.id == moved.id
    assert (moved.changes, moved.wish) == (1, "billing")
    assert ["moved" in message.subject for message in await office.messages()] == [False, True]
    await book("call-2", "+15550100", office.callbacks.time(), "another call")
    assert len(await office.callbacks.open_for("+15550100")) == 2


async def test_a_model_that_moves_it_again_and_again_is_stopped(office: Office) -> None:
    for hour in range(8, 14):
        await office.callbacks.book("call-1", "+1", office.callbacks.time("tomorrow", f"{hour}:05"), "x")
    with pytest.raises(TooManyChangesError):
        await office.callbacks.book("call-1", "+1", office.callbacks.time("friday"), "x")
    assert len(await office.messages()) == 6


async def test_who_has_been_called_back_waits_no_longer(office: Office) -> None:
    callback = await office.callbacks.book("call-1", "+15550100", office.callbacks.time(), "x")
    await office.callbacks.done(callback.id)
    assert await office.callbacks.waiting() == [] and await office.callbacks.open_for("+15550100") == []
    kept = await office.callbacks.of_call("call-1")
    assert kept is not None and kept.done_at is not None
    assert "+1555" not in repr(kept)
