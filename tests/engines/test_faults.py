"""What goes wrong at the live service, fault by fault: every sentence is heard, and no tool runs twice."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engines.office import (
    CONVERSATION,
    GREETING,
    HOURS,
    PATIENT,
    QUESTION,
    THANKS,
    WELCOME,
    Office,
    talk,
)
from tests.virtual_time import virtual_time
from voiceagent import CallContext, Decision
from voiceagent.engine import Engine
from voiceagent.report import EndReason, ModelReopened, Nudged, ToolStarted
from voiceagent.testing.audio import audible_ms, contains_speech

RATE = 24000
MID_ANSWER = 6.0
"""Seconds after setup: the answer about the hours is being made."""


def at_answer(kind: str, value: Any = True) -> dict[str, Any]:
    """A fault of the turn after the greeting, which calls the tool."""
    return {"at": 1.5, kind: value}


@virtual_time
async def test_go_away_between_two_turns_is_not_noticed(engine: Engine | None) -> None:
    call = await talk(engine, {"at": 5.5, "go_away": "50s"})
    call.went_well()
    (reopened,) = call.phone.seen(ModelReopened)
    assert (reopened.cause, reopened.gap_ms, reopened.resumed) == ("goAway", 0, True)


@virtual_time
async def test_go_away_in_mid_sentence_with_a_second_left_tears_no_word(engine: Engine | None) -> None:
    call = await talk(engine, {"at": 5.6, "go_away": "1s"})
    call.went_well_in_pieces()
    (reopened,) = call.phone.seen(ModelReopened)
    assert (reopened.cause, reopened.gap_ms) == ("goAway", 0)


@pytest.mark.parametrize(
    "fault",
    [{"close": 1000}, {"close": 1006}, {"close": 1007}, {"close": 1008}, {"close": 1011}, {"drop": True}],
    ids=str,
)
@virtual_time
async def test_a_connection_that_ends_in_mid_sentence_is_opened_again_within_a_second(
    engine: Engine | None, fault: dict[str, Any]
) -> None:
    if fault == {"close": 1006}:
        # No server can send it: it stands for a connection that is gone without a word.
        fault = {"drop": True}
    call = await talk(engine, {"at": MID_ANSWER, **fault, "session": 1})
    call.went_well_in_pieces()
    (reopened,) = call.phone.seen(ModelReopened)
    assert reopened.gap_ms < 1000


@virtual_time
async def test_without_a_handle_the_model_is_told_what_was_said(engine: Engine | None) -> None:
    lost = {"at": MID_ANSWER, "drop": True, "session": 1}
    call = await talk(engine, {"at": 0, "no_handle": True}, lost)
    call.went_well_in_pieces()
    (reopened,) = call.phone.seen(ModelReopened)
    assert not reopened.resumed
    assert {"role": "model", "text": GREETING} in list(call.sessions[1].turns)


@virtual_time
async def test_connections_that_are_refused_are_tried_again(engine: Engine | None) -> None:
    lost = {"at": MID_ANSWER, "drop": True, "session": 1}
    call = await talk(engine, lost, {"at": 0, "refuse": 503, "session": 2, "times": 2})
    call.went_well_in_pieces()


@virtual_time
async def test_a_first_connection_that_is_refused_is_tried_again_before_the_answer(
    engine: Engine | None,
) -> None:
    call = await talk(engine, {"at": 0, "refuse": 503})
    call.went_well()


class PutThrough(Office):
    """Gives callers to a person where there is no model."""

    async def on_model_unavailable(self, call: CallContext) -> Decision:
        return Decision.CONNECT


FRONT_DESK = {**CONVERSATION, "callee": {"script": [{"say": "front desk here"}, {"wait": 1}, "hangup"]}}


@pytest.mark.parametrize("fault", [{"refuse": 503, "times": 99}, {"no_setup_complete": True}], ids=str)
@virtual_time
async def test_where_no_connection_can_be_had_a_person_is_tried(
    engine: Engine | None, fault: dict[str, Any]
) -> None:
    call = await talk(engine, {"at": 0, **fault}, plot=FRONT_DESK, agent=PutThrough)
    assert call.report.ended is EndReason.CONNECTED
    assert contains_speech(call.pcm, "front desk here", RATE, voice="en-GB")


@virtual_time
async def test_where_no_connection_can_be_had_again_a_person_is_tried(engine: Engine | None) -> None:
    lost = {"at": MID_ANSWER, "drop": True, "session": 1}
    refused = {"at": 0, "refuse": 503, "session": 2, "times": 99}
    call = await talk(engine, lost, refused, plot=FRONT_DESK, agent=PutThrough)
    assert call.report.ended is EndReason.CONNECTED
    assert call.heard(GREETING)
    assert contains_speech(call.pcm, "front desk here", RATE, voice="en-GB")


@virtual_time
async def test_a_silent_turn_is_asked_for(engine: Engine | None) -> None:
    call = await talk(engine, at_answer("silent_turn"), plot=PATIENT)
    call.went_well()
    assert call.phone.seen(Nudged)


@virtual_time
async def test_audio_without_a_sound_is_noticed(engine: Engine | None) -> None:
    call = await talk(engine, at_answer("zero_amplitude"), plot=PATIENT)
    call.went_well()
    assert call.phone.seen(Nudged)


@virtual_time
async def test_an_answer_that_is_written_is_said(engine: Engine | None) -> None:
    call = await talk(engine, at_answer("text_turn"), plot=PATIENT)
    call.went_well()


@pytest.mark.parametrize("kind", ["stall", "freeze"])
@virtual_time
async def test_a_model_that_says_nothing_more_is_left(engine: Engine | None, kind: str) -> None:
    call = await talk(engine, {"at": 4.5, kind: True, "session": 1}, plot=PATIENT)
    call.went_well_in_pieces()
    assert call.phone.seen(ModelReopened)


@virtual_time
async def test_an_interruption_without_a_caller_costs_no_word(engine: Engine | None) -> None:
    call = await talk(engine, {"at": 0, "phantom_interrupt": True}, plot=PATIENT)
    call.went_well_in_pieces()


@virtual_time
async def test_an_interruption_that_is_repeated_does_no_harm(engine: Engine | None) -> None:
    plot = {
        "script": [{"interrupt_after": 1.5}, {"say": THANKS}, {"wait": 6}, "hangup"],
        "model": [{"on": "start", "say": HOURS}, {"on": "caller_done", "heard": THANKS, "say": WELCOME}],
    }
    call = await talk(engine, {"at": 0, "repeat_interrupt": True}, plot=plot)
    assert call.heard(WELCOME)
    assert not call.heard(HOURS)
    interrupted = [line for line in call.report.transcript if line.interrupted]
    assert [line.turn for line in interrupted] == [1]


@virtual_time
async def test_a_tool_that_is_called_twice_at_once_runs_once(engine: Engine | None) -> None:
    call = await talk(engine, at_answer("duplicate_tool_call"))
    call.went_well()
    assert call.tools == [("opening_hours", True)]
    (response,) = call.sessions[0].tool_responses
    assert response["name"] == "opening_hours"


@virtual_time
async def test_a_tool_call_that_the_model_takes_back_has_no_result(engine: Engine | None) -> None:
    plot = {
        **CONVERSATION,
        "script": [
            {"wait": "agent_done"},
            {"say": QUESTION},
            {"wait": 3},
            {"say": THANKS},
            {"wait": 5},
            "hangup",
        ],
    }
    call = await talk(engine, at_answer("cancel_tool_call"), plot=plot)
    assert call.asked == 0
    assert list(call.sessions[0].tool_responses) == []
    assert not call.heard(HOURS)
    assert call.heard(WELCOME)


@virtual_time
async def test_a_connection_that_closes_at_a_tool_call_costs_neither_its_result_nor_a_second_run(
    engine: Engine | None,
) -> None:
    call = await talk(engine, at_answer("close_on_tool_call", 1008))
    call.went_well()
    assert call.tools == [("opening_hours", True)]
    assert len(call.phone.seen(ToolStarted)) == 1
    assert len(call.phone.seen(ModelReopened)) == 1


@virtual_time
async def test_what_is_no_message_is_skipped(engine: Engine | None) -> None:
    call = await talk(engine, at_answer("garbage"))
    call.went_well()
    assert call.phone.seen(ModelReopened) == []


@virtual_time
async def test_a_long_call_goes_over_many_connections(engine: Engine | None) -> None:
    rounds = 4
    script: list[Any] = [{"wait": "agent_done"}]
    model: list[Any] = [{"on": "start", "say": GREETING}]
    for _ in range(rounds):
        script += [{"wait": 120}, {"say": THANKS}, {"wait": "agent_done"}]
        model += [{"on": "caller_done", "say": WELCOME}]
    plot = {"script": [*script, "hangup"], "model": model}
    faults = [{"at": 0.0 + 130 * n, "go_away": "50s"} for n in range(1, 4)]
    call = await talk(engine, *faults, plot=plot, seconds=900)
    assert call.report.ended is EndReason.CALLER_HUNG_UP
    assert call.said == [GREETING] + [WELCOME] * rounds
    assert len(call.phone.seen(ModelReopened)) == 3
    assert call.spoken_ms == pytest.approx(audible_ms(GREETING) + rounds * audible_ms(WELCOME), rel=0.1)
