"""A call while it runs, for a test that does more than a script can."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from voiceagent import CallContext, CallReport
from voiceagent.report import Moment
from voiceagent.sandbox.exchange import CallState, Exchange, ExchangeCall
from voiceagent.sandbox.leg import Leg
from voiceagent.testing.played import PlayedCall, ScriptState

_Moment = TypeVar("_Moment", bound=Moment)

RECENT: deque[RunningCall] = deque(maxlen=20)
"""The calls that were placed last: where a test fails, the plugin tells of those that it placed."""


class RunningCall:
    """A call that was placed.

    Attributes:
        exchange_call: The call in the exchange.
        reports: The agent's reports so far.
        moments: What has happened in the agent's part so far.
        context: The call as tools and hooks see it; None until the agent has it.
    """

    def __init__(self, exchange: Exchange, call: ExchangeCall, folder: Path | None) -> None:
        self._exchange = exchange
        self._folder = folder
        self.exchange_call = call
        self.reports: list[CallReport] = []
        self.moments: list[Moment] = []
        self.context: CallContext | None = None
        self._news = asyncio.Event()
        RECENT.append(self)

    @property
    def caller(self) -> Leg:
        """The caller's telephone: ``say(pcm)``, ``listen(...)``, ``heard()``, ``hang_up()``."""
        return self.exchange_call.caller

    @property
    def callee(self) -> Leg:
        """The callee's telephone."""
        return self.exchange_call.callee

    @property
    def state(self) -> CallState:
        """Where the call is: ringing, answered, bridged, detached or ended."""
        return self.exchange_call.state

    def seen(self, kind: type[_Moment]) -> list[_Moment]:
        """The moments of one kind so far."""
        return [moment for moment in self.moments if isinstance(moment, kind)]

    async def until(
        self,
        kind: type[_Moment],
        where: Callable[[_Moment], bool] = lambda moment: True,
        *,
        seconds: float = 120.0,
    ) -> _Moment:
        """Return the first moment of a kind, as soon as it is there, or at once if it was there already.

        Args:
            kind: A class of :mod:`voiceagent.report`, such as ``ToolStarted`` or ``TransferStarted``.
            where: Which of them.
            seconds: How long to wait at most.

        Raises:
            LookupError: the call ended without it.
            TimeoutError: it did not come in time; the text says what was going on.
        """
        __tracebackhide__ = True
        try:
            async with asyncio.timeout(seconds):
                while True:
                    for moment in self.seen(kind):
                        if where(moment):
                            return moment
                    if self.reports and self.state is CallState.ENDED:
                        raise LookupError(
                            f"the call ended ({self.reports[-1].ended}) without {kind.__name__}"
                        )
                    await self._changed()
        except TimeoutError:
            raise TimeoutError(f"no {kind.__name__} within {seconds:g} s: {self._situation()}") from None

    async def over(self, seconds: float = 600.0) -> PlayedCall:
        """Return when the call is over for the agent, and the scripted people are done with it.

        Raises:
            TimeoutError: it was not within ``seconds``; the text says what was going on.
            RuntimeError: a script could not be played; the text says why.
        """
        __tracebackhide__ = True
        try:
            async with asyncio.timeout(seconds):
                while not self.reports and self.state is not CallState.ENDED:
                    await self._changed()
                await self._exchange.acted_out(self.exchange_call)
                if self.taken:
                    await self._reported()
        except TimeoutError:
            raise TimeoutError(f"the call was not over after {seconds:g} s: {self._situation()}") from None
        played = self.played
        for party in (played.caller, played.callee):
            if party.script is ScriptState.FAILED:
                raise RuntimeError(f"the script of the {party.name} failed: {party.failure}")
        return played

    @property
    def played(self) -> PlayedCall:
        """The call as far as it has been played."""
        return PlayedCall(
            self.exchange_call,
            reports=self.reports,
            moments=self.moments,
            context=self.context,
            folder=self._folder,
        )

    @property
    def taken(self) -> bool:
        """Whether an agent has, or had, the call."""
        return any(event["event"] == "agent_joined" for event in self.exchange_call.log.snapshot())

    async def _reported(self) -> None:
        """The call has ended: its report comes when hooks and tools have ended, too."""
        while not self.reports:
            await self._changed()

    def _situation(self) -> str:
        """What is going on, for whoever waits in vain."""
        played = self.played
        parties = []
        for party in (played.caller, played.callee):
            if party.script is ScriptState.RUNNING:
                parties.append(f"the {party.name} is at '{party.steps[-1]}'")
            elif party.script is ScriptState.DONE:
                parties.append(f"the {party.name} has done all of the script and stays on the line")
        if not self.taken:
            agent = "no agent has taken it"
        elif self.reports:
            agent = f"the agent's part has ended ({self.reports[-1].ended})"
        else:
            agent = f"the last of the agent was {self.moments[-1] if self.moments else 'nothing'}"
        return "; ".join([f"it is {self.state}", agent, *parties])

    def note(self) -> None:
        """Something has happened."""
        self._news.set()

    async def _changed(self) -> None:
        self._news.clear()
        await self._news.wait()
