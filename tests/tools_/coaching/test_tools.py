"""What the listening model may note and suggest, and how it is kept from flooding the callee."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from tools.coaching import CoachingStore, CoachingTools
from tools.coaching.store import CallNotes
from tools.storage import Database
from voiceagent import CallContext, Line, ToolError
from voiceagent.call.base import Capabilities
from voiceagent.context import CallControls
from voiceagent.live import ToolCall
from voiceagent.testing import virtual_time
from voiceagent.toolbox import Toolbox, functions_in

EVERYTHING = Capabilities(transfer=True, whisper=True, exact_playback=True, dtmf=True)


class Listening:
    """A call in which the agent listens: takes whispers, and refuses them on order."""

    def __init__(self, refusal: str | None = None) -> None:
        self.refusal = refusal
        self.whispers = 0

    async def whisper(self) -> str | None:
        self.whispers += 1
        return self.refusal


def listening(line: Listening) -> CallContext:
    return CallContext(call_id="call-1", controls=cast(CallControls, line))


async def ask(coach: CoachingTools, call: CallContext, name: str, **args: Any) -> dict[str, Any]:
    """Call a tool as the model does: by name, with JSON."""
    return await Toolbox(functions_in([coach]), EVERYTHING).run(ToolCall("1", name, args), call)


async def noted(store: CoachingStore) -> CallNotes:
    found = await store.notes("call-1")
    assert found is not None
    return found


@asynccontextmanager
async def coaching(folder: Path, seconds: float = 20.0) -> AsyncIterator[CoachingTools]:
    """Tools on the loop of a test with a virtual clock."""
    database = Database(f"sqlite+aiosqlite:///{folder / 'coaching.db'}")
    store = CoachingStore(database)
    await database.open()
    try:
        yield CoachingTools(store, seconds_between=seconds)
    finally:
        await database.close()


async def test_moods_and_topics_are_noted_in_silence(coach: CoachingTools) -> None:
    call = listening(Listening())
    mood = {"speaker": "caller", "score": -0.8, "reason": "the order is late"}
    assert await ask(coach, call, "note_sentiment", **mood) == {"result": "Noted."}
    assert "only when it changes" in (await ask(coach, call, "note_sentiment", **mood))["result"]
    assert await ask(coach, call, "note_topic", topic="late delivery") == {"result": "Noted."}
    assert "once" in (await ask(coach, call, "note_topic", topic="Late delivery"))["result"]
    found = await noted(coach.store)
    assert [found.sentiments[0].times, found.topics[0].times] == [2, 2]


@pytest.mark.parametrize(
    "args",
    [
        {"speaker": "caller", "score": 7, "reason": "angry"},
        {"speaker": "caller", "score": "very bad", "reason": "angry"},
        {"speaker": "caller", "score": float("nan"), "reason": "angry"},
        {"speaker": "the dog", "score": 0, "reason": "barks"},
        {"speaker": "caller", "score": 0, "reason": " \x00 ... "},
        {"speaker": "caller", "score": 0},
        {"speaker": "caller", "score": 0, "reason": "x", "call_id": "another call"},
    ],
)
async def test_a_nonsensical_mood_is_refused(coach: CoachingTools, args: dict[str, Any]) -> None:
    assert "error" in await ask(coach, listening(Listening()), "note_sentiment", **args)
    assert await coach.store.notes("call-1") is None


@pytest.mark.parametrize("suggestion", ["", "   ", "?!", "\x00\x07"])
async def test_an_empty_suggestion_is_refused(coach: CoachingTools, suggestion: str) -> None:
    line = Listening()
    answer = await ask(coach, listening(line), "coach_callee", suggestion=suggestion)
    assert "empty" in answer["error"] and line.whispers == 0


def test_coaching_is_offered_only_on_lines_that_can_whisper(coach: CoachingTools) -> None:
    offered = Toolbox(functions_in([coach]), Capabilities(transfer=True)).declarations
    assert [tool.name for tool in offered] == ["note_sentiment", "note_topic"]


@virtual_time
async def test_a_second_suggestion_has_to_wait(tmp_path: Path) -> None:
    async with coaching(tmp_path) as coach:
        line = Listening()
        call = listening(line)
        assert "alone hears you" in await coach.coach_callee(call, "Offer ten percent off.")
        await asyncio.sleep(8)
        with pytest.raises(ToolError, match="wait 12 seconds"):
            await coach.coach_callee(call, "Say you are sorry.")
        with pytest.raises(ToolError, match="Do not repeat"):
            await coach.coach_callee(call, "offer TEN percent off")
        await asyncio.sleep(12)
        await coach.coach_callee(call, "Say you are sorry.")
        assert line.whispers == 2
        assert len((await noted(coach.store)).suggestions) == 2


@virtual_time
async def test_of_two_suggestions_at_once_one_is_whispered(tmp_path: Path) -> None:
    async with coaching(tmp_path) as coach:
        line = Listening()
        call = listening(line)
        answers = await asyncio.gather(
            *(coach.coach_callee(call, text) for text in ("Offer ten percent.", "Say you are sorry.")),
            return_exceptions=True,
        )
        assert [isinstance(answer, ToolError) for answer in answers] == [False, True]
        assert line.whispers == 1


async def test_what_was_heard_of_the_agent_settles_its_suggestion(coach: CoachingTools) -> None:
    coach.seconds_between = 0
    call = listening(Listening())
    for text, heard in (("Offer ten.", "Offer ten."), ("Offer more.", "Offer"), ("Offer all.", None)):
        await coach.coach_callee(call, text)
        await coach.heard(call, Line(at_ms=1, who="parties", text="and what about the price"))
        if heard is not None:
            await coach.heard(call, Line(at_ms=2, who="agent", text=heard, interrupted=heard != text, turn=1))
    await coach.coach_callee(call, "Offer something.")
    assert [(each.state, each.heard) for each in (await noted(coach.store)).suggestions] == [
        ("played", "Offer ten."),
        ("cut_off", "Offer"),
        ("not_played", ""),
        ("asked", ""),
    ]


async def test_a_line_that_refuses_is_told_to_the_model_and_kept(coach: CoachingTools) -> None:
    call = listening(Listening("INTERNAL_ERROR"))
    answer = await ask(coach, call, "coach_callee", suggestion="Offer ten percent.")
    assert "INTERNAL_ERROR" in answer["error"] and "Nobody heard you" in answer["error"]
    (suggestion,) = (await noted(coach.store)).suggestions
    assert suggestion.state == "not_played" and suggestion.settled_at is not None


async def test_outside_a_call_nobody_is_coached(coach: CoachingTools) -> None:
    assert await coach.coach_callee(CallContext(call_id="call-1"), "Offer ten percent.") == "not on a call"


def test_a_negative_pace_is_refused(notes: CoachingStore) -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        CoachingTools(notes, seconds_between=-1)
