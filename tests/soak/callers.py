"""The process with the exchange and the people on its telephones."""

from __future__ import annotations

import asyncio

import yarl

from tests.soak.conversation import Conversation, Gathering
from tests.soak.plan import Body, Plans, callee_of, caller_of, number_of
from tests.soak.process import Process, orders, say, say_figures
from voiceagent.sandbox.exchange import Behaviour, CallState, Exchange, Party

CONTROL_DROPS = 4
"""How often the control links break in a run of calls."""

_REFUSE_SECONDS = (0.0, 0.5, 1.0, 1.5)
"""For how long new control links are refused then, in turn."""

_AFTER_MS = 200

_CALLEES = {
    Body.THREE: Party(Behaviour.ANSWER, _AFTER_MS),
    Body.UNANSWERED: Party(Behaviour.NOANSWER, None),
    Body.REJECTED: Party(Behaviour.REJECT, _AFTER_MS),
}


class Callers:
    """Phones, so many at once, until there were enough calls."""

    def __init__(self, exchange: Exchange, plans: Plans) -> None:
        self._exchange = exchange
        self._plans = plans
        self._at_once = 0
        self._give_up_at = 0.0
        self._peak = self._peak_up = 0

    async def run(self, first: int, count: int, at_once: int, place_for: float, give_up_after: float) -> None:
        """Place ``count`` calls, and see them to their ends.

        Args:
            first: number of the first call.
            count: how many.
            at_once: how many at the same time.
            place_for: seconds after which no more are placed.
            give_up_after: seconds after which those that are not over are stuck.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + place_for
        self._give_up_at = loop.time() + give_up_after
        room = asyncio.Semaphore(at_once)
        gathering = Gathering(at_once, self._gathered)
        drops = {first + count * (n + 1) // (CONTROL_DROPS + 1): n for n in range(CONTROL_DROPS)}
        placed = dropped = lived_on = 0
        self._peak = self._peak_up = 0
        async with asyncio.TaskGroup() as tasks:
            for number in range(first, first + count):
                await room.acquire()
                if loop.time() > until:
                    break
                together = gathering if number < first + at_once else None
                tasks.create_task(self._call(number, together, room))
                placed += 1
                if number in drops:
                    dropped += 1
                    lived_on += self._up()
                    refused = _REFUSE_SECONDS[drops[number] % len(_REFUSE_SECONDS)]
                    self._exchange.drop_control(refuse_for=refused)
        say("ran", placed=placed, peak=self._peak, peak_up=self._peak_up, drops=dropped, lived_on=lived_on)

    def close(self) -> None:
        """Tell what is only known when all sockets are closed, and let the exchange forget the calls."""
        for call in self._exchange.calls:
            dropped = sum(event.get("dropped_frames", 0) for event in call.log.snapshot())
            violations = call.violations.snapshot()
            if dropped or violations:
                say("late", number=number_of(call.caller.address), dropped=dropped, violations=violations)
        for link in self._exchange.controls:
            if violations := link.snapshot()["violations"]:
                say("late", number=None, dropped=0, violations=violations)
        self._exchange.reset()

    async def _call(self, number: int, gathering: Gathering | None, room: asyncio.Semaphore) -> None:
        plan = self._plans.of(number)
        address = callee_of(number)
        if party := _CALLEES.get(plan.body):
            self._exchange.parties[address] = party
        self._at_once += 1
        self._peak = max(self._peak, self._at_once)
        try:
            call = self._exchange.phone(caller_of(number), address)
            outcome = await Conversation(plan, call, gathering).run(self._give_up_at)
        finally:
            self._at_once -= 1
            self._exchange.parties.pop(address, None)
            room.release()
        say("outcome", **outcome)

    def _gathered(self) -> None:
        self._peak_up = self._up()

    def _up(self) -> int:
        """Calls that are answered and have their program."""
        return sum(
            call.agent is not None and call.state in (CallState.ANSWERED, CallState.BRIDGED)
            for call in self._exchange.calls
        )


async def main(plans: Plans) -> None:
    """Do as ordered, until there are no more orders."""
    async with Process() as process, Exchange() as exchange:
        callers = Callers(exchange, plans)
        say("ready", url=exchange.url, api_key=exchange.api_key, connector_uuid=exchange.connector_uuid)
        async for order in orders():
            match order:
                case {"do": "call", **numbers}:
                    await callers.run(**numbers)
                case {"do": "measure", "tasks": tasks, "files": files}:
                    await process.quiet(tasks, files)
                    callers.close()
                    # Of the last URLs it keeps some hundreds: bounded, and nothing of ours.
                    yarl.cache_clear()
                    say_figures(await process.figures())
    say("over")
