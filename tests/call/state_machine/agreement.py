"""Whether client and exchange agree, and whether each keeps its own promises.

Rule: :func:`broken` says what may not be for a moment, :func:`unsettled` what must come to hold by itself
within :data:`SETTLING`, because messages and short timers are on their way.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

from tests.call.state_machine.attempts import SLACK
from tests.call.state_machine.calls import Seen
from tests.call.state_machine.program import Program
from tests.call.state_machine.workers import Taker, Worker
from tests.call.state_machine.world import World
from voiceagent.call import ActiveCall, CallEvent, CallState, ConnectionState, EndReason
from voiceagent.sandbox.exchange import CallState as There
from voiceagent.sandbox.exchange import ExchangeCall
from voiceagent.sandbox.exchange.session import Session, SessionState
from voiceagent.wire import media

SETTLING = 5.0
"""Seconds after which the two sides no longer differ in the same way. Each waits for the other for about a
second at most: a call whose session is closed waits that long for its media link, which knows better."""

SAME = {
    There.RINGING: CallState.PENDING,
    There.ANSWERED: CallState.ANSWERED,
    There.BRIDGED: CallState.CONNECTED,
}
"""The same state on both sides, while the agent is connected. In the others there is no agent."""

REACHED = {
    CallEvent.CALL_ANSWERED: CallState.ANSWERED,
    CallEvent.CALL_CONNECTED: CallState.CONNECTED,
    CallEvent.CALL_TERMINATED: CallState.DISCONNECTED,
}


def broken(
    world: World, program: Program, workers: Sequence[Worker], takers: Sequence[Taker]
) -> Iterator[str]:
    """Promises that are broken."""
    yield from world.complaints
    for seen in program.seen:
        yield from seen.problems
        yield from (f"{seen!r}: {text}" for text in _call_is_broken(seen, world.now))
        if seen.over and (text := _reason_is_wrong(seen, program)):
            yield f"{seen!r}: {text}"
    for taker in takers:
        yield from taker.problems
    for worker in workers:
        yield from worker.problems
        yield from (f"{worker!r}: {text}" for text in _worker_is_broken(worker, program))
    for there in program.phoned.values():
        yield from (
            f"the exchange, of call {there.call_id[:4]}: {text}" for text in there.violations.snapshot()
        )
    for link in world.exchange.controls:
        yield from (f"the exchange, of a control link: {text}" for text in link.snapshot()["violations"])


def _call_is_broken(seen: Seen, now: float) -> Iterator[str]:
    call = seen.call
    yield from _order_is_wrong([name for name, _ in seen.events])
    if (call.end_reason is None) is seen.over:
        yield f"its end reason is {call.end_reason}"
    told = [REACHED[CallEvent(name)] for name, _ in seen.events if name in REACHED]
    if (told[-1] if told else CallState.PENDING) is not call.state:
        yield f"its events told {told}"
    if seen.waiter.done() is not seen.over:
        yield "wait_terminated() does not follow its state"
    ends = [details["reason"] for name, details in seen.events if name == CallEvent.CALL_TERMINATED]
    if ends not in ([], [call.end_reason]) or any(late != ends for late in seen.latecomers):
        yield f"it ended with {call.end_reason}, but told {ends}, and late handlers {seen.latecomers}"
    for name, event in (("answer", CallEvent.CALL_ANSWER_FAILED), ("connect", CallEvent.CALL_CONNECT_FAILED)):
        least, told_of = seen.failures[name], seen.times(event)
        if not least <= told_of <= least + seen.unknown[name]:
            yield f"{name} failed {least} times, but {event} fired {told_of} times"
    queued, playback = call.get_send_audio_buffer_size(), call.playback
    if not 0 <= queued <= (0 if seen.over else seen.capacity):
        yield f"{queued} bytes are queued"
    if not seen.played_ms <= playback.played_ms <= playback.queued_ms:
        yield f"played {playback.played_ms} ms, after {seen.played_ms} ms, of {playback.queued_ms} ms"
    seen.played_ms = playback.played_ms
    if call.counters.malformed_messages or call.counters.foreign_frames:
        yield f"it got what it cannot read: {call.counters}"
    if seen.over and seen.attempts:
        yield f"goes on: {[one.action.name for one in seen.attempts]}"
    for attempt in seen.attempts:
        if attempt.task is not None and now > attempt.action.deadline(attempt) + SLACK:
            yield f"{attempt!r}, begun in {attempt.state}, hangs since {now - attempt.began:.1f} s"


def _order_is_wrong(events: list[str]) -> Iterator[str]:
    for once in REACHED:
        if events.count(once) > 1:
            yield f"{once} fired {events.count(once)} times: {events}"
    reached = [event for event in events if event in REACHED]
    if reached != [event for event in REACHED if event in reached]:
        yield f"events in a wrong order: {events}"
    if CallEvent.CALL_TERMINATED in events[:-1]:
        yield f"an event after the end: {events}"


def _reason_is_wrong(seen: Seen, program: Program) -> str | None:
    """Whether the call ended for a reason that nobody gave."""
    owner, there = seen.owner, seen.there
    never_opened = owner.on_demand and seen.up_since == math.inf
    match seen.call.end_reason:
        case EndReason.CLOSED:
            given = owner.closing or "close" in seen.left_by
        case EndReason.DISCONNECTED:
            given = owner.closing or bool(seen.left_by & {"close", "disconnect", "hangup"})
        case EndReason.FORCED:
            # A handler that fails, and a client that closes, use force in the end.
            given = owner.closing or bool(seen.left_by & {"close", "force_disconnect"})
        case EndReason.TERMINATED:
            refused = any(media.CALL_TERMINATED_CODE in codes for codes in program.orders.codes.values())
            # A claim that no media link follows ends with the control link, or when its time is over.
            given = there.state in (There.ENDED, There.DETACHED) or refused or never_opened
        case EndReason.MEDIA_LOST:
            # What ends a call while its media link opens may show as a link that cannot be had.
            given = seen.media_was_cut or never_opened
        case EndReason.ABANDONED:
            given = owner.abandoned
        case EndReason.HANDED_OFF:
            given = "to_json" in seen.left_by
        case None:
            given = False
    return None if given else f"nobody made it end with {seen.call.end_reason}; the exchange: {there.state}"


def _worker_is_broken(worker: Worker, program: Program) -> Iterator[str]:
    calls = worker.client.calls
    if worker.max_calls is not None and len(calls) > worker.max_calls:
        yield f"has {len(calls)} calls"
    for call in calls:
        if call.state is CallState.DISCONNECTED:
            yield f"keeps {call!r}"
        if worker.client.get_call(call.call_id) is not call:
            yield f"does not find {call!r}"
    for seen in program.seen:
        if seen.owner is worker and not seen.over and seen.call not in calls:
            yield f"has forgotten {seen!r}"
    for before, event in itertools.pairwise(["connection.lost", *worker.link_events]):
        if event == "connection.lost" and before == event:
            yield f"lost a link that it did not have: {worker.link_events}"


def unsettled(world: World, program: Program, workers: Sequence[Worker]) -> Iterator[str]:
    """What does not hold yet."""
    for seen in program.seen:
        if text := _end_differs(seen, program):
            yield f"{seen!r}: {text}"
        if not seen.over and seen.offer is not seen.there.session:
            yield f"{seen!r}: its session is over"
    live = [call for worker in workers for call in worker.client.calls]
    live += [seen.call for seen in program.seen if isinstance(seen.owner, Taker) and not seen.over]
    for there in program.phoned.values():
        if text := _sides_differ(there, [call for call in live if call.call_id == there.call_id]):
            yield f"call {there.call_id[:4]}: {text}"
    connected = sum(worker.client.state is ConnectionState.CONNECTED for worker in workers)
    links = sum(link.snapshot()["ready"] for link in world.exchange.controls)
    if links != connected:
        yield f"{connected} workers are connected, the exchange has {links} links"


def _end_differs(seen: Seen, program: Program) -> str | None:
    """Whether the exchange did something else than what the program wanted for the end."""
    if program.links_were_cut and seen.owner.on_demand and seen.up_since == math.inf:
        # Then the media link, which was not open, cannot be had any more.
        return None
    if not program.orders.free(media.CLOSE, media.DISCONNECT):
        return None
    left_before = seen.owner.closing or "close" in seen.left_by
    match seen.call.end_reason:
        case EndReason.CLOSED:
            wanted = {There.ENDED, There.DETACHED}
        case EndReason.DISCONNECTED | EndReason.FORCED if not left_before:
            wanted = {There.ENDED}
        case _:
            return None
    there = seen.there.state
    return None if there in wanted else f"ended with {seen.call.end_reason}, but is {there} there"


def _sides_differ(there: ExchangeCall, live: list[ActiveCall]) -> str | None:
    if len(live) > 1:
        return f"{len(live)} have it: {live}"
    if there.agent is None and there.state in (There.ANSWERED, There.BRIDGED):
        return f"{there.state} without an agent"
    found = live[0].state if live else None
    expected = SAME.get(there.state) if there.agent is not None else None
    if found is expected or (found is CallState.PENDING and waits_for_a_command(there)):
        return None
    agent = "an agent" if there.agent is not None else "no agent"
    return f"{there.state} with {agent} at the exchange, {found} at the client"


def waits_for_a_command(there: ExchangeCall) -> bool:
    """Whether it is claimed by a worker that opens the media link only when a command needs it."""
    session = there.session
    return there.agent is None and isinstance(session, Session) and session.state is SessionState.OPEN
