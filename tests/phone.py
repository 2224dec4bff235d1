"""A whole telephone system in one event loop, as :mod:`voiceagent.testing` makes it, for tests of its inside.

They look at the calls of the exchange, and at reports one by one, where a user's tests look at played calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from voiceagent import CallContext, CallReport, Service, VoiceAgent
from voiceagent.live.genai import GenaiConnector
from voiceagent.report import Moment
from voiceagent.sandbox.exchange.call import ExchangeCall
from voiceagent.testing import PhoneLine, audible_ms, phone_line
from voiceagent.testing.audio import loud_spans as loud_ms
from voiceagent.testing.audio import samples
from voiceagent.testing.line import ScenarioSource, serving

__all__ = ["CALLEE", "CALLER", "Phone", "another_service", "audible_ms", "loud_ms", "phone_system", "samples"]

_Moment = TypeVar("_Moment", bound=Moment)

CALLER, CALLEE = "+15550100", "+15550199"


class Phone:
    """The system under test, and what it has shown so far."""

    def __init__(self) -> None:
        self.line: PhoneLine
        self.moments: list[Moment] = []
        self.contexts: dict[str, CallContext] = {}
        self.reports: asyncio.Queue[CallReport] = asyncio.Queue()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.line, name)

    def note(self, context: CallContext, moment: Moment) -> None:
        self.contexts[context.call_id] = context
        self.moments.append(moment)

    def ring(self) -> ExchangeCall:
        """Somebody phones, and does what the scenario's script says."""
        scenario = self.line.scenario
        return self.line.exchange.phone(CALLER, CALLEE, scenario.script, scenario.callee)

    async def call(self, seconds: float = 120.0) -> tuple[ExchangeCall, CallReport]:
        """Phone, and wait for the report of the call."""
        call = self.ring()
        async with asyncio.timeout(seconds):
            return call, await self.reports.get()

    def seen(self, kind: type[_Moment]) -> list[_Moment]:
        return [moment for moment in self.moments if isinstance(moment, kind)]


@asynccontextmanager
async def phone_system(
    agent: VoiceAgent | type[VoiceAgent], scenario: ScenarioSource, **options: Any
) -> AsyncIterator[Phone]:
    """Run an agent against a scenario; the options are those of :func:`phone_line`."""
    phone = Phone()
    async with phone_line(
        agent, scenario, observer=phone.note, on_report=phone.reports.put_nowait, **options
    ) as phone.line:
        yield phone


@asynccontextmanager
async def another_service(phone: Phone, agent: type[VoiceAgent]) -> AsyncIterator[asyncio.Queue[CallReport]]:
    """Run a second worker at the same exchange; gives its reports."""
    reports: asyncio.Queue[CallReport] = asyncio.Queue()
    service = Service(
        agent,
        config=phone.config,
        connector=GenaiConnector(live_url=phone.live.url),
        reports=None,
        on_report=reports.put_nowait,
    )
    async with serving(service):
        yield reports
