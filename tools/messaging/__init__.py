"""Messages to people who are not on the phone: mail and a webhook, from an outbox in the database.

An agent is a subclass of :class:`MessagingAgent`, which makes ``self.outbox`` and empties it while the
service runs: at the start, after each transaction that wrote a message, and when a failed one is due again. A
store writes the message in the transaction that it tells of; nothing else is to be done:

    class Voicemail(MessagingAgent):
        def __init__(self, *, now: Callable[[], datetime] = utc_now) -> None:
            super().__init__(now=now)
            self.store = VoicemailStore(self.database, self.outbox, now=now)

    class VoicemailStore:
        async def keep(self, number: str, text: str, recording: bytes) -> None:
            async with self._database.writing() as session:
                session.add(Voicemail(number=number, text=text))
                await self._outbox.add(
                    session,
                    Message(
                        kind="voicemail",
                        subject=f"Voicemail from {number}",
                        text=text,
                        data={"number": number},
                        attachments=(Attachment("message.wav", "audio/wav", recording),),
                    ),
                )

A test sets ``VOICEAGENT_SMTP_URL``, ``VOICEAGENT_MAIL_FROM``, ``VOICEAGENT_MAIL_TO`` and
``VOICEAGENT_WEBHOOK_URL`` for its receivers before it makes the agent. A program without an agent calls
:meth:`Outbox.deliver`.
"""

from tools.messaging.agent import MessagingAgent
from tools.messaging.mail import MailServer, Tls
from tools.messaging.message import Attachment, DeliveryError, Message
from tools.messaging.models import SCHEMA, DeliveryState, OutboxAttachment, OutboxDelivery, OutboxMessage
from tools.messaging.outbox import Outbox
from tools.messaging.webhook import Webhook

__all__ = [
    "SCHEMA",
    "Attachment",
    "DeliveryError",
    "DeliveryState",
    "MailServer",
    "Message",
    "MessagingAgent",
    "Outbox",
    "OutboxAttachment",
    "OutboxDelivery",
    "OutboxMessage",
    "Tls",
    "Webhook",
]
