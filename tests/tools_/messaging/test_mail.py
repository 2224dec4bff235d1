"""Mail is what a person can read, goes protected, and says why it did not go."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from tests.receivers import mail_server
from tests.tools_.conftest import MONDAY_9_AM
from tests.tools_.messaging.conftest import mail_to
from tests.virtual_time import virtual_time
from tools.messaging import Attachment, DeliveryError, MailServer, Message, Tls
from tools.messaging.message import Letter


def letter(**changes: object) -> Letter:
    facts: dict[str, object] = {"kind": "voicemail", "subject": "New voicemail", "text": "Please call back."}
    return Letter("0d5f", MONDAY_9_AM, Message(**(facts | changes)))  # type: ignore[arg-type]


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Of a mail server on loopback, from an authority that the environment names."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


async def test_a_mail_says_who_when_and_what() -> None:
    async with mail_server() as inbox:
        recording = Attachment("message.wav", "audio/wav", bytes(range(256)) * 400)
        invitation = Attachment("Prüfung.ics", "text/calendar", b"BEGIN:VCALENDAR\r\n")
        await mail_to(inbox.url).send(
            letter(text="Ein Rückruf, bitte.\nAnna", attachments=(recording, invitation))
        )
    (mail,) = inbox.messages
    assert mail["From"] == "desk@riverside.example"
    assert mail["To"] == "rivera@riverside.example"
    assert mail["Subject"] == "New voicemail"
    assert mail["Date"].datetime == MONDAY_9_AM
    assert mail["Message-ID"] == "<0d5f@riverside.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    body = mail.get_body()
    assert body is not None
    assert body.get_content().split() == ["Ein", "Rückruf,", "bitte.", "Anna"]
    attached = {part.get_filename(): part for part in mail.iter_attachments()}
    assert attached["message.wav"].get_content_type() == "audio/wav"
    assert attached["message.wav"].get_content() == recording.content
    assert attached["Prüfung.ics"].get_payload(decode=True) == invitation.content


async def test_words_of_a_caller_cannot_forge_a_header() -> None:
    async with mail_server() as inbox:
        await mail_to(inbox.url).send(
            letter(subject="Hello\r\nBcc: everybody@example.com", text="a\x00b\ud800")
        )
    (mail,) = inbox.messages
    assert mail["Subject"] == "Hello Bcc: everybody@example.com"
    assert mail["Bcc"] is None
    assert inbox.recipients == [["rivera@riverside.example"]]
    assert mail.get_content().strip() == "ab?"


async def test_the_business_may_have_several_addresses() -> None:
    async with mail_server() as inbox:
        both = ("rivera@riverside.example", "chen@riverside.example")
        await mail_to(inbox.url, recipients=both).send(letter())
        await mail_to(inbox.url, recipients=both).send(letter(to="anna@example.com"))
    assert inbox.recipients == [list(both), ["anna@example.com"]]


def test_who_gets_mail() -> None:
    server = mail_to("smtp://127.0.0.1:25")
    assert server.takes(Message("k", "s", "t"))
    assert server.takes(Message("k", "s", "t", to="anna@example.com"))
    assert not server.takes(Message("k", "s", "t", to="+15550100"))
    assert not mail_to("smtp://127.0.0.1:25", recipients=()).takes(Message("k", "s", "t"))


@pytest.mark.parametrize("starttls", [False, True], ids=["implicit", "starttls"])
async def test_a_password_goes_through_tls_only(certificate: ssl.SSLContext, starttls: bool) -> None:
    login = ("desk", "hunter2")
    async with mail_server(login=login, tls=certificate, starttls=starttls) as inbox:
        tls = Tls.STARTTLS if starttls else Tls.IMPLICIT
        server = mail_to(inbox.url, tls=tls, username="desk", password="hunter2")
        await server.send(letter())
        assert (inbox.logins, len(inbox.messages)) == (["desk"], 1)
        with pytest.raises(DeliveryError, match="refuses the login") as refused:
            await mail_to(inbox.url, tls=tls, username="desk", password="wrong").send(letter())
        assert not refused.value.permanent, "somebody may mend the password"


async def test_a_certificate_of_nobody_is_refused(certificate: ssl.SSLContext, tmp_path: Path) -> None:
    stranger = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(stranger)
    async with mail_server(tls=stranger) as inbox:
        with pytest.raises(DeliveryError, match="cannot be reached"):
            await mail_to(inbox.url, tls=Tls.IMPLICIT).send(letter())
        assert inbox.attempts == 0


async def test_no_starttls_no_mail() -> None:
    async with mail_server() as inbox:
        with pytest.raises(DeliveryError):
            await mail_to(inbox.url, tls=Tls.STARTTLS).send(letter())
        assert inbox.attempts == 0


@pytest.mark.parametrize(
    ("reply", "permanent"), [("451 4.3.0 try again later", False), ("554 5.7.1 this is spam", True)]
)
async def test_a_refusal_says_whether_it_is_for_good(reply: str, permanent: bool) -> None:
    async with mail_server() as inbox:
        inbox.refuse = reply
        with pytest.raises(DeliveryError, match=reply[:3]) as refused:
            await mail_to(inbox.url).send(letter())
        assert refused.value.permanent is permanent


async def test_a_server_that_is_not_there_is_named() -> None:
    async with mail_server() as inbox:
        pass
    with pytest.raises(DeliveryError, match="the mail server cannot be reached") as refused:
        await mail_to(inbox.url).send(letter())
    assert not refused.value.permanent


@virtual_time
async def test_a_server_that_says_nothing_is_given_up() -> None:
    async with mail_server() as inbox:
        inbox.delay = 3600
        with pytest.raises(DeliveryError, match="cannot be reached"):
            await mail_to(inbox.url).send(letter())


ENVIRONMENT = {
    "VOICEAGENT_SMTP_URL": "smtp://desk%40riverside.example:hunter%2F2@mail.example",
    "VOICEAGENT_MAIL_FROM": "desk@riverside.example",
    "VOICEAGENT_MAIL_TO": "rivera@riverside.example, chen@riverside.example",
}


@pytest.mark.parametrize(
    ("url", "host", "port", "tls"),
    [
        ("smtp://127.0.0.1:2525", "127.0.0.1", 2525, Tls.NONE),
        ("smtp://localhost", "localhost", 587, Tls.NONE),
        ("smtp://mail.example", "mail.example", 587, Tls.STARTTLS),
        ("smtp://mail.example:25?tls=none", "mail.example", 25, Tls.NONE),
        ("smtp://127.0.0.1?tls=starttls", "127.0.0.1", 587, Tls.STARTTLS),
        ("smtps://mail.example", "mail.example", 465, Tls.IMPLICIT),
    ],
)
def test_the_environment_names_the_server(url: str, host: str, port: int, tls: Tls) -> None:
    server = MailServer.from_env(ENVIRONMENT | {"VOICEAGENT_SMTP_URL": url})
    assert server is not None
    assert (server.host, server.port, server.tls) == (host, port, tls)
    assert server.recipients == ("rivera@riverside.example", "chen@riverside.example")


def test_the_environment_names_the_login() -> None:
    server = MailServer.from_env(ENVIRONMENT)
    assert server is not None
    assert (server.username, server.password) == ("desk@riverside.example", "hunter/2")
    assert "hunter" not in repr(server)
    assert MailServer.from_env({}) is None


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"VOICEAGENT_SMTP_URL": "mail.example"}, "must be like smtp://"),
        ({"VOICEAGENT_SMTP_URL": "smtp://desk:hunter2/x@mail.example"}, "must be like smtp://"),
        ({"VOICEAGENT_SMTP_URL": "smtp://desk:hunter2@mail.example?tls=none"}, "password is not sent"),
        ({"VOICEAGENT_SMTP_URL": "smtp://mail.example?tls=maybe"}, "'maybe' is not a valid Tls"),
        ({"VOICEAGENT_MAIL_FROM": ""}, "address that mail comes from is missing"),
        ({"VOICEAGENT_MAIL_TO": "rivera"}, "no e-mail address"),
    ],
)
def test_a_wrong_environment_is_named_without_its_password(change: dict[str, str], named: str) -> None:
    with pytest.raises(ValueError, match=named) as refused:
        MailServer.from_env(ENVIRONMENT | change)
    assert "VOICEAGENT_SMTP_URL" in str(refused.value)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"to": "anna@"},
        {"to": "@example.com"},
        {"to": "anna@example.com\r\nBcc: x@example.com"},
        {"to": "anna@example.com, ben@example.com"},
        {"kind": "x" * 81},
        {"key": "x" * 201},
    ],
)
def test_a_message_that_could_not_be_sent_is_not_taken(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"e-mail address|must be one line"):
        letter(**wrong)


@pytest.mark.parametrize(("name", "content_type"), [("", "audio/wav"), ("a/b", "audio/wav"), ("a", "audio")])
def test_an_attachment_that_could_not_be_sent_is_not_taken(name: str, content_type: str) -> None:
    with pytest.raises(ValueError, match=r"content type|name of a file"):
        Attachment(name, content_type, b"")
