"""How an example is played: step by step, a look at both sides after each, and nothing left at the end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Coroutine
from typing import Any, NamedTuple

from hypothesis.stateful import RuleBasedStateMachine

from tests.call.line import CALLEE, CALLER, config
from tests.call.state_machine.agreement import SETTLING, broken, unsettled, waits_for_a_command
from tests.call.state_machine.attempts import Action, Orders
from tests.call.state_machine.calls import BUFFER_SIZE, Seen
from tests.call.state_machine.figures import Figures
from tests.call.state_machine.program import Deliberate, Program
from tests.call.state_machine.workers import Taker, Worker
from tests.call.state_machine.world import World, blink
from voiceagent.call import CallClientConfig, ConnectionState
from voiceagent.sandbox.exchange import CallState as There
from voiceagent.sandbox.exchange import ExchangeCall

TALK = 30.0
"""Seconds of talk, over all calls, that an example may cost: they are what takes real time."""


ENDINGS = ("workers first", "exchange first", "impatient")
"""Who leaves first in the end, and whether the workers give their calls the time to end."""


class Patience(NamedTuple):
    """How long the program waits before it does something else, and whether it gives up then."""

    seconds: float
    ends: bool


class Stage(RuleBasedStateMachine):
    """An exchange, three workers of one program, and those who take calls from them."""

    figures = Figures()

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.program = Program(Orders(), self.figures.outcomes)
        self.workers: tuple[Worker, ...] = ()
        self.takers: list[Taker] = []
        self.talk_left = TALK
        self.ending = ENDINGS[0]
        self.last: ExchangeCall | None = None
        self.world.expect_error(_is_expected)
        self.figures.examples += 1

    async def staff(self, delay: float) -> None:
        """Hire the workers, ``delay`` seconds from the exchange."""
        await self.world.move_away(delay)

        def settings(grace_period: float, sample_rate: int) -> CallClientConfig:
            return config(
                self.world.exchange,
                base_url=self.world.url,
                buffer_size=BUFFER_SIZE,
                grace_period=grace_period,
                sample_rate=sample_rate,
            )

        self.workers = (
            Worker("A", self.program, settings(5, 24000)),
            Worker("B", self.program, settings(0, 8000), max_calls=1),
            Worker("C", self.program, settings(1, 16000), media_on_demand=True),
        )

    # How a step is taken ------------------------------------------------------------------------------

    def step(self, work: Coroutine[Any, Any, None], pause: float = 0) -> None:
        """Do something, let it settle, and look whether all is well."""
        self.world.run(self._take(work, pause))
        self.figures.steps += 1

    async def _take(self, work: Coroutine[Any, Any, None], pause: float) -> None:
        began = self.world.now
        await work
        await asyncio.sleep(self.affordable(pause))
        await blink()
        self._expect_nothing(list(broken(self.world, self.program, self.workers, self.takers)))
        await self._settle()
        self.talk_left -= (self.world.now - began) * self.talking
        self.figures.seconds += self.world.now - began

    async def _settle(self) -> None:
        """Wait until both sides agree. They may come to differ in another way meanwhile, for a while."""
        since: dict[str, float] = {}
        while texts := list(unsettled(self.world, self.program, self.workers)):
            since = {text: since.get(text, self.world.now) for text in texts}
            self._expect_nothing([text for text in texts if self.world.now - since[text] > SETTLING])
            await asyncio.sleep(SETTLING / 20)

    def _expect_nothing(self, texts: list[str]) -> None:
        assert not texts, "\n".join(texts)

    @property
    def talking(self) -> int:
        return sum(there.state not in (There.RINGING, There.ENDED) for there in self.program.phoned.values())

    def affordable(self, seconds: float) -> float:
        return min(seconds, max(0.2, self.talk_left / max(1, self.talking)))

    def pick(self, index: int) -> Seen:
        """A call of the program: those that go on come first, then the others, the last first."""
        seen = sorted(self.program.seen, key=lambda one: one.over)
        live = sum(not one.over for one in seen)
        ordered = seen[:live] + seen[live:][::-1]
        return ordered[index % len(ordered)]

    def pick_there(self, index: int) -> ExchangeCall:
        ordered = sorted(self.program.phoned.values(), key=lambda there: there.state is There.ENDED)
        return ordered[index % len(ordered)]

    def phone_one(self, style: str) -> ExchangeCall:
        """Somebody phones; the handler that gets the call is of that style."""
        there = self.world.exchange.phone(CALLER, CALLEE)
        self.program.phoned[there.call_id] = there
        self.program.styles[there.call_id] = style
        self.figures.phoned += 1
        return there

    def do(self, index: int, patience: Patience, *actions: Action) -> None:
        """Let the program do something with a call, several things at once if there are several."""
        seen = self.pick(index)
        attempts = [self.program.attempt(action, seen) for action in actions]

        async def work() -> None:
            tasks = [attempt.start() for attempt in attempts]
            await asyncio.wait(tasks, timeout=self.affordable(patience.seconds))
            if patience.ends:
                for attempt in attempts:
                    attempt.give_up()

        self.step(work())

    # The end ------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        # The example has failed already? Then nothing here may hide how.
        failing = sys.exc_info()[0] is not None
        try:
            with contextlib.suppress(Exception) if failing else contextlib.nullcontext():
                if not failing:
                    self.step(self._recover())
                self.world.run(self._end())
        finally:
            self.world.close()
        if not failing:
            self._expect_nothing(self.world.complaints)

    async def _recover(self) -> None:
        """When all mishaps are over, whoever still rings is taken by whoever has room."""
        self.world.exchange.faults.clear()
        self.world.exchange.drop_control(refuse_for=0)
        for there in self.program.phoned.values():
            if there.state is not There.RINGING:
                there.caller.hang_up()
        for worker in self.workers:
            worker.client.resume()
        self.last = self.phone_one("leave")
        for pause in (0.1, 1, 5, 10, 20, 40):
            if not self._somebody_is_forgotten():
                return
            await asyncio.sleep(pause)
        assert not self._somebody_is_forgotten(), f"rings on: {self._somebody_is_forgotten()}"

    def _somebody_is_forgotten(self) -> list[str]:
        free = [
            worker
            for worker in self.workers
            if worker.ready
            and worker.client.state is not ConnectionState.DISCONNECTED
            and (worker.max_calls is None or len(worker.client.calls) < worker.max_calls)
        ]
        waiting = [there for there in self.program.phoned.values() if _rings_unheard(there)]
        if not self.program.orders.free("session.open"):
            # A claim that was refused means that another worker has the call: it is not claimed again.
            waiting = [there for there in waiting if there is self.last]
        return [there.call_id for there in waiting] if free else []

    async def _end(self) -> None:
        began = self.world.now
        for worker in self.workers:
            worker.give_up("connect")
            worker.give_up("run_forever")
        await self._everybody()
        if self.ending == "exchange first":
            await self.world.stop_exchange()
            await asyncio.sleep(1)
        for taker in self.takers:
            taker.leave(at_once=self.ending == "impatient")
        if self.ending == "impatient":
            await self._disconnect(0.5)
            for worker in self.workers:
                worker.give_up("disconnect")
        await self._disconnect(None)
        if self.ending != "exchange first":
            await self.world.stop_exchange()
        await blink()
        self._expect_nothing(list(broken(self.world, self.program, self.workers, self.takers)))
        self._expect_nothing([f"{seen!r} is not over" for seen in self.program.seen if not seen.over])
        self._expect_nothing([f"{worker!r}" for worker in self.workers if worker.client.calls])
        await self.world.look_for_tasks()
        for seen in self.program.seen:
            self.figures.reasons[str(seen.call.end_reason)] += 1
            self.figures.events.update(name for name, _ in seen.events)
        self.figures.seconds += self.world.now - began

    async def _disconnect(self, patience: float | None) -> None:
        for worker in self.workers:
            worker.switch("disconnect")
        await self._everybody(patience)

    async def _everybody(self, patience: float | None = None) -> None:
        """Wait until nobody connects, disconnects or takes a call any more."""
        tasks = [task for worker in self.workers for task in worker.tasks.values()]
        tasks += [taker.task for taker in self.takers if taker.closing]
        if tasks:
            await asyncio.wait(tasks, timeout=patience)


def _rings_unheard(there: ExchangeCall) -> bool:
    return there.state is There.RINGING and there.agent is None and not waits_for_a_command(there)


def _is_expected(record: logging.LogRecord) -> bool:
    """Errors in the log that examples provoke: links cut, or not to be had, and handlers that fail."""
    failure = record.exc_info[1] if record.exc_info else None
    text = record.getMessage()
    return isinstance(failure, Deliberate) or "link broke" in text or "link cannot be opened" in text
