"""Who takes calls for the program: clients, and processes that get one call handed off."""

from __future__ import annotations

import asyncio
import functools

from tests.call.state_machine.calls import HandedOff
from tests.call.state_machine.program import Program
from voiceagent.call import ActiveCall, CallClient, CallClientConfig, ClientEvent
from voiceagent.call.exceptions import WSSConnectionError, WSSMediaError
from voiceagent.sandbox.exchange import CallState as There

CUT_SHORT = ("control links are refused for a while", "closed the link during setup")
"""What a client says that could not connect, because the example broke the links just then."""


class Worker:
    """One client of the program."""

    def __init__(
        self,
        name: str,
        program: Program,
        config: CallClientConfig,
        *,
        max_calls: int | None = None,
        media_on_demand: bool = False,
    ) -> None:
        self.name = name
        self.program = program
        self.config = config
        self.max_calls = max_calls
        self.on_demand = media_on_demand
        self.client = CallClient(config, max_calls=max_calls, media_on_demand=media_on_demand)
        self.link_events: list[str] = []
        self.ready = False
        self.closing = False
        self.abandoned = False
        self.problems: list[str] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self._given_up: set[str] = set()
        for event in (ClientEvent.CONNECTION_ESTABLISHED, ClientEvent.CONNECTION_LOST):
            self.client.on(event, functools.partial(self.link_events.append, event.value))

    def __repr__(self) -> str:
        return f"<worker {self.name} {self.client.state.value}>"

    async def _incoming(self, call: ActiveCall) -> None:
        await self.program.handle(self.program.got(call, self))

    def switch(self, what: str) -> asyncio.Task[None] | None:
        """Connect, disconnect or run, pause or resume, or get ready for calls.

        Returns:
            What goes on beside what comes next, if anything does.
        """
        match what.split():
            case ["get", "ready"]:
                self._get_ready()
            case ["pause" | "resume"]:
                getattr(self.client, what)()
            case _ if what not in self.tasks or self.tasks[what].done():
                self._given_up.discard(what)
                self.tasks[what] = asyncio.create_task(self._switch(what))
                return self.tasks[what]
        return None

    def _get_ready(self) -> None:
        if not self.ready:
            self.ready = True
            self.client.on(ClientEvent.INCOMING_CALL, self._incoming)

    def give_up(self, what: str) -> None:
        """Cancel what goes on."""
        if what in self.tasks and not self.tasks[what].done():
            self._given_up.add(what)
            self.tasks[what].cancel()
            self.abandoned = self.abandoned or what == "disconnect"

    async def close(self) -> None:
        self.closing = True
        await self.client.disconnect()

    async def _switch(self, what: str) -> None:
        loop = asyncio.get_running_loop()
        self.closing = self.closing or what == "disconnect"
        began, outcome = loop.time(), "done"
        try:
            await getattr(self.client, what)()
        except asyncio.CancelledError:
            if what not in self._given_up:
                self.problems.append(f"{self!r}: {what} was cancelled by nobody")
            outcome = "cancelled"
        except WSSConnectionError as error:
            outcome = type(error).__name__
            if what == "disconnect" or not any(text in str(error) for text in CUT_SHORT):
                self.problems.append(f"{self!r}: {what}: {error!r}")
        except Exception as error:
            self.problems.append(f"{self!r}: {what}: {error!r}")
        self.program.outcomes[f"{what}: {outcome}"] += 1
        if what != "run_forever" and (took := loop.time() - began) > 4 * self.config.grace_period + 30:
            self.problems.append(f"{self!r}: {what} took {took:.1f} s")


class Taker:
    """A process that takes one call that was handed off, and leaves it when it is told to."""

    name = "another process"
    on_demand = False

    def __init__(self, program: Program, handed_off: HandedOff, config: CallClientConfig) -> None:
        self.closing = False
        self.abandoned = False
        self.problems: list[str] = []
        self._program = program
        self._handed_off = handed_off
        self.config = config
        self._told_to_leave = asyncio.Event()
        self.task = asyncio.create_task(self._run())

    def leave(self, *, at_once: bool) -> None:
        """Leave the call, or be cancelled in the midst of it."""
        self.closing = True
        self._told_to_leave.set()
        if at_once and not self.task.done():
            self.abandoned = True
            self.task.cancel()

    async def close(self) -> None:
        self.leave(at_once=False)

    async def _run(self) -> None:
        outcome = "done"
        try:
            async with ActiveCall.from_json(self._handed_off.text, self.config) as call:
                seen = self._program.got(call, self)
                await self._told_to_leave.wait()
            if not seen.over:
                self.problems.append(f"{seen!r} is not over, although its block was left")
        except asyncio.CancelledError:
            outcome = "cancelled"
        except WSSMediaError as error:
            outcome = "WSSMediaError"
            if self._is_there_to_be_taken():
                self.problems.append(f"cannot take {self._handed_off.seen!r}: {error!r}")
        except Exception as error:
            self.problems.append(f"{self.name}: {error!r}")
        self._program.outcomes[f"from_json: {outcome}"] += 1

    def _is_there_to_be_taken(self) -> bool:
        """Whether the call rings, is still claimed by whom it was handed off by, and nobody was faster."""
        seen = self._handed_off.seen
        there = seen.there
        return there.state is There.RINGING and there.session is seen.offer and there.agent is None
