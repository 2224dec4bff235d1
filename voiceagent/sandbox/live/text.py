"""The model's endpoint for text: ``generateContent`` and ``streamGenerateContent`` play the same scenario.

Its rule: the same rules fire as in a call. The interface has no sessions, so how far a conversation has come
is derived from the contents that the client sends along; nothing is remembered here.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from voiceagent.sandbox.live.rules import NEUTRAL, RuleBook
from voiceagent.sandbox.scenario import FunctionCall, Rule, Scenario

NOTED = "All right."
"""The answer where the model is silent in a call: to a function's result of which no rule speaks."""

_CHARACTERS_PER_TOKEN = 4
"""A rule of thumb, for the usage that is reported."""


def text_routes(scenario: Callable[[], Scenario]) -> list[web.RouteDef]:
    """The routes for text.

    Args:
        scenario: Says what is played now.
    """
    endpoint = _TextEndpoint(scenario)
    # Vertex AI has the same two methods under a longer path.
    path = r"/{path:.+}/models/{model}"
    return [
        web.post(path + ":generateContent", endpoint.generate),
        web.post(path + ":streamGenerateContent", endpoint.stream),
    ]


@dataclass(frozen=True)
class Answer:
    """What the model answers.

    Attributes:
        text: What it says; may be empty where it calls functions.
        calls: The functions it calls.
    """

    text: str
    calls: tuple[FunctionCall, ...] = ()


class BadContents(ValueError):
    """The client's contents are none; the text says what is wrong."""


def answer(rules: tuple[Rule, ...], contents: Any) -> Answer:
    """The model's next answer in a conversation.

    Args:
        rules: What the model does.
        contents: The conversation so far, as the interface has it: texts and function responses of the user,
            and the model's own answers, which follow from them and are passed over.

    Raises:
        BadContents: these are no contents, or they do not end with something to answer.
    """
    book = RuleBook(rules)
    result: Answer | None = None
    calling: int | None = None
    first = True
    for parts in _turns_of_user(contents):
        text = " ".join(part["text"] for part in parts if isinstance(part.get("text"), str)).strip()
        results = [part["functionResponse"] for part in parts if "functionResponse" in part]
        if results:
            index = None if calling is None else book.tool_result(calling, json.dumps(results))
            result = Answer(NOTED)
        elif text:
            index = _rule_for_text(book, text, first=first)
            first = False
            result = Answer(NEUTRAL)
        else:
            continue
        if index is not None:
            rule = book.fire(index)
            result = Answer(rule.say or ("" if rule.calls else NOTED), rule.calls)
            calling = index if rule.calls else calling
    if result is None:
        raise BadContents("contents must hold a text or a functionResponse of the user")
    return result


def _rule_for_text(book: RuleBook, text: str, *, first: bool) -> int | None:
    """The first text may be the greeting cue, or already what a rule waits for."""
    index = book.text(text)
    if first and (index is None or book[index].heard is None):
        start = book.start(text)
        return index if start is None else start
    return index


def _turns_of_user(contents: Any) -> Iterator[list[dict[str, Any]]]:
    # The interface takes a single content for a list of one.
    for content in contents if isinstance(contents, list) else [contents]:
        if not isinstance(content, dict):
            raise BadContents("contents must be a list of objects with role and parts")
        parts = content.get("parts", [])
        if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
            raise BadContents("parts must be a list of objects")
        if content.get("role", "user") != "model":
            yield parts


class _TextEndpoint:
    def __init__(self, scenario: Callable[[], Scenario]) -> None:
        self._scenario = scenario

    async def generate(self, request: web.Request) -> web.Response:
        """``POST .../models/MODEL:generateContent``: the whole answer."""
        contents, result = await self._answer(request)
        return web.json_response(_response(request, contents, result, _parts(result), last=True))

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """``POST .../models/MODEL:streamGenerateContent``: the answer part by part, as server-sent events."""
        contents, result = await self._answer(request)
        parts = _parts(result)
        chunks = [_response(request, contents, result, [part], last=part is parts[-1]) for part in parts]
        if request.query.get("alt") != "sse":
            return web.json_response(chunks)
        body = "".join(f"data: {json.dumps(chunk)}\r\n\r\n" for chunk in chunks)
        return web.Response(text=body, content_type="text/event-stream")

    async def _answer(self, request: web.Request) -> tuple[Any, Answer]:
        if not ({"x-goog-api-key", "authorization"} & {name.lower() for name in request.headers}) and (
            "key" not in request.query
        ):
            raise _refusal(web.HTTPForbidden, "PERMISSION_DENIED", "No API key: any will do here.")
        try:
            contents = (await request.json()).get("contents")
            return contents, answer(self._scenario().model, contents)
        except (ValueError, AttributeError) as error:
            said = str(error) if isinstance(error, BadContents) else "the body must be a JSON object"
            raise _refusal(web.HTTPBadRequest, "INVALID_ARGUMENT", said) from None


def _parts(result: Answer) -> list[dict[str, Any]]:
    said: list[dict[str, Any]] = [{"text": result.text}] if result.text or not result.calls else []
    calls = [{"functionCall": {"id": uuid.uuid4().hex, "name": c.name, "args": c.args}} for c in result.calls]
    return said + calls


def _response(
    request: web.Request, contents: Any, result: Answer, parts: list[dict[str, Any]], *, last: bool
) -> dict[str, Any]:
    candidate: dict[str, Any] = {"index": 0, "content": {"role": "model", "parts": parts}}
    if last:
        candidate["finishReason"] = "STOP"
    asked = len(json.dumps(contents)) // _CHARACTERS_PER_TOKEN
    answered = len(result.text) // _CHARACTERS_PER_TOKEN
    return {
        "candidates": [candidate],
        "modelVersion": request.match_info["model"],
        "usageMetadata": {
            "promptTokenCount": asked,
            "candidatesTokenCount": answered,
            "totalTokenCount": asked + answered,
        },
    }


def _refusal(kind: type[web.HTTPClientError], status: str, message: str) -> web.HTTPClientError:
    body = {"error": {"code": kind.status_code, "message": message, "status": status}}
    return kind(text=json.dumps(body), content_type="application/json")
