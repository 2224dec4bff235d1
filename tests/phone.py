"""A whole telephone system in one event loop: exchange, live server, an agent's service, and callers.

All of it talks over real loopback sockets; on the clock of :mod:`tests.virtual_time` a minute takes a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np
import yaml

from voiceagent import CallContext, CallReport, Service, VoiceAgent
from voiceagent.call import CallClientConfig
from voiceagent.call.config import DEFAULT_BUFFER_SIZE
from voiceagent.live import LiveConnector
from voiceagent.live.genai import GenaiConnector
from voiceagent.report import Moment
from voiceagent.sandbox.exchange import Exchange
from voiceagent.sandbox.exchange.call import ExchangeCall
from voiceagent.sandbox.live import LiveServer
from voiceagent.sandbox.scenario import Scenario, parse_scenario
from voiceagent.sandbox.speech import speak

_Moment = TypeVar("_Moment", bound=Moment)

CALLER, CALLEE = "+15550100", "+15550199"


class Phone:
    """The system under test, and what it has shown so far."""

    def __init__(self, exchange: Exchange, live: LiveServer, scenario: Scenario) -> None:
        self.exchange = exchange
        self.live = live
        self.scenario = scenario
        self.config: CallClientConfig
        self.service: Service
        self.moments: list[Moment] = []
        self.contexts: dict[str, CallContext] = {}
        self.reports: asyncio.Queue[CallReport] = asyncio.Queue()

    def observe(self, context: CallContext, moment: Moment) -> None:
        self.contexts[context.call_id] = context
        self.moments.append(moment)

    def ring(self) -> ExchangeCall:
        """Somebody phones, and does what the scenario's script says."""
        return self.exchange.phone(CALLER, CALLEE, self.scenario.script)

    async def call(self, seconds: float = 120.0) -> tuple[ExchangeCall, CallReport]:
        """Phone, and wait for the report of the call."""
        call = self.ring()
        async with asyncio.timeout(seconds):
            return call, await self.reports.get()

    def seen(self, kind: type[_Moment]) -> list[_Moment]:
        return [moment for moment in self.moments if isinstance(moment, kind)]


@asynccontextmanager
async def phone_system(
    agent: VoiceAgent | type[VoiceAgent],
    scenario: str | dict[str, object],
    *,
    reports: Path | None = None,
    sample_rate: int = 24000,
    connector: LiveConnector | None = None,
    max_calls: int | None = None,
    buffer_size: int = DEFAULT_BUFFER_SIZE,
) -> AsyncIterator[Phone]:
    """Run an agent against a scenario."""
    text = scenario if isinstance(scenario, str) else yaml.safe_dump(scenario)
    plot = parse_scenario(text, "test.yaml")
    async with Exchange() as exchange, LiveServer(scenario=plot) as live:
        phone = Phone(exchange, live, plot)
        phone.config = CallClientConfig.sandbox(
            exchange.api_key,
            exchange.connector_uuid,
            sample_rate,
            base_url=exchange.url,
            buffer_size=buffer_size,
        )
        phone.service = Service(
            agent,
            config=phone.config,
            connector=connector or GenaiConnector(live_url=live.url),
            reports=reports,
            max_calls=max_calls,
            observer=phone.observe,
            on_report=phone.reports.put_nowait,
        )
        async with serving(phone.service):
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


@asynccontextmanager
async def serving(service: Service) -> AsyncIterator[None]:
    """Run a service; at the end it stops in order, or at once if something failed."""
    async with asyncio.TaskGroup() as tasks:
        ready = asyncio.Event()
        task = tasks.create_task(service.serve(ready=ready.set))
        await ready.wait()
        try:
            yield
            service.stop()
        except BaseException:
            task.cancel()
            raise


_PAUSE_MS = 900
"""Between two sentences of one answer the voice pauses for less than this."""


def samples(pcm: bytes) -> np.ndarray:
    return np.frombuffer(pcm, dtype="<i2").astype(np.int32)


def audible_ms(text: str) -> int:
    """How long the live server's voice is heard when it says ``text``."""
    ((start, end),) = loud_ms(speak(text, sample_rate=24000), 24000)
    return end - start


def loud_ms(pcm: bytes, sample_rate: int, threshold: int = 200) -> list[tuple[int, int]]:
    """Where there is sound: (start, end) in milliseconds, in steps of 20; pauses between sentences count."""
    size = sample_rate // 50
    audio = np.abs(samples(pcm))
    frames = audio[: len(audio) // size * size].reshape(-1, size).max(axis=1) > threshold
    spans: list[tuple[int, int]] = []
    for index in np.flatnonzero(frames):
        start = int(index) * 20
        if spans and start - spans[-1][1] < _PAUSE_MS:
            spans[-1] = (spans[-1][0], start + 20)
        else:
            spans.append((start, start + 20))
    return spans
