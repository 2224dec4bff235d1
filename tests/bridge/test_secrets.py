"""What nobody is to read of a call: arguments of tools and words of the caller that hold a code."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.phone import phone_system
from tests.virtual_time import virtual_time
from voiceagent import CallContext, Line, Service, ToolUse, VoiceAgent, tool
from voiceagent.report import EndReason


class Bank(VoiceAgent):
    instruction = "You answer for a bank."

    def __init__(self) -> None:
        self.codes: list[str] = []
        self.seen: list[str] = []

    def redact(self, call: CallContext, text: str) -> str:
        return re.sub(r"\b(four|two)\b", "*", text)

    @tool(secret=["code"])
    async def verify(self, code: str, name: str) -> str:
        """Check the code of the caller."""
        self.codes.append(code)
        return "right"

    @tool
    async def note(self, texts: list[str]) -> list[str]:
        """Keep notes."""
        return [f"kept: {text}" for text in texts]

    async def on_tool(self, call: CallContext, use: ToolUse) -> None:
        self.seen.append(str(use))

    async def on_transcript(self, call: CallContext, line: Line) -> None:
        self.seen.append(line.text)


@virtual_time
async def test_a_code_reaches_the_tool_and_nothing_else(tmp_path: Path) -> None:
    agent = Bank()
    plot = {
        "script": [{"wait": "agent_done"}, {"say": "my code is four two"}, {"wait": 30}],
        "model": [
            {"on": "start", "say": "Your code please."},
            {
                "on": "caller_done",
                "heard": "my code is four two",
                "call": [
                    {"verify": {"code": "4242", "name": "Anna", "pin": "4242"}},
                    {"verify": {"code": "4242", "name": "Anna"}},
                    {"nonsense": {"name": "4242"}},
                ],
            },
            {
                "on": "tool_result",
                "say": "Thank you, four two is right.",
                "call": {"note": {"texts": ["she said four", "two"]}},
            },
            {"on": "tool_result", "call": {"end_call": {"reason": "the code was four two"}}},
        ],
    }
    async with phone_system(agent, plot, reports=tmp_path) as phone:
        _, report = await phone.call()
    assert agent.codes == ["4242"]
    assert report.tools[1].arguments == {"code": "***", "name": "Anna"}
    assert report.transcript[1].text == "my code is * *"
    assert report.tools[3].arguments == {"texts": ["she said *", "*"]}
    assert report.tools[3].result == {"result": ["kept: she said *", "kept: *"]}
    assert report.end_note == "the code was * *"
    written = (tmp_path / report.call_id / "report.json").read_text()
    assert json.loads(written)["transcript"][2]["text"] == "Thank you, * * is right."
    shown = " ".join((written, *agent.seen, *(str(moment) for moment in phone.moments)))
    assert "4242" not in shown
    assert "four" not in shown


@virtual_time
async def test_a_redact_that_fails_costs_the_words_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(VoiceAgent):
        def redact(self, call: CallContext, text: str) -> str:
            raise RuntimeError("broken")

    plot = {
        "script": [{"wait": "agent_done"}, {"wait": 10}],
        "model": [{"on": "start", "say": "Your code is four two. Goodbye.", "call": {"end_call": {}}}],
    }
    async with phone_system(Broken, plot) as phone:
        _, report = await phone.call()
    assert report.ended is EndReason.AGENT_HUNG_UP
    assert "four" not in str(report)
    assert "redact failed" in caplog.text


def test_a_secret_that_is_no_parameter_is_refused_at_the_start() -> None:
    class Wrong(VoiceAgent):
        @tool(secret=["cod"])
        async def verify(self, code: str) -> str:
            """Check."""
            return code

    with pytest.raises(TypeError, match="secret 'cod' is no parameter"):
        Service(Wrong)
