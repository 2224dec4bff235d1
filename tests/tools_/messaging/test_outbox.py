"""What was stored is told, once, however often the receiver is away; what was not stored is not told."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from tests.receivers import http_receiver, mail_server
from tests.tools_.conftest import Clock
from tests.tools_.messaging.conftest import deliveries, mail_to, open_outbox, put
from tools.messaging import Attachment, DeliveryState, Message, OutboxAttachment, OutboxMessage, Webhook
from tools.messaging.outbox import FIRST_DELAY, KEEP, LEASE, MAX_ATTEMPTS

VOICEMAIL = Message("voicemail", "New voicemail", "Please call back.")


async def test_a_message_leaves_when_its_transaction_is_committed(database_url: str, clock: Clock) -> None:
    async with (
        http_receiver() as hooks,
        open_outbox(database_url, clock, webhook=Webhook(hooks.url)) as outbox,
    ):
        with pytest.raises(RuntimeError, match="hung up"):
            async with outbox._database.writing() as session:
                await outbox.add(session, VOICEMAIL)
                raise RuntimeError("hung up")
        assert await outbox.deliver() == 0
        await put(outbox, VOICEMAIL)
        assert await outbox.deliver() == 1
        assert await outbox.deliver() == 0
        assert [request.json["subject"] for request in hooks.requests] == ["New voicemail"]


async def test_each_channel_gets_a_message_and_fails_on_its_own(database_url: str, clock: Clock) -> None:
    async with mail_server() as inbox, http_receiver() as hooks:
        hooks.status = 503
        channels = {"mail": mail_to(inbox.url), "webhook": Webhook(hooks.url)}
        async with open_outbox(database_url, clock, **channels) as outbox:
            await put(outbox, VOICEMAIL)
            assert await outbox.deliver() == 1
            hooks.status = 204
            clock.advance(hours=1)
            assert await outbox.deliver() == 1
    assert len(inbox.messages) == 1
    assert [request.status for request in hooks.requests] == [503, 204]
    ids = {request.headers["idempotency-key"] for request in hooks.requests}
    assert ids == {inbox.messages[0]["Message-ID"].strip("<>").partition("@")[0]}


async def test_mail_goes_to_addresses_and_the_webhook_is_told_of_everything(
    database_url: str, clock: Clock
) -> None:
    async with mail_server() as inbox, http_receiver() as hooks:
        channels = {"mail": mail_to(inbox.url), "webhook": Webhook(hooks.url)}
        async with open_outbox(database_url, clock, **channels) as outbox:
            for to in (None, "anna@example.com", "+15550100"):
                await put(outbox, replace(VOICEMAIL, to=to))
            assert await outbox.deliver() == 5
    assert sorted(map(str, inbox.recipients)) == ["['anna@example.com']", "['rivera@riverside.example']"]
    assert {request.json["to"] for request in hooks.requests} == {None, "anna@example.com", "+15550100"}


async def test_without_a_channel_a_message_is_kept_and_nothing_is_sent(
    database_url: str, clock: Clock
) -> None:
    async with open_outbox(database_url, clock) as outbox:
        await put(outbox, VOICEMAIL)
        assert await outbox.deliver() == 0
        assert await deliveries(outbox) == []
        async with outbox._database.reading() as session:
            assert await session.scalar(select(OutboxMessage.subject)) == "New voicemail"


async def test_a_receiver_that_is_away_is_asked_less_and_less_often(database_url: str, clock: Clock) -> None:
    async with (
        http_receiver() as hooks,
        open_outbox(database_url, clock, webhook=Webhook(hooks.url)) as outbox,
    ):
        hooks.status = 500
        await put(outbox, VOICEMAIL)
        waits = []
        for attempt in range(1, MAX_ATTEMPTS):
            assert await outbox.deliver() == 0
            (delivery,) = await deliveries(outbox)
            assert (delivery.state, delivery.attempts) == (DeliveryState.WAITING, attempt)
            assert delivery.error == "the webhook answers 500"
            waits.append(delivery.next_attempt_at - clock())
            clock.now = delivery.next_attempt_at - timedelta(seconds=1)
            assert await outbox.deliver() == 0
            assert len(hooks.requests) == attempt
            clock.now = delivery.next_attempt_at
        for number, wait in enumerate(waits):
            expected = min(FIRST_DELAY * 2**number, timedelta(hours=6))
            assert 0.75 * expected <= wait <= 1.25 * expected
        assert len({wait / FIRST_DELAY for wait in waits[-3:]}) == 3, "workers would march in step"


async def test_a_message_is_given_up_and_can_be_revived(
    database_url: str, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        http_receiver() as hooks,
        open_outbox(database_url, clock, webhook=Webhook(hooks.url)) as outbox,
    ):
        hooks.status = 500
        await put(outbox, VOICEMAIL)
        for _ in range(MAX_ATTEMPTS + 3):
            await outbox.deliver()
            clock.advance(hours=8)
        assert len(hooks.requests) == MAX_ATTEMPTS
        (delivery,) = await deliveries(outbox)
        assert delivery.state == DeliveryState.DEAD
        assert "is given up: webhook: the webhook answers 500" in caplog.text
        hooks.status = 204
        assert await outbox.revive() == 1
        assert await outbox.deliver() == 1
        assert await outbox.revive() == 0
        (delivery,) = await deliveries(outbox)
        assert (delivery.state, delivery.attempts, delivery.error) == (DeliveryState.SENT, 1, "")


async def test_several_workers_send_each_message_once(database_url: str, clock: Clock) -> None:
    async with http_receiver() as hooks:
        channel = Webhook(hooks.url)
        async with (
            open_outbox(database_url, clock, webhook=channel) as first,
            open_outbox(database_url, clock, webhook=channel) as second,
            open_outbox(database_url, clock, webhook=channel) as third,
        ):
            for number in range(20):
                await put(first, replace(VOICEMAIL, subject=f"Voicemail {number}"))
            sent = await asyncio.gather(first.deliver(), second.deliver(), third.deliver(), third.deliver())
            assert sum(sent) == 20
    subjects = [request.json["subject"] for request in hooks.requests]
    assert sorted(subjects) == sorted(f"Voicemail {number}" for number in range(20))


async def test_what_a_worker_died_over_is_sent_by_another_one(database_url: str, clock: Clock) -> None:
    async with http_receiver() as hooks:
        channel = Webhook(hooks.url)
        async with open_outbox(database_url, clock, webhook=channel) as outbox:
            await put(outbox, VOICEMAIL)
            hooks.delay = 20
            dying = asyncio.create_task(outbox.deliver())
            await hooks.wait(1)
            dying.cancel()
            with pytest.raises(asyncio.CancelledError):
                await dying
            hooks.delay = 0
        async with open_outbox(database_url, clock, webhook=channel) as other:
            clock.advance(seconds=LEASE.total_seconds() - 1)
            assert await other.deliver() == 0, "somebody may still be sending it"
            clock.advance(seconds=1)
            assert await other.deliver() == 1
    assert len({request.headers["idempotency-key"] for request in hooks.requests}) == 1


async def test_a_message_that_kills_its_worker_every_time_is_given_up(
    database_url: str, clock: Clock
) -> None:
    async with (
        http_receiver() as hooks,
        open_outbox(database_url, clock, webhook=Webhook(hooks.url)) as outbox,
    ):
        await put(outbox, VOICEMAIL)
        for _ in range(MAX_ATTEMPTS):
            assert len(await outbox._claim()) == 1, "and now the process is gone"
            clock.advance(seconds=LEASE.total_seconds())
        assert await outbox._claim() == []
        (delivery,) = await deliveries(outbox)
        assert delivery.state == DeliveryState.DEAD
        assert hooks.requests == []


async def test_a_message_with_a_key_is_sent_once(database_url: str, clock: Clock) -> None:
    async with (
        http_receiver() as hooks,
        open_outbox(database_url, clock, webhook=Webhook(hooks.url)) as outbox,
    ):
        reminder = replace(VOICEMAIL, key="reminder of appointment 7")
        await put(outbox, reminder, reminder)
        await outbox.deliver()
        await put(outbox, reminder)
        await outbox.deliver()
        assert len(hooks.requests) == 1


async def test_one_broken_message_does_not_keep_the_others(
    database_url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        http_receiver() as hooks,
        open_outbox(database_url, clock, webhook=Webhook(hooks.url)) as outbox,
    ):
        whole = Webhook.send

        async def send(self: Webhook, letter: object) -> None:
            if letter.message.subject == "broken":  # type: ignore[attr-defined]
                raise KeyError("+15550100")
            await whole(self, letter)  # type: ignore[arg-type]

        monkeypatch.setattr(Webhook, "send", send)
        await put(outbox, replace(VOICEMAIL, subject="broken"), VOICEMAIL)
        assert await outbox.deliver() == 1
        assert [each.error for each in await deliveries(outbox)] == ["unexpected KeyError", ""]
        assert "+15550100" not in caplog.text


async def test_sent_messages_are_forgotten_after_a_while(database_url: str, clock: Clock) -> None:
    async with mail_server() as inbox, http_receiver() as hooks:
        channels = {"mail": mail_to(inbox.url), "webhook": Webhook(hooks.url)}
        async with open_outbox(database_url, clock, **channels) as outbox:
            wav = (Attachment("message.wav", "audio/wav", b"RIFF"),)
            await put(outbox, replace(VOICEMAIL, attachments=wav))
            await outbox.deliver()
            hooks.status = 410
            await put(outbox, replace(VOICEMAIL, subject="for a receiver that is gone"))
            await outbox.deliver()
            clock.advance(seconds=KEEP.total_seconds() - 60)
            await put(outbox, replace(VOICEMAIL, subject="new"))
            clock.advance(seconds=120)
            await outbox.forget(clock() - KEEP)
            async with outbox._database.reading() as session:
                kept = list(await session.scalars(select(OutboxMessage.subject).order_by(OutboxMessage.id)))
                files = await session.scalar(select(func.count()).select_from(OutboxAttachment))
            assert kept == ["for a receiver that is gone", "new"]
            assert files == 0


async def test_facts_may_be_what_python_has(database_url: str, clock: Clock) -> None:
    async with (
        http_receiver() as hooks,
        open_outbox(database_url, clock, webhook=Webhook(hooks.url)) as outbox,
    ):
        facts = {"at": clock(), "words": ("a", "b"), "odd": "\x00\ud800", "share": float("nan")}
        await put(outbox, replace(VOICEMAIL, data=facts))
        with pytest.raises(ValueError, match="serialize"):
            await put(outbox, replace(VOICEMAIL, data={"what": object()}))
        assert await outbox.deliver() == 1
        assert hooks.requests[0].json["data"] | {"odd": 0} == {
            "at": "2026-03-02T14:00:00Z",
            "words": ["a", "b"],
            "odd": 0,
            "share": None,
        }


async def test_logs_name_nobody(database_url: str, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="tools")
    caplog.set_level(logging.INFO, logger="httpx")
    async with mail_server() as inbox, http_receiver() as hooks:
        hooks.status, inbox.refuse = 500, "550 5.1.1 no such user anna@example.com"
        secret = Webhook(hooks.url + "/token-4711", secret="hunter2")
        async with open_outbox(database_url, clock, mail=mail_to(inbox.url), webhook=secret) as outbox:
            message = replace(VOICEMAIL, to="anna@example.com", subject="Anna Miller, +15550100")
            await put(outbox, message)
            await outbox.deliver()
            shown = caplog.text + repr(secret) + repr(message) + str(await deliveries(outbox))
            errors = [delivery.error for delivery in await deliveries(outbox)]
    assert errors == ["the mail server refuses (550)", "the webhook answers 500"]
    for private in ("anna@example.com", "hunter2", "token-4711"):
        assert private not in shown
    assert "+15550100" not in caplog.text
