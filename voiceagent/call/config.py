"""Where the call server is, and how to authenticate: an immutable value, checked when it is made."""

from __future__ import annotations

import ipaddress
import logging
import math
import os
import ssl
from dataclasses import dataclass, field
from typing import ClassVar, Self
from urllib.parse import urlsplit

from voiceagent.call._secrets import Secret, fits_header
from voiceagent.call.exceptions import WSSAuthenticationError, WSSConnectionError
from voiceagent.wire import control, frames

DEFAULT_BASE_URL = "wss://wss-prod.agentao.com"
"""The public service, as its Python package telcoflow 1.0.0 has it."""

BASE_URL_VARIABLE = "VOICEAGENT_CALL_URL"
"""Environment variable with the call server's URL, used where no ``base_url`` is given."""

DEFAULT_BUFFER_SIZE = 1 << 20
"""Bytes of outgoing audio that a call queues at most: 21.8 s at 24 kHz."""

StrPath = str | os.PathLike[str]


@dataclass(frozen=True, kw_only=True)
class CallClientConfig:
    """Settings of a :class:`~voiceagent.call.CallClient`. Made by :meth:`sandbox` or :meth:`production`.

    Attributes:
        base_url: The call server, ``ws://`` or ``wss://``, without a trailing slash.
        sample_rate: Hz of both directions: 8000, 16000 or 24000.
        buffer_size: Bytes of outgoing audio that a call queues at most.
        api_key: The API key; None with a client certificate.
        connector_uuid: The connector whose calls are taken; None with a client certificate.
        cert_path: PEM file with the client certificate.
        key_path: PEM file with its key, unencrypted.
        ca_file: PEM file with the only certificate authorities to trust; None for the system's.
        allow_insecure: Whether plain ``ws://`` may leave this machine.
        grace_period: Seconds that active calls may go on when the client closes, before it ends them.
        logger_name: Of the logger of everything that the client and its calls log, and root of the loggers
            of the two links.
    """

    logger_name: ClassVar[str] = "voiceagent.call"

    base_url: str
    sample_rate: int = 24000
    buffer_size: int = DEFAULT_BUFFER_SIZE
    api_key: str | None = field(default=None, repr=False)
    connector_uuid: str | None = None
    cert_path: str | None = None
    key_path: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    allow_insecure: bool = False
    grace_period: float = 5.0

    @classmethod
    def sandbox(
        cls,
        api_key: str | None = None,
        connector_uuid: str | None = None,
        sample_rate: int = 24000,
        *,
        base_url: str | None = None,
        buffer_size: int = DEFAULT_BUFFER_SIZE,
        ca_file: StrPath | None = None,
        allow_insecure: bool = False,
        grace_period: float = 5.0,
    ) -> Self:
        """Authenticate with an API key.

        Args:
            api_key: The API key, usually ``os.getenv("WSS_API_KEY")``.
            connector_uuid: The connector, usually ``os.getenv("WSS_CONNECTOR_UUID")``.
            sample_rate: Hz of both directions: 8000, 16000 or 24000.
            base_url: The call server; by default that of ``VOICEAGENT_CALL_URL``, else the public service.
            buffer_size: Bytes of outgoing audio that a call queues at most.
            ca_file: PEM file with the only certificate authorities to trust.
            allow_insecure: Allow plain ``ws://`` to another machine: everybody on the way can listen.
            grace_period: Seconds that active calls may go on when the client closes.

        Raises:
            ValueError: an argument is missing or wrong; the text says which, and what to do.
        """
        # First of all, so that also no report of an error in what follows shows them among its variables.
        api_key, base_url = _concealed("api_key", api_key), _concealed("base_url", base_url)
        return cls(
            api_key=_credential("api_key", api_key, "WSS_API_KEY"),
            connector_uuid=_credential("connector_uuid", connector_uuid, "WSS_CONNECTOR_UUID"),
            sample_rate=sample_rate,
            base_url=base_url or _url_of_the_environment(allow_insecure) or DEFAULT_BASE_URL,
            buffer_size=buffer_size,
            ca_file=None if ca_file is None else os.fspath(ca_file),
            allow_insecure=allow_insecure,
            grace_period=grace_period,
        )

    @classmethod
    def production(
        cls,
        cert_path: StrPath,
        key_path: StrPath,
        sample_rate: int = 24000,
        *,
        base_url: str | None = None,
        buffer_size: int = DEFAULT_BUFFER_SIZE,
        ca_file: StrPath | None = None,
        allow_insecure: bool = False,
        grace_period: float = 5.0,
    ) -> Self:
        """Authenticate with a client certificate (mTLS). The files are read when the client connects.

        Args:
            cert_path: PEM file with the client certificate.
            key_path: PEM file with its key, unencrypted.
            sample_rate: As for :meth:`sandbox`, like the other arguments.
            base_url: See :meth:`sandbox`.
            buffer_size: See :meth:`sandbox`.
            ca_file: See :meth:`sandbox`.
            allow_insecure: See :meth:`sandbox`.
            grace_period: See :meth:`sandbox`.

        Raises:
            ValueError: an argument is missing or wrong; the text says which, and what to do.
        """
        base_url = _concealed("base_url", base_url)
        if not cert_path or not key_path:
            raise ValueError("production() needs cert_path and key_path: PEM files of the client certificate")
        return cls(
            cert_path=os.fspath(cert_path),
            key_path=os.fspath(key_path),
            sample_rate=sample_rate,
            base_url=base_url or _url_of_the_environment(allow_insecure) or DEFAULT_BASE_URL,
            buffer_size=buffer_size,
            ca_file=None if ca_file is None else os.fspath(ca_file),
            allow_insecure=allow_insecure,
            grace_period=grace_period,
        )

    def __post_init__(self) -> None:
        # Until it is known to hold no password, the URL is a secret.
        object.__setattr__(self, "base_url", _concealed("base_url", self.base_url))
        check_url(self.base_url, name="base_url", allow_insecure=self.allow_insecure)
        if "?" in self.base_url:
            raise ValueError("base_url must not hold a query: paths are appended to it")
        object.__setattr__(self, "base_url", str(self.base_url).rstrip("/"))
        object.__setattr__(self, "api_key", _concealed("api_key", self.api_key))
        if not isinstance(self.sample_rate, int) or self.sample_rate not in frames.SAMPLE_RATES:
            raise ValueError(f"sample_rate is {self.sample_rate!r}, but must be one of {frames.SAMPLE_RATES}")
        if not isinstance(self.buffer_size, int) or self.buffer_size < frames.BYTES_PER_SAMPLE:
            raise ValueError(f"buffer_size is {self.buffer_size!r}, but must be an int of at least 2 bytes")
        if not isinstance(self.grace_period, int | float) or not 0 <= self.grace_period < math.inf:
            raise ValueError(f"grace_period is {self.grace_period!r}, but must be a number of seconds from 0")
        if self.ca_file is not None and not self.ca_file:
            raise ValueError("ca_file is empty: pass a path, or None to trust the system's authorities")

    @classmethod
    def logger(cls, part: str = "") -> logging.Logger:
        """The logger of a client with these settings, or of one of its parts.

        Levels: DEBUG for commands sent and types of messages received, INFO for connections and calls,
        WARNING for reconnection attempts and for data that is missing or unexpected, ERROR for failures.

        Args:
            part: ``control_connection`` or ``media_connection``, the names of the SDK 0.24.0; empty for all
                the rest.
        """
        return logging.getLogger(f"{cls.logger_name}.{part}" if part else cls.logger_name)

    @property
    def control_url(self) -> str:
        """URL of the control link."""
        return self.base_url + control.PATH

    def headers(self) -> dict[str, str]:
        """The headers that authenticate the control link. They hold the API key."""
        headers = {control.VERSION_HEADER: control.SDK_VERSION}
        if self.api_key is not None and self.connector_uuid is not None:
            headers[control.API_KEY_HEADER] = self.api_key
            headers[control.CONNECTOR_HEADER] = self.connector_uuid
        return headers

    def tls(self, url: str) -> ssl.SSLContext | None:
        """The TLS settings for a URL; None for plain ``ws://``.

        The client certificate is shown to the host of the call server only. A media link on another host
        authenticates with its token.

        Raises:
            WSSConnectionError: the file with the certificate authorities cannot be used.
            WSSAuthenticationError: the client certificate or its key cannot be used.
        """
        if urlsplit(url).scheme != "wss":
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise WSSConnectionError(f"cannot use ca_file {self.ca_file!r}: {error}") from None
        if self.cert_path is not None and urlsplit(url).hostname == urlsplit(self.base_url).hostname:
            problem = _load_client_certificate(context, self.cert_path, self.key_path)
            if problem is not None:
                raise WSSAuthenticationError(problem)
        return context


def is_loopback(url: str) -> bool:
    """Whether a URL names this machine in plain words, so that nobody is on the way."""
    host = urlsplit(url).hostname or ""
    try:
        return "%" not in host and ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_url(url: str, *, name: str, allow_insecure: bool) -> None:
    """Refuse a URL that is no WebSocket URL, or would send secrets and speech in the clear.

    Raises:
        ValueError: names the argument and says what is wrong with it. It shows the host at most.
    """
    problem = _problem_of(url, allow_insecure)
    if problem is not None:
        raise ValueError(f"{name} {problem}")


def _problem_of(url: str, allow_insecure: bool) -> str | None:
    """What is wrong with a URL. No error of the parser gets out: it would hold parts of the URL."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return "is not a URL: its host or its port is malformed"
    if parts.scheme not in ("ws", "wss") or not parts.hostname:
        return f"must be a ws:// or wss:// URL, such as {DEFAULT_BASE_URL}"
    if not url.isprintable() or " " in url or "\\" in url:
        return "is not a URL: it holds a space, a backslash or a control character"
    if parts.username is not None or parts.password is not None:
        return "must not hold a user name or a password"
    if "#" in url:
        return "must not hold a fragment (#)"
    if parts.scheme == "ws" and not allow_insecure and not is_loopback(url):
        return (
            f"is plain ws:// to {parts.hostname}: keys and speech would travel unencrypted. "
            "Use wss://, or pass allow_insecure=True on a network that you trust"
        )
    return None


def _load_client_certificate(context: ssl.SSLContext, cert_path: str, key_path: str | None) -> str | None:
    """Load a client certificate and its key; tells what is wrong with them, if anything."""
    for name, path in (("certificate", cert_path), ("certificate's key", key_path or cert_path)):
        try:
            with open(path, "rb"):
                pass
        except OSError as error:
            return f"cannot read the client {name} {path!r}: {error.strerror}"
    try:
        # Without a password OpenSSL would ask for one on the terminal and block the event loop.
        context.load_cert_chain(cert_path, key_path, password="")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            why = "the key belongs to another certificate"
        else:
            why = "cert_path must be a PEM certificate, and key_path its PEM key without a password"
        return f"cannot use the client certificate {cert_path!r} with the key {key_path!r}: {why}"
    return None


def _concealed(name: str, value: str | None) -> Secret | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {type(value).__name__}")
    return Secret(value)


def _url_of_the_environment(allow_insecure: bool) -> Secret | None:
    url = _concealed(BASE_URL_VARIABLE, os.getenv(BASE_URL_VARIABLE))
    if url:
        check_url(url, name=f"the environment variable {BASE_URL_VARIABLE}", allow_insecure=allow_insecure)
    return url


def _credential(name: str, value: str | None, variable: str) -> str:
    if not value:
        raise ValueError(f"{name} is missing: set the environment variable {variable}, or pass the value")
    if not fits_header(value):
        raise ValueError(
            f"{name} holds characters that a header cannot carry (a space, a line end?): check {variable}"
        )
    return value
