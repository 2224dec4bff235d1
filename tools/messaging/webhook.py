"""A webhook: each message as JSON, by HTTP POST, signed as Standard Webhooks says.

The headers and the signature are those of https://www.standardwebhooks.com, so that receivers can check them
with a library; ``Idempotency-Key`` is the same id for receivers that know that one.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import json
import logging
import os
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

import httpx

from tools.messaging.message import DeliveryError, Letter, Message
from tools.messaging.network import is_loopback, trusting
from tools.storage import utc_now

DEADLINE_S = 30.0
"""A receiver that has not answered by then has failed, in seconds."""

_posting: ContextVar[bool] = ContextVar("posting", default=False)


class _Discretion(logging.Filter):
    """httpx logs the URL of each request; that of a webhook may hold a token."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not _posting.get()


logging.getLogger("httpx").addFilter(_Discretion())


@dataclass(frozen=True)
class Webhook:
    """Where messages are posted.

    Attributes:
        url: ``https://...``; ``http://`` works too.
        secret: Key of the signature; ``whsec_`` and base64, or any text. None signs nothing.
        now: The clock, an aware moment; replaced in tests.

    Raises:
        ValueError: The URL or the secret is none.
    """

    url: str = field(repr=False)
    secret: str | None = field(default=None, repr=False)
    now: Callable[[], datetime] = field(default=utc_now, repr=False, compare=False)

    name = "webhook"

    def __post_init__(self) -> None:
        """Refuse what cannot work, without showing it: a URL may hold a token."""
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("the URL of the webhook must be like https://host/path (VOICEAGENT_WEBHOOK_URL)")
        self._key()

    @classmethod
    def from_env(cls, environment: Mapping[str, str] = os.environ) -> Webhook | None:
        """``VOICEAGENT_WEBHOOK_URL`` and ``VOICEAGENT_WEBHOOK_SECRET``; None where there is no URL.

        Raises:
            ValueError: One of them is wrong; the text says which.
        """
        url = environment.get("VOICEAGENT_WEBHOOK_URL")
        return cls(url, environment.get("VOICEAGENT_WEBHOOK_SECRET") or None) if url else None

    def takes(self, message: Message) -> bool:
        """Every message."""
        return True

    async def send(self, letter: Letter) -> None:
        """Post one message.

        Raises:
            DeliveryError: The answer was not a success (2xx), or there was none.
        """
        # In a thread: a recording of minutes takes a while to encode, and the audio of calls must not wait.
        body = await asyncio.to_thread(_encode, letter)
        secure = urlsplit(self.url).scheme == "https"
        context = await trusting() if secure else False
        local = is_loopback(urlsplit(self.url).hostname or "")
        posting = _posting.set(True)
        try:
            async with (
                asyncio.timeout(DEADLINE_S),
                httpx.AsyncClient(verify=context, timeout=DEADLINE_S, trust_env=not local) as http,
            ):
                answer = await http.post(self.url, content=body, headers=self._headers(letter, body))
        except TimeoutError as error:
            raise DeliveryError("the webhook does not answer") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise DeliveryError(f"the webhook cannot be reached ({type(error).__name__})") from error
        finally:
            _posting.reset(posting)
        if not answer.is_success:
            wait = answer.headers.get("retry-after", "")
            raise DeliveryError(
                f"the webhook answers {answer.status_code}",
                permanent=answer.status_code == httpx.codes.GONE,
                retry_after=float(wait) if wait.isascii() and wait.isdecimal() else 0,
            )

    def sign(self, uid: str, timestamp: int, body: bytes) -> str:
        """The value of ``webhook-signature``: HMAC-SHA256 of id, time (Unix, seconds) and body."""
        signed = f"{uid}.{timestamp}.".encode() + body
        return "v1," + base64.b64encode(hmac.digest(self._key(), signed, "sha256")).decode()

    def _headers(self, letter: Letter, body: bytes) -> dict[str, str]:
        # That of the attempt: libraries refuse a time that is more than five minutes off, against replays.
        timestamp = int(self.now().timestamp())
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": letter.uid,
            "webhook-id": letter.uid,
            "webhook-timestamp": str(timestamp),
        }
        if self.secret is not None:
            headers["webhook-signature"] = self.sign(letter.uid, timestamp, body)
        return headers

    def _key(self) -> bytes:
        secret = self.secret or ""
        if not secret.startswith("whsec_"):
            return secret.encode()
        try:
            return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            raise ValueError("after whsec_ the secret must be base64 (VOICEAGENT_WEBHOOK_SECRET)") from None


def _encode(letter: Letter) -> bytes:
    message = letter.message
    content = {
        "id": letter.uid,
        "kind": message.kind,
        "created_at": letter.created_at.isoformat(),
        "subject": message.subject,
        "text": message.text,
        "to": message.to,
        "data": message.data,
        "attachments": [
            {
                "name": attachment.name,
                "content_type": attachment.content_type,
                "content": base64.b64encode(attachment.content).decode(),
            }
            for attachment in message.attachments
        ],
    }
    return json.dumps(content).encode()
