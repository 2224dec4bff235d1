"""Sees to it that a call comes to its end: callers stop speaking, and models forget to say goodbye.

The rule: silence is heard in the audio, and it only counts while it is the caller's turn. First the model is
asked to deal with it; when that does not help, the call is ended. A message is stored either way.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from tools.voicemail.draft import Draft, DraftState
from tools.voicemail.recorder import MessageRecorder
from voiceagent import CallContext

_SPOKE_MS = 100
"""Waiting for an answer of the agent took longer than this: so there was one."""

_GIVE_UP_AFTER = 3
"""The call is ended at the third silence on end."""

_FULL_SECONDS = 20.0
"""So long the model has to take its leave of a caller whose message has got too long."""

_AGAIN_SECONDS = 3.0
"""How long a caller who speaks into the goodbye may go on before the next one."""


@dataclass(frozen=True)
class Prompts:
    """What the model is told.

    Attributes:
        silent: The caller has stopped speaking, or has not begun.
        still_silent: They have not spoken since.
        too_long: The longest length is reached.
    """

    silent: str
    still_silent: str
    too_long: str


class Patience:
    """Waits for the end of a message.

    Args:
        call: The call.
        draft: Its message.
        recorder: Hears the caller.
        prompts: What the model is told.
        silence_seconds: Silence of the caller that counts as an end.
        longest_seconds: No call lasts longer once it is answered.

    Attributes:
        asked: Whether the caller was silent for so long that the model has been told.
    """

    def __init__(
        self,
        call: CallContext,
        draft: Draft,
        recorder: MessageRecorder,
        *,
        prompts: Prompts,
        silence_seconds: float = 5.0,
        longest_seconds: float = 300.0,
    ) -> None:
        self._call = call
        self._draft = draft
        self._recorder = recorder
        self._silence_ms = silence_seconds * 1000
        self._longest_seconds = longest_seconds
        self._prompts = prompts
        self._noticed = asyncio.Event()
        self.asked = False

    def hear(self, pcm: bytes) -> None:
        """Take what the agent hears: the listener of the call."""
        self._recorder.hear(pcm)
        if self._recorder.full or self._recorder.quiet_ms >= self._silence_ms:
            self._noticed.set()

    def agent_spoke(self) -> None:
        """The agent has ended an answer: from here on it is the caller's turn."""
        self._recorder.expect()

    async def run(self) -> None:
        """Watch over the call from its answer on, until it is cancelled."""
        try:
            async with asyncio.timeout(self._longest_seconds):
                await self._watch()
        except TimeoutError:
            await self._keep_ending("the longest time of a call is over")

    async def _watch(self) -> None:
        """Deal with silences until the message has its longest length."""
        await self._call.heard_out()  # The greeting is not the caller's turn.
        self._recorder.expect()
        silences, said = 0, self._said()
        while True:
            self._noticed.clear()
            await self._noticed.wait()
            if self._recorder.full:
                break
            if await self._agent_speaks():
                self._recorder.expect()
                continue
            silences = silences + 1 if self._said() == said else 1
            said = self._said()
            await self._after(silences)
            self._recorder.expect()
        self._call.tell(self._prompts.too_long)
        await asyncio.sleep(_FULL_SECONDS)
        await self._keep_ending("the message is too long")

    def _said(self) -> tuple[float, int]:
        """What the caller has said: on a noisy line the model understands what is not heard as speech."""
        return self._recorder.spoken_ms, self._draft.understood_letters

    async def _agent_speaks(self) -> bool:
        """Whether the agent was in the middle of an answer, which has been heard now."""
        before_ms = self._recorder.heard_ms
        await self._call.heard_out()
        return self._recorder.heard_ms - before_ms > _SPOKE_MS

    async def _after(self, silences: int) -> None:
        """Deal with the so-many-th silence since the caller spoke last."""
        self.asked = True
        if self._draft.state is not DraftState.OPEN:
            silences += 1  # There is nothing left but to say goodbye.
        if silences >= _GIVE_UP_AFTER:
            await self._call.end("the caller is silent")
        else:
            self._call.tell(self._prompts.silent if silences == 1 else self._prompts.still_silent)

    async def _keep_ending(self, reason: str) -> None:
        """End the call, again and again: a caller who speaks into the goodbye brings it back."""
        while True:
            await self._call.end(reason)
            await asyncio.sleep(_AGAIN_SECONDS)
