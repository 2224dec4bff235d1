"""An agent tells while it takes calls: nobody has to think of delivering."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.receivers import Hooks, Inbox, http_receiver, mail_server
from tests.tools_.messaging.conftest import mail_to
from tests.virtual_time import run_virtual
from tools.messaging import Message, MessagingAgent, Webhook
from tools.messaging.outbox import FAREWELL_S, PERIOD_S
from tools.storage import Database

VOICEMAIL = Message("voicemail", "New voicemail", "Please call back.")


@asynccontextmanager
async def working(agent: MessagingAgent) -> AsyncIterator[MessagingAgent]:
    """As the service does it."""
    tasks = asyncio.all_tasks()
    await agent.on_startup()
    try:
        yield agent
    finally:
        await agent.on_shutdown()
    assert asyncio.all_tasks() == tasks, "a task was left behind"


async def tell(agent: MessagingAgent, message: Message = VOICEMAIL) -> None:
    async with agent.database.writing() as session:
        await agent.outbox.add(session, message)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, database_url: str) -> pytest.MonkeyPatch:
    monkeypatch.setenv("VOICEAGENT_DATABASE_URL", database_url)
    monkeypatch.setenv("VOICEAGENT_MAIL_FROM", "desk@riverside.example")
    monkeypatch.setenv("VOICEAGENT_MAIL_TO", "rivera@riverside.example")
    return monkeypatch


@asynccontextmanager
async def receivers(environment: pytest.MonkeyPatch) -> AsyncIterator[tuple[Inbox, Hooks]]:
    async with mail_server() as inbox, http_receiver() as hooks:
        environment.setenv("VOICEAGENT_SMTP_URL", inbox.url)
        environment.setenv("VOICEAGENT_WEBHOOK_URL", hooks.url)
        yield inbox, hooks


def test_a_message_leaves_at_once_and_in_mid_call(environment: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        async with receivers(environment) as (inbox, hooks), working(MessagingAgent()) as agent:
            began = asyncio.get_running_loop().time()
            async with agent.database.writing() as session:
                async with session.begin_nested():
                    await agent.for_call().outbox.add(session, VOICEMAIL)
                await agent.outbox.add(session, VOICEMAIL)
            await inbox.wait(2)
            await hooks.wait(2)
            assert asyncio.get_running_loop().time() - began < 1

    run_virtual(story())


def test_what_the_last_program_left_is_sent_at_the_start(environment: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        async with receivers(environment) as (inbox, _):
            agent = MessagingAgent()
            await agent.database.open()
            await tell(agent)
            await agent.database.close()
            assert inbox.messages == []
            async with working(MessagingAgent()):
                await inbox.wait(1)

    run_virtual(story())


def test_what_failed_is_tried_again_while_the_service_runs(
    environment: pytest.MonkeyPatch, clock: object
) -> None:
    async def story() -> None:
        async with receivers(environment) as (inbox, hooks):
            hooks.status = 503
            async with working(MessagingAgent(now=clock)) as agent:  # type: ignore[arg-type]
                await tell(agent)
                await inbox.wait(1)
                await hooks.wait(1)
                hooks.status = 204
                await asyncio.sleep(3 * PERIOD_S)
                assert len(hooks.requests) == 1, "its time has not come"
                clock.advance(minutes=1)  # type: ignore[attr-defined]
                await hooks.wait(2)
            assert len(inbox.messages) == 1

    run_virtual(story())


def test_stopping_sends_what_is_due(environment: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        async with receivers(environment) as (inbox, _):
            agent = MessagingAgent()
            await agent.on_startup()
            await tell(agent)
            await agent.on_shutdown()
            assert len(inbox.messages) == 1

    run_virtual(story())


def test_stopping_does_not_wait_for_a_receiver_that_is_stuck(environment: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        async with receivers(environment) as (inbox, hooks):
            hooks.delay = 3600
            agent = MessagingAgent()
            await agent.on_startup()
            await tell(agent)
            await hooks.wait(1)
            began = asyncio.get_running_loop().time()
            await agent.on_shutdown()
            assert asyncio.get_running_loop().time() - began == pytest.approx(FAREWELL_S, abs=0.5)
            assert len(inbox.messages) == 1

    run_virtual(story())


def test_a_database_that_goes_away_for_a_while_ends_nothing(
    environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        async with receivers(environment) as (inbox, _), working(MessagingAgent()) as agent:
            reading, away = Database.reading, [True]

            def interrupted(self: Database) -> object:
                if away:
                    raise OSError("the database has gone away")
                return reading(self)

            environment.setattr(Database, "reading", interrupted)
            await tell(agent)
            await asyncio.sleep(PERIOD_S / 2)
            assert "could not be looked through" in caplog.text
            assert inbox.messages == []
            away.clear()
            await inbox.wait(1)

    run_virtual(story())


def test_a_cancelled_service_leaves_no_task_behind(environment: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        async with receivers(environment) as (_, hooks):
            hooks.delay = 3600
            agent = MessagingAgent()
            await agent.on_startup()
            tasks = asyncio.all_tasks()
            await tell(agent)
            await hooks.wait(1)
            stopping = asyncio.create_task(agent.on_shutdown())
            await asyncio.sleep(1)
            stopping.cancel()
            with pytest.raises(asyncio.CancelledError):
                await stopping
            assert [task.get_name() for task in asyncio.all_tasks() if task.get_name() == "outbox"] == []
            assert any(task.get_name() == "outbox" for task in tasks)

    run_virtual(story())


def test_an_agent_may_name_its_channels_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SMTP_URL", "WEBHOOK_URL", "DATABASE_URL"):
        monkeypatch.delenv(f"VOICEAGENT_{name}", raising=False)

    async def story() -> None:
        async with mail_server() as inbox, http_receiver() as hooks:

            class Reception(MessagingAgent):
                database_url = f"sqlite:///{tmp_path / 'data.db'}"
                mail = mail_to(inbox.url)
                webhook = Webhook(hooks.url)

            async with working(Reception()) as agent:
                await tell(agent)
                await inbox.wait(1)
                await hooks.wait(1)

    run_virtual(story())


def test_a_wrong_environment_is_named_before_the_first_call(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("VOICEAGENT_SMTP_URL", "mail.example")
    with pytest.raises(ValueError, match="VOICEAGENT_SMTP_URL"):
        MessagingAgent()
