"""Calls to the plumber: what people say, what the model does, and how to look at what is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from agents.human_escalation import HumanEscalation
from tests.receivers import Hooks, Inbox, http_receiver, mail_server
from tools.escalation import Callback, Escalation
from voiceagent.testing import PhoneLine, PlayedCall

MONDAY_9_AM = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
"""09:00 in New York, where the plumber is."""

HELLO: dict[str, object] = {"on": "start", "say": "Lakeside Plumbing, how can I help you?"}
COMPLAINT = "my last bill is wrong, I have paid it twice"
SUMMARY = "The caller has paid the last bill twice."
HAND_OVER = "I am sorry about that. I put you through to a colleague."
BRIEFING = "Here is a caller who has paid the last bill twice."
NOBODY = "I am sorry, nobody is there. We call you back today at half past nine."


class Plumber(HumanEscalation):
    """At a fixed time."""

    def __init__(self) -> None:
        super().__init__(now=lambda: MONDAY_9_AM)


def escalating(*rules: object, **arguments: object) -> list[object]:
    """A model that puts the caller through after their complaint; ``rules`` are what it does next."""
    call = {"escalate_to_human": {"reason": "billing", "summary": SUMMARY, **arguments}}
    return [HELLO, {"on": "caller_done", "heard": COMPLAINT, "say": HAND_OVER, "call": call}, *rules]


def complaining(*steps: object) -> list[object]:
    """A caller who complains after the greeting."""
    return [{"wait": "agent_done"}, {"say": COMPLAINT}, *steps]


def agent_of(line: PhoneLine) -> HumanEscalation:
    """The agent of a line."""
    assert isinstance(line.agent, HumanEscalation)
    return line.agent


async def cases(line: PhoneLine, played: PlayedCall) -> list[Escalation]:
    """The escalations of a call."""
    return await agent_of(line).store.of_call(played.call_id)


async def callback(line: PhoneLine, played: PlayedCall) -> Callback | None:
    """The callback of a call."""
    return await agent_of(line).callbacks.of_call(played.call_id)


@asynccontextmanager
async def team(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Inbox, Hooks]]:
    """The team's mail server and webhook, which the agent finds in its environment."""
    async with mail_server() as inbox, http_receiver() as hooks:
        monkeypatch.setenv("VOICEAGENT_SMTP_URL", inbox.url)
        monkeypatch.setenv("VOICEAGENT_MAIL_FROM", "phone@lakeside.example")
        monkeypatch.setenv("VOICEAGENT_MAIL_TO", "team@lakeside.example")
        monkeypatch.setenv("VOICEAGENT_WEBHOOK_URL", hooks.url)
        yield inbox, hooks
