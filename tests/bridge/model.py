"""The model, played by hand: what no scenario says, sent into the session of a running call."""

from __future__ import annotations

import asyncio
import base64
import json

import numpy as np

from tests.phone import Phone
from voiceagent import VoiceAgent
from voiceagent.sandbox.exchange.call import ExchangeCall

RATE = 24000

LISTENING: dict[str, object] = {"script": [{"wait": 10}, "hangup"], "model": []}
"""A caller who says nothing, and a model that waits to be played by hand."""

FOR_GOOD: dict[str, object] = {"faults": [{"at": 0.05, "refuse": 503, "times": 99}]}
"""A call whose first connection to the service has no successor: :meth:`Model.leaves` loses the model."""


class Listener(VoiceAgent):
    """Waits for the caller, so that nothing is said but what the test says."""

    instruction = "You answer."
    greeting = None


def tone(seconds: float, hertz: float = 440.0) -> bytes:
    t = np.arange(int(RATE * seconds)) / RATE
    return (8000 * np.sin(2 * np.pi * hertz * t)).astype("<i2").tobytes()


class Model:
    """The live server's side of the one call of a test."""

    def __init__(self, phone: Phone) -> None:
        self._phone = phone

    async def send(self, message: dict[str, object]) -> None:
        (record,) = self._phone.live.records
        session = self._phone.live.running(record.session_id)
        assert session is not None
        await session.emit(json.dumps(message).encode())

    async def content(self, **content: object) -> None:
        await self.send({"serverContent": content})

    async def speaks(self, pcm: bytes) -> None:
        data = base64.b64encode(pcm).decode()
        await self.content(
            modelTurn={"parts": [{"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": data}}]}
        )

    async def writes(self, text: str) -> None:
        await self.content(outputTranscription={"text": text})

    async def ends_turn(self) -> None:
        await self.content(generationComplete=True)
        await self.content(turnComplete=True)

    async def is_interrupted(self) -> None:
        await self.content(interrupted=True)
        await self.content(turnComplete=True)

    async def calls(self, *calls: dict[str, object]) -> None:
        await self.send({"toolCall": {"functionCalls": list(calls)}})

    async def cancels(self, *ids: str) -> None:
        await self.send({"toolCallCancellation": {"ids": list(ids)}})

    async def leaves(self) -> None:
        """The service closes the session in mid-call."""
        (record,) = self._phone.live.records
        session = self._phone.live.running(record.session_id)
        assert session is not None
        await session.close(1011, "internal error")


async def answered(phone: Phone) -> tuple[ExchangeCall, Model]:
    """Phone, and play the model from the moment of the answer."""
    call = phone.ring()
    await call.caller.answered()
    # Until the agent's side of the call runs, too.
    await asyncio.sleep(0.1)
    return call, Model(phone)
