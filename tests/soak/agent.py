"""One call as the program takes part in it: a handler in the style of the SDK's users.

Rule: what the call's end raises is the SDK's to handle, as in any program, and is not caught here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import ClassVar

from tests.soak.audio import BYTES_PER_MS, spoken
from tests.soak.plan import Body, Ending, Plan
from voiceagent.call import ActiveCall
from voiceagent.call.exceptions import WSSCallCommandError

RING_SECONDS = 1
"""How long a callee is rung who does not answer: the shortest that there is."""


class Deliberate(Exception):
    """Raised by a handler because its plan says so."""


class Agent:
    """The program's part in one call.

    Attributes:
        drained: whether all that ``drained()`` waited for has been played. It gives up on a line that does
            not tell, and then nothing is known of what was heard.
        answer_seconds: how long ``answer()`` took, or None.
    """

    def __init__(self, call: ActiveCall, plan: Plan) -> None:
        self.drained = True
        self.answer_seconds: float | None = None
        self._call = call
        self._plan = plan
        self._heard = bytearray()
        self._news = asyncio.Event()
        self._over = False
        self._reading = asyncio.Event()
        self._reading.set()

    @property
    def heard(self) -> str:
        """Whether it heard ``all`` it was to hear, a ``part``, or ``wrong`` things."""
        expected = self._plan.program_hears
        if self._heard == expected:
            return "all"
        return "part" if expected.startswith(self._heard) else "wrong"

    async def run(self) -> None:
        """Take part until the call is over for the program."""
        plan, call = self._plan, self._call
        await asyncio.sleep(plan.ring)
        if plan.body is Body.RINGING and plan.ending is not Ending.DROP:
            await self._end()
            return
        loop = asyncio.get_running_loop()
        asked = loop.time()
        await call.answer()
        self.answer_seconds = loop.time() - asked
        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(self._listen())
            await self._hear(len(plan.greeting))
            await self._bodies.get(plan.body, Agent._do_nothing)(self)
            listening.cancel()
        await self._end()

    async def _end(self) -> None:
        plan, call = self._plan, self._call
        match plan.ending:
            case Ending.CLOSE:
                await call.close()
            case Ending.DISCONNECT | Ending.RACE:
                await call.disconnect()
            case Ending.FORCE:
                await call.force_disconnect()
            case Ending.RAISE:
                raise Deliberate(f"the plan of call {plan.number} says so")
            case Ending.DROP if plan.body is Body.RINGING:
                await call.close()
        await call.wait_terminated()

    # What happens in a call ---------------------------------------------------------------------------

    async def _do_nothing(self) -> None:
        """Only listen."""

    async def _echo(self) -> None:
        await self._hear(len(self._plan.program_hears))
        await self._drain()

    async def _talk(self) -> None:
        await self._speak(self._plan.program_says)

    async def _talk_without_reading(self) -> None:
        self._reading.clear()
        await self._speak(self._plan.program_says)
        self._reading.set()

    async def _be_interrupted(self) -> None:
        plan, call = self._plan, self._call
        async with asyncio.TaskGroup() as tasks:
            # More than the queue holds: most of it waits for room when it is interrupted.
            tasks.create_task(call.send_audio(plan.program_says, wait=True))
            await self._hear(len(plan.greeting) + 1)
            await call.clear_send_audio_buffer()
        await self._hear(len(plan.program_hears))
        await self._speak(plan.program_says_then)

    async def _talk_of_three(self) -> None:
        plan, call = self._plan, self._call
        await call.connect()
        await self._hear(len(plan.program_hears))
        await self._speak(plan.to_three("connect"))
        await call.whisper()
        await self._speak(plan.to_three("whisper"))
        await call.spy()
        await self._speak(plan.to_three("spy"))
        await call.barge()
        await self._speak(plan.to_three("barge"))

    async def _ring_in_vain(self) -> None:
        try:
            await self._call.connect(RING_SECONDS)
        except WSSCallCommandError as error:
            if error.error_code != "CALL_UNANSWERED":
                raise
        else:
            raise AssertionError("a callee answered who does not")
        await self._speak(self._plan.program_says)

    _bodies: ClassVar[dict[Body, Callable[[Agent], Awaitable[None]]]] = {
        Body.ECHO: _echo,
        Body.TALK: _talk,
        Body.HAND_OFF: _talk,
        Body.SLOW_READER: _talk_without_reading,
        Body.BARGE_IN: _be_interrupted,
        Body.THREE: _talk_of_three,
        Body.UNANSWERED: _ring_in_vain,
        Body.REJECTED: _ring_in_vain,
    }

    # Audio --------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        echo = self._plan.body is Body.ECHO
        async for chunk in self._call.audio_stream():
            if heard := spoken(chunk):
                self._heard += heard
                self._news.set()
            if echo:
                await self._call.send_audio(chunk, wait=True)
            await self._reading.wait()
        self._over = True
        self._news.set()

    async def _hear(self, size: int) -> None:
        """Wait until so much speech was heard, or the call is over: what is done next will tell."""
        while len(self._heard) < size and not self._over:
            self._news.clear()
            await self._news.wait()

    async def _speak(self, pcm: bytes) -> None:
        step = round(self._plan.chunk * 1000) * BYTES_PER_MS
        for start in range(0, len(pcm), step):
            await self._call.send_audio(pcm[start : start + step], wait=True)
        await self._drain()

    async def _drain(self) -> None:
        queued_ms = self._call.playback.queued_ms
        await self._call.drained()
        if self._call.end_reason is None and self._call.playback.played_ms < queued_ms:
            self.drained = False
