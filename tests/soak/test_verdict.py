"""The soak's judge: a run in which all went well passes, and whatever goes wrong is a reason to fail."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.soak.conductor import Facts, Run, Side
from tests.soak.expectation import expected
from tests.soak.plan import Body, Ending, Plan, Plans
from tests.soak.process import Figures
from tests.soak.report import as_table, figures
from tests.soak.verdict import Verdict

CALLS = 100
PLANS = Plans(seed=1, at_once=10, lasting=(2.0, 8.0))
HELD = Figures(
    tasks=6,
    files=9,
    threads=1,
    rss=50 << 20,
    peak=90 << 20,
    heap=8 << 20,
    blocks=100_000,
    cpu=1.0,
    objects={"voiceagent.call._session.CallSession": 0, "asyncio.events.TimerHandle": 10},
    names=["main"],
)


def good_run() -> Run:
    """What the processes tell when every call goes as planned."""
    exchange: Facts = defaultdict(list)
    program: Facts = defaultdict(list)
    program["peak"].append({"calls": 10})
    for number in range(CALLS):
        plan = PLANS.of(number)
        expectation = expected(plan, None)
        exchange["outcome"].append(
            {
                "number": number,
                "end_reason": min(expectation.exchange),
                "stuck": None,
                "dropped_in": None,
                "released": None,
                "caller_heard": "all",
                "callee_heard": "all",
                "answer_seconds": 0.01,
                "echo_seconds": None,
                "seconds": 1.0,
            }
        )
        [reason] = next(reasons for reasons in sorted(expectation.program) if len(reasons) == 1)
        visit(program, number, reason, list((expectation.events or {}).items()))
        if plan.ending is Ending.RAISE:
            logged = {"level": "ERROR", "logger": "voiceagent.call", "text": "it failed"}
            program["logged"].append(
                {**logged, "kind": "%s: the handler failed", "error": "Deliberate('planned')"}
            )
    ran = {"placed": CALLS, "peak": 10, "peak_up": 10, "drops": 4, "lived_on": 20}
    one, other = (Side(facts, HELD, HELD, HELD, 0) for facts in (exchange, program))
    return Run(CALLS, 10, 60.0, ran, one, other, replace(HELD, tasks=2, files=7))


def visit(program: Facts, number: int, reason: str, events: list[tuple[str, str | None]]) -> None:
    """The program gets a call, serves it, and is told that it is over."""
    serial = len(program["incoming"])
    program["incoming"].append({"serial": serial, "number": number})
    for event, code in [*events, ("call.terminated", reason)]:
        program["event"].append({"serial": serial, "event": event, "reason": code})
    counters = {"malformed_messages": 0, "foreign_frames": 0, "incoming_dropped_bytes": 0}
    left = {"heard": "all", "drained": True, "answer_seconds": 0.01, "counters": counters}
    program["left"].append({"serial": serial, **left})


def some(wanted: Callable[[Plan], bool]) -> int:
    """The number of a call with such a plan."""
    return next(number for number in range(CALLS) if wanted(PLANS.of(number)))


def of(facts: list[dict[str, Any]], number: int) -> dict[str, Any]:
    return next(fact for fact in facts if fact["number"] == number)


def reasons_of(run: Run) -> str:
    return "\n".join(Verdict(run, PLANS).reasons)


def test_a_run_in_which_all_goes_as_planned_passes_and_its_figures_are_printed() -> None:
    run = good_run()
    verdict = Verdict(run, PLANS)
    assert verdict.reasons == []
    table = as_table(figures(run, verdict, PLANS, seed=1))
    assert "100 calls in 60 s, seed 1" in table
    assert table.endswith("passed: nothing is left, and every call went as planned")


@pytest.mark.parametrize("times", [0, 2])
def test_a_termination_that_fires_not_once_is_a_reason(times: int) -> None:
    run = good_run()
    fired = next(event for event in run.program.facts["event"] if event["event"] == "call.terminated")
    run.program.facts["event"].remove(fired)
    run.program.facts["event"] += [fired] * times
    assert "1 times: CALL_TERMINATED did not fire exactly once: 0 (" in reasons_of(run)


def test_an_end_that_was_not_planned_is_a_reason_on_either_side() -> None:
    run = good_run()
    number = some(lambda plan: plan.body is Body.TALK and plan.ending is Ending.CLOSE)
    of(run.exchange.facts["outcome"], number)["end_reason"] = "media_lost"
    assert f"ended at the exchange with media_lost: {number} (talk, close)" in reasons_of(run)
    run = good_run()
    serial = of(run.program.facts["incoming"], number)["serial"]
    for event in run.program.facts["event"]:
        if event["serial"] == serial and event["event"] == "call.terminated":
            event["reason"] = "terminated"
    assert f"ended at the program with terminated: {number} (talk, close)" in reasons_of(run)


def test_a_call_that_never_reached_the_program_is_a_reason_unless_the_caller_gave_up() -> None:
    answered = some(lambda plan: plan.talks)
    given_up = some(lambda plan: plan.body is Body.RINGING and plan.ending is Ending.CALLER)
    for number, lost in ((answered, True), (given_up, False)):
        run = good_run()
        serial = of(run.program.facts["incoming"], number)["serial"]
        for kind in ("incoming", "event", "left"):
            run.program.facts[kind] = [fact for fact in run.program.facts[kind] if fact["serial"] != serial]
        assert ("ended at the program with nothing" in reasons_of(run)) is lost


def test_a_call_that_was_offered_again_may_be_lost_as_often_as_it_was_taken_back() -> None:
    number = some(lambda plan: plan.body is Body.RINGING and plan.ending is Ending.CLOSE)
    run = good_run()
    visit(run.program.facts, number, "disconnected", [])
    serial = of(run.program.facts["incoming"], number)["serial"]
    for event in run.program.facts["event"]:
        if event["serial"] == serial:
            event["reason"] = "media_lost"
    assert "ended at the program with media_lost and disconnected" in reasons_of(run)
    of(run.exchange.facts["outcome"], number)["released"] = ["the control link was lost"]
    assert reasons_of(run) == ""
    of(run.exchange.facts["outcome"], number)["released"] = ["no media link within 30 s of the claim"]
    assert "the program claimed it and never came" in reasons_of(run)


def test_audio_that_is_wrong_or_cut_off_is_a_reason_unless_frames_were_dropped() -> None:
    number = some(lambda plan: plan.body is Body.ECHO and plan.ending is Ending.DISCONNECT)
    for what, text in (("wrong", "heard what was not said"), ("part", "did not hear all that was said")):
        run = good_run()
        of(run.exchange.facts["outcome"], number)["caller_heard"] = what
        assert f"the caller {text}: {number} (echo, disconnect)" in reasons_of(run)
        run.exchange.facts["late"].append({"number": number, "dropped": 3, "violations": []})
        verdict = Verdict(run, PLANS)
        assert (verdict.reasons, verdict.unjudged) == ([], 1)


def test_what_is_logged_and_was_not_to_be_expected_is_a_reason() -> None:
    run = good_run()
    never = {"level": "ERROR", "logger": "asyncio", "kind": "Task exception was never retrieved"}
    run.program.facts["logged"].append({**never, "text": "...", "error": "ValueError()"})
    run.exchange.facts["late"].append({"number": 3, "dropped": 0, "violations": ["half a frame"]})
    run.program.facts["logged"].remove(run.program.facts["logged"][0])
    reasons = reasons_of(run)
    assert "the program logged under asyncio: Task exception was never retrieved (ValueError())" in reasons
    assert "a violation of the protocol: half a frame: call 3" in reasons
    assert "handlers were to raise" in reasons


def test_too_few_calls_or_too_few_at_once_is_a_reason() -> None:
    run = good_run()
    run.exchange.facts["outcome"].pop()
    run.ran["peak_up"] = 9
    assert "only 99 of 100 calls" in reasons_of(run)
    assert "not 10 calls at once" in reasons_of(run)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"tasks": 7}, "the program has 7 tasks, not 6"),
        ({"files": 10}, "the program has 10 open files, not 9"),
        ({"threads": 2}, "the program has 2 threads, not 1"),
        ({"rss": 70 << 20}, "the program has 20.0 MiB more resident memory"),
        ({"heap": 10 << 20}, "the program has 2048 KiB more of malloc's memory"),
        ({"blocks": 102_000}, "the program has 2000 more blocks"),
        (
            {"objects": {"voiceagent.call._session.CallSession": 1}},
            "the program has 1 more objects of voiceagent.call._session.CallSession",
        ),
        (
            {"objects": {"asyncio.events.TimerHandle": 200}},
            "the program has 190 more objects of asyncio.events.TimerHandle",
        ),
    ],
)
def test_whatever_is_left_is_a_reason(more: dict[str, Any], reason: str) -> None:
    run = good_run()
    run.program.after = replace(HELD, **more)
    assert reason in reasons_of(run)


def test_what_a_closed_client_leaves_is_a_reason() -> None:
    run = good_run()
    run.closed = replace(HELD, tasks=3, files=9)
    assert "the client is closed, and 1 tasks are left" in reasons_of(run)
    assert "the clients are closed, and 9 files are open" in reasons_of(run)
