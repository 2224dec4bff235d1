"""One call as the people on the telephones take part in it: the caller, the callee, and a line that breaks.

Rule: whoever acts here waits for what was heard or has happened, and never for time to pass, except while it
rings: there the plan says when the caller gives up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict, dataclass

from tests.soak.audio import spoken
from tests.soak.ear import Ear
from tests.soak.plan import Body, Ending, Plan
from voiceagent.sandbox.exchange import CallState, ExchangeCall
from voiceagent.sandbox.leg import LegState

CALL_SECONDS = 45.0
"""A call that is not over by then is stuck: the longest plan takes 13 s, and a claim that is lost 30 s."""

GATHERING_SECONDS = 20.0
"""How long calls wait for each other."""

_LOOK_AGAIN = 0.02


@dataclass
class Outcome:
    """What became of a call at the exchange.

    Attributes:
        number: which call.
        end_reason: the exchange's.
        stuck: the state in which it was when it was given up; else None.
        dropped_in: the state in which its media link was broken; else None.
        released: why it was taken from the program before it was answered, as often as it was.
        caller_heard: whether the caller heard ``all``, a ``part``, or ``wrong`` things.
        callee_heard: the same of the callee.
        answer_seconds: from the first ring to the answer; None if it was not answered, or the program let
            it ring.
        echo_seconds: from the caller's first word to its echo, or None.
        seconds: how long it was up.
    """

    number: int
    end_reason: str | None = None
    stuck: str | None = None
    dropped_in: str | None = None
    released: list[str] | None = None
    caller_heard: str = "all"
    callee_heard: str = "all"
    answer_seconds: float | None = None
    echo_seconds: float | None = None
    seconds: float = 0.0


class Gathering:
    """Calls that wait for each other, so that they are all up at once: then ``gathered`` is called."""

    def __init__(self, size: int, gathered: Callable[[], None]) -> None:
        self._missing = size
        self._gathered = gathered
        self._complete = asyncio.Event()

    async def join(self) -> None:
        """Wait until all are here; not for ever, because one may be lost."""
        self._missing -= 1
        if self._missing == 0:
            self._gathered()
            self._complete.set()
        try:
            async with asyncio.timeout(GATHERING_SECONDS):
                await self._complete.wait()
        except TimeoutError:
            self._complete.set()


class Conversation:
    """The people of one call. They begin to talk when ``gathering``, if given, is complete."""

    def __init__(self, plan: Plan, call: ExchangeCall, gathering: Gathering | None) -> None:
        self._plan = plan
        self._call = call
        self._gathering = gathering
        self._ear = Ear(call.caller)
        self._callee_ear = Ear(call.callee)
        self._outcome = Outcome(plan.number)

    async def run(self, give_up_at: float) -> dict[str, object]:
        """Take part until the call is over, but no longer than until this time of the loop.

        Returns:
            The :class:`Outcome`, as a dict.
        """
        call, outcome = self._call, self._outcome
        loop = asyncio.get_running_loop()
        rang = loop.time()
        try:
            async with asyncio.timeout_at(min(give_up_at, rang + CALL_SECONDS)):
                if self._plan.talks or self._plan.ending is not Ending.CALLER:
                    await self._answered(rang)
                else:
                    await self._give_up()
                await call.caller.ended()
        except TimeoutError:
            outcome.stuck = str(call.state)
            call.end("stuck")
        outcome.end_reason = call.end_reason
        outcome.released = [
            event["why"] for event in call.log.snapshot() if event["event"] == "released"
        ] or None
        outcome.caller_heard, outcome.callee_heard = self._heard()
        self._ear.close()
        self._callee_ear.close()
        call.caller.clear_heard()
        call.callee.clear_heard()
        return asdict(outcome)

    # What the parties do ------------------------------------------------------------------------------

    async def _give_up(self) -> None:
        """Hang up while it rings, or at the moment of the answer."""
        plan, call = self._plan, self._call
        moment = (
            plan.ring + (plan.moment - 0.5) / 20 if plan.body is Body.ANSWERING else plan.ring * plan.moment
        )
        await asyncio.sleep(moment)
        call.caller.hang_up()

    async def _answered(self, rang: float) -> None:
        plan, call = self._plan, self._call
        if plan.body is Body.RINGING and plan.ending is Ending.DROP:
            # Nobody is told when an agent joins.
            while call.agent is None and call.caller.state is LegState.RINGING:  # noqa: ASYNC110
                await asyncio.sleep(_LOOK_AGAIN)
            self._drop()
        await call.caller.answered()
        loop = asyncio.get_running_loop()
        answered = loop.time()
        if call.state is CallState.ENDED:
            return
        if plan.ring == 0:
            self._outcome.answer_seconds = answered - rang
        if self._gathering is not None:
            await self._gathering.join()
        await self._talk()
        await call.caller.ended()
        self._outcome.seconds = loop.time() - answered

    async def _talk(self) -> None:
        plan, caller, ear = self._plan, self._call.caller, self._ear
        if self._call.state is CallState.ENDED:
            return
        spoke = asyncio.get_running_loop().time()
        caller.say(plan.greeting)
        match plan.body:
            case Body.ECHO:
                caller.say(plan.caller_says)
                if plan.ending is Ending.RACE:
                    await caller.said()
                    caller.hang_up()
            case Body.BARGE_IN:
                await ear.until_heard(plan.moment * len(plan.program_says))
                if not self._over:
                    caller.say(plan.interruption)
                    await caller.said()
            case Body.THREE:
                await self._talk_of_three()
        await self._end()
        if plan.body is Body.ECHO and ear.began is not None:
            self._outcome.echo_seconds = ear.began - spoke

    async def _talk_of_three(self) -> None:
        plan, caller, callee = self._plan, self._call.caller, self._call.callee
        await callee.answered()
        if not self._over:
            caller.say(plan.caller_says)
            await caller.said()
        if not self._over:
            callee.say(plan.callee_says)

    async def _end(self) -> None:
        plan, call, ear = self._plan, self._call, self._ear
        match plan.ending:
            case Ending.CALLER if plan.body is Body.BARGE_IN:
                await ear.until(lambda: ear.heard.endswith(plan.program_says_then))
                call.caller.hang_up()
            case Ending.RACE if plan.body is Body.TALK:
                await ear.until_heard(len(plan.caller_hears))
                call.caller.hang_up()
            case Ending.CALLER:
                await ear.until_heard(plan.moment * len(plan.caller_hears))
                call.caller.hang_up()
            case Ending.CALLEE:
                await self._callee_ear.until_heard(plan.moment * len(plan.callee_hears))
                call.callee.hang_up()
            case Ending.DROP if plan.body is not Body.RINGING:
                if plan.body is not Body.BARGE_IN:
                    await ear.until_heard(plan.moment * len(plan.caller_hears))
                self._drop()
        if plan.bridged and await ear.until(lambda: call.state is CallState.DETACHED):
            # The program has left; the parties go on, and then the caller hangs up.
            call.caller.say(plan.farewell)
            await self._callee_ear.until(lambda: self._callee_ear.heard.endswith(plan.farewell))
            call.caller.hang_up()

    @property
    def _over(self) -> bool:
        return self._call.state is CallState.ENDED

    def _drop(self) -> None:
        """Break the media link, if there is one."""
        if self._call.agent is not None:
            self._outcome.dropped_in = str(self._call.state)
            self._call.agent.abort()

    # What they heard ----------------------------------------------------------------------------------

    def _heard(self) -> tuple[str, str]:
        plan = self._plan
        by_caller, by_callee = spoken(self._call.caller.heard()), spoken(self._call.callee.heard())
        if plan.bridged and by_callee.endswith(plan.farewell):
            by_callee = by_callee.removesuffix(plan.farewell)
        if plan.body is Body.BARGE_IN:
            return _compare_cut(by_caller, plan.program_says, plan.program_says_then), "all"
        return _compare(by_caller, plan.caller_hears), _compare(by_callee, plan.callee_hears)


def _compare(heard: bytes, expected: bytes) -> str:
    if heard == expected:
        return "all"
    return "part" if expected.startswith(heard) else "wrong"


def _compare_cut(heard: bytes, first: bytes, then: bytes) -> str:
    """Compare with the beginning of ``first``, however much of it, and all of ``then``."""
    if heard.endswith(then):
        return "all" if first.startswith(heard.removesuffix(then)) else "wrong"
    if first.startswith(heard):
        return "part"
    cuts = range(0, min(len(heard), len(first)) + 1, 2)
    whole = any(then.startswith(heard[cut:]) and first.startswith(heard[:cut]) for cut in cuts)
    return "part" if whole else "wrong"
