"""Where a conversation is, shared by those who carry its audio and those who move the line.

The rule: who hears whom follows from the state alone, so that no audio depends on who looked first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from enum import Enum
from typing import Any

from voiceagent.report import EndReason


class BridgeState(Enum):
    """What the bridge does with audio."""

    TALKING = "talking"
    HANDING_OVER = "handing over"
    """The hand-over line plays; then the callee's phone rings."""
    TRANSFERRING = "transferring"
    """The callee's phone rings, or the line is switched: the model hears nothing and is not heard."""
    WHISPERING = "whispering"
    """The callee has joined, and they alone hear the agent; the model hears nothing that could cut it off."""
    LISTENING = "listening"
    """The callee has joined. The model hears both parties, and nobody hears it."""
    ENDING = "ending"
    """The goodbye plays; a caller who speaks into it brings the conversation back."""
    ENDED = "ended"


_DEAF = frozenset({BridgeState.TRANSFERRING, BridgeState.WHISPERING})
_MUTE = frozenset({BridgeState.TRANSFERRING, BridgeState.LISTENING})

_CALM = frozenset({BridgeState.TALKING, BridgeState.LISTENING})


class Stage:
    """The state of one conversation, and how it ends.

    Attributes:
        state: See :class:`BridgeState`.
        joined: Whether the callee has picked up, so that caller and callee talk from then on.
        ended: Done when the conversation is over, with the reason.
        model_lost: Whether the live session is gone; whoever leaves anyway goes on without it.
    """

    def __init__(self) -> None:
        self.state = BridgeState.TALKING
        self.joined = False
        self.model_lost = False
        self.ended: asyncio.Future[EndReason] = asyncio.get_running_loop().create_future()

    @property
    def deaf(self) -> bool:
        """Whether what the line says is kept from the model."""
        return self.state in _DEAF

    @property
    def mute(self) -> bool:
        """Whether what the model says is kept from the line."""
        return self.state in _MUTE

    @property
    def calm(self) -> bool:
        """Whether the model is just talked to, or listens: nothing is being done to the line."""
        return self.state in _CALM

    @property
    def over(self) -> bool:
        """Whether the conversation has ended."""
        return self.ended.done()

    def end(self, reason: EndReason) -> None:
        """End the conversation now; the first reason given counts."""
        if not self.ended.done():
            self.ended.set_result(reason)

    async def unless_over(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that takes time, but only until the conversation has ended."""
        task = asyncio.create_task(work)
        try:
            await asyncio.wait((task, self.ended), return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
        finally:
            task.cancel()
            await asyncio.wait((task,))
