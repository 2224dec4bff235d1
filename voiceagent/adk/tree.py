"""The agents of one phone call, as ADK runs them: copies, each with the call's model and tools.

Its rule: what a user gave is never changed. An agent of ADK has one parent and one model for its life, and
calls are many.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from google.adk.agents import BaseAgent, LlmAgent
from google.adk.tools.base_tool import BaseTool
from google.adk.tools.base_toolset import BaseToolset

from voiceagent.adk.callable import OwnTool, tell_model
from voiceagent.adk.sessions import SharedState
from voiceagent.adk.sources import adopt
from voiceagent.adk.text import first_line, snake_case
from voiceagent.adk.transport import PhoneModel
from voiceagent.agent import VoiceAgent
from voiceagent.engine import EngineCall
from voiceagent.live import ToolDeclaration
from voiceagent.toolbox import EVERYTHING, Toolbox, ToolSource

SubAgent = LlmAgent | VoiceAgent | type[VoiceAgent]
"""What a voice agent can hand a call over to."""


@dataclass(frozen=True)
class Plan:
    """Which agents there are.

    Attributes:
        root: A ready agent of ADK; None makes one of the voice agent.
        sub_agents: Those that the voice agent hands over to.
        options: Further fields of the voice agent's ``LlmAgent``, such as callbacks.
        voices: Prebuilt voices, by the name of the agent.
        everywhere: Names of the voice agent's tools that every agent has.
    """

    root: LlmAgent | None = None
    sub_agents: Sequence[SubAgent] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    voices: Mapping[str, str] = field(default_factory=dict)
    everywhere: Sequence[str] = ()

    def check(self, agent: VoiceAgent) -> None:
        """See whether calls can be run so.

        Raises:
            TypeError: an agent or a tool cannot be used in a call.
            ValueError: two agents, or two tools of one agent, have the same name; or a name means nobody.
        """
        own = [tool.name for tool in Toolbox(agent.tool_functions(), EVERYTHING).declarations]
        for name in self.everywhere:
            if name not in own:
                raise ValueError(f"shared_tools has {name!r}, but the agent's tools are {', '.join(own)}")
        names: list[str] = []
        for member in self._members():
            names.append(_name_of(member))
            if isinstance(member, LlmAgent):
                _check_tools(member, own if member is self.root else self.everywhere)
            elif not isinstance(member, _VoiceMember):
                raise TypeError(
                    f"agent {member.name} is a {type(member).__name__}: only an LlmAgent or a VoiceAgent can"
                    " talk on the phone. Another one can be called by one of these, as AgentTool(...)"
                )
        if self.root is None:
            LlmAgent(name=snake_case(type(agent).__name__), **self.options)
            names.append(snake_case(type(agent).__name__))
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two agents are called {name!r}: give one of them another name")
        for name in self.voices:
            if name not in names:
                raise ValueError(f"voices has {name!r}, but the agents are {', '.join(names)}")

    def voice_agents(self) -> Iterator[VoiceAgent]:
        """The voice agents among the sub-agents."""
        for given in self.sub_agents:
            if not isinstance(given, BaseAgent):
                yield _made(given)

    def toolsets(self) -> Iterator[BaseToolset]:
        """The toolsets of ADK's agents, which are closed at the end."""
        for member in self._members():
            if isinstance(member, LlmAgent):
                yield from (tool for tool in member.tools if isinstance(tool, BaseToolset))

    def _members(self) -> Iterator[Any]:
        for given in (*self.sub_agents, *(() if self.root is None else (self.root,))):
            if isinstance(given, BaseAgent):
                yield from _below(given)
            else:
                yield _VoiceMember(_made(given))

    async def build(self, call: EngineCall, state: SharedState) -> LlmAgent:
        """The agents of one call.

        Returns:
            The one that answers it.
        """
        return await _Builder(self, call, state).build()


@dataclass(frozen=True)
class _VoiceMember:
    """A voice agent among the sub-agents."""

    agent: VoiceAgent

    @property
    def name(self) -> str:
        return snake_case(type(self.agent).__name__)


class _Builder:
    """Makes the agents of one call."""

    def __init__(self, plan: Plan, call: EngineCall, state: SharedState) -> None:
        self._plan = plan
        self._call = call
        self._state = state

    async def build(self) -> LlmAgent:
        plan, call = self._plan, self._call
        own = self._own(call.toolbox, call.config.tools)
        if plan.root is not None:
            return self._copy(plan.root, own)
        name = snake_case(type(call.agent).__name__)
        return self._agent(
            {
                "name": name,
                "description": first_line(type(call.agent).__doc__),
                # A function, because ADK fills {names} in a text with the state of the session.
                "instruction": lambda _: call.config.instruction,
                **plan.options,
                "tools": [*plan.options.get("tools", ()), *own],
                "sub_agents": [await self._sub_agent(given) for given in plan.sub_agents],
            }
        )

    def _copy(self, agent: LlmAgent, tools: Sequence[BaseTool]) -> LlmAgent:
        below = [self._copy(sub, self._everywhere()) for sub in agent.sub_agents if isinstance(sub, LlmAgent)]
        return agent.clone(
            {
                "model": self._model(agent.name),
                "tools": [*agent.tools, *tools],
                "sub_agents": below,
                "on_tool_error_callback": [*agent.canonical_on_tool_error_callbacks, tell_model],
            }
        )

    async def _sub_agent(self, given: SubAgent) -> LlmAgent:
        if isinstance(given, LlmAgent):
            return self._copy(given, self._everywhere())
        call = self._call
        agent = _made(given).for_call()
        await agent.on_start(call.context)
        toolbox = Toolbox(agent.tool_functions(), call.capabilities)
        instruction = agent.build_instruction(call.context)

        def words(text: Any) -> str:
            return agent.words(text, call.context)

        return self._agent(
            {
                "name": snake_case(type(agent).__name__),
                "description": first_line(type(agent).__doc__),
                "instruction": lambda _: instruction,
                "tools": self._own(toolbox, toolbox.declared(call.config.model, words)),
            },
            agent.voice,
        )

    def _agent(self, fields: dict[str, Any], voice: str | None = None) -> LlmAgent:
        agent = LlmAgent(**{**fields, "model": self._model(fields["name"], voice)})
        agent.on_tool_error_callback = [*agent.canonical_on_tool_error_callbacks, tell_model]
        return agent

    def _model(self, agent: str, voice: str | None = None) -> PhoneModel:
        voice = self._plan.voices.get(agent, voice)
        return PhoneModel(model=self._call.config.model, agent_name=agent, voice=voice)

    def _own(self, toolbox: Toolbox, declarations: Sequence[ToolDeclaration]) -> list[BaseTool]:
        context = self._call.context
        return [OwnTool(declaration, toolbox, context, self._state) for declaration in declarations]

    def _everywhere(self) -> list[BaseTool]:
        declarations = [tool for tool in self._call.config.tools if tool.name in self._plan.everywhere]
        return self._own(self._call.toolbox, declarations)


def _made(given: Any) -> VoiceAgent:
    agent = given() if isinstance(given, type) else given
    if not isinstance(agent, VoiceAgent):
        raise TypeError(f"a sub-agent is an LlmAgent of ADK or a VoiceAgent, not {given!r}")
    if any(isinstance(adopt(source), ToolSource) for source in agent.tools):
        raise TypeError(
            f"{type(agent).__name__} is a sub-agent with a toolset, which nobody would open: give it to an"
            " LlmAgent, or to the agent that answers the calls"
        )
    if agent.engine is not None:
        raise TypeError(f"{type(agent).__name__} is a sub-agent, so it cannot have an engine of its own")
    return agent


def _below(agent: BaseAgent) -> Iterator[BaseAgent]:
    yield agent
    for sub in agent.sub_agents:
        yield from _below(sub)


def _name_of(member: Any) -> str:
    return str(member.name)


def _check_tools(agent: LlmAgent, own: Sequence[str]) -> None:
    names = list(own)
    for tool in agent.tools:
        if isinstance(tool, BaseToolset):
            continue
        if inspect.isasyncgenfunction(getattr(tool, "func", tool)):
            name = getattr(tool, "__name__", tool)
            raise TypeError(
                f"agent {agent.name}: {name} is a streaming tool, which cannot be used in a call: let it"
                " return its result"
            )
        if isinstance(tool, BaseTool):
            # A tool without a declaration is one that the service runs by itself, such as Google Search.
            if type(tool)._get_declaration is BaseTool._get_declaration:
                raise TypeError(
                    f"agent {agent.name}: the tool {tool.name} is run by the model's service, and not called"
                    " by it as a function: it cannot be used in a call"
                )
            names.append(tool.name)
        else:
            names.append(getattr(tool, "__name__", type(tool).__name__))
        if names.count(names[-1]) > 1:
            raise ValueError(f"agent {agent.name}: two tools are called {names[-1]!r}: rename one of them")


def belongs_to(agent: LlmAgent, session: Any) -> None:
    """Let an agent and all below it talk in one call."""
    for member in _below(agent):
        if isinstance(member, LlmAgent) and isinstance(member.model, PhoneModel):
            member.model._session = session
