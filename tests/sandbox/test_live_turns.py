"""How the live server speaks: the order of its messages, their pace, and what stops them."""

from __future__ import annotations

import asyncio
import base64

import numpy as np

from tests.sandbox.live_client import LiveClient, live_server, live_session
from tests.virtual_time import virtual_time
from voiceagent.sandbox.speech import speak

GREETING = "Riverside Dental, this is Ann speaking. How can I help you today?"
LONG = " ".join(["We are open from nine to five, and on Saturday until noon."] * 3)

GREETS = f"""
model:
  - on: start
    heard: hello
    say: {GREETING}
"""

TALKS = f"""
model:
  - on: start
    say: {LONG}
  - on: caller_done
    say: Of course.
"""


@virtual_time
async def test_a_turn_sends_transcription_audio_generation_complete_and_turn_complete_in_this_order() -> None:
    async with live_server(GREETS) as server, live_session(server) as client:
        await client.start()
        done = await client.next("turnComplete")
        kinds = client.kinds()
        assert kinds[:3] == ["setupComplete", "inputTranscription", "modelTurn"]
        assert kinds[-2:] == ["generationComplete", "turnComplete"]
        assert set(kinds[2:-2]) == {"modelTurn", "outputTranscription"}
        assert client.transcript("inputTranscription") == "hello"
        assert client.transcript() == GREETING
        usage = done.message["usageMetadata"]
        seconds = len(client.spoken()) / 48_000
        assert usage["responseTokenCount"] == round(seconds * 25)
        assert usage["totalTokenCount"] == usage["promptTokenCount"] + usage["responseTokenCount"]


@virtual_time
async def test_the_audio_is_the_sentence_in_messages_of_40_ms_at_four_times_the_speed_of_speaking() -> None:
    async with live_server(GREETS) as server, live_session(server) as client:
        await client.start()
        await client.next("turnComplete")
        audio = [message for message in client.received if message.pcm]
        assert client.spoken() == speak(GREETING, sample_rate=24_000)
        assert {len(message.pcm) for message in audio[:-1]} == {1920}
        parts = audio[0].message["serverContent"]["modelTurn"]["parts"]
        assert parts[0]["inlineData"]["mimeType"] == "audio/pcm;rate=24000"
        length = len(client.spoken()) / 48_000
        assert abs(audio[-1].at - audio[0].at - length / 4) < 0.02
        turn_complete = client.received[-1].at - audio[0].at
        assert abs(turn_complete - length) < 0.02, "the turn completes when its playback would be over"


@virtual_time
async def test_the_words_come_in_step_with_their_audio() -> None:
    async with live_server(GREETS) as server, live_session(server) as client:
        await client.start()
        await client.next("turnComplete")
        total = len(client.spoken())
        position = 0
        letters = 0
        for message in client.received:
            position += len(message.pcm)
            if message.kind == "outputTranscription":
                assert abs(letters / len(GREETING) - position / total) < 0.05
                letters += len(message.message["serverContent"]["outputTranscription"]["text"])
        assert letters == len(GREETING)


@virtual_time
async def test_without_transcription_in_the_setup_no_words_are_sent() -> None:
    async with (
        live_server(GREETS) as server,
        live_session(server, inputAudioTranscription=None, outputAudioTranscription=None) as client,
    ):
        await client.start()
        await client.next("turnComplete")
        assert set(client.kinds()) == {"setupComplete", "modelTurn", "generationComplete", "turnComplete"}


async def barge_in(client: LiveClient, after: float) -> None:
    """Speak ``after`` seconds of the model's playback."""
    await client.next("modelTurn")
    await client.audio(bytes(int(32_000 * after) // 2 * 2))
    await client.say("wait, please")


@virtual_time
async def test_speech_interrupts_a_turn_that_is_still_generated_and_nothing_of_it_follows() -> None:
    async with live_server(TALKS) as server, live_session(server) as client:
        await client.start()
        await barge_in(client, 0.5)
        interrupted = await client.next("interrupted")
        turn_complete = await client.next("turnComplete")
        await client.next("turnComplete")
        kinds = [message.kind for message in client.received]
        at = client.received.index(interrupted)
        assert client.received[at + 1] is turn_complete
        assert "generationComplete" not in kinds[:at]
        after = [message for message in client.received[at:] if message.pcm]
        assert b"".join(message.pcm for message in after) == speak("Of course.", sample_rate=24_000)


@virtual_time
async def test_speech_interrupts_a_turn_that_is_generated_but_still_being_played() -> None:
    async with live_server(TALKS) as server, live_session(server) as client:
        await client.start()
        generated = await client.next("generationComplete")
        await client.say("wait, please")
        interrupted = await client.next("interrupted")
        await client.next("turnComplete")
        began = next(message.at for message in client.received if message.pcm)
        length = 3 * len(speak("We are open.", sample_rate=24_000)) / 48_000
        assert generated.at < interrupted.at < began + length * 4
        assert client.received[client.received.index(interrupted) + 1].kind == "turnComplete"


@virtual_time
async def test_speech_is_noticed_within_a_quarter_of_a_second() -> None:
    async with live_server(TALKS) as server, live_session(server) as client:
        await client.start()
        first = await client.next("modelTurn")
        pcm = speak("stop, please stop", sample_rate=16_000, voice="en-GB")
        samples = np.abs(np.frombuffer(pcm, dtype=np.int16).astype(int))
        onset = int(np.argmax(samples > 1000)) / 16_000
        await client.audio(pcm + bytes(32_000))
        interrupted = await client.next("interrupted")
        assert 0 < interrupted.at - (first.at + onset) < 0.25


@virtual_time
async def test_a_click_and_a_tone_do_not_interrupt() -> None:
    async with live_server(TALKS) as server, live_session(server) as client:
        await client.start()
        await client.next("modelTurn")
        click = np.zeros(16_000, dtype=np.int16)
        click[4000:4040] = 30_000
        tone = (8000 * np.sin(np.arange(16_000) * 2 * np.pi * 440 / 16_000)).astype(np.int16)
        await client.audio(click.tobytes() + tone.tobytes())
        await client.next("turnComplete")
        assert "interrupted" not in client.kinds()


@virtual_time
async def test_with_no_interruption_the_answer_plays_out_and_the_caller_is_answered_after_it() -> None:
    handling = {"realtimeInputConfig": {"activityHandling": "NO_INTERRUPTION"}}
    async with live_server(TALKS) as server, live_session(server, **handling) as client:
        await client.start()
        await barge_in(client, 0.2)
        first = await client.next("turnComplete")
        await client.next("turnComplete")
        assert "interrupted" not in client.kinds()
        at = client.received.index(first)
        assert b"".join(m.pcm for m in client.received[:at]) == speak(LONG, sample_rate=24_000)
        assert b"".join(m.pcm for m in client.received[at:]) == speak("Of course.", sample_rate=24_000)


@virtual_time
async def test_speech_while_nothing_is_played_is_a_turn_of_the_caller() -> None:
    async with live_server(TALKS) as server, live_session(server) as client:
        await client.say("good morning")
        await client.next("turnComplete")
        assert client.spoken() == speak("Of course.", sample_rate=24_000)
        assert "interrupted" not in client.kinds()


@virtual_time
async def test_a_shorter_silence_ends_the_callers_turn_where_the_setup_asks_for_it() -> None:
    waits = []
    for config in ({}, {"automatic_activity_detection": {"silence_duration_ms": 200}}):
        async with (
            live_server(TALKS) as server,
            live_session(server, realtime_input_config=config) as client,
        ):
            await client.say("good morning")
            await client.next("turnComplete")
            at = {event["event"]: event["at_ms"] for event in server.records[0].events}
            waits.append(at["speech_ended"] - at["speech_started"])
    assert 200 <= waits[0] - waits[1] <= 400


@virtual_time
async def test_a_client_that_marks_activity_itself_is_followed_instead_of_the_audio() -> None:
    config = {"automaticActivityDetection": {"disabled": True}}
    async with live_server(TALKS) as server, live_session(server, realtimeInputConfig=config) as client:
        await client.say("nobody listens to this")
        assert client.kinds() == ["setupComplete"]
        await client.send({"realtimeInput": {"activityStart": {}}})
        await client.audio(bytes(3200))
        await client.send({"realtimeInput": {"activityEnd": {}}})
        await client.next("turnComplete")
        assert client.spoken() == speak("Of course.", sample_rate=24_000)


@virtual_time
async def test_the_end_of_the_audio_stream_ends_the_callers_turn_at_once() -> None:
    async with live_server(TALKS) as server, live_session(server) as client:
        pcm = speak("good morning", sample_rate=16_000, voice="en-GB")
        await client.audio(pcm[: len(pcm) // 2])
        await client.send({"realtimeInput": {"audioStreamEnd": True}})
        sent = asyncio.get_running_loop().time()
        first = await client.next("modelTurn")
        assert first.at - sent < 0.05


@virtual_time
async def test_audio_may_come_all_at_once() -> None:
    async with live_server(TALKS) as server, live_session(server) as client:
        pcm = bytes(32_000) + speak("good morning", sample_rate=16_000) + bytes(64_000)
        data = base64.b64encode(pcm).decode()
        await client.send({"realtimeInput": {"audio": {"data": data, "mimeType": "audio/pcm;rate=16000"}}})
        await client.next("turnComplete")
        assert client.spoken() == speak("Of course.", sample_rate=24_000)
        assert server.records[0].audio_bytes == len(pcm)
