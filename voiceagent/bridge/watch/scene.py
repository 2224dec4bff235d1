"""What the rules look at, and what they can do about it."""

from __future__ import annotations

import asyncio
from typing import Protocol

from voiceagent.bridge.parts import Parts
from voiceagent.bridge.stage import BridgeState
from voiceagent.report import EndReason
from voiceagent.turn import Turn

TICK = 0.5
"""Seconds after which a rule looks again while something goes on whose end nobody announces."""

_PLAYED_MS = 20.0
"""Audio below this is no longer waited for; it is one chunk of the line."""


class Remedies(Protocol):
    """What can be done about it. The bridge provides it."""

    def tell(self, text: str) -> None:
        """Say something to the model, which it answers aloud."""

    def remind(self, text: str) -> None:
        """Ask the model for an answer that it owes; another connection is not told."""

    async def reopen(self, cause: str) -> None:
        """Let the live session go on over another connection."""

    def give_up(self, cause: str) -> None:
        """There is no use in this model: the call goes on without it, as ``on_model_unavailable`` says."""

    def end(self, reason: EndReason) -> None:
        """End the conversation now."""


class Tools(Protocol):
    """What the rules want to know of the model's tools."""

    @property
    def running(self) -> int:
        """How many calls run."""

    @property
    def late(self) -> int:
        """How many tools go on after their time, so that the model is told of their results later."""

    @property
    def spoken_results(self) -> int:
        """How many results the model has been given of which it is to speak."""


class Scene:
    """The conversation, as it is at the moment.

    Args:
        parts: Of the conversation.
        tools: The model's tool calls.
    """

    def __init__(self, parts: Parts, tools: Tools) -> None:
        self.parts = parts
        self.tools = tools
        self._loop = asyncio.get_running_loop()

    def now(self) -> float:
        """The event loop's clock, in seconds."""
        return self._loop.time()

    @property
    def talking(self) -> bool:
        """Whether caller and model just talk: nobody leaves, and nothing is done to the line."""
        stage = self.parts.stage
        return stage.state is BridgeState.TALKING and not stage.over and not stage.model_lost

    @property
    def playing(self) -> float:
        """Seconds of audio that are still to be heard."""
        ahead = self.parts.player.ahead_ms
        return ahead / 1000 if ahead > _PLAYED_MS else 0.0

    @property
    def unfinished(self) -> Turn | None:
        """The answer of which the model has said something, and has not come to its end.

        It may be broken off, where its connection was lost, and the model has not gone on yet.
        """
        turn = self.parts.answers.last
        if turn is None or not turn.unfinished or not turn.generated_ms:
            return None
        return turn

    @property
    def late(self) -> bool:
        """Whether what the model makes now belongs to an answer that was interrupted."""
        turn = self.parts.answers.last
        return turn is not None and turn.late and not turn.stale(self.parts.clock())
