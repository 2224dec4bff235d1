"""The sandbox's model answers texts: google-genai's own client, unmodified, and raw requests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from google import genai
from google.genai import types
from google.genai.errors import ClientError

from voiceagent.sandbox.live import LiveServer
from voiceagent.sandbox.live.rules import NEUTRAL
from voiceagent.sandbox.live.text import NOTED, BadContents, answer
from voiceagent.sandbox.scenario import parse_scenario

SCENARIO = """\
model:
  - {on: start, say: "Hello. What can I do for you?"}
  - {on: caller_done, heard: when do you open, say: One moment., call: {opening_hours: {day: monday}}}
  - {on: tool_result, say: At nine.}
  - {on: caller_done, heard: I want a tandem, call: {in_stock: {model: tandem}, price: {model: tandem}}}
  - {on: tool_result, say: There is one for nine hundred.}
  - {on: caller_done, heard: that is all, say: Goodbye., call: {end_call: {}}}
"""

MODEL = "gemini-3.5-flash"


@asynccontextmanager
async def client() -> AsyncIterator[genai.client.AsyncClient]:
    async with LiveServer(scenario=parse_scenario(SCENARIO)) as server:
        options = types.HttpOptions(base_url=server.url.replace("ws:", "http:"))
        async with genai.Client(api_key="any", http_options=options).aio as opened:
            yield opened


class Chat:
    """A conversation, whose history the client keeps, as the interface wants it."""

    def __init__(self, opened: genai.client.AsyncClient) -> None:
        self._client = opened
        self.contents: list[types.Content] = []

    async def say(self, text: str) -> types.Content:
        return await self._ask(types.Part(text=text))

    async def result(self, *names: str) -> types.Content:
        return await self._ask(
            *(types.Part.from_function_response(name=n, response={"ok": 1}) for n in names)
        )

    async def _ask(self, *parts: types.Part) -> types.Content:
        self.contents.append(types.Content(role="user", parts=list(parts)))
        response = await self._client.models.generate_content(model=MODEL, contents=list(self.contents))
        assert response.candidates is not None
        assert response.candidates[0].finish_reason is types.FinishReason.STOP
        content = response.candidates[0].content
        assert content is not None
        self.contents.append(content)
        return content


def told(content: types.Content) -> list[str]:
    """Texts and calls of an answer, in order."""
    return [
        part.function_call.name or "" if part.function_call else part.text or ""
        for part in content.parts or ()
    ]


async def test_a_conversation_walks_down_the_rules() -> None:
    async with client() as opened:
        chat = Chat(opened)

        assert told(await chat.say("hello")) == ["Hello. What can I do for you?"]
        assert told(await chat.say("When do you open?")) == ["One moment.", "opening_hours"]
        assert told(await chat.result("opening_hours")) == ["At nine."]
        assert told(await chat.say("I want a tandem")) == ["in_stock", "price"]
        assert told(await chat.result("in_stock", "price")) == ["There is one for nine hundred."]
        assert told(await chat.say("that is all")) == ["Goodbye.", "end_call"]
        assert told(await chat.result("end_call")) == [NOTED]
        assert told(await chat.say("is anybody there")) == [NEUTRAL]


async def test_two_conversations_do_not_know_of_each_other() -> None:
    async with client() as opened:
        one, other = Chat(opened), Chat(opened)

        await one.say("hello")
        assert told(await one.say("I want a tandem")) == ["in_stock", "price"]
        assert told(await other.say("hello")) == ["Hello. What can I do for you?"]


async def test_a_first_text_that_a_rule_waits_for_needs_no_greeting() -> None:
    async with client() as opened:
        assert told(await Chat(opened).say("I want a tandem")) == ["in_stock", "price"]


async def test_what_no_rule_expects_gets_the_neutral_sentence() -> None:
    async with client() as opened:
        chat = Chat(opened)
        await chat.say("hello")

        assert told(await chat.say("do you sell umbrellas")) == [NEUTRAL]
        assert told(await chat.say("When do you open?")) == ["One moment.", "opening_hours"]


async def test_an_answer_is_streamed_part_by_part() -> None:
    async with client() as opened:
        stream = await opened.models.generate_content_stream(model=MODEL, contents="when do you open")
        chunks = [chunk async for chunk in stream]

    assert [told(chunk.candidates[0].content) for chunk in chunks] == [["One moment."], ["opening_hours"]]
    assert [chunk.candidates[0].finish_reason for chunk in chunks] == [None, types.FinishReason.STOP]
    assert chunks[0].model_version == MODEL
    assert chunks[0].usage_metadata.total_token_count > 0


async def test_contents_that_are_none_are_refused_in_the_services_words() -> None:
    async with client() as opened:
        with pytest.raises(ClientError) as refused:
            await opened.models.generate_content(
                model=MODEL, contents=[types.Content(role="model", parts=[])]
            )

    assert refused.value.code == 400
    assert refused.value.status == "INVALID_ARGUMENT"


@pytest.mark.parametrize("contents", [None, [], [1], [{"parts": 5}], [{"parts": ["x"]}], [{"role": "user"}]])
def test_malformed_contents_say_what_is_wrong(contents: Any) -> None:
    with pytest.raises(BadContents, match=r"contents|parts"):
        answer((), contents)


async def test_a_request_needs_a_key_and_a_json_object() -> None:
    async with LiveServer() as server, aiohttp.ClientSession() as http:
        url = f"{server.url.replace('ws:', 'http:')}/v1beta/models/{MODEL}:generateContent"
        async with http.post(url, json={"contents": []}) as no_key:
            assert no_key.status == 403
            assert (await no_key.json())["error"]["status"] == "PERMISSION_DENIED"
        for body in (b"no json", b"[]", b"\xff"):
            async with http.post(url, data=body, params={"key": "any"}) as malformed:
                assert malformed.status == 400
                assert "JSON object" in (await malformed.json())["error"]["message"]


async def test_vertex_ai_has_the_same_interface_under_a_longer_path() -> None:
    path = "/v1beta1/projects/p/locations/l/publishers/google/models/m:streamGenerateContent"
    body = {"contents": {"parts": [{"text": "hello"}]}}
    headers = {"Authorization": "Bearer any"}
    async with LiveServer() as server, aiohttp.ClientSession(headers=headers) as http:
        async with http.post(server.url.replace("ws:", "http:") + path, json=body) as answered:
            (chunk,) = await answered.json()

    assert chunk["candidates"][0]["content"]["parts"] == [{"text": NEUTRAL}]
