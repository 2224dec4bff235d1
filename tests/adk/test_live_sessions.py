"""Session services of google-adk in phone calls: what they are given, and what happens when they fail."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
from google.adk.agents import LlmAgent, SequentialAgent
from google.adk.sessions import InMemorySessionService, Session
from google.adk.tools.agent_tool import AgentTool
from google.adk.tools.google_search_tool import google_search

from tests.adk.house import (
    BILL,
    BILLING,
    GREETING,
    HANDOVER,
    House,
    billing,
    call_house,
    one_tool,
    plot,
)
from tests.phone import CALLER
from tests.virtual_time import virtual_time
from voiceagent import CallContext, Service, VoiceAgent, tool
from voiceagent.adk import AdkEngine
from voiceagent.adk.engine import hashed_caller
from voiceagent.report import EndReason


class Knows(House):
    """Looks the caller up."""

    async def on_start(self, call: CallContext) -> None:
        call.state["tier"] = "gold"
        call.state["connection"] = object()

    @tool
    async def points(self, call: CallContext, add: int) -> int:
        """Add points."""
        call.state["points"] = call.state.get("points", 0) + add
        return int(call.state["points"])


def spoken(session: Session) -> list[tuple[str, str]]:
    """Who said what, as the session has it."""
    lines: list[tuple[str, str]] = []
    for event in session.events:
        for said in (event.input_transcription, event.output_transcription):
            if said is not None and said.text:
                lines.append((event.author, said.text))
    return lines


async def stored(service: InMemorySessionService, app: str, user: str) -> list[Session]:
    found = await service.list_sessions(app_name=app, user_id=user)
    sessions = []
    for each in found.sessions:
        session = await service.get_session(app_name=app, user_id=user, session_id=each.id)
        assert session is not None
        sessions.append(session)
    return sessions


@virtual_time
async def test_the_session_has_the_conversation_of_all_agents_and_no_number() -> None:
    service = InMemorySessionService()
    engine = AdkEngine(sub_agents=[billing()], session_service=service)
    call = await call_house(engine, plot())
    (context,) = call.phone.contexts.values()
    (session,) = await stored(service, "house", hashed_caller(context))
    assert session.id == context.call_id
    assert spoken(session) == [
        ("house", GREETING),
        ("user", BILL),
        ("house", HANDOVER),
        ("billing", BILLING),
        ("billing", "I am listening. Please go on."),
    ]
    assert CALLER not in session.model_dump_json()


@virtual_time
async def test_the_state_of_the_call_is_the_state_of_the_session() -> None:
    service = InMemorySessionService()

    def asked_for(call: CallContext) -> str:
        return call.caller_number or ""

    engine = AdkEngine(session_service=service, user_id=asked_for, app_name="shop")
    await call_house(engine, one_tool("points", add=5), agent=Knows)
    (session,) = await stored(service, "shop", CALLER)
    assert session.state == {"tier": "gold", "points": 5}


@virtual_time
async def test_without_a_service_of_ones_own_nothing_is_kept() -> None:
    engine = AdkEngine()
    await call_house(engine, plot())
    kept = engine._sessions
    assert isinstance(kept, InMemorySessionService)
    assert (await kept.list_sessions(app_name="house")).sessions == []


class FullDisk(InMemorySessionService):
    """Stores nothing once the call is answered."""

    async def append_event(self, session: Session, event: Any) -> Any:
        raise OSError(28, "No space left on device")


@virtual_time
async def test_a_store_that_fails_in_mid_call_costs_the_tools_and_not_the_call() -> None:
    engine = AdkEngine(session_service=FullDisk())
    call = await call_house(engine, one_tool("points", add=5), agent=Knows)
    assert call.report.ended is EndReason.CALLER_HUNG_UP
    assert call.heard(GREETING)


class Down(InMemorySessionService):
    """Cannot be reached."""

    async def get_session(self, **_: Any) -> Any:
        raise ConnectionError("no route to the database")


@virtual_time
async def test_a_store_that_is_down_is_told_before_the_call_is_answered() -> None:
    engine = AdkEngine(session_service=Down())
    call = await call_house(engine, plot())
    assert call.report.ended is EndReason.MODEL_UNAVAILABLE
    assert call.pcm == b""


# What fails at the start -----------------------------------------------------------------------------------


def refuse(engine: AdkEngine, agent: type[VoiceAgent] = House) -> str:
    """Why a service does not start."""
    with pytest.raises((TypeError, ValueError)) as refused:
        Service(type(agent.__name__, (agent,), {"engine": engine}), reports=None)
    return str(refused.value)


@pytest.mark.filterwarnings("ignore:SequentialAgent is deprecated")
def test_what_cannot_be_run_is_refused_when_the_service_is_made() -> None:
    root = LlmAgent(name="root")
    steps = SequentialAgent(name="steps", sub_agents=[LlmAgent(name="first")])
    clerk = LlmAgent(name="clerk", tools=[google_search])

    def end_call() -> str:
        """End it."""
        return ""

    async def stream() -> AsyncIterator[str]:
        """Stream."""
        yield ""

    class Nested(VoiceAgent):
        engine = AdkEngine()

    assert "House.instruction is not used" in refuse(AdkEngine(agent=root))
    assert "agent steps is a SequentialAgent" in refuse(AdkEngine(sub_agents=[steps]))  # type: ignore[list-item]
    assert "google_search is run by the model's service" in refuse(AdkEngine(sub_agents=[clerk]))
    assert "stream is a streaming tool" in refuse(AdkEngine(sub_agents=[billing(stream)]))
    assert "two agents are called 'billing'" in refuse(AdkEngine(sub_agents=[billing(), billing()]))
    assert "two agents are called 'house'" in refuse(AdkEngine(sub_agents=[LlmAgent(name="house")]))
    assert "two tools are called 'end_call'" in refuse(AdkEngine(sub_agents=[billing(end_call)]))
    assert "Nested is a sub-agent, so it cannot have an engine" in refuse(AdkEngine(sub_agents=[Nested]))
    assert "voices has 'nobody'" in refuse(AdkEngine(voices={"nobody": "Puck"}))
    assert "shared_tools has 'nothing'" in refuse(AdkEngine(shared_tools=["nothing"]))
    assert "before_tool_callbacks" in refuse(AdkEngine(before_tool_callbacks=print))


def test_what_makes_no_sense_is_refused_when_the_engine_is_made() -> None:
    root = LlmAgent(name="root")
    for arguments, reason in [
        ({"agent": root, "sub_agents": [billing()]}, "has its own sub_agents"),
        ({"agent": root, "before_tool_callback": print}, "has its own before_tool_callback"),
        ({"agent": "root"}, "takes an LlmAgent"),
        ({"model": "gemini-3.8-live"}, "model is that of the voice agent"),
        ({"plugins": [print]}, "a plugin of ADK is a BasePlugin"),
    ]:
        with pytest.raises(TypeError, match=reason):
            AdkEngine(**arguments)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="tool_timeout"):
        AdkEngine(tool_timeout=0)


def test_an_agent_as_a_tool_needs_no_place_in_the_tree() -> None:
    helper = AgentTool(LlmAgent(name="helper", description="Helps."))
    AdkEngine(tools=[helper]).check(House())


def test_google_adk_is_not_imported_where_no_engine_is_used() -> None:
    code = (
        "import json, sys, voiceagent, voiceagent.service, voiceagent.conversation, voiceagent.engine;"
        "from voiceagent import VoiceAgent; VoiceAgent();"
        "print(json.dumps('google.adk' in sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(run.stdout) is False
