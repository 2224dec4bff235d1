"""Recorded people instead of synthetic callers: they are heard, understood, and interrupt the agent.

The recordings are those of Debian's ``asterisk-core-sounds-en-wav`` and ``pocketsphinx-testdata``. Without
them the tests are skipped.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.recordings import DATA, LIBRIVOX, PROMPTS, recordings
from tests.sandbox.live_client import live_server, live_session
from tests.virtual_time import virtual_time
from voiceagent.sandbox.recording import read_recording
from voiceagent.sandbox.speech import Recogniser, speak

pytestmark = recordings

TALKS = f"""
model:
  - on: start
    say: {"We are open from nine to five, and on Saturday until noon. " * 4}
  - on: caller_done
    say: Of course.
"""

PEOPLE = (
    PROMPTS / "hello.wav",
    PROMPTS / "hello-world.wav",
    PROMPTS / "vm-goodbye.wav",
    PROMPTS / "conf-invalid.wav",
    LIBRIVOX / "sense_and_sensibility_01_austen_64kb-0880.wav",
    DATA / "cards" / "003.wav",
)

CARDS = {
    "001": "ten of clubs",
    "002": "four queen of clubs",
    "003": "seven of clubs",
    "005": "eight of spades four of clubs seven of hearts",
}


@virtual_time
@pytest.mark.parametrize("rate", [8000, 24_000])
@pytest.mark.parametrize("path", PEOPLE, ids=lambda path: path.stem)
async def test_people_interrupt_the_agent_and_are_answered(path: Path, rate: int) -> None:
    pcm = await asyncio.to_thread(read_recording, path, rate)
    async with live_server(TALKS) as server, live_session(server) as client:
        await client.start()
        began = await client.next("modelTurn")
        await client.audio(bytes(2 * rate), rate)
        await client.audio(pcm + bytes(2 * rate), rate)
        interrupted = await client.next("interrupted")
        assert interrupted.at - began.at < 1 + len(pcm) / (2 * rate) + 0.3
        await client.next("turnComplete")
        await client.next("turnComplete")
        after = client.received[client.received.index(interrupted) :]
        assert b"".join(message.pcm for message in after) == speak("Of course.", sample_rate=24_000)


async def test_people_are_understood_within_a_small_grammar() -> None:
    recogniser = Recogniser(CARDS.values())
    for name, text in CARDS.items():
        assert await recogniser.recognise(read_recording(DATA / "cards" / f"{name}.wav", 16_000)) == text


@virtual_time
@pytest.mark.parametrize("name", ["beep", "ascending-2tone"])
async def test_tones_of_the_telephone_network_are_not_people(name: str) -> None:
    pcm = await asyncio.to_thread(read_recording, PROMPTS / f"{name}.wav", 8000)
    async with live_server(TALKS) as server, live_session(server) as client:
        await client.start()
        await client.next("modelTurn")
        await client.audio(pcm, 8000)
        await client.next("turnComplete")
        assert "interrupted" not in client.kinds()
