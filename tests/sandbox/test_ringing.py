"""Scripted people know the ringing tone: they wait for somebody to speak."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from tests.virtual_time import virtual_time
from voiceagent.sandbox import caller
from voiceagent.sandbox.leg import Leg
from voiceagent.sandbox.ringing import is_ringing
from voiceagent.sandbox.script import HangUp, Script, WaitForAgent
from voiceagent.sandbox.speech import speak

RATE = 24000


def sine(hertz: float, seconds: float, rate: int = RATE) -> bytes:
    t = np.arange(round(seconds * rate)) / rate
    return (2600 * np.sin(2 * np.pi * hertz * t)).astype("<i2").tobytes()


@pytest.mark.parametrize("rate", [8000, 16000, 24000])
def test_the_tone_is_known_and_nothing_else_is_taken_for_it(rate: int) -> None:
    assert is_ringing(sine(425, 0.02, rate), rate)
    for hertz in (350, 410, 440, 697, 850):
        assert not is_ringing(sine(hertz, 0.02, rate), rate)
    assert not is_ringing(bytes(rate // 25), rate)
    said = speak("Who knew you two would do so too? Moon room.", sample_rate=rate)
    size = rate // 50 * 2
    assert not any(is_ringing(said[start : start + size], rate) for start in range(0, len(said) - size, size))


@virtual_time
async def test_who_waits_for_the_agent_waits_through_the_ringing() -> None:
    leg = Leg("+15550100", sample_rate=RATE)
    leg.ring()
    leg.pick_up()
    script = Script((WaitForAgent(), HangUp()))
    performance = asyncio.create_task(caller.play(script, leg))
    await asyncio.sleep(0.1)
    silence = bytes(2 * RATE)
    # Longer than anybody waits on a silent line.
    heard = (sine(425, 1.0) + silence * 4) * 8 + speak("Hello.", sample_rate=RATE) + silence
    size = RATE // 50 * 2
    waited = 0.0
    for start in range(0, len(heard), size):
        if performance.done():
            break
        leg.hear(heard[start : start + size])
        await asyncio.sleep(0.02)
        waited += 0.02
    await performance
    assert 40 < waited < 43
