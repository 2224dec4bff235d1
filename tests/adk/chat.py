"""A chat with an ADK agent in this process, whose model is the sandbox's."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from unittest.mock import patch

from google.adk.agents import LlmAgent
from google.adk.runners import InMemoryRunner, Runner
from google.adk.sessions import Session
from google.genai import types

from voiceagent.sandbox.live import LiveServer
from voiceagent.sandbox.scenario import Scenario

APP, USER = "chats", "somebody"


def environment(live_url: str) -> dict[str, str]:
    """What makes google-genai talk to the sandbox, and to nobody else."""
    return {
        "GOOGLE_GEMINI_BASE_URL": live_url.replace("ws:", "http:"),
        "GOOGLE_API_KEY": "any",
        "GOOGLE_GENAI_USE_VERTEXAI": "false",
        "OTEL_SDK_DISABLED": "true",
    }


@asynccontextmanager
async def text_model(scenario: Scenario) -> AsyncIterator[LiveServer]:
    """The sandbox's model, which agents made in here talk to."""
    async with LiveServer(scenario=scenario) as live:
        with patch.dict(os.environ, environment(live.url)):
            yield live


class ChatError(Exception):
    """ADK answers with an error."""


class Chat:
    """One session with an agent.

    Attributes:
        results: What the tools have answered, by the latest text.
    """

    def __init__(self, runner: Runner, session: Session) -> None:
        self.runner = runner
        self._session = session
        self.results: list[tuple[str, dict[str, Any]]] = []

    async def say(self, text: str, **state: Any) -> str:
        """Say something, with a change of the session's state; the last text of the answer."""
        self.results.clear()
        said = ""
        message = types.Content(role="user", parts=[types.Part(text=text)])
        async for event in self.runner.run_async(
            user_id=USER, session_id=self._session.id, new_message=message, state_delta=state or None
        ):
            if event.error_code is not None:
                raise ChatError(f"{event.error_code}: {event.error_message}")
            for part in (event.content and event.content.parts) or ():
                if part.function_response is not None:
                    self.results.append(
                        (part.function_response.name or "", part.function_response.response or {})
                    )
                said = part.text or said
        return said

    async def state(self) -> dict[str, Any]:
        """What ADK has kept."""
        session = await self.runner.session_service.get_session(
            app_name=APP, user_id=USER, session_id=self._session.id
        )
        assert session is not None
        return session.state

    async def other(self, agent: LlmAgent) -> Chat:
        """The same session, gone on with by another agent, as after a restart."""
        runner = Runner(agent=agent, app_name=APP, session_service=self.runner.session_service)
        return Chat(runner, self._session)


@asynccontextmanager
async def chat_with(agent: LlmAgent, **state: Any) -> AsyncIterator[Chat]:
    """A new session, with something in its state."""
    async with InMemoryRunner(agent=agent, app_name=APP) as runner:
        session = await runner.session_service.create_session(app_name=APP, user_id=USER, state=state)
        yield Chat(runner, session)
