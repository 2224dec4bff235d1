"""The report: what is said, how long answers take and for what, and what else happens."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from tests.phone import phone_system
from tests.virtual_time import virtual_time
from voiceagent import CallContext, VoiceAgent, tool
from voiceagent.report import (
    AgentText,
    Answered,
    BargeIn,
    CallerText,
    CallReport,
    EventKind,
    FirstAudio,
    IdlePrompted,
    KeysPressed,
    Line,
    ModelReopened,
    Moment,
    Nudged,
    PlaybackPaused,
    PlaybackResumed,
    ReportWriter,
    ToolFinished,
    ToolStarted,
    TransferFailed,
    TransferStarted,
    TurnEnded,
    read_report,
    redacted,
)

NUMBER = re.compile(r"\d{2,}")


def report() -> CallReport:
    return CallReport(
        call_id="c-1",
        agent="Reception",
        model="gemini-3.8-live",
        caller="+15550100",
        callee="+15550199",
        started_at=datetime(2026, 3, 1, tzinfo=UTC),
    )


def written(*moments: Moment) -> CallReport:
    writer = ReportWriter(report(), None)
    for moment in moments:
        writer(moment)
    return writer.report


def ran(number: int, began: float, took: float) -> tuple[Moment, Moment]:
    name = f"tool-{number}"
    return (
        ToolStarted(began, str(number), name, {}),
        ToolFinished(began + took, str(number), name, True, took, {}),
    )


def test_the_wait_for_an_answer_is_parted_into_tools_and_model() -> None:
    (timing,) = written(*ran(1, 1200, 500), FirstAudio(2000, 1, latency_ms=900)).turns

    assert (timing.spoke_until_ms, timing.latency_ms) == (1100, 900)
    assert (timing.tool_ms, timing.model_ms) == (500, 400)


@pytest.mark.parametrize(
    ("tools", "expected"),
    [
        ([(1000, 200), (1000, 300)], 300),
        ([(500, 700)], 200),
        ([(500, 300)], 0),
        ([(1100, 200), (1500, 100)], 300),
    ],
    ids=["at the same time", "since before", "over before", "one after the other"],
)
def test_only_the_time_in_which_a_tool_kept_the_caller_waiting_counts(
    tools: list[tuple[float, float]], expected: float
) -> None:
    moments = [moment for n, (began, took) in enumerate(tools) for moment in ran(n, began, took)]

    (timing,) = written(*moments, FirstAudio(2000, 1, latency_ms=1000)).turns

    assert (timing.tool_ms, timing.model_ms) == (expected, 1000 - expected)


def test_a_tool_that_still_runs_when_the_answer_begins_counts_until_then() -> None:
    (timing,) = written(ToolStarted(1400, "1", "slow", {}), FirstAudio(2000, 1, latency_ms=1000)).turns
    assert timing.tool_ms == 600


def test_nobody_waited_for_an_answer_that_came_unasked() -> None:
    (timing,) = written(FirstAudio(2000, 1, latency_ms=None)).turns
    assert (timing.spoke_until_ms, timing.latency_ms, timing.tool_ms, timing.model_ms) == (None,) * 4


def test_an_answer_with_a_tool_in_it_has_a_line_before_and_a_line_after() -> None:
    result = written(
        FirstAudio(100, 1, None),
        AgentText(100, 1, "Let me see."),
        *ran(1, 300, 100),
        # The model is done with the second sentence while the first is still played.
        AgentText(450, 1, " It is", part=1, offset_ms=1500),
        AgentText(460, 1, " free.", part=1, offset_ms=1600),
        TurnEnded(
            3000, 1, "Let me see. It is free.", 2500, 2500, False, 2500, ("Let me see.", "It is free.")
        ),
    )

    assert [(line.text, line.at_ms, line.interrupted) for line in result.transcript] == [
        ("Let me see.", 100, False),
        ("It is free.", 1600, False),
    ]
    assert [line.turn for line in result.transcript] == [1, 1]


@pytest.mark.parametrize(
    ("parts", "lines"),
    [
        (("Let me see.", "It is"), [("Let me see.", False), ("It is", True)]),
        (("Let me", ""), [("Let me", True), ("", True)]),
    ],
)
def test_the_line_in_which_the_caller_interrupted_is_marked(
    parts: tuple[str, ...], lines: list[tuple[str, bool]]
) -> None:
    result = written(
        AgentText(100, 1, "Let me see."),
        AgentText(450, 1, " It is free.", part=1),
        TurnEnded(3000, 1, " ".join(parts).strip(), 2500, 1000, True, 2000, parts),
    )
    assert [(line.text, line.interrupted) for line in result.transcript] == lines


def test_what_else_happened_is_listed_with_its_time() -> None:
    result = written(
        Answered(10),
        PlaybackPaused(100, 1),
        PlaybackResumed(400, 1),
        BargeIn(900, 1, 700),
        ModelReopened(1000, "goAway", 35.04, True),
        Nudged(2000, "silent turn"),
        IdlePrompted(3000, 2),
        KeysPressed(4000, "12#"),
        TransferStarted(5000, "billing"),
        TransferFailed(6000, "CALL_UNANSWERED"),
    )

    assert [(event.at_ms, event.kind, event.text) for event in result.events] == [
        (100, EventKind.PAUSED, ""),
        (400, EventKind.RESUMED, ""),
        (900, EventKind.BARGE_IN, ""),
        (1000, EventKind.REOPENED, "goAway"),
        (2000, EventKind.NUDGED, "silent turn"),
        (3000, EventKind.IDLE, "2"),
        (4000, EventKind.KEYS, "12#"),
        (5000, EventKind.RINGING, "billing"),
        (6000, EventKind.NOT_CONNECTED, "CALL_UNANSWERED"),
    ]
    assert result.events[3].took_ms == 35.0
    assert result.events[0].turn == 1
    assert result.transfers_failed == ["CALL_UNANSWERED"]


def test_keys_and_both_parts_of_an_answer_are_redacted() -> None:
    def redact(text: str) -> str:
        return NUMBER.sub("*", text)

    keys = redacted(KeysPressed(1, "4711#"), redact)
    ended = redacted(TurnEnded(1, 1, "It is 42. And 43.", 1, 1, False, 1, ("It is 42.", "And 43.")), redact)

    assert keys == KeysPressed(1, "*#")
    assert ended == TurnEnded(1, 1, "It is *. And *.", 1, 1, False, 1, ("It is *.", "And *."))


def test_keys_that_are_told_of_late_do_not_make_the_call_shorter() -> None:
    assert written(CallerText(900, "hello"), KeysPressed(400, "1")).duration_ms == 900


def test_a_report_of_an_older_version_can_be_read(tmp_path: Path) -> None:
    old = msgspec.to_builtins(written(FirstAudio(2000, 1, 900), AgentText(2000, 1, "Hello.")))
    del old["events"], old["page_audio"]
    for name in ("spoke_until_ms", "tool_ms", "model_ms", "sent_ms"):
        del old["turns"][0][name]
    (tmp_path / "report.json").write_bytes(msgspec.json.encode(old))

    result = read_report(tmp_path / "report.json")

    assert (result.events, result.turns[0].latency_ms, result.turns[0].tool_ms) == ([], 900, None)


def test_a_file_that_is_no_report_is_named(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text('{"call_id": 7}')
    with pytest.raises(ValueError, match=r"report\.json is not the report of a call"):
        read_report(path)


class Desk(VoiceAgent):
    def __init__(self) -> None:
        self.seen: list[Line] = []

    def for_call(self) -> VoiceAgent:
        return self

    def redact(self, call: CallContext, text: str) -> str:
        return NUMBER.sub("*", text)

    @tool
    async def look_up(self) -> str:
        """Look something up."""
        return "found"

    async def on_transcript(self, call: CallContext, line: Line) -> None:
        self.seen.append(line)


PARTED = {
    "script": [{"wait": "agent_done"}, {"say": "is it ready"}, {"wait": "agent_done"}, "hangup"],
    "model": [
        {"on": "start", "say": "Hello there."},
        {
            "on": "caller_done",
            "heard": "is it ready",
            "say": "One moment please.",
            "call": {"look_up": {}},
        },
        {"on": "tool_result", "say": "Yes, it is ready for you."},
    ],
}


@virtual_time
async def test_in_a_call_each_line_of_an_answer_is_told_once_and_whole(tmp_path: Path) -> None:
    agent = Desk()
    async with phone_system(agent, PARTED, reports=tmp_path) as phone:
        _, result = await phone.call()

    expected = ["Hello there.", "is it ready", "One moment please.", "Yes, it is ready for you."]
    assert [line.text for line in result.transcript] == expected
    assert [line.text for line in agent.seen] == expected
    before, after = result.transcript[2:]
    assert before.turn == after.turn
    # The second is heard after the first, which takes more than a second to say.
    assert after.at_ms - before.at_ms > 1000


@virtual_time
async def test_the_numbers_of_caller_and_callee_are_redacted_as_well(tmp_path: Path) -> None:
    async with phone_system(Desk(), PARTED, reports=tmp_path) as phone:
        _, result = await phone.call()
        folder = tmp_path / result.call_id

    assert (result.caller, result.callee) == ("+*", "+*")
    for name in ("report.json", "report.html"):
        assert "5550100" not in (folder / name).read_text()
