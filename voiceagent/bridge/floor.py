"""Whose turn it is to speak, for what can wait until nobody else does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from voiceagent.audio import SpeechMeter
from voiceagent.bridge import prompts
from voiceagent.bridge.answers import Answers
from voiceagent.bridge.stage import BridgeState, Stage

_LOOK_SECONDS = 0.1
"""Who waits for silence looks so often. That is rare: only where a tool is slow."""

_LEAST_SECONDS = 0.001
"""And no oftener than this, though no more than a rounding error is left to wait."""


class Floor:
    """Says when the agent could speak without cutting anybody off, and lets the model speak.

    Args:
        stage: Where the conversation is.
        answers: What the model says.
        meter: Hears the caller.
        tell: Says something to the model, which it answers.
        remind: The same, for what is of no use later: where there is no connection, it is left out.
        note: Says something to the model, which it does not answer.
    """

    def __init__(
        self,
        stage: Stage,
        answers: Answers,
        meter: SpeechMeter,
        tell: Callable[[str], None],
        remind: Callable[[str], None],
        note: Callable[[str], None],
    ) -> None:
        self._stage = stage
        self._answers = answers
        self._meter = meter
        self._tell = tell
        self._remind = remind
        self._note = note
        self._time = asyncio.get_running_loop().time
        self._touched = self._time()

    @property
    def touched(self) -> float:
        """When the model was last given something that it may speak of, on the event loop's clock."""
        return self._touched

    @property
    def talking(self) -> bool:
        """Whether caller and model just talk: nobody is being put through, and nobody says goodbye."""
        return self._stage.state is BridgeState.TALKING and not self.gone

    @property
    def gone(self) -> bool:
        """Whether the agent will not speak any more."""
        stage = self._stage
        return stage.over or stage.joined or stage.model_lost

    def touch(self) -> None:
        """The model was given something that it may be about to speak of."""
        self._touched = self._time()

    def tell(self, text: str) -> None:
        """Say something to the model, which it answers."""
        self.touch()
        self._tell(text)

    def say(self, line: str) -> None:
        """Let the model say a line, now or not at all."""
        self.touch()
        self._remind(prompts.say(line))

    def note(self, text: str) -> None:
        """Say something to the model, which it does not answer."""
        self._note(text)

    async def quiet(self, seconds: float) -> bool:
        """Wait until nobody has spoken for so long, from now on.

        Returns:
            False where the agent will not speak any more.
        """
        since = self._time()
        while not self.gone:
            now = self._time()
            if not self.talking or self._meter.speaking or self._answers.unheard():
                since = now
            since = max(since, self._touched)
            if now - since >= seconds:
                return True
            await asyncio.sleep(min(_LOOK_SECONDS, max(_LEAST_SECONDS, seconds - (now - since))))
        return False
