"""The webhook: what a program needs to act on a message, and to know that it is genuine and new."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import timedelta

import pytest

from tests.receivers import Request, http_receiver
from tests.tools_.conftest import MONDAY_9_AM
from tests.virtual_time import virtual_time
from tools.messaging import Attachment, DeliveryError, Message, Webhook
from tools.messaging.message import Letter
from tools.storage import utc_now

VOICEMAIL = Letter(
    "0d5f",
    MONDAY_9_AM,
    Message(
        kind="voicemail",
        subject="New voicemail",
        text="Bitte um Rückruf.",
        to="+15550100",
        data={"seconds": 12.5},
        attachments=(Attachment("message.wav", "audio/wav", b"RIFF\x00\xff"),),
    ),
)


def signature(request: Request, key: bytes) -> str:
    """As a receiver computes it: https://www.standardwebhooks.com."""
    signed = b".".join(
        [request.headers["webhook-id"].encode(), request.headers["webhook-timestamp"].encode(), request.body]
    )
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


async def test_a_program_gets_the_whole_message() -> None:
    async with http_receiver() as hooks:
        await Webhook(hooks.url).send(VOICEMAIL)
    (request,) = hooks.requests
    assert request.headers["content-type"] == "application/json"
    assert request.headers["idempotency-key"] == request.headers["webhook-id"] == "0d5f"
    assert "webhook-signature" not in request.headers
    assert request.json == {
        "id": "0d5f",
        "kind": "voicemail",
        "created_at": "2026-03-02T14:00:00+00:00",
        "subject": "New voicemail",
        "text": "Bitte um Rückruf.",
        "to": "+15550100",
        "data": {"seconds": 12.5},
        "attachments": [
            {
                "name": "message.wav",
                "content_type": "audio/wav",
                "content": base64.b64encode(b"RIFF\x00\xff").decode(),
            }
        ],
    }


@pytest.mark.parametrize(
    ("secret", "key"),
    [
        ("open sesame", b"open sesame"),
        ("whsec_" + base64.b64encode(b"\x01\x02\x03").decode(), b"\x01\x02\x03"),
    ],
)
async def test_a_signature_shows_that_a_message_is_genuine(secret: str, key: bytes) -> None:
    async with http_receiver() as hooks:
        await Webhook(hooks.url, secret).send(VOICEMAIL)
    (request,) = hooks.requests
    assert request.headers["webhook-signature"] == signature(request, key)


async def test_a_message_that_comes_late_has_the_time_of_the_attempt() -> None:
    async with http_receiver() as hooks:
        for late in (timedelta(hours=1), timedelta(hours=20)):
            await Webhook(hooks.url, "open sesame", now=lambda late=late: MONDAY_9_AM + late).send(VOICEMAIL)
        await Webhook(hooks.url, "open sesame").send(VOICEMAIL)
    times = [int(request.headers["webhook-timestamp"]) for request in hooks.requests]
    written = MONDAY_9_AM.timestamp()
    assert times[:2] == [written + 3600, written + 20 * 3600]
    assert abs(utc_now().timestamp() - times[2]) < 60
    for request in hooks.requests:
        assert request.headers["webhook-signature"] == signature(request, b"open sesame")
        assert request.json["created_at"] == "2026-03-02T14:00:00+00:00"


@pytest.mark.parametrize(
    ("status", "permanent"),
    [(301, False), (400, False), (404, False), (410, True), (429, False), (500, False), (503, False)],
)
async def test_anything_but_success_is_a_failure(status: int, permanent: bool) -> None:
    async with http_receiver() as hooks:
        hooks.status = status
        with pytest.raises(DeliveryError, match=f"the webhook answers {status}") as refused:
            await Webhook(hooks.url).send(VOICEMAIL)
        assert refused.value.permanent is permanent
        assert len(hooks.requests) == 1


@pytest.mark.parametrize(
    ("header", "seconds"), [("120", 120), ("Wed, 21 Oct 2026 07:28:00 GMT", 0), ("-5", 0)]
)
async def test_a_receiver_may_say_when_to_come_back(header: str, seconds: float) -> None:
    async with http_receiver() as hooks:
        hooks.status, hooks.headers = 429, {"Retry-After": header}
        with pytest.raises(DeliveryError) as refused:
            await Webhook(hooks.url).send(VOICEMAIL)
        assert refused.value.retry_after == seconds


async def test_a_receiver_that_is_not_there_is_named_without_its_url() -> None:
    async with http_receiver() as hooks:
        pass
    with pytest.raises(DeliveryError, match=r"cannot be reached \(ConnectError\)") as refused:
        await Webhook(hooks.url).send(VOICEMAIL)
    assert "127.0.0.1" not in str(refused.value)


@virtual_time
async def test_a_receiver_that_does_not_answer_is_given_up() -> None:
    async with http_receiver() as hooks:
        hooks.delay = 3600
        with pytest.raises(DeliveryError):
            await Webhook(hooks.url).send(VOICEMAIL)


def test_the_environment_names_the_webhook() -> None:
    assert Webhook.from_env({}) is None
    plain = Webhook.from_env(
        {"VOICEAGENT_WEBHOOK_URL": "https://example.com/h", "VOICEAGENT_WEBHOOK_SECRET": ""}
    )
    assert plain == Webhook("https://example.com/h")
    signed = Webhook.from_env(
        {"VOICEAGENT_WEBHOOK_URL": "https://example.com/h/token-4711", "VOICEAGENT_WEBHOOK_SECRET": "hunter2"}
    )
    assert signed == Webhook("https://example.com/h/token-4711", "hunter2")
    assert repr(signed) == "Webhook()"


@pytest.mark.parametrize(
    ("url", "secret", "named"),
    [
        ("example.com/token-4711", None, "VOICEAGENT_WEBHOOK_URL"),
        ("ftp://example.com/token-4711", None, "VOICEAGENT_WEBHOOK_URL"),
        ("https://example.com", "whsec_hunter2!", "VOICEAGENT_WEBHOOK_SECRET"),
    ],
)
def test_a_wrong_setting_is_named_and_not_shown(url: str, secret: str | None, named: str) -> None:
    with pytest.raises(ValueError, match=named) as refused:
        Webhook(url, secret)
    assert "4711" not in str(refused.value)
    assert "hunter2" not in str(refused.value)
