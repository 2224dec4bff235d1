"""While the callee's phone rings the caller hears it, or something else; the callee hears none of it."""

from __future__ import annotations

import asyncio
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.bridge.model import Model, tone
from tests.pcm import noise_ms
from tests.phone import CALLEE, Phone, loud_ms, phone_system, samples
from tests.virtual_time import virtual_time
from voiceagent import CallContext, Decision, VoiceAgent, tool
from voiceagent.bridge.hold_audio import hold_pcm
from voiceagent.report import CalleeJoined, EndReason, Moment, ToolStarted, TransferFailed, TransferStarted
from voiceagent.sandbox.exchange import Behaviour, Party
from voiceagent.sandbox.exchange.call import ExchangeCall
from voiceagent.sandbox.ringing import is_ringing
from voiceagent.sandbox.speech import speak
from voiceagent.testing import contains_speech

RATE = 24000
HAND_OVER = "One moment please."
BRIEFING = "They want the blue one."
SORRY = "I am sorry, nobody is there."
MUSIC = noise_ms(1700, 5, RATE)
CALLEE_SAYS = speak("hello this is Ben", sample_rate=RATE, voice="de-DE")


class Desk(VoiceAgent):
    instruction = "You answer."

    @tool
    async def put_through(self, call: CallContext) -> str:
        """Connect the caller, and tell the callee about them."""
        return await call.transfer(briefing="The caller wants the blue one.")


def put_through(how: object, *rules: dict[str, object], caller: tuple[object, ...] = ()) -> dict[str, object]:
    return {
        "script": [{"wait": "agent_done"}, {"say": "please do it now"}, *caller, {"wait": 300}],
        "model": [
            {"on": "start", "say": "Hello."},
            {"on": "caller_done", "say": HAND_OVER, "call": how},
            *rules,
        ],
    }


def music(folder: Path, pcm: bytes = MUSIC, *, width: int = 2) -> Path:
    path = folder / "music.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(width)
        file.setframerate(RATE)
        file.writeframes(pcm)
    return path


async def seen(phone: Phone, kind: type[Moment]) -> None:
    for _ in range(10_000):
        await asyncio.sleep(0.01)
        if phone.seen(kind):
            return
    raise AssertionError(f"{kind.__name__} never came")


async def rings(phone: Phone) -> ExchangeCall:
    """A call in which the callee's phone has just begun to ring, and nobody has heard anything since."""
    call = phone.ring()
    await seen(phone, TransferStarted)
    call.caller.clear_heard()
    return call


def tones(pcm: bytes) -> list[tuple[int, int]]:
    """Where there is the ringing tone, in milliseconds, in steps of 20."""
    size = RATE // 50 * 2
    rung = [is_ringing(pcm[start : start + size], RATE) for start in range(0, len(pcm) - size + 1, size)]
    edges = np.flatnonzero(np.diff([0, *map(int, rung), 0])) * 20
    return [(int(start), int(end)) for start, end in zip(edges[::2], edges[1::2], strict=True)]


# What the caller hears ------------------------------------------------------------------------------------


@virtual_time
async def test_the_caller_hears_it_ring_and_the_callee_does_not() -> None:
    async with phone_system(Desk, put_through({"transfer_call": {}})) as phone:
        phone.exchange.parties[CALLEE] = Party(Behaviour.ANSWER, 11_000)
        call = await rings(phone)
        await seen(phone, CalleeJoined)
        heard = call.caller.heard()
        report = await phone.reports.get()
        await asyncio.sleep(2)
        assert not any(call.caller.heard()[len(heard) :])
        assert not any(call.callee.heard())
    assert report.ended is EndReason.TRANSFERRED
    first, second, third = loud_ms(heard, RATE)
    for start, end in (first, second):
        assert end - start == pytest.approx(1000, abs=40)
    assert second[0] - first[0] == pytest.approx(5000, abs=20) and 400 <= first[0] <= 900
    assert third[0] == second[0] + 5000, "the callee picks up while it rings for the third time"
    assert 2000 < np.abs(samples(heard)).max() < 3000, "it is softer than the agent"


def wav_24_bit(pcm: bytes) -> bytes:
    return b"".join(b"\0" + pcm[i : i + 2] for i in range(0, len(pcm), 2))


@pytest.mark.parametrize("width", [2, 3])
@virtual_time
async def test_the_caller_hears_the_file_again_and_again_to_the_bit(tmp_path: Path, width: int) -> None:
    class Musical(Desk):
        hold_audio = music(tmp_path, MUSIC if width == 2 else wav_24_bit(MUSIC), width=width)

    async with phone_system(Musical, put_through({"transfer_call": {}})) as phone:
        phone.exchange.parties[CALLEE] = Party(Behaviour.ANSWER, 5000)
        call = await rings(phone)
        await seen(phone, CalleeJoined)
        heard = call.caller.heard()
        await phone.reports.get()
        assert not any(call.callee.heard())
    loop = hold_pcm(Musical.hold_audio, RATE)
    fade = RATE // 50 * 2
    assert loop[fade:-fade] == MUSIC[fade:-fade]
    heard = heard.strip(b"\0")
    assert len(heard) > 4.5 * 2 * RATE
    assert (loop * 4).find(heard) < 0.1 * 2 * RATE, "from its beginning"
    assert heard in loop * 4


@virtual_time
async def test_without_hold_audio_there_is_silence() -> None:
    class Silent(Desk):
        hold_audio = None

    async with phone_system(Silent, put_through({"transfer_call": {}})) as phone:
        phone.exchange.parties[CALLEE] = Party(Behaviour.ANSWER, 5000)
        call = await rings(phone)
        await phone.reports.get()
        assert not any(call.caller.heard())


@virtual_time
async def test_little_of_it_is_ever_ahead_of_the_caller(tmp_path: Path) -> None:
    class Musical(Desk):
        hold_audio = music(tmp_path)

    async with phone_system(Musical, put_through({"transfer_call": {}})) as phone:
        phone.exchange.parties[CALLEE] = Party(Behaviour.NOANSWER, 30_000)
        await rings(phone)
        (conversation,) = phone.service._conversations
        ahead = []
        for _ in range(200):
            await asyncio.sleep(0.05)
            playback = conversation._call.playback
            ahead.append(playback.queued_ms - playback.played_ms)
    assert 0 < min(ahead[5:]) and max(ahead) <= 400


@pytest.mark.parametrize("rate", [8000, 16000])
@virtual_time
async def test_a_line_of_another_rate_rings_alike(rate: int) -> None:
    async with phone_system(Desk, put_through({"transfer_call": {}}), sample_rate=rate) as phone:
        phone.exchange.parties[CALLEE] = Party(Behaviour.ANSWER, 4000)
        call = await rings(phone)
        await seen(phone, CalleeJoined)
        ((start, end),) = loud_ms(call.caller.heard(), rate)
        await phone.reports.get()
        assert not any(call.callee.heard())
    assert end - start == pytest.approx(1000, abs=40)


# How it ends ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("behaviour", [Behaviour.NOANSWER, Behaviour.REJECT])
@virtual_time
async def test_when_nobody_answers_it_fades_out_soon(tmp_path: Path, behaviour: Behaviour) -> None:
    class Musical(Desk):
        hold_audio = music(tmp_path, tone(1.7, 323.0))

    async with phone_system(Musical, put_through({"transfer_call": {}})) as phone:
        phone.exchange.parties[CALLEE] = Party(behaviour, 5030)
        call = await rings(phone)
        await seen(phone, TransferFailed)
        before = call.caller.heard_bytes
        await asyncio.sleep(1)
        heard = call.caller.heard()
        call.caller.hang_up()
        await phone.reports.get()
    ((start, end),) = loud_ms(heard[before:], RATE)
    assert start == 0 and end <= 400
    assert np.abs(np.diff(samples(heard))).max() < 2 * np.pi * 323 / RATE * 8000 * 1.01, "without a click"


@virtual_time
async def test_after_it_the_agent_is_heard_to_its_end() -> None:
    plot = put_through({"transfer_call": {}}, {"on": "tool_result", "say": SORRY})
    async with phone_system(Desk, plot) as phone:
        phone.exchange.parties[CALLEE] = Party(Behaviour.REJECT, 6000)
        call = await rings(phone)
        await seen(phone, TransferFailed)
        await asyncio.sleep(5)
        heard = call.caller.heard()
        call.caller.hang_up()
        report = await phone.reports.get()
    assert contains_speech(heard, SORRY, RATE)
    assert report.transcript[-1].text == SORRY and not report.transcript[-1].interrupted


@virtual_time
async def test_what_was_heard_of_an_answer_does_not_count_the_ringing() -> None:
    plot = put_through(
        {"transfer_call": {}},
        {
            "on": "tool_result",
            "say": "I am sorry, nobody is there, so let us see what else I can do for you.",
        },
        caller=({"wait": "agent_done"}, {"interrupt_after": 1.0}, {"say": "never mind"}),
    )
    async with phone_system(Desk, plot) as phone:
        phone.exchange.parties[CALLEE] = Party(Behaviour.NOANSWER, 9000)
        phone.ring()
        await seen(phone, TransferFailed)
        await asyncio.sleep(10)
        (call,) = phone.exchange.calls
        call.caller.hang_up()
        report = await phone.reports.get()
    hand_over, sorry = [line for line in report.transcript if line.who == "agent"][1:3]
    assert hand_over.text == HAND_OVER and not hand_over.interrupted
    assert sorry.interrupted and sorry.text.startswith("I am sorry") and len(sorry.text) < 45


@pytest.mark.parametrize("mode", ["model", "local", "off"])
@virtual_time
async def test_a_caller_who_speaks_while_it_rings_does_not_stop_it(tmp_path: Path, mode: Any) -> None:
    class Musical(Desk):
        hold_audio = music(tmp_path)
        barge_in = mode

    async with phone_system(Musical, put_through({"transfer_call": {}})) as phone:
        phone.exchange.parties[CALLEE] = Party(Behaviour.ANSWER, 9000)
        call = await rings(phone)
        await asyncio.sleep(1)
        call.caller.say(speak("is anybody there, hello", sample_rate=RATE, voice="en-GB"))
        # A model that believes to be interrupted all the same.
        await Model(phone).content(interrupted=True)
        await seen(phone, CalleeJoined)
        heard = call.caller.heard().strip(b"\0")
        await phone.reports.get()
    loop = hold_pcm(Musical.hold_audio, RATE)
    assert len(heard) > 8 * 2 * RATE
    assert heard in loop * 8
    assert phone.moments and not [m for m in phone.moments if type(m).__name__ == "BargeIn"]


@virtual_time
async def test_a_caller_who_hangs_up_while_it_rings_ends_it() -> None:
    async with phone_system(Desk, put_through({"transfer_call": {}})) as phone:
        phone.exchange.parties[CALLEE] = Party(Behaviour.ANSWER, 20_000)
        call = await rings(phone)
        await asyncio.sleep(1)
        call.caller.hang_up()
        report = await phone.reports.get()
        assert call.snapshot()["violations"] == []
        assert call.snapshot()["legs"]["callee"] == "ended"
    assert report.ended is EndReason.CALLER_HUNG_UP


@virtual_time
async def test_a_transfer_that_the_model_takes_back_lets_it_be_heard_again() -> None:
    async with phone_system(Desk, put_through({"transfer_call": {}})) as phone:
        phone.exchange.parties[CALLEE] = Party(Behaviour.NOANSWER, 60_000)
        call = await rings(phone)
        model = Model(phone)
        await asyncio.sleep(0.8)
        await model.cancels(phone.seen(ToolStarted)[0].id)
        await asyncio.sleep(1)
        call.caller.clear_heard()
        await model.speaks(tone(3, 880))
        await model.ends_turn()
        await asyncio.sleep(8)
        heard = call.caller.heard()
        call.caller.hang_up()
        await phone.reports.get()
    ((start, end),) = loud_ms(heard, RATE)
    assert end - start == pytest.approx(3000, abs=40)
    assert tones(heard) == []


@virtual_time
async def test_neither_a_briefing_nor_a_caller_is_mixed_with_it(tmp_path: Path) -> None:
    class Musical(Desk):
        hold_audio = music(tmp_path)

    async with phone_system(
        Musical, put_through({"put_through": {}}, {"on": "tool_result", "say": BRIEFING})
    ) as phone:
        phone.exchange.parties[CALLEE] = Party(Behaviour.ANSWER, 3210)
        call = await rings(phone)
        await seen(phone, CalleeJoined)
        call.caller.clear_heard()
        call.callee.say(CALLEE_SAYS)
        await phone.reports.get()
        await asyncio.sleep(3)
        assert call.caller.heard().strip(b"\0") == CALLEE_SAYS.strip(b"\0")
        assert call.callee.heard().strip(b"\0") == speak(BRIEFING, sample_rate=RATE).strip(b"\0")


@virtual_time
async def test_the_recording_has_what_the_caller_heard(tmp_path: Path) -> None:
    class Musical(Desk):
        hold_audio = music(tmp_path)

    plot = put_through({"put_through": {}}, {"on": "tool_result", "say": BRIEFING})
    async with phone_system(Musical, plot, reports=tmp_path / "calls") as phone:
        phone.exchange.parties[CALLEE] = Party(Behaviour.ANSWER, 3210)
        call = await rings(phone)
        await seen(phone, CalleeJoined)
        heard = call.caller.heard().strip(b"\0")
        report = await phone.reports.get()
        (path,) = (tmp_path / "calls").glob("*/call.wav")
    with wave.open(str(path), "rb") as file:
        agent: Any = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)[:, 1]
    recorded: bytes = agent.tobytes()
    at = recorded.find(heard[:48000])
    assert at > 0
    # The line tells late what it has played: the last of it may be missing.
    both = len(heard) - int(0.2 * 2 * RATE)
    assert recorded[at : at + both] == heard[:both]
    rest = recorded[at + len(heard) :].lstrip(b"\0")
    assert rest.strip(b"\0") == speak(BRIEFING, sample_rate=RATE).strip(b"\0")
    assert report.ended is EndReason.TRANSFERRED


@virtual_time
async def test_a_caller_who_is_put_through_because_the_model_was_lost_hears_it_ring() -> None:
    plot = {"script": [{"wait": 100}], "model": []}

    class Alone(VoiceAgent):
        instruction = "You answer."
        greeting = None

        async def on_model_unavailable(self, call: CallContext) -> Decision:
            return Decision.CONNECT

    async with phone_system(Alone, plot) as phone:
        phone.exchange.parties[CALLEE] = Party(Behaviour.ANSWER, 4000)
        call = phone.ring()
        await call.caller.answered()
        await asyncio.sleep(0.1)
        for conversation in phone.service._conversations:
            conversation._bridge.give_up("lost")
        report = await phone.reports.get()
        assert len(tones(call.caller.heard())) == 1
        assert not any(call.callee.heard())
    assert report.ended is EndReason.CONNECTED
