"""A practice that can be phoned by day and by night: its agent, its mailbox, its webhook, its recordings."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agents.after_hours_voicemail import AfterHoursVoicemail
from tests.receivers import Hooks, Inbox, http_receiver, mail_server
from tools.voicemail import MissedCall, Voicemail
from voiceagent.testing import PhoneLine, phone_line

NIGHT = datetime(2026, 3, 3, 1, 30, tzinfo=UTC)
"""Monday, March 2, half past eight in the evening in New York."""

DAY = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
"""Ten o'clock in the morning of that day."""

ANNA = "+15550100"
MAILBOX = "desk@riverside-dental.example"

GREETING = "Please leave a message."
MESSAGE = "hello this is Anna please call me back tomorrow about my filling"
CONFIRM = "I will pass it on. Goodbye."
COMPLETE = {
    "message_complete": {"summary": "Wants a call about her filling.", "caller_name": "Anna Miller"},
}
GOODBYE = {"end_call": {"reason": "the message is complete"}}


@dataclass
class Office:
    """What a test looks at.

    Attributes:
        line: To phone.
        agent: Who answers.
        inbox: The mailbox of the practice.
        hooks: What receives the webhook.
    """

    line: PhoneLine
    agent: AfterHoursVoicemail
    inbox: Inbox
    hooks: Hooks

    async def voicemails(self) -> list[Voicemail]:
        """The rows of messages, newest first."""
        return await self.agent.store.voicemails()

    async def missed_calls(self) -> list[MissedCall]:
        """The rows of calls that nobody took, newest first."""
        return await self.agent.store.missed_calls()

    @property
    def files(self) -> list[Path]:
        """What is in the folder of recordings."""
        return sorted(self.agent.store.folder.iterdir())

    def told(self) -> list[str]:
        """What the model was told as text in the latest call, its greeting first."""
        return [str(text) for text in self.line.live.records[-1].texts]

    def recording(self, voicemail: Voicemail) -> tuple[bytes, int]:
        """The PCM of a message, and its rate."""
        path = self.agent.store.path_of(voicemail)
        assert path is not None
        with wave.open(str(path)) as file:
            assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
            return file.readframes(file.getnframes()), file.getframerate()


@asynccontextmanager
async def office(
    folder: Path,
    scenario: dict[str, Any],
    kind: type[AfterHoursVoicemail] = AfterHoursVoicemail,
    *,
    now: datetime = NIGHT,
    sample_rate: int = 24000,
) -> AsyncIterator[Office]:
    """Run a practice that is phoned as the scenario says. Its clock begins at ``now``."""
    began = asyncio.get_running_loop().time()

    def clock() -> datetime:
        return now + timedelta(seconds=asyncio.get_running_loop().time() - began)

    async with mail_server() as inbox, http_receiver() as hooks:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("VOICEAGENT_DATABASE_URL", f"sqlite+aiosqlite:///{folder / 'voiceagent.db'}")
            patch.setenv("VOICEAGENT_SMTP_URL", inbox.url)
            patch.setenv("VOICEAGENT_MAIL_FROM", "agent@riverside-dental.example")
            patch.setenv("VOICEAGENT_MAIL_TO", MAILBOX)
            patch.setenv("VOICEAGENT_WEBHOOK_URL", hooks.url)
            agent = kind(now=clock)
        async with phone_line(agent, scenario, sample_rate=sample_rate) as line:
            yield Office(line, agent, inbox, hooks)


def plot(*script: object, model: list[dict[str, Any]], **more: object) -> dict[str, Any]:
    """A caller who hears the greeting and then does this; the model greets and then does that."""
    return {
        "caller": {"from": ANNA, "to": "+15550199"},
        "script": [{"wait": "agent_done"}, *script],
        "model": [{"on": "start", "say": GREETING}, *model],
        **more,
    }


def say(text: str) -> dict[str, str]:
    return {"say": text}


def heard(text: str, **does: Any) -> dict[str, Any]:
    return {"on": "caller_done", "heard": text, **does}


def told(**does: Any) -> dict[str, Any]:
    """What the model does when it is told something, or when a caller's turn fits nothing else."""
    return {"on": "caller_done", **does}


def then(text: str, **does: Any) -> dict[str, Any]:
    return {"on": "tool_result", "say": text, **does}


WAIT = {"wait": "agent_done"}

LEAVES_A_MESSAGE = plot(
    say(MESSAGE), WAIT, model=[heard(MESSAGE, call=COMPLETE), then(CONFIRM, call=GOODBYE)]
)
"""A caller who says all in one sentence; the model confirms it and says goodbye."""
