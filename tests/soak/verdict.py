"""Holds what happened in a soak against what was planned, and what is left against what was there before.

Rule: everything that is not as it must be is a reason to fail, with the calls or the numbers that show it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.soak.conductor import Run
from tests.soak.expectation import Expectation, expected
from tests.soak.leftovers import leftovers
from tests.soak.plan import Body, Ending, Plan, Plans

EXAMPLES = 5
"""How many calls are named for one reason."""

_LOST_CLAIM = "no media link within"
"""How the exchange begins to say that a claimant never came."""

_USUAL_LOG = (
    "the control link broke",
    "reconnecting the control link",
    "the control link cannot be opened",
    "session %s: not claimed",
    "call %s: the media link cannot be opened",
    "call %s: the program is slow to read",
)
"""How the usual warnings begin: of control links that break, and of callers who hang up meanwhile."""

_TAKEN_BACK = ("media_lost", "terminated", "handed_off", "forced")
"""How a call may have ended for the program that was taken from it and offered again."""

_MEDIA_BROKE = "call %s: the media link broke"
_HANDLER_FAILED = "%s: the handler failed"
_DELIBERATE = "Deliberate("


@dataclass
class Visit:
    """One ``ActiveCall`` of a call: the program gets another one when the call is offered again."""

    terminated: list[str] = field(default_factory=list)
    events: list[tuple[str, str | None]] = field(default_factory=list)
    left: list[dict[str, Any]] = field(default_factory=list)


class Verdict:
    """The judgement on a run.

    Attributes:
        reasons: why it failed; empty if it did not.
        visits: what the program told of each call, by its number.
        unjudged: calls whose audio proves nothing, because frames were dropped on too busy a machine.
    """

    def __init__(self, run: Run, plans: Plans) -> None:
        self.visits = _visits(run)
        self.unjudged = 0
        self._run = run
        self._plans = plans
        self._faults: defaultdict[str, list[str]] = defaultdict(list)
        self._outcomes = {outcome["number"]: outcome for outcome in run.exchange.facts["outcome"]}
        self._late = {late["number"]: late for late in run.exchange.facts["late"]}
        self._judge_numbers()
        for number in range(run.calls):
            if number in self._outcomes:
                self._judge_call(plans.of(number), self._outcomes[number])
        self._judge_violations()
        self._judge_log()
        for fault in leftovers(run):
            self._faults[fault]
        self.reasons = [*map(_reason, self._faults.items())]

    def _judge_numbers(self) -> None:
        run, ran = self._run, self._run.ran
        peak = run.program.facts["peak"][-1]["calls"]
        if len(self._outcomes) != run.calls:
            self._faults[f"only {len(self._outcomes)} of {run.calls} calls were made in the time given"]
        if ran["peak_up"] != run.at_once or ran["peak"] < run.at_once or peak < run.at_once:
            self._faults[
                f"not {run.at_once} calls at once: {ran['peak']} were phoned, the program had {peak}, "
                f"and {ran['peak_up']} talked when they had waited for each other"
            ]
        for side, name in ((run.exchange, "exchange"), (run.program, "program")):
            if side.exit_code != 0:
                self._faults[f"the process of the {name} ended with code {side.exit_code}"]

    # Calls --------------------------------------------------------------------------------------------

    def _judge_call(self, plan: Plan, outcome: dict[str, Any]) -> None:
        expectation = expected(plan, outcome["dropped_in"])
        for fault in self._faults_of_end(plan, outcome, expectation):
            self._faults[fault].append(f"{plan.number} ({plan.kind})")
        for fault in self._faults_of_audio(plan, outcome, expectation):
            self._faults[fault].append(f"{plan.number} ({plan.kind})")

    def _faults_of_end(self, plan: Plan, outcome: dict[str, Any], expectation: Expectation) -> Iterator[str]:
        visits = self.visits[plan.number]
        released = outcome["released"] or []
        if outcome["stuck"] is not None:
            yield f"did not end, and was {outcome['stuck']} to the last"
            return
        if any(why.startswith(_LOST_CLAIM) for why in released):
            yield "the program claimed it and never came"
        if outcome["end_reason"] not in expectation.exchange:
            yield f"ended at the exchange with {outcome['end_reason']}"
        if any(len(visit.terminated) != 1 for visit in visits):
            yield "CALL_TERMINATED did not fire exactly once"
            return
        reasons = tuple(visit.terminated[0] for visit in visits)
        # What was taken from the program and offered again it had once more for each time.
        again = 0
        while reasons not in expectation.program and again < len(released) and reasons:
            if reasons[0] not in _TAKEN_BACK:
                break
            reasons, again = reasons[1:], again + 1
        if reasons not in expectation.program:
            told = " and ".join(visit.terminated[0] for visit in visits) or "nothing"
            yield f"ended at the program with {told}"
        elif reasons and expectation.events is not None:
            last = visits[-1]
            if sorted(last.events) != sorted(expectation.events.items()):
                yield f"had the events {last.events}"
        for visit, reason in zip(visits, (visit.terminated[0] for visit in visits), strict=True):
            if len(visit.left) != 1 and reason != "handed_off":
                yield "its handler did not end"

    def _faults_of_audio(
        self, plan: Plan, outcome: dict[str, Any], expectation: Expectation
    ) -> Iterator[str]:
        left = [left for visit in self.visits[plan.number] for left in visit.left]
        counters = [each["counters"] for each in left]
        for name in ("malformed_messages", "foreign_frames", "outgoing_overflows"):
            if any(each.get(name, 0) for each in counters):
                yield f"counted {name}"
        dropped = any(each["incoming_dropped_bytes"] for each in counters)
        if plan.number in self._late and self._late[plan.number]["dropped"]:
            dropped = True
        undrained = any(not each["drained"] for each in left)
        if plan.body is not Body.SLOW_READER and (dropped or undrained):
            self.unjudged += 1
            return
        heard = {
            "the caller": (outcome["caller_heard"], expectation.caller_hears_all),
            "the callee": (outcome["callee_heard"], expectation.callee_hears_all),
            "the program": (left[-1]["heard"] if left else "part", expectation.program_hears_all),
        }
        for who, (what, all_of_it) in heard.items():
            if what == "wrong":
                yield f"{who} heard what was not said"
            elif what == "part" and all_of_it:
                yield f"{who} did not hear all that was said"

    # The rest -----------------------------------------------------------------------------------------

    def _judge_violations(self) -> None:
        for late in self._run.exchange.facts["late"]:
            for violation in late["violations"]:
                where = "a control link" if late["number"] is None else f"call {late['number']}"
                self._faults[f"the exchange counted a violation of the protocol: {violation}"].append(where)

    def _judge_log(self) -> None:
        deliberate = broke = 0
        logged = [(one, "exchange") for one in self._run.exchange.facts["logged"]]
        logged += [(one, "program") for one in self._run.program.facts["logged"]]
        for one, side in logged:
            if one["kind"].startswith(_MEDIA_BROKE):
                broke += 1
            elif one["kind"].startswith(_HANDLER_FAILED) and (one["error"] or "").startswith(_DELIBERATE):
                deliberate += 1
            elif side == "exchange" or not one["kind"].startswith(_USUAL_LOG):
                error = f" ({one['error']})" if one["error"] else ""
                self._faults[f"the {side} logged under {one['logger']}: {one['kind']}{error}"].append(
                    one["text"]
                )
        raising = [
            visit.terminated
            for number, visits in self.visits.items()
            for visit in visits
            if self._plans.of(number).ending is Ending.RAISE
        ]
        dropped = sum(outcome["dropped_in"] is not None for outcome in self._outcomes.values())
        # Of a call that was lost meanwhile, the handler may not come to raise.
        if not raising.count(["closed"]) + raising.count(["disconnected"]) <= deliberate <= len(raising):
            self._faults[f"{len(raising)} handlers were to raise, and {deliberate} were logged"]
        if broke > dropped:
            self._faults[f"{dropped} media links were broken, and {broke} were said to have broken"]


def _visits(run: Run) -> defaultdict[int, list[Visit]]:
    facts = run.program.facts
    visits: defaultdict[int, list[Visit]] = defaultdict(list)
    # A call of the warm-up that is over so late was not over when it was measured, which is told there.
    by_serial: defaultdict[int, Visit] = defaultdict(Visit)
    for incoming in facts["incoming"]:
        visit = by_serial[incoming["serial"]] = Visit()
        visits[incoming["number"]].append(visit)
    for happened in facts["event"]:
        visit = by_serial[happened["serial"]]
        if happened["event"] == "call.terminated":
            visit.terminated.append(happened["reason"])
        else:
            visit.events.append((happened["event"], happened["reason"]))
    for left in facts["left"]:
        by_serial[left["serial"]].left.append(left)
    return visits


def _reason(fault: tuple[str, list[str]]) -> str:
    what, where = fault
    if not where:
        return what
    counted = Counter(where)
    shown = "; ".join(list(counted)[:EXAMPLES])
    more = len(counted) - EXAMPLES
    return f"{len(where)} times: {what}: {shown}" + (f"; and {more} more" if more > 0 else "")
