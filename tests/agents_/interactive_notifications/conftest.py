"""Notices in a file, receivers of what the team is told, and calls in which notices are read out."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.agents_.conversations import Exchange, scenario_of
from tests.receivers import Hooks, Inbox, http_receiver, mail_server
from tools.messaging import Outbox
from tools.notifications import NoticeStore, Urgency
from tools.storage import Database

ANNA, BOB = "+15550100", "+15550123"

WATER = "The water in your building is turned off tomorrow from nine to eleven."
PARCEL = "Your parcel waits at our front desk until Friday."
SURVEY = "We would be glad if you took part in our survey."

HELLO = "Harbor Supplies. You have new messages. Shall I read them to you?"
GOODBYE = "Have a good day. Goodbye."


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that the agent is told to use."""
    path = tmp_path / "notices.db"
    monkeypatch.setenv("VOICEAGENT_DATABASE_URL", url_of(path))
    return path


def url_of(database: Path) -> str:
    return f"sqlite+aiosqlite:///{database}"


async def leave(database: Path, *notices: tuple[str, Urgency], number: str = ANNA) -> list[int]:
    """Leave notices, as the business's own program does; gives their ids."""
    opened = Database(url_of(database))
    store = NoticeStore(opened, Outbox(opened))
    await opened.open()
    try:
        return [(await store.add(number, text, urgency=urgency)).id for text, urgency in notices]
    finally:
        await opened.close()


def states(database: Path) -> list[tuple[str, str]]:
    """Text and state of every notice, the oldest first."""
    with sqlite3.connect(database) as connection:
        return connection.execute("select text, state from notices order by id").fetchall()


def loop_clock() -> Callable[[], datetime]:
    """A clock that goes as the loop's does, so that retries come due on a virtual one."""
    loop, start = asyncio.get_running_loop(), datetime.now(UTC)
    began = loop.time()
    return lambda: start + timedelta(seconds=loop.time() - began)


@asynccontextmanager
async def team(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Inbox, Hooks]]:
    """The team's mail server and webhook, as the environment names them."""
    async with mail_server() as inbox, http_receiver() as hooks:
        monkeypatch.setenv("VOICEAGENT_SMTP_URL", inbox.url)
        monkeypatch.setenv("VOICEAGENT_MAIL_FROM", "line@harbor.example")
        monkeypatch.setenv("VOICEAGENT_MAIL_TO", "team@harbor.example")
        monkeypatch.setenv("VOICEAGENT_WEBHOOK_URL", hooks.url)
        yield inbox, hooks


def conversation(*exchanges: Exchange, caller: str = ANNA, **parts: Any) -> dict[str, Any]:
    """A call of these exchanges, from hello to goodbye."""
    return scenario_of(
        *exchanges, caller=caller, hello=HELLO, parting="that is all", goodbye=GOODBYE, **parts
    )


READ: dict[str, Any] = {"call": {"next_notice": {}}}
"""What the model does before it reads out a notice."""


def confirm(notice_id: object) -> dict[str, Any]:
    return {"call": {"acknowledge_notice": {"notice_id": notice_id}}}
