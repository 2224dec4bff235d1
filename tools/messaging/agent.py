"""An agent that has something to tell to people who are not on the phone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import ClassVar

from tools.messaging.mail import MailServer
from tools.messaging.outbox import Outbox
from tools.messaging.webhook import Webhook
from tools.storage import DatabaseAgent, utc_now


class MessagingAgent(DatabaseAgent):
    """A :class:`tools.storage.DatabaseAgent` with an outbox that is emptied while the service runs.

    Attributes:
        mail: The mail server, unless the environment names one (``VOICEAGENT_SMTP_URL``).
        webhook: The webhook, unless the environment names one (``VOICEAGENT_WEBHOOK_URL``).
        outbox: Takes messages, in the transaction that they tell of; they leave when it is committed.

    Args:
        now: The clock, an aware moment; replaced in tests.

    Raises:
        ValueError: The environment names a mail server or a webhook that cannot be used.
    """

    mail: ClassVar[MailServer | None] = None
    webhook: ClassVar[Webhook | None] = None

    def __init__(self, *, now: Callable[[], datetime] = utc_now) -> None:
        super().__init__(now=now)
        self.outbox = Outbox(
            self.database,
            mail=MailServer.from_env() or self.mail,
            webhook=Webhook.from_env() or self.webhook,
            now=now,
        )

    async def on_startup(self) -> None:
        """Open the database, and send what waits there."""
        await super().on_startup()
        self.outbox.start()

    async def on_shutdown(self) -> None:
        """Send what is due, and close the database."""
        try:
            await self.outbox.stop()
        finally:
            await super().on_shutdown()
