"""How a call must have ended, and what must have been told of it, when it went as planned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tests.soak.plan import BY_PROGRAM, Body, Ending, Plan

NO_EVENTS: Mapping[str, str | None] = MappingProxyType({})

_PROGRAM_REASONS = {
    Ending.CALLER: "terminated",
    Ending.CALLEE: "terminated",
    Ending.CLOSE: "closed",
    Ending.DISCONNECT: "disconnected",
    Ending.FORCE: "forced",
    Ending.RAISE: "closed",
    Ending.DROP: "media_lost",
}

_EXCHANGE_REASONS = {
    Ending.CALLER: "caller_hangup",
    Ending.CALLEE: "callee_hangup",
    Ending.CLOSE: "agent_close",
    Ending.DISCONNECT: "agent_disconnect",
    Ending.FORCE: "agent_disconnect",
    Ending.RAISE: "agent_close",
    Ending.DROP: "media_lost",
}

_LEAVES = (Ending.CLOSE, Ending.RAISE, Ending.DROP)
"""Endings after which connected parties talk on; then the caller hangs up."""


@dataclass(frozen=True)
class Expectation:
    """What a plan leads to.

    Attributes:
        exchange: the reasons that the exchange may give for the end.
        program: the reasons that the program may get, one after the other; an empty tuple means that it
            never heard of the call.
        events: the other events of the call, by name, each with its error code or None; None if it depends.
        caller_hears_all: whether nothing is cut off of what the caller hears.
        callee_hears_all: the same of the callee.
        program_hears_all: the same of the program.
    """

    exchange: frozenset[str]
    program: frozenset[tuple[str, ...]]
    events: Mapping[str, str | None] | None
    caller_hears_all: bool = False
    callee_hears_all: bool = False
    program_hears_all: bool = False


def expected(plan: Plan, dropped_in: str | None) -> Expectation:
    """What must come of a plan, when its media link was dropped in this state of the call, or was not."""
    match plan.body:
        case Body.RINGING:
            return _ringing(plan, dropped_in)
        case Body.ANSWERING:
            return _one("caller_hangup", (), ("terminated",), events=None)
    if plan.ending is Ending.RACE:
        exchange = frozenset({"caller_hangup", "agent_disconnect"})
        program = frozenset({("terminated",), ("disconnected",)})
        return Expectation(exchange, program, _events(plan))
    whole = plan.ending in BY_PROGRAM or plan.moment == 1 or _is_heard_out(plan)
    reason = _PROGRAM_REASONS[plan.ending]
    left = plan.bridged and plan.ending in _LEAVES
    return Expectation(
        exchange=frozenset({"caller_hangup" if left else _EXCHANGE_REASONS[plan.ending]}),
        program=frozenset({(reason,), ("handed_off", reason)} if plan.body is Body.HAND_OFF else {(reason,)}),
        events=_events(plan),
        caller_hears_all=whole,
        callee_hears_all=whole,
        program_hears_all=whole or plan.body not in (Body.ECHO, Body.BARGE_IN, Body.THREE),
    )


def _is_heard_out(plan: Plan) -> bool:
    return plan.body is Body.BARGE_IN and plan.ending is Ending.CALLER


def _ringing(plan: Plan, dropped_in: str | None) -> Expectation:
    match plan.ending:
        case Ending.CALLER:
            return _one("caller_hangup", (), ("terminated",))
        case Ending.DROP if dropped_in == "answered":
            return _one("media_lost", ("media_lost",), events=None)
        case Ending.DROP:
            return _one("agent_close", ("closed",), events={"call.answered": None})
    # A pending call is left by rejecting it, whichever way the program leaves.
    return _one("rejected", ("forced" if plan.ending is Ending.FORCE else "disconnected",))


def _one(
    exchange: str, *program: tuple[str, ...], events: Mapping[str, str | None] | None = NO_EVENTS
) -> Expectation:
    return Expectation(frozenset({exchange}), frozenset(program), events)


def _events(plan: Plan) -> dict[str, str | None]:
    events: dict[str, str | None] = {"call.answered": None}
    if plan.body is Body.THREE:
        events["call.connected"] = None
    elif plan.body in (Body.UNANSWERED, Body.REJECTED):
        events["call.connect_failed"] = "CALL_UNANSWERED"
    return events
