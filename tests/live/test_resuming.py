"""A session goes on over the next connection: what the service is told then, and what it is not."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.live.service import CONFIG, FRAME, Remembering, service, talking, texts
from tests.virtual_time import virtual_time
from voiceagent.live import (
    Audio,
    Reopened,
    Said,
    TurnComplete,
)


def frame(number: int) -> bytes:
    return number.to_bytes(2, "little") * (FRAME // 2)


def numbers(audio: bytes) -> list[int]:
    return [int.from_bytes(audio[at : at + 2], "little") for at in range(0, len(audio), FRAME)]


@virtual_time
async def test_no_frame_is_lost_or_sent_twice_when_a_connection_is_left_in_a_quiet_moment() -> None:
    async with service() as played, talking(played, Remembering()) as (talk, first):
        await first.ends_turn("handle-1")
        for number in range(200):
            await talk.session.send_audio(frame(number))
            if number == 100:
                await first.send(goAway={"timeLeft": "50s"})
            await asyncio.sleep(0.02)
        second = await played.connection()
        await second.until(lambda connection: numbers(connection.audio)[-1:] == [199])
        await first.closed.wait()
    assert second.handle == "handle-1"
    assert numbers(first.audio) + numbers(second.audio) == list(range(200))
    assert second.messages == []
    assert first.socket.close_code == 1000, "closed in order, so that all on it is read"


@virtual_time
async def test_a_connection_is_not_left_while_the_model_answers() -> None:
    memory = Remembering()
    async with service() as played, talking(played, memory) as (talk, first):
        await first.ends_turn("handle-1")
        await first.speaks()
        await talk.until(Audio)
        await first.send(goAway={"timeLeft": "50s"})
        for number in range(200):
            await talk.session.send_audio(frame(number))
            await asyncio.sleep(0.02)
        assert played.setups == 1
        await first.ends_turn("handle-2")
        second = await played.connection()
    assert second.handle == "handle-2", "the newest, with the whole answer"


@virtual_time
async def test_a_connection_is_not_left_while_an_answer_is_owed() -> None:
    memory = Remembering()
    async with service() as played, talking(played, memory) as (talk, first):
        await first.ends_turn("handle-1")
        memory.speaks = True
        await talk.session.send_audio(frame(1))
        memory.speaks = False
        await first.send(goAway={"timeLeft": "50s"})
        for number in range(100):
            await talk.session.send_audio(frame(number))
            await asyncio.sleep(0.02)
        assert played.setups == 1, "the caller is silent, and waits for the answer"
        await first.speaks()
        await first.ends_turn("handle-2")
        await talk.until(TurnComplete)
        await talk.session.send_audio(frame(0))
        assert (await played.connection()).handle == "handle-2"


@virtual_time
async def test_what_a_left_model_still_says_is_not_heard() -> None:
    memory = Remembering()
    memory.is_quiet = False
    memory.heard = 'The caller heard you up to: "Well" Go on from there'
    async with service() as played, talking(played, memory) as (talk, first):
        await first.ends_turn("handle-1")
        await first.speaks(b"\1\0" * 480)
        await first.send(goAway={"timeLeft": "4s"})
        second = await played.connection()
        for _ in range(3):
            await first.speaks(b"\2\0" * 480)
        await second.speaks(b"\3\0" * 480)
        reopened = await talk.until(Reopened)
        await talk.until(Audio)
        await asyncio.sleep(1)
    assert (reopened.cause, reopened.gap_ms, reopened.unfinished) == ("goAway", 0, True)
    assert [event.pcm[0] for event in talk.events if isinstance(event, Audio)] == [1, 3]
    assert texts(second) == [memory.heard]


@virtual_time
async def test_after_a_drop_what_was_not_answered_is_sent_again_in_order() -> None:
    memory = Remembering()
    async with service() as played, talking(played, memory) as (talk, first):
        await first.ends_turn("handle-1")
        for number in range(100):
            await talk.session.send_audio(frame(number))
        await first.speaks()
        await first.ends_turn("handle-2")
        await talk.until(Audio)
        memory.speaks = True
        for number in range(100, 200):
            await talk.session.send_audio(frame(number))
        await first.until(lambda connection: len(connection.audio) == 200 * FRAME)
        played.down = True
        first.abort()
        for number in range(200, 250):
            await talk.session.send_audio(frame(number))
            await asyncio.sleep(0.02)
        played.down = False
        second = await played.connection()
        await second.until(lambda connection: numbers(connection.audio)[-1:] == [249])
    assert numbers(second.audio) == list(range(100, 250)), "from the answer on, and what came into the gap"


@virtual_time
async def test_of_a_silent_caller_only_the_last_second_is_sent_again() -> None:
    async with service() as played, talking(played, Remembering()) as (talk, first):
        for number in range(500):
            await talk.session.send_audio(frame(number))
        first.abort()
        second = await played.connection()
        await second.until(lambda connection: numbers(connection.audio)[-1:] == [499])
    assert numbers(second.audio) == list(range(450, 500))


@virtual_time
async def test_what_the_caller_said_is_sent_again_long_after_but_not_the_silence_since() -> None:
    memory = Remembering()
    async with service() as played, talking(played, memory) as (talk, first):
        for number in range(1500):
            memory.speaks = 100 <= number < 200
            await talk.session.send_audio(frame(number))
        first.abort()
        second = await played.connection()
        await second.until(lambda connection: numbers(connection.audio)[-1:] == [1499])
    said, silence = numbers(second.audio)[:-50], numbers(second.audio)[-50:]
    assert said == list(range(50, 250)), "with a second before and after it"
    assert silence == list(range(1450, 1500))


@virtual_time
async def test_of_a_long_speech_the_last_quarter_of_a_minute_is_sent_again() -> None:
    memory = Remembering()
    memory.speaks = True
    async with service() as played, talking(played, memory) as (talk, first):
        for number in range(1000):
            await talk.session.send_audio(frame(number))
        first.abort()
        second = await played.connection()
        await second.until(lambda connection: numbers(connection.audio)[-1:] == [999])
    assert numbers(second.audio) == list(range(250, 1000))


@virtual_time
async def test_what_is_too_much_to_be_held_loses_its_beginning(caplog: pytest.LogCaptureFixture) -> None:
    async with service() as played, talking(played, Remembering()) as (talk, first):
        played.down = True
        first.abort()
        await asyncio.sleep(0.1)
        for number in range(2000):
            await talk.session.send_audio(frame(number))
        played.down = False
        second = await played.connection()
        await second.until(lambda connection: numbers(connection.audio)[-1:] == [1999])
    assert numbers(second.audio) == list(range(500, 2000)), "30 s"
    assert "10000 ms of the caller were too much to be kept" in caplog.text


@virtual_time
async def test_texts_that_were_not_answered_are_sent_again_and_those_of_the_gap_after_them() -> None:
    async with service() as played, talking(played, Remembering()) as (talk, first):
        await talk.session.send_text("answered")
        await first.speaks()
        await talk.until(Audio)
        await first.ends_turn("handle-1")
        await talk.until(TurnComplete)
        await talk.session.send_text("one")
        await first.until(lambda connection: len(connection.messages) == 2)
        first.abort()
        await asyncio.sleep(0)
        await talk.session.send_text("two")
        second = await played.connection()
        await second.until(lambda connection: len(connection.messages) == 2)
    assert texts(second) == ["one", "two"]


@virtual_time
async def test_a_handle_that_is_refused_is_given_up_for_the_history() -> None:
    memory = Remembering()
    memory.said = [Said("model", "Hello."), Said("user", "When are you open?")]
    async with service() as played, talking(played, memory) as (talk, first):
        played.refuses = {"handle-1"}
        await first.ends_turn("handle-1")
        await talk.until(TurnComplete)
        first.abort()
        second = await played.connection()
        reopened = await talk.until(Reopened)
        await second.until(lambda connection: connection.messages)
    assert (second.handle, reopened.resumed) == (None, False)
    assert reopened.gap_ms < 1000
    (message,) = second.messages
    assert message["client_content"] == {
        "turns": [
            {"role": "model", "parts": [{"text": "Hello."}]},
            {"role": "user", "parts": [{"text": "When are you open?"}]},
        ],
        "turn_complete": False,
    }


@virtual_time
async def test_what_the_service_calls_invalid_is_not_resumed() -> None:
    async with service() as played, talking(played, Remembering()) as (talk, first):
        await first.ends_turn("handle-1")
        await first.socket.close(1007, "invalid argument")
        assert (await played.connection()).handle is None
        await talk.until(Reopened)


@virtual_time
async def test_a_handle_that_came_at_once_does_not_stand_for_what_was_told_after_it() -> None:
    memory = Remembering()
    memory.said = [Said("model", "Hello.")]
    asked: list[float | None] = []
    memory.said_since = lambda moment: asked.append(moment) or memory.said  # type: ignore[method-assign,func-returns-value]
    async with service() as played, talking(played, memory) as (talk, first):
        first.abort()
        second = await played.connection()
        # As the service does right after the setup, before it has read the history.
        await second.send(sessionResumptionUpdate={"newHandle": "handle-2", "resumable": True})
        await talk.until(Reopened)
        await asyncio.sleep(1)
        second.abort()
        third = await played.connection()
        await third.until(lambda connection: connection.messages)
    assert third.handle == "handle-2"
    assert texts(third) == ["Hello."]
    assert set(asked) == {None}


# Models that take no history in mid-session -----------------------------------------------------------------

PICKY = replace(CONFIG, model="gemini-3.1-flash-live-preview")


@virtual_time
async def test_a_model_that_takes_history_at_the_start_only_gets_it_there() -> None:
    memory = Remembering()
    async with service() as played, talking(played, memory, PICKY) as (_, first):
        assert "historyConfig" not in first.setup
        memory.said, memory.heard = [Said("model", "Hello.")], "Go on from there"
        first.abort()
        second = await played.connection()
        await second.until(lambda connection: len(connection.messages) == 2)
    assert second.setup["historyConfig"] == {"initial_history_in_client_content": True}
    history, answer = second.messages
    assert history["client_content"]["turn_complete"] is True
    assert answer == {"realtime_input": {"text": "Go on from there"}}


@virtual_time
async def test_a_model_that_takes_no_more_history_is_told_it_with_the_next_text() -> None:
    memory = Remembering()
    async with service() as played, talking(played, memory, PICKY) as (talk, first):
        await first.ends_turn("handle-1")
        await talk.until(TurnComplete)
        memory.said = [Said("user", "When are you open?")]
        first.abort()
        second = await played.connection()
        await talk.until(Reopened)
        assert second.messages == []
        await talk.session.send_text("Answer now.")
        await second.until(lambda connection: connection.messages)
    assert "historyConfig" not in second.setup
    (text,) = texts(second)
    assert "The caller: When are you open?" in text
    assert text.endswith("\nAnswer now.")
