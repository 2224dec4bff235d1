"""What is sent: a message, and the files that go with it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.errors import MessageError
from email.headerregistry import Address

_LINE = 200
_KEEP = {"\n", "\t"}


@dataclass(frozen=True)
class Attachment:
    """A file that goes with a message.

    Attributes:
        name: Of the file, such as ``message.wav``.
        content_type: Such as ``audio/wav``.
        content: Its bytes.
    """

    name: str
    content_type: str
    content: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse what no mail can carry."""
        main, slash, sub = self.content_type.partition("/")
        if not (main and slash and sub) or not self.content_type.isascii():
            raise ValueError(f"the content type of {self.name!r} must be like 'audio/wav'")
        if not 0 < len(self.name) <= _LINE or not self.name.isprintable() or "/" in self.name:
            raise ValueError("an attachment needs the name of a file, without a folder")


@dataclass(frozen=True)
class Message:
    """Something to tell somebody who is not on the phone.

    Words of callers and of the model are safe in it: control characters are dropped, and a subject becomes
    one line.

    Attributes:
        kind: What happened, for programs that read it: ``voicemail``, ``appointment_booked``.
        subject: One line for people.
        text: The message for people, plain text.
        to: The e-mail address or the phone number that it is for; None for the business itself. Mail goes to
            an address, or to the business's own; the webhook is told of every message.
        data: The facts for programs: what JSON can hold, moments and dataclasses too.
        attachments: Files that go with it.
        key: What happens once has a key, and a second message with the same key is not kept.

    Raises:
        ValueError: ``to`` is an e-mail address that cannot be one, or ``kind``, ``to`` or ``key`` is too
            long.
    """

    kind: str
    subject: str
    text: str
    to: str | None = field(default=None, repr=False)
    data: Mapping[str, object] = field(default_factory=dict, repr=False)
    attachments: tuple[Attachment, ...] = ()
    key: str | None = None

    def __post_init__(self) -> None:
        """Make it safe to send."""
        object.__setattr__(self, "subject", " ".join(_clean(self.subject).split())[:_LINE])
        object.__setattr__(self, "text", _clean(self.text))
        for name, text, longest in (
            ("kind", self.kind, 80),
            ("key", self.key or "", 200),
            ("to", self.to or "", 320),
        ):
            if len(text) > longest or not text.isprintable():
                raise ValueError(f"{name} of a message must be one line of at most {longest} characters")
        if self.to is not None and "@" in self.to:
            check_address(self.to)


@dataclass(frozen=True)
class Letter:
    """A message as a channel gets it.

    Attributes:
        uid: The same at every attempt, so that a receiver can tell a repetition.
        created_at: When it was written, aware.
        message: What it says.
    """

    uid: str
    created_at: dt.datetime
    message: Message


class DeliveryError(Exception):
    """A channel did not take a message. The text says why, without addresses and secrets.

    Args:
        reason: Why, in a few words.
        permanent: Whether trying again would change nothing.
        retry_after: When the receiver wants to be asked again, in seconds.
    """

    def __init__(self, reason: str, *, permanent: bool = False, retry_after: float = 0) -> None:
        super().__init__(reason)
        self.permanent = permanent
        self.retry_after = retry_after


def check_address(address: str) -> None:
    """Refuse what is no e-mail address, without repeating it: addresses stay out of logs.

    Raises:
        ValueError: It is none.
    """
    try:
        parsed = Address(addr_spec=address)
    except (MessageError, ValueError, IndexError) as error:
        raise ValueError("this is no e-mail address") from error
    if not (parsed.username and parsed.domain):
        raise ValueError("this is no e-mail address")


def _clean(text: str) -> str:
    whole = text.encode("utf-8", "replace").decode()
    return "".join(each for each in whole if each.isprintable() or each in _KEEP)
