"""Mail, by SMTP."""

from __future__ import annotations

import asyncio
import enum
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib

from tools.messaging.message import DeliveryError, Letter, Message, check_address
from tools.messaging.network import is_loopback, trusting

DEADLINE_S = 30.0
"""A mail server that has not taken a mail by then has failed, in seconds."""


class Tls(enum.StrEnum):
    """How a connection to a mail server is protected."""

    NONE = "none"
    """Not at all: for a server on this machine, or in a network of one's own."""

    STARTTLS = "starttls"
    """From the STARTTLS command on; usual on port 587."""

    IMPLICIT = "implicit"
    """From the first byte on; usual on port 465."""


@dataclass(frozen=True)
class MailServer:
    """A mail server, and whose mail it sends.

    Attributes:
        host: Name or address of the server.
        port: Its port.
        sender: Address that mail comes from.
        recipients: Where mail to the business itself goes.
        username: For the login; None for none.
        password: Likewise.
        tls: How the connection is protected.

    Raises:
        ValueError: An address is none, or a password would travel unprotected.
    """

    host: str
    port: int
    sender: str
    recipients: tuple[str, ...] = ()
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: Tls = Tls.STARTTLS

    name = "mail"

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if not self.sender:
            raise ValueError("the address that mail comes from is missing")
        for address in (self.sender, *self.recipients):
            check_address(address)
        if self.password and self.tls is Tls.NONE and not is_loopback(self.host):
            raise ValueError("a password is not sent to a mail server without TLS; use smtps:// or STARTTLS")

    @classmethod
    def from_env(cls, environment: Mapping[str, str] = os.environ) -> MailServer | None:
        """The server of the environment; None where it names none.

        ``VOICEAGENT_SMTP_URL`` is ``smtp://user:password@host:587``, or ``smtps://...`` for TLS from the
        first byte on. ``smtp://`` means STARTTLS, except to this machine; ``?tls=none`` does without it.
        ``VOICEAGENT_MAIL_FROM`` is the sender, ``VOICEAGENT_MAIL_TO`` where mail to the business goes: one
        address, or several with commas between them.

        Raises:
            ValueError: One of them is missing or wrong; the text says which.
        """
        if not (url := environment.get("VOICEAGENT_SMTP_URL")):
            return None
        recipients = [each.strip() for each in environment.get("VOICEAGENT_MAIL_TO", "").split(",")]
        try:
            host, port, username, password, tls = _read(url)
            return cls(
                host=host,
                port=port,
                sender=environment.get("VOICEAGENT_MAIL_FROM", ""),
                recipients=tuple(each for each in recipients if each),
                username=username,
                password=password,
                tls=tls,
            )
        except ValueError as error:
            raise ValueError(
                f"no mail can be sent: {error}; see VOICEAGENT_SMTP_URL, VOICEAGENT_MAIL_FROM and"
                " VOICEAGENT_MAIL_TO"
            ) from None

    def takes(self, message: Message) -> bool:
        """Whether there is an address for this message."""
        return "@" in message.to if message.to is not None else bool(self.recipients)

    async def send(self, letter: Letter) -> None:
        """Hand one mail to the server.

        Raises:
            DeliveryError: It did not take it.
        """
        # In a thread: a recording of minutes takes a while to encode, and the audio of calls must not wait.
        mail = await asyncio.to_thread(self._compose, letter)
        context = None if self.tls is Tls.NONE else await trusting()
        try:
            async with asyncio.timeout(DEADLINE_S):
                await aiosmtplib.send(
                    mail,
                    hostname=self.host,
                    port=self.port,
                    username=self.username,
                    password=self.password,
                    use_tls=self.tls is Tls.IMPLICIT,
                    start_tls=self.tls is Tls.STARTTLS,
                    tls_context=context,
                    # Its own name would be looked up in the DNS.
                    local_hostname=self._domain,
                    timeout=DEADLINE_S,
                )
        except aiosmtplib.SMTPAuthenticationError as error:
            raise DeliveryError(f"the mail server refuses the login ({error.code})") from error
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = [refusal.code for refusal in error.recipients]
            permanent = all(code >= 500 for code in codes)
            raise DeliveryError(
                f"the mail server refuses the address ({codes[0]})", permanent=permanent
            ) from error
        except aiosmtplib.SMTPResponseException as error:
            permanent = error.code >= 500 and isinstance(error, aiosmtplib.SMTPDataError)
            raise DeliveryError(f"the mail server refuses ({error.code})", permanent=permanent) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise DeliveryError(f"the mail server cannot be reached ({type(error).__name__})") from error

    @property
    def _domain(self) -> str:
        return self.sender.rpartition("@")[2]

    def _compose(self, letter: Letter) -> EmailMessage:
        message = letter.message
        mail = EmailMessage()
        mail["From"] = self.sender
        mail["To"] = message.to if message.to is not None else ", ".join(self.recipients)
        mail["Subject"] = message.subject
        mail["Date"] = format_datetime(letter.created_at)
        mail["Message-ID"] = f"<{letter.uid}@{self._domain}>"
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday notice answers it.
        mail.set_content(message.text)
        for attachment in message.attachments:
            main, _, sub = attachment.content_type.partition("/")
            mail.add_attachment(attachment.content, maintype=main, subtype=sub, filename=attachment.name)
        return mail


def _read(url: str) -> tuple[str, int, str | None, str | None, Tls]:
    """Host, port, user, password and TLS of a URL; errors do not repeat it, because of the password."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or port == -1:
        raise ValueError(
            "the URL must be like smtp://user:password@host:587 or smtps://host, with %40 for an @ in the"
            " user or the password, and likewise for other signs"
        )
    if parts.scheme == "smtps":
        tls = Tls.IMPLICIT
    elif wish := parse_qs(parts.query).get("tls"):
        tls = Tls(wish[-1])
    else:
        tls = Tls.NONE if is_loopback(parts.hostname) else Tls.STARTTLS
    username = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    return parts.hostname, port or (465 if tls is Tls.IMPLICIT else 587), username, password, tls
