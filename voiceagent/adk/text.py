"""A voice agent as an agent of ADK, which talks to it in text.

Its rule: it is the same agent. Its instruction is built as for a call, its tools run as in one, with the same
checks, deadlines and errors; only what needs a line answers "not on a call".
"""

from __future__ import annotations

import os
import re
from typing import Any

from google.adk.agents import LlmAgent
from google.adk.agents.readonly_context import ReadonlyContext
from google.adk.models.base_llm import BaseLlm
from google.adk.tools.base_tool import BaseTool
from google.adk.tools.base_toolset import BaseToolset
from google.adk.tools.tool_context import ToolContext
from google.genai.types import FunctionDeclaration, GenerateContentConfig

from voiceagent.adk.adopted import AdoptedTool
from voiceagent.adk.context import context_of_runner
from voiceagent.adk.sessions import Resources, TextCalls
from voiceagent.adk.sources import Offer, is_adk_tool, is_adk_toolset
from voiceagent.agent import VoiceAgent
from voiceagent.live import ToolCall, ToolDeclaration
from voiceagent.toolbox import EVERYTHING, Toolbox

MODEL_VARIABLE = "VOICEAGENT_TEXT_MODEL"
"""Environment variable with the model for text; models for calls do not answer to text."""


def agent_of(
    agent: VoiceAgent, *, model: str | BaseLlm | None = None, name: str | None = None, **options: Any
) -> LlmAgent:
    """An ``LlmAgent`` with the agent's instruction and tools.

    A session's state may have ``caller_number``: the agent then treats the user as that caller.

    Args:
        agent: The agent. ``on_startup`` runs before its first use, ``on_shutdown`` when ADK closes a runner.
        model: A text model; by default that of the variable ``VOICEAGENT_TEXT_MODEL``, else ADK's own.
        name: Name of the ADK agent; by default that of the class, in small letters.
        options: Further fields of ``LlmAgent``, such as ``sub_agents`` or callbacks.

    Raises:
        TypeError: a tool cannot be offered to a model.
        ValueError: two tools have the same name.
    """
    resources, calls = Resources(agent), TextCalls(agent)

    async def instruction(context: ReadonlyContext) -> str:
        async with resources.used():
            return (await calls.of(context)).instruction

    sources = [source.source if isinstance(source, Offer) else source for source in agent.tools]
    adks = [source for source in sources if is_adk_tool(source) or is_adk_toolset(source)]
    fields: dict[str, Any] = {
        "name": name or snake_case(type(agent).__name__),
        "description": first_line(type(agent).__doc__),
        "instruction": instruction,
        "generate_content_config": GenerateContentConfig(temperature=agent.temperature),
    }
    if model := model or os.environ.get(MODEL_VARIABLE):
        fields["model"] = model
    fields.update(options)
    fields["tools"] = [_AgentToolset(agent, resources, calls), *adks, *options.get("tools", ())]
    return LlmAgent(**fields)


class _AgentToolset(BaseToolset):
    """The agent's own tools. A toolset, because ADK closes toolsets at the end."""

    def __init__(self, agent: VoiceAgent, resources: Resources, calls: TextCalls) -> None:
        super().__init__()
        self._agent = agent
        self._resources = resources
        self._calls = calls
        self._own_tools()

    async def get_tools(self, readonly_context: ReadonlyContext | None = None) -> list[BaseTool]:
        """The tools; ADK's own among them are given to it as they are."""
        async with self._resources.used():
            return list(self._own_tools())

    async def close(self) -> None:
        """Let the agent close what it opened."""
        await self._resources.close()

    def _own_tools(self) -> list[_TextTool]:
        own = (tool for tool in self._agent.tool_functions() if not isinstance(tool, AdoptedTool))
        toolbox = Toolbox(own, EVERYTHING)
        return [_TextTool(declaration, self._resources, self._calls) for declaration in toolbox.declarations]


class _TextTool(BaseTool):
    """One tool of the agent, run for the session that ADK is in."""

    def __init__(self, declaration: ToolDeclaration, resources: Resources, calls: TextCalls) -> None:
        super().__init__(name=declaration.name, description=declaration.description)
        self._parameters = dict(declaration.parameters)
        self._resources = resources
        self._calls = calls

    def _get_declaration(self) -> FunctionDeclaration:
        return FunctionDeclaration(
            name=self.name, description=self.description, parameters_json_schema=self._parameters
        )

    async def run_async(self, *, args: dict[str, Any], tool_context: ToolContext) -> dict[str, Any]:
        """Run it as in a call; its errors are results that the model can read."""
        async with self._resources.used():
            call = await self._calls.of(tool_context)
            call.read(tool_context.state.to_dict())
            outer = context_of_runner.set(tool_context)
            try:
                return await call.toolbox.run(
                    ToolCall(tool_context.function_call_id or "", self.name, args), call.context
                )
            finally:
                context_of_runner.reset(outer)
                call.write(tool_context)


def snake_case(name: str) -> str:
    """The name of a class as the name of an ADK agent."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def first_line(doc: str | None) -> str:
    """What a docstring says of a class, as the description of an ADK agent."""
    return (doc or "").strip().partition("\n")[0]
