"""What is kept of a monitored call: each thing once, with its times, and never without end."""

from __future__ import annotations

import asyncio

import pytest

from tests.tools_.conftest import MONDAY_9_AM, Clock
from tools.coaching import CoachingStore, Ending, SuggestionState, TooManyNotesError
from tools.coaching.store import MOST_NOTES, CallNotes


async def noted(store: CoachingStore, call_id: str = "call-1") -> CallNotes:
    found = await store.notes(call_id)
    assert found is not None
    return found


async def test_a_call_that_nobody_took_has_no_notes(notes: CoachingStore) -> None:
    assert await notes.notes("nobody") is None
    assert await notes.calls() == []


async def test_the_same_mood_twice_in_a_row_is_one_note(notes: CoachingStore, clock: Clock) -> None:
    await notes.note_sentiment("call-1", "caller", -0.8, "The order is late.")
    clock.advance(seconds=30)
    again = await notes.note_sentiment("call-1", "caller", -0.801, "the ORDER is late")
    assert again.times == 2
    (note,) = (await noted(notes)).sentiments
    assert (note.score, note.reason, note.times) == (-0.8, "The order is late.", 2)
    assert (note.last_at - note.at).total_seconds() == 30


async def test_a_mood_that_comes_back_and_one_of_somebody_else_are_notes_of_their_own(
    notes: CoachingStore,
) -> None:
    for speaker, score in (("caller", -0.5), ("callee", -0.5), ("caller", 0.5), ("caller", -0.5)):
        await notes.note_sentiment("call-1", speaker, score, "the tone")  # type: ignore[arg-type]
    assert [(note.speaker, note.score) for note in (await noted(notes)).sentiments] == [
        ("caller", -0.5),
        ("callee", -0.5),
        ("caller", 0.5),
        ("caller", -0.5),
    ]


@pytest.mark.parametrize("score", [-1.01, 2, float("nan"), float("inf")])
async def test_a_score_that_is_none_is_refused(notes: CoachingStore, score: float) -> None:
    with pytest.raises(ValueError, match="from -1 to 1"):
        await notes.note_sentiment("call-1", "caller", score, "whatever")
    assert await notes.notes("call-1") is None


async def test_a_topic_is_noted_once_in_whatever_spelling(notes: CoachingStore, clock: Clock) -> None:
    for topic in ("Late delivery", "late  delivery!", "LATE-DELIVERY", "price"):
        await notes.note_topic("call-1", topic)
        clock.advance(minutes=1)
    topics = (await noted(notes)).topics
    assert [(note.topic, note.times) for note in topics] == [("Late delivery", 3), ("price", 1)]
    assert (topics[0].last_at - topics[0].at).total_seconds() == 120
    with pytest.raises(ValueError, match="needs words"):
        await notes.note_topic("call-1", " ...\x00 ")


async def test_what_is_noted_at_once_is_not_noted_twice(notes: CoachingStore) -> None:
    await asyncio.gather(*(notes.note_topic("call-1", "refund") for _ in range(10)))
    (topic,) = (await noted(notes)).topics
    assert topic.times == 10


async def test_texts_are_cut_and_lose_what_cannot_be_printed(notes: CoachingStore) -> None:
    await notes.note_sentiment("call-1", "caller", 0, "so\x00 \ud800 " + "very " * 100)
    await notes.note_topic("call-1", "word " * 40)
    found = await noted(notes)
    assert found.sentiments[0].reason.startswith("so very very") and len(found.sentiments[0].reason) <= 200
    assert len(found.topics[0].topic) <= 60


async def test_a_call_keeps_only_so_many_notes(notes: CoachingStore) -> None:
    for number in range(MOST_NOTES):
        await notes.note_topic("call-1", f"topic {number}")
    with pytest.raises(TooManyNotesError):
        await notes.note_topic("call-1", "one more")
    assert (await notes.note_topic("call-1", "topic 7")).times == 2
    await notes.note_topic("call-2", "another call has room")
    assert len((await noted(notes)).topics) == MOST_NOTES


async def test_what_became_of_a_suggestion_is_told_once(notes: CoachingStore, clock: Clock) -> None:
    played, cut, left = [await notes.suggest("call-1", text) for text in ("one", "two", "three")]
    clock.advance(seconds=5)
    await notes.settle(played, SuggestionState.PLAYED, "Offer one.")
    await notes.settle(cut, SuggestionState.CUT_OFF, "Offer")
    await notes.settle(played, SuggestionState.NOT_PLAYED)
    await notes.finish("call-1", Ending("conference_ended", True, 60.0, 1, 2, 3))
    found = await noted(notes)
    assert [(each.id, each.state, each.heard) for each in found.suggestions] == [
        (played, "played", "Offer one."),
        (cut, "cut_off", "Offer"),
        (left, "not_played", ""),
    ]
    assert found.call.suggestions_played == 1


async def test_the_summary_of_a_call(notes: CoachingStore, clock: Clock) -> None:
    await notes.begin("call-1", caller="+15550100", callee="+15550199")
    await notes.announced("call-1")
    clock.advance(seconds=10)
    await notes.connected("call-1")
    for score in (-0.8, 0.1):
        await notes.note_sentiment("call-1", "caller", score, f"it is {score}")
    await notes.note_sentiment("call-1", "callee", 1, "glad")
    clock.advance(seconds=50)
    await notes.finish("call-1", Ending("conference_ended", True, 49.5, 4, 12, 88))
    call = (await noted(notes)).call
    assert (call.caller_number, call.callee_number) == ("+15550100", "+15550199")
    assert (call.began_at, call.announced_at) == (MONDAY_9_AM, MONDAY_9_AM)
    assert call.connected_at is not None and (call.connected_at - call.began_at).total_seconds() == 10
    assert call.ended_at is not None and (call.ended_at - call.began_at).total_seconds() == 60
    assert (call.ended, call.monitored_seconds, call.sentiment) == ("conference_ended", 49.5, -0.35)
    assert (call.words_of_caller, call.words_of_agent, call.words_of_parties) == (4, 12, 88)
    assert "+1555" not in repr(call)


async def test_a_call_that_comes_a_second_time_keeps_what_was_noted(notes: CoachingStore) -> None:
    await notes.begin("call-1", caller="+15550100", callee="+15550199")
    await notes.note_topic("call-1", "refund")
    await notes.finish("call-1", Ending("line_lost", False, 0.0, 0, 5, 0))
    await notes.begin("call-1", caller="+15550100", callee="+15550199")
    found = await noted(notes)
    assert [note.topic for note in found.topics] == ["refund"]
    assert len(await notes.calls()) == 1
