"""A caller is let go when they are silent, and not because their line is noisy."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.tools_.conftest import MONDAY_9_AM
from tools.voicemail import Draft, Occasion, Patience, Prompts
from voiceagent import CallContext
from voiceagent.testing import virtual_time

RATE = 8000


@dataclass
class Watched(CallContext):
    """A call that keeps what its model is told, and whether it was ended."""

    told: list[str] = field(default_factory=list)

    def tell(self, text: str) -> None:
        self.told.append(text)

    async def end(self, reason: str = "") -> str:
        self.told.append("the end")
        return ""


@pytest.mark.parametrize(
    ("understood", "told"),
    [(False, ["silent", "still silent", "the end"]), (True, ["silent", "silent", "silent"])],
)
@virtual_time
async def test_a_caller_whom_the_model_understands_is_not_silent(
    tmp_path: Path, understood: bool, told: list[str]
) -> None:
    call = Watched("call-1", sample_rate=RATE)
    draft = Draft("key", Occasion.CLOSED, MONDAY_9_AM)
    recorder = draft.record(tmp_path / "key.wav", RATE, 60)
    patience = Patience(call, draft, recorder, prompts=Prompts("silent", "still silent", "too long"))
    watch = asyncio.create_task(patience.run())
    await asyncio.sleep(0.1)
    for n in range(3):
        for _ in range(251):  # What is heard does not stand out as speech.
            patience.hear(bytes(2 * RATE // 50))
        if understood:
            draft.understood(1000.0 * n, "and another thing")
        await asyncio.sleep(0.1)
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)
    recorder.discard()
    assert call.told == told
