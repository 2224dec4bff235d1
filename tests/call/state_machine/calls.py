"""What one call of the program went through.

Rule: nothing is decided here. Whether what was seen is right, is the business of :mod:`.agreement`.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from voiceagent.call import ActiveCall, CallClientConfig, CallEvent, CallState
from voiceagent.sandbox.exchange import ExchangeCall

if TYPE_CHECKING:
    from tests.call.state_machine.attempts import Attempt

BUFFER_SIZE = 32_000
"""Bytes that a call queues: small, so that it fills up."""


class Owner(Protocol):
    """Who has a call: a worker, or a process that took one that was handed off.

    Attributes:
        name: for people.
        on_demand: whether media links are opened only when a command needs them.
        closing: whether it was told to close at any time.
        abandoned: whether its closing was cut short.
        config: how it opens media links.
    """

    name: str
    config: CallClientConfig
    on_demand: bool
    closing: bool
    abandoned: bool

    async def close(self) -> None:
        """Close it; a handler may, too."""


class HandedOff(NamedTuple):
    """A call on its way to another process."""

    text: str
    seen: Seen


class Seen:
    """One call as the program got it, and all that it saw of it.

    Attributes:
        call: the call.
        owner: who has it.
        there: the same call at the exchange.
        offer: the session under which the exchange offered it.
        events: what its handlers were told.
        latecomers: what handlers of its end were told that were registered later.
        attempts: what the program tries just now.
        problems: outcomes that must not be.
        failures: how often the server refused an action, or did not answer it.
        unknown: how often the program gave an action up, so that nobody knows what came of it.
        left_by: with which actions the program meant to leave.
        media_wanted: whether its media link is open, or was needed.
        media_was_cut: whether the example broke its media link.
        up_since: when it was answered or connected.
        offered: bytes that the program wanted to play.
        played_ms: what was played when somebody last looked.
        echoes: whether its handler reads its audio.
        echo_waits: whether that handler waits for room for what it gives back.
    """

    def __init__(self, call: ActiveCall, owner: Owner, there: ExchangeCall) -> None:
        self.call = call
        self.owner = owner
        self.there = there
        self.offer = there.session
        self.capacity = BUFFER_SIZE
        self.byte_rate = 2 * call.sample_rate
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.latecomers: list[list[str]] = []
        self.attempts: list[Attempt] = []
        self.problems: list[str] = []
        self.failures: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()
        self.left_by: set[str] = set()
        self.media_wanted = not owner.on_demand
        self.media_was_cut = False
        self.up_since = math.inf
        self.offered = 0
        self.played_ms = 0.0
        self.echoes = False
        self.echo_waits = False
        for event in CallEvent:
            call.on(event, lambda details, name=event.value: self._note(name, details))
        self.waiter = asyncio.create_task(call.wait_terminated())

    def __repr__(self) -> str:
        return f"<call {self.call.call_id[:4]} of {self.owner.name}, {self.call.state}>"

    @property
    def over(self) -> bool:
        """Whether it is over for this process."""
        return self.call.state is CallState.DISCONNECTED

    @property
    def has_other_reader(self) -> bool:
        """Whether somebody else reads its audio."""
        return self.echoes or any(one.action.name == "audio_stream" for one in self.attempts)

    def times(self, event: CallEvent) -> int:
        """How often an event fired."""
        return sum(name == event for name, _ in self.events)

    def listen_late(self) -> None:
        """Register one more handler for the end."""
        late: list[str] = []
        self.call.on(CallEvent.CALL_TERMINATED, lambda details: late.append(details["reason"]))
        self.latecomers.append(late)

    def _note(self, event: str, details: dict[str, Any]) -> None:
        self.events.append((event, details))
        if event in (CallEvent.CALL_ANSWERED, CallEvent.CALL_CONNECTED):
            self.up_since = min(self.up_since, asyncio.get_running_loop().time())
