"""Calls that are made of parts: what the caller says in turn, and what the model does about it."""

from __future__ import annotations

from typing import Any

Exchange = tuple[str, list[dict[str, Any]]]
"""What the caller says, and the rules that answer it, without their triggers: the first one fires when the
caller has spoken, the others when tools have returned."""


def scenario_of(
    *exchanges: Exchange, caller: str, hello: str, parting: str, goodbye: str, **parts: Any
) -> dict[str, Any]:
    """A call in which the caller says something, and the model does something, in turn; then they part.

    Args:
        exchanges: As above.
        caller: Who calls.
        hello: What the model says first.
        parting: What the caller says last.
        goodbye: What the model answers, before it ends the call.
        parts: Other parts of the scenario.
    """
    script: list[Any] = [{"wait": "agent_done"}]
    model: list[dict[str, Any]] = [{"on": "start", "say": hello}]
    for said, answers in exchanges:
        script += [{"say": said}, {"wait": "agent_done"}]
        for index, answer in enumerate(answers):
            trigger = {"on": "tool_result"} if index else {"on": "caller_done", "heard": said}
            model.append(trigger | answer)
    script += [{"say": parting}, {"wait": "agent_done"}]
    model.append({"on": "caller_done", "heard": parting, "say": goodbye, "call": {"end_call": {}}})
    return {"caller": {"from": caller}, "script": script, "model": model, **parts}
