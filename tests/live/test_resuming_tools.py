"""Tool calls outlive the connection that they were made over: each runs once, and the model learns of it."""

from __future__ import annotations

import pytest

from tests.live.service import Remembering, service, talking, texts
from tests.virtual_time import virtual_time
from voiceagent.live import Audio, Reopened, Scheduling, ToolCalls, ToolCallsCancelled


@pytest.mark.parametrize("scheduling", [None, Scheduling.SILENT])
@virtual_time
async def test_a_result_whose_connection_is_lost_is_told_as_text(scheduling: Scheduling | None) -> None:
    async with service() as played, talking(played, Remembering()) as (talk, first):
        await first.calls("fc-1", "book")
        await talk.until(ToolCalls)
        await first.socket.close(1008, "not implemented")
        second = await played.connection()
        await talk.until(Reopened)
        await talk.session.send_tool_result("fc-1", "book", {"result": "done"}, scheduling=scheduling)
        await second.until(lambda connection: len(connection.messages) == 2)
    assert texts(second) == [
        "You have called the tool book and its result is still to come; do not call it again.",
        'The tool book that you called has this result: {"result": "done"}',
    ]
    asked = [message["client_content"]["turn_complete"] for message in second.messages]
    assert asked == [False, scheduling is None]


@virtual_time
async def test_a_result_that_was_sent_and_not_spoken_of_is_told_again() -> None:
    memory = Remembering()
    async with service() as played, talking(played, memory) as (talk, first):
        await first.calls("fc-1", "book")
        await talk.until(ToolCalls)
        await talk.session.send_tool_result("fc-1", "book", {"result": "done"})
        await first.until(lambda connection: connection.messages)
        memory.heard = "Go on from there"
        first.abort()
        second = await played.connection()
        await second.until(lambda connection: connection.messages)
    assert texts(second) == ['The tool book that you called has this result: {"result": "done"}']
    assert second.messages[0]["client_content"]["turn_complete"] is True


@virtual_time
async def test_a_result_that_was_spoken_of_is_context_for_the_rest_of_the_answer() -> None:
    memory = Remembering()
    memory.heard = "Go on from there"
    async with service() as played, talking(played, memory) as (talk, first):
        await first.calls("fc-1", "book")
        await talk.until(ToolCalls)
        await talk.session.send_tool_result("fc-1", "book", {"result": "done"})
        await first.speaks()
        await talk.until(Audio)
        first.abort()
        second = await played.connection()
        await second.until(lambda connection: connection.messages)
    (message,) = second.messages
    assert texts(second) == [
        'The tool book that you called has this result: {"result": "done"}',
        "Go on from there",
    ]
    assert message["client_content"]["turn_complete"] is True


@virtual_time
async def test_calls_of_two_connections_with_one_id_are_two_calls() -> None:
    async with service() as played, talking(played, Remembering()) as (talk, first):
        await first.calls("fc-1", "book")
        await talk.until(ToolCalls)
        first.abort()
        second = await played.connection()
        await talk.until(Reopened)
        await second.calls("fc-1", "look_up")
        await second.send(toolCallCancellation={"ids": ["fc-1"]})
        cancelled = await talk.until(ToolCallsCancelled)
        calls = [call for event in talk.events if isinstance(event, ToolCalls) for call in event.calls]
        assert [call.name for call in calls] == ["book", "look_up"]
        assert calls[0].id != calls[1].id == cancelled.ids[0]

        await second.calls("fc-1", "look_up")
        await talk.session.send_tool_result(calls[1].id, "look_up", {"result": 1})
        await second.until(lambda connection: len(connection.messages) == 2)
    (response,) = second.messages[1]["tool_response"]["function_responses"]
    assert response["name"] == "look_up"
