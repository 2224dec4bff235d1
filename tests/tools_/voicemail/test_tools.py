"""What a model may say about a message, and that nothing of it can be used to reach anything else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.tools_.conftest import MONDAY_9_AM
from tools.voicemail import DRAFT, Draft, DraftState, Occasion, Urgency, VoicemailTools
from voiceagent import CallContext
from voiceagent.call.base import Capabilities
from voiceagent.live import ToolCall
from voiceagent.sandbox.speech import speak
from voiceagent.toolbox import Toolbox, functions_in

RATE = 16_000
TOOLBOX = Toolbox(functions_in([VoicemailTools()]), Capabilities())


@pytest.fixture
def draft(tmp_path: Path) -> Iterator[Draft]:
    draft = Draft("key", Occasion.CLOSED, MONDAY_9_AM, caller_number="+15550100")
    recorder = draft.record(tmp_path / "key.wav", RATE, 60)
    yield draft
    recorder.discard()


def speaks(draft: Draft, text: str = "Please call me back.") -> None:
    assert draft.recorder is not None
    pcm = speak(text, sample_rate=RATE)
    for start in range(0, len(pcm), 640):
        draft.recorder.hear(pcm[start : start + 640])


async def ask(draft: Draft | None, name: str, **arguments: Any) -> dict[str, Any]:
    """Call a tool as the model does."""
    state: dict[str, Any] = {} if draft is None else {DRAFT: draft}
    call = CallContext(call_id="call-1", caller_number="+15550100", state=state)
    return await TOOLBOX.run(ToolCall("1", name, arguments), call)


def test_no_tool_lets_the_model_name_the_caller() -> None:
    parameters = {d.name: set(d.parameters["properties"]) for d in TOOLBOX.declarations}
    assert parameters == {
        "message_complete": {"summary", "urgency", "caller_name", "callback_number"},
        "start_over": set(),
        "delete_message": set(),
    }


async def test_the_details_of_a_message_can_be_given_and_corrected(draft: Draft) -> None:
    speaks(draft)
    said = await ask(
        draft,
        "message_complete",
        summary=" Wants\n a call. ",
        urgency="urgent",
        caller_name="Anna",
        callback_number="030 / 123-45 (67)",
    )
    assert "passed on" in said["result"] and len(said["result"]) < 250
    assert draft.state is DraftState.COMPLETE
    assert draft.details.model_dump() == {
        "caller_name": "Anna",
        "callback_number": "0301234567",
        "urgency": Urgency.URGENT,
        "summary": "Wants a call.",
    }
    await ask(draft, "message_complete", summary="Wants a call on Monday.")
    assert (draft.details.summary, draft.details.urgency) == ("Wants a call on Monday.", Urgency.NORMAL)


async def test_where_nobody_spoke_there_is_no_message(draft: Draft) -> None:
    assert "has not left a message" in (await ask(draft, "message_complete", summary="x"))["error"]
    assert draft.state is DraftState.OPEN
    assert draft.finish(MONDAY_9_AM, "agent_hung_up").message is None


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({}, "summary"),
        ({"summary": ""}, "summary is empty"),
        ({"summary": "\u200b \n"}, "summary is empty"),
        ({"summary": "x" * 1001}, "summary"),
        ({"summary": "x", "urgency": "very"}, "urgency"),
        ({"summary": "x", "callback_number": "the usual one"}, "no phone number"),
        ({"summary": "x", "callback_number": "1" * 30}, "no phone number"),
        ({"summary": "x", "caller_number": "+15550666"}, "caller_number"),
        ({"summary": ["x"]}, "summary"),
    ],
)
async def test_nonsense_is_refused_in_words_that_can_be_acted_on(
    draft: Draft, arguments: dict[str, Any], complaint: str
) -> None:
    speaks(draft)
    assert complaint in (await ask(draft, "message_complete", **arguments))["error"]
    assert draft.state is DraftState.OPEN and draft.details.summary == ""


async def test_a_deleted_message_is_gone_until_the_caller_starts_over(draft: Draft) -> None:
    speaks(draft, "This was wrong.")
    await ask(draft, "message_complete", summary="x")
    assert "deleted" in (await ask(draft, "delete_message"))["result"]
    speaks(draft)
    assert "has not left a message" in (await ask(draft, "message_complete", summary="x"))["error"]
    assert "gone" in (await ask(draft, "start_over"))["result"]
    speaks(draft)
    await ask(draft, "message_complete", summary="y")
    record = draft.finish(MONDAY_9_AM, "agent_hung_up")
    assert record.message is not None
    assert (record.message.summary, record.message.recording) == ("y", "key.wav")


async def test_outside_of_a_call_there_is_nothing_to_record() -> None:
    for name in ("start_over", "delete_message"):
        assert "Nothing is being recorded" in (await ask(None, name))["error"]
    assert "Nothing is being recorded" in (await ask(None, "message_complete", summary="x"))["error"]


# What was understood ------------------------------------------------------------------------------------


def transcript(draft: Draft) -> str:
    message = draft.finish(MONDAY_9_AM, "caller_hung_up").message
    assert message is not None
    return message.transcript


def test_a_line_that_grows_is_one_line(draft: Draft) -> None:
    speaks(draft)
    draft.understood(1000.0, "hello this")
    draft.understood(1000.0, "hello this is Anna")
    draft.understood(5000.0, "goodbye")
    assert transcript(draft) == "hello this is Anna\ngoodbye"


def test_words_of_before_are_left_out_also_of_a_line_that_goes_on(draft: Draft) -> None:
    draft.understood(1000.0, "never mind")
    draft.start_over()
    draft.understood(2000.0, "let me begin again")
    draft.forget_words()
    speaks(draft)
    draft.understood(2000.0, "let me begin again this is Anna")
    assert transcript(draft) == "this is Anna"


def test_words_that_were_understood_are_a_message_though_the_line_was_too_quiet_to_be_sure(
    draft: Draft, tmp_path: Path
) -> None:
    assert draft.recorder is not None and not draft.has_speech
    for _ in range(50):
        draft.recorder.hear(bytes(640))
    draft.understood(1000.0, "...")
    assert not draft.has_speech
    draft.understood(2000.0, "can you hear me")
    assert draft.has_speech
    record = draft.finish(MONDAY_9_AM, "caller_hung_up")
    assert record.message is not None and record.message.recording == "key.wav"
    assert record.message.seconds == pytest.approx(1.0)


def test_a_number_from_the_line_may_be_anything() -> None:
    draft = Draft("key", Occasion.CLOSED, MONDAY_9_AM, caller_number="x\n" * 200)
    number = draft.finish(MONDAY_9_AM, "failed").caller_number
    assert number is not None and len(number) <= 64 and number.isprintable()
