"""Notices when nothing happens that should: a silent turn, an idle caller, a call without an end."""

from __future__ import annotations

import asyncio
from typing import Protocol

from voiceagent.bridge.leaving import Leaving
from voiceagent.bridge.parts import Parts
from voiceagent.bridge.settings import Settings
from voiceagent.live import LiveEvent
from voiceagent.report import EndReason


class Remedies(Protocol):
    """What can be done about it. The bridge provides it."""

    def tell(self, text: str) -> None:
        """Say something to the model, which it answers aloud."""

    async def reopen(self, cause: str) -> None:
        """Let the live session go on over another connection."""

    def give_up(self, cause: str) -> None:
        """There is no use in this model: the call goes on without it, as ``on_model_unavailable`` says."""

    def end(self, reason: EndReason) -> None:
        """End the conversation now."""


class Watchdogs:
    """Watches one conversation.

    Args:
        parts: Of the conversation.
        settings: How the agent wants its calls to be.
        leaving: Ends the call with a goodbye.
        remedies: What can be done.
    """

    def __init__(self, parts: Parts, settings: Settings, leaving: Leaving, remedies: Remedies) -> None:
        self._parts = parts
        self._settings = settings
        self._leaving = leaving
        self._remedies = remedies

    def caller(self, speaking: bool) -> None:
        """The caller has begun to speak, or has stopped."""

    def model(self, event: LiveEvent) -> None:
        """The model did something."""

    def tools(self, running: int) -> None:
        """So many tools run now."""

    async def run(self) -> None:
        """Watch until cancelled."""
        await asyncio.Event().wait()
