"""What ADK takes for its connection to Gemini: it hands everything on to the call's own live session.

Its rule: ADK gets what it decides by (transcripts, tool calls, ends of turns) and nothing that it would
answer badly. It sees no audio, which must not wait for it, and no goAway and no closed connection, which
are dealt with below it.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from google.adk.models.base_llm_connection import BaseLlmConnection
from google.adk.models.google_llm import Gemini
from google.adk.models.llm_request import LlmRequest
from google.adk.models.llm_response import LlmResponse
from google.adk.tools.base_tool import BaseTool
from google.genai import types
from pydantic import PrivateAttr

from voiceagent.adk.adopted import schema_of
from voiceagent.live import (
    GenerationComplete,
    InputTranscript,
    Interrupted,
    LiveConfig,
    LiveConnectError,
    LiveEvent,
    LiveSession,
    OutputTranscript,
    Said,
    ToolCalls,
    ToolDeclaration,
    TurnComplete,
    Usage,
)

if TYPE_CHECKING:
    from voiceagent.adk.live import AdkSession

logger = logging.getLogger(__name__)

_MOST_WAITING = 1000
"""Messages that wait for ADK. Beyond it transcripts are left out; tool calls and ends of turns are not."""


class PhoneModel(Gemini):
    """The model of one agent of the tree in one call."""

    agent_name: str = ""
    voice: str | None = None
    _session: AdkSession | None = PrivateAttr(default=None)

    @asynccontextmanager
    async def connect(self, llm_request: LlmRequest) -> AsyncIterator[BaseLlmConnection]:
        """Give ADK a connection, which is the call's live session."""
        session = self._session
        if session is None:
            raise LiveConnectError("this agent belongs to no call")
        link = await session.connect(self, llm_request)
        # Where the run fails, the conversation goes on, and a new run may take it up again.
        yield PhoneConnection(link, session)
        session.leave(link, cut_off=True)


class LinkState(Enum):
    """Where an agent's part of the conversation is."""

    TALKING = "talking"
    HANDING_OVER = "handing over"
    """It has asked for another agent: what it still says is heard, what it is told is not sent any more."""

    LEFT = "left"


class Link:
    """One agent's part of the conversation: its live session, and what waits for ADK.

    Attributes:
        agent: Name of the agent.
        live: The session.
        tools: What ADK runs for it, by name.
        declared: The tools as its model sees them, by name.
        state: Where it is.
        farewell: Given to the bridge when the session has ended, before what the next agent says.
    """

    def __init__(self, agent: str, live: LiveSession) -> None:
        self.agent = agent
        self.live = live
        self.tools: Mapping[str, BaseTool] = {}
        self.declared: Mapping[str, ToolDeclaration] = {}
        self.state = LinkState.TALKING
        self.farewell: tuple[LiveEvent, ...] = ()
        self._id = uuid4().hex
        self._inbox: asyncio.Queue[LlmResponse | None] = asyncio.Queue()
        self._input = ""
        self._output = ""
        self._dropped = False

    def hear(self, event: LiveEvent) -> None:
        """Tell ADK what happened, if it is of interest to it."""
        match event:
            case InputTranscript():
                self._input += event.text
                self._put(partial=True, input_transcription=_transcription(event.text))
            case OutputTranscript():
                self._finish_input()
                self._output += event.text
                self._put(partial=True, output_transcription=_transcription(event.text))
            case Interrupted():
                self._finish()
                self._put(interrupted=True)
            case ToolCalls() | GenerationComplete():
                self._finish()
            case TurnComplete():
                self._finish()
                self._put(turn_complete=True)
            case Usage():
                counted = types.GenerateContentResponseUsageMetadata(
                    prompt_token_count=event.prompt_tokens,
                    candidates_token_count=event.response_tokens,
                    total_token_count=event.total_tokens,
                )
                self._put(usage_metadata=counted)

    def call(self, call_id: str, name: str, args: dict[str, Any]) -> None:
        """Let ADK run a tool."""
        part = types.Part(function_call=types.FunctionCall(id=call_id, name=name, args=args))
        self._put(content=types.Content(role="model", parts=[part]))

    def end(self) -> None:
        """Nothing more comes: ADK's run of this agent ends in order."""
        self._inbox.put_nowait(None)

    async def receive(self) -> AsyncGenerator[LlmResponse, None]:
        """What ADK is told, until :meth:`end`."""
        while self.state is not LinkState.LEFT:
            response = await self._inbox.get()
            if response is None:
                # ADK asks again, and takes for the end where nothing comes at all.
                self.end()
                return
            yield response

    def _finish(self) -> None:
        self._finish_input()
        text, self._output = self._output, ""
        if text:
            self._put(partial=False, output_transcription=_transcription(text, finished=True))

    def _finish_input(self) -> None:
        text, self._input = self._input, ""
        if text:
            self._put(partial=False, input_transcription=_transcription(text, finished=True))

    def _put(self, *, partial: bool | None = None, **fields: Any) -> None:
        if partial is not None and self._inbox.qsize() >= _MOST_WAITING:
            if not self._dropped:
                self._dropped = True
                logger.warning("agent %s: ADK is too slow, transcripts are left out", self.agent)
            return
        # The id makes ADK tell other agents who said it.
        self._inbox.put_nowait(LlmResponse(partial=partial, live_session_id=self._id, **fields))


class PhoneConnection(BaseLlmConnection):
    """ADK's end of a :class:`Link`."""

    def __init__(self, link: Link, session: AdkSession) -> None:
        self._link = link
        self._session = session

    async def send_history(self, history: list[types.Content]) -> None:
        """Nothing: the session has told the model before the caller's audio reached it."""

    async def send_content(self, content: types.Content) -> None:
        """Say something to the model, as a tool or a callback may want to."""
        text = _text_of(content)
        if text:
            await self._session.send_text(text)

    async def send_realtime(self, blob: types.Blob) -> None:
        """Nothing: the caller's audio goes to the model by the shortest way."""

    async def receive(self) -> AsyncGenerator[LlmResponse, None]:
        """What happens, as far as ADK is concerned."""
        async for response in self._link.receive():
            yield response

    async def close(self) -> None:
        """Another agent takes over."""
        self._session.leave(self._link)


def config_for(base: LiveConfig, model: PhoneModel, request: LlmRequest) -> LiveConfig:
    """What an agent's session is opened with.

    Raises:
        LiveConnectError: the agent has a tool that the model's service would run by itself.
    """
    config = request.config
    tools: list[ToolDeclaration] = []
    for tool in config.tools or ():
        declared = getattr(tool, "function_declarations", None)
        if not declared:
            raise LiveConnectError(
                f"agent {model.agent_name} has a tool that is no function, which cannot be used in a call"
            )
        for function in declared:
            blocking = None
            if function.behavior is not None:
                blocking = function.behavior is types.Behavior.BLOCKING
            name, described = str(function.name), function.description or ""
            tools.append(ToolDeclaration(name, described, schema_of(function), blocking))
    instruction = config.system_instruction
    return replace(
        base,
        model=model.model or base.model,
        instruction=instruction if isinstance(instruction, str) else "",
        voice=model.voice or base.voice,
        temperature=base.temperature if config.temperature is None else config.temperature,
        tools=tuple(tools),
    )


def history_of(contents: Sequence[types.Content]) -> tuple[list[Said], str | None]:
    """What ADK wants a new connection to know, and what of it the model is to answer at once."""
    said: list[Said] = []
    for content in contents:
        if text := _text_of(content):
            said.append(Said("model" if content.role == "model" else "user", text))
    answer = said.pop().text if said and said[-1].role == "user" else None
    return said, answer


def _text_of(content: types.Content) -> str:
    texts: list[str] = []
    for part in content.parts or ():
        if part.text and not part.thought:
            texts.append(part.text)
        elif part.function_call is not None:
            call = part.function_call
            texts.append(f"[You called the tool {call.name} with {_json(call.args or {})}.]")
        elif part.function_response is not None:
            result = part.function_response
            texts.append(f"[The tool {result.name} answered {_json(result.response or {})}.]")
    return "\n".join(texts)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _transcription(text: str, *, finished: bool = False) -> types.Transcription:
    return types.Transcription(text=text, finished=finished)
