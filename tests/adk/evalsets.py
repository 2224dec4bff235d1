"""Writes each agent's ``text.evalset.json`` from its scenario: ``python -m tests.adk.evalsets``.

Its rule: the scenario is the one place that says what a demo conversation is. The eval set is that
conversation held as a chat: what the caller says, the tools that are to be called for it, and the answer.
"""

from __future__ import annotations

import json
from typing import Any

from tests.adk.served import AGENTS, ROOT
from voiceagent.sandbox.live.rules import NEUTRAL
from voiceagent.sandbox.live.text import Answer, answer
from voiceagent.sandbox.scenario import Say, Scenario, load_scenario


def eval_set(agent: str) -> dict[str, Any]:
    """The eval set of an agent, as its file has it."""
    scenario = load_scenario(ROOT / "agents" / agent / "scenario.yaml")
    numbers = scenario.numbers
    state = {"caller_number": numbers.caller, "callee_number": numbers.callee}
    case = {
        "eval_id": "scenario",
        "conversation": _conversation(scenario),
        "session_input": {"app_name": agent, "user_id": "caller", "state": state},
    }
    return {
        "eval_set_id": f"{agent}_text",
        "name": f"{agent} as text",
        "description": "The conversation of scenario.yaml, held as a chat.",
        "eval_cases": [case],
    }


def in_file(agent: str) -> str:
    """The text of the file."""
    return json.dumps(eval_set(agent), indent=2, ensure_ascii=False) + "\n"


def _conversation(scenario: Scenario) -> list[dict[str, Any]]:
    said = [step.text for step in scenario.script.steps if isinstance(step, Say)]
    contents: list[dict[str, Any]] = []
    turns: list[dict[str, Any]] = []
    # On the phone the agent speaks first.
    for number, text in enumerate(["Hello?", *said], 1):
        contents.append(_content("user", text))
        uses, result = _answer(scenario, contents)
        if result.text == NEUTRAL:
            break
        turn = {
            "invocation_id": str(number),
            "user_content": _content("user", text),
            "final_response": _content("model", result.text),
            "intermediate_data": {"tool_uses": uses},
        }
        turns.append(turn)
        if any(use["name"] == "end_call" for use in uses):
            break
    return turns


def _answer(scenario: Scenario, contents: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], Answer]:
    """All tools that are called for the last text, and the answer in the end."""
    uses: list[dict[str, Any]] = []
    result = answer(scenario.model, contents)
    while result.calls:
        uses += [{"name": call.name, "args": call.args} for call in result.calls]
        results = [{"functionResponse": {"name": call.name, "response": {}}} for call in result.calls]
        contents.append({"role": "user", "parts": results})
        result = answer(scenario.model, contents)
    return uses, result


def _content(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"text": text}]}


if __name__ == "__main__":
    for name in AGENTS:
        (ROOT / "agents" / name / "text.evalset.json").write_text(in_file(name), encoding="utf-8")
