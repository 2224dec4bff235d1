"""Notices when nothing happens that should: a silent turn, an idle caller, a call without an end.

The rules are in :mod:`.watch`. Here they are told what happens, and asked when to look again: no oftener than
twice a second, and not at all on the path of a frame.
"""

from __future__ import annotations

import asyncio

from voiceagent.bridge.leaving import Leaving
from voiceagent.bridge.parts import Parts
from voiceagent.bridge.settings import Settings
from voiceagent.bridge.watch.caller import Caller, Proof
from voiceagent.bridge.watch.idle import IdleWatch
from voiceagent.bridge.watch.length import LengthWatch
from voiceagent.bridge.watch.scene import TICK, Remedies, Scene, Tools
from voiceagent.bridge.watch.silence import SilenceWatch
from voiceagent.live import InputTranscript, Interrupted, LiveEvent

__all__ = ["Remedies", "Watchdogs"]

_LEAST_WAIT = 0.001
"""Seconds. Timers may fire a rounding error too early, and nobody is to look again and again until then."""


class Watchdogs:
    """Watches one conversation, from its answer on.

    Args:
        parts: Of the conversation.
        settings: How the agent wants its calls to be.
        leaving: Ends the call with a goodbye.
        remedies: What can be done.
        tools: The model's tool calls.
    """

    def __init__(
        self, parts: Parts, settings: Settings, leaving: Leaving, remedies: Remedies, tools: Tools
    ) -> None:
        self._scene = scene = Scene(parts, tools)
        self._caller = caller = Caller(scene.now())
        self._silence: SilenceWatch | None = None
        self._idle: IdleWatch | None = None
        self._length: LengthWatch | None = None
        if settings.answer_seconds is not None:
            self._silence = SilenceWatch(scene, caller, settings.answer_seconds, remedies)
        if settings.idle is not None:
            self._idle = IdleWatch(scene, caller, settings.idle, leaving, remedies)
        if settings.longest_seconds is not None:
            self._length = LengthWatch(
                scene, caller, settings.longest_seconds, settings.longest_goodbye, leaving, remedies
            )
        self._news = asyncio.Event()

    def caller(self, speaking: bool) -> None:
        """The caller has begun to make a sound, or has stopped."""
        now = self._scene.now()
        if speaking:
            self._caller.begins(now, self._scene.playing)
        elif (proof := self._caller.ends(now)) is not None:
            self._spoke(proof)
        self._news.set()

    def tools(self, running: int) -> None:
        """So many tools run now."""
        if not running and self._silence is not None:
            self._silence.tools_done()
        self._news.set()

    def keys(self) -> None:
        """The caller has pressed keys of the telephone."""
        if self._idle is not None:
            self._idle.caller_spoke()

    def told(self, text: str) -> None:
        """The model was told something that it answers aloud."""
        if self._silence is not None:
            self._silence.told(text)
            self._news.set()

    def model(self, event: LiveEvent) -> None:
        """The model did something; it has not been dealt with yet."""
        match event:
            case InputTranscript():
                self._caller.understood()
                if self._idle is not None and self._scene.talking:
                    self._idle.caller_spoke()
            case Interrupted():
                if self._caller.interrupted(self._scene.now()):
                    self._spoke(Proof.WORDS)
        if self._silence is not None and self._silence.model(event):
            self._news.set()

    def _spoke(self, proof: Proof) -> None:
        if self._silence is not None:
            self._silence.caller_spoke(proof)
        if self._idle is not None:
            self._idle.caller_spoke()

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            self._news.clear()
            now = self._scene.now()
            due = await self._look(now)
            try:
                async with asyncio.timeout(max(_LEAST_WAIT, due - self._scene.now())):
                    await self._news.wait()
            except TimeoutError:
                pass

    async def _look(self, now: float) -> float:
        """Let each rule look; returns when to look again."""
        due = now + TICK
        owed = False
        if self._silence is not None:
            due = min(due, await self._silence.look(now) or due)
            owed = self._silence.owes
        if self._idle is not None:
            due = min(due, self._idle.look(now, owed))
        if self._length is not None:
            due = min(due, self._length.look(now, owed))
        return due
