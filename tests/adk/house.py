"""A house with several agents, for the tests of phone calls through google-adk."""

from __future__ import annotations

from typing import Any

from google.adk.agents import LlmAgent

from tests.engines.office import Talk, talk
from voiceagent import CallContext, Decision, VoiceAgent
from voiceagent.adk import AdkEngine

GREETING = "Hello, what can I do for you?"
BILL = "I have a question about my bill"
HANDOVER = "One moment please."
BILLING = "This is billing. How much was it?"
AMOUNT = "thirty euros"
REFUNDED = "It will be paid back to you."


class House(VoiceAgent):
    """Answers for the whole house."""

    instruction = "You answer the phone."
    idle_seconds = None

    async def on_model_unavailable(self, call: CallContext) -> Decision:
        return Decision.REJECT


def billing(*tools: Any, **fields: Any) -> LlmAgent:
    return LlmAgent(
        name="billing",
        description="Knows all about bills.",
        instruction="You do bills.",
        tools=tools,
        **fields,
    )


def plot(*rules: dict[str, Any], script: list[Any] | None = None) -> dict[str, Any]:
    """The caller asks for billing, is handed over, and says how much it was; then come the rules."""
    return {
        "script": script
        or [
            {"wait": "agent_done"},
            {"say": BILL},
            {"wait": "agent_done"},
            {"say": AMOUNT},
            {"wait": "agent_done"},
            "hangup",
        ],
        "model": [
            {"on": "start", "say": GREETING},
            {
                "on": "caller_done",
                "heard": BILL,
                "say": HANDOVER,
                "call": {"transfer_to_agent": {"agent_name": "billing"}},
            },
            {"on": "start", "say": BILLING},
            *rules,
        ],
    }


def one_tool(name: str, /, **args: Any) -> dict[str, Any]:
    """The agent that answers calls one tool, and says that it is done."""
    return {
        "script": [{"wait": "agent_done"}, {"say": AMOUNT}, {"wait": 6}, "hangup"],
        "model": [
            {"on": "start", "say": GREETING},
            {"on": "caller_done", "heard": AMOUNT, "call": {name: args}},
            {"on": "tool_result", "say": REFUNDED},
        ],
    }


async def call_house(engine: AdkEngine, scenario: dict[str, Any], **options: Any) -> Talk:
    """Phone the house."""
    return await talk(engine, plot=scenario, **{"agent": House, **options})


def declared(talk: Talk, session: int) -> set[str]:
    """The tools that the model of a connection was offered."""
    setup = talk.sessions[session].setup
    assert setup is not None
    return {function["name"] for tool in setup["tools"] for function in tool["functionDeclarations"]}


def instruction(talk: Talk, session: int) -> str:
    setup = talk.sessions[session].setup
    assert setup is not None
    return str(setup["systemInstruction"]["parts"][0]["text"])
