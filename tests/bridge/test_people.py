"""Recordings of people as callers of a whole call: the agent hears them, and they interrupt it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.phone import loud_ms, phone_system
from tests.recordings import LIBRIVOX, PROMPTS, recordings
from tests.virtual_time import virtual_time
from voiceagent import VoiceAgent
from voiceagent.report import BargeIn, EndReason

pytestmark = recordings

LONG = "We are open from nine to five on every weekday, and on Saturday until noon, except in August. " * 3


class Agent(VoiceAgent):
    instruction = "You answer."


@pytest.mark.parametrize("rate", [8000, 24000])
@pytest.mark.parametrize(
    "speaker",
    [
        PROMPTS / "vm-goodbye.wav",
        PROMPTS / "conf-invalid.wav",
        LIBRIVOX / "sense_and_sensibility_01_austen_64kb-0880.wav",
    ],
    ids=lambda path: path.stem[:20],
)
@virtual_time
async def test_a_person_interrupts_the_agent_and_is_answered(speaker: Path, rate: int) -> None:
    plot = {
        "script": [{"interrupt_after": 2.0}, {"play": str(speaker)}, {"wait": "agent_done"}, "hangup"],
        "model": [{"on": "start", "say": LONG}, {"on": "caller_done", "say": "Of course, I will do that."}],
    }
    async with phone_system(Agent, plot, sample_rate=rate) as phone:
        call, report = await phone.call()
        first, *rest = loud_ms(call.leg("caller").heard(), rate)
        interruptions = phone.seen(BargeIn)
    assert interruptions, "the agent fell silent"
    assert first[1] - first[0] < 5000
    assert len(rest) >= 1, "and answered"
    assert report.turns[0].interrupted
    assert report.turns[-1].latency_ms is not None
    assert report.ended is EndReason.CALLER_HUNG_UP
