"""The agent in a call in which caller and callee talk: it listens, and whispers to the callee.

The rule: the caller never hears what is meant for the callee. Audio leaves here only after the line has
confirmed that the callee alone hears it, and the line is switched back only after it has been played.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from voiceagent.bridge.parts import Parts
from voiceagent.bridge.stage import BridgeState
from voiceagent.call.exceptions import WSSCallCommandError, WSSCallCommandTimeoutError, WSSError
from voiceagent.report import EndReason, Whispered

logger = logging.getLogger(__name__)

_WHISPER_BEGINS = 6.0
"""Seconds that the model gets to begin what it wants to whisper."""

_WHISPER_PAUSE = 2.0
"""Seconds without audio after which a whisper that the model has not ended counts as said."""

_LONGEST_WHISPER = 60.0
"""Seconds after which the line is switched back though the model still speaks."""


class Conference:
    """Who hears the agent once the callee has joined.

    Args:
        parts: Of the conversation.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._stage, self._player, self._answers = parts.stage, parts.player, parts.answers
        self._stay = True
        self._whisper: asyncio.Task[None] | None = None

    def cancel(self) -> None:
        """The conversation is over: stop what is under way."""
        if self._whisper is not None:
            self._whisper.cancel()

    async def begin(self, *, brief: bool, stay: bool) -> str | None:
        """The callee has joined, and both parties would hear the agent, if it spoke.

        A line that does not switch costs the briefing: the two are connected all the same.

        Args:
            brief: What the model says next is heard by the callee only.
            stay: Then listen to the two instead of leaving.

        Returns:
            None, or ``NOT_BRIEFED`` where the callee cannot be told anything.
        """
        stage, self._stay = self._stage, stay
        stage.state = BridgeState.TRANSFERRING
        # Whatever was still to be played was meant for the caller alone.
        if unheard := self._answers.unheard():
            self._player.silence(unheard)
        if brief and await self._switch(self._parts.call.whisper) is None:
            self._begin_whisper()
            return None
        await self._go_on()
        return "NOT_BRIEFED" if brief else None

    def leave(self) -> None:
        """Leave the two alone: at once, or when what is being whispered has been heard."""
        self._stay = False
        if self._stage.state is BridgeState.LISTENING:
            self._stage.end(EndReason.TRANSFERRED)

    async def whisper(self) -> str | None:
        """Let what the model says next be heard by the callee only; then listen again.

        Returns:
            None, or why not: ``NOT_CONNECTED``, ``WHISPER_IN_PROGRESS``, ``CALL_ENDED``, or the line's error
            code.
        """
        stage = self._stage
        if stage.over:
            return "CALL_ENDED"
        if not stage.joined:
            return "NOT_CONNECTED"
        if stage.state is not BridgeState.LISTENING:
            return "WHISPER_IN_PROGRESS"
        stage.state = BridgeState.TRANSFERRING
        try:
            code = await self._switch(self._parts.call.whisper)
            if code is None:
                self._begin_whisper()
        finally:
            # Also where the tool that asked for it was cancelled: silent, whatever the line was told.
            if stage.state is BridgeState.TRANSFERRING:
                stage.state = BridgeState.LISTENING
                if not self._stay:
                    stage.end(EndReason.TRANSFERRED)
        return code

    def _begin_whisper(self) -> None:
        self._answers.part()
        self._stage.state = BridgeState.WHISPERING
        self._whisper = self._parts.tasks.create_task(self._whisper_out(), name="whisper")

    async def _whisper_out(self) -> None:
        answers, before = self._answers, self._answers.progress()

        def begun() -> bool:
            turn = answers.last
            return turn is not None and turn.generated_ms > 0 and answers.progress() != before

        try:
            async with asyncio.timeout(_LONGEST_WHISPER):
                if await answers.until(lambda: begun() or self._stage.model_lost, _WHISPER_BEGINS):
                    await self._player.play_out(answers, _WHISPER_PAUSE)
        except TimeoutError:
            self._player.silence(answers.interruptible())
        if begun():
            self._parts.observe(Whispered(self._parts.clock()))
        await self._go_on()

    async def _go_on(self) -> None:
        """Listen, or leave."""
        if not self._stay or self._stage.model_lost:
            self._stage.end(EndReason.TRANSFERRED)
            return
        # First here, then on the line: from this step on no audio leaves, whatever becomes of the command.
        self._stage.state = BridgeState.LISTENING
        await self._switch(self._parts.call.spy)

    async def _switch(self, command: Callable[[], Awaitable[None]]) -> str | None:
        try:
            await command()
        except WSSError as error:
            logger.warning("call %s: the line was not switched: %s", self._parts.call.call_id, error)
            return code_of(error)
        return None


def code_of(error: WSSError) -> str:
    """What went wrong on the line, as tools and reports name it."""
    if isinstance(error, WSSCallCommandTimeoutError):
        return "TIMEOUT"
    return error.error_code if isinstance(error, WSSCallCommandError) else type(error).__name__
