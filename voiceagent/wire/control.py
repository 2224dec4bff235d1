"""Messages of the control link: who is calling, and which worker takes the call.

A call begins with ``session.notify``, sent to every control link of the connector. The first
``session.open`` claims it; the others are told ``SESSION_BUSY``. After the claimant's ``session.ready``
comes ``call.in`` with the address and the bearer token of the media link.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import msgspec

from voiceagent.wire._codec import _Decoder

PATH = "/v1/agent/session-manager"
"""Path of the control link below the base URL."""

SDK_VERSION = "1.0.0"
"""Value of the ``x-sdk-version`` header: the version of the protocol's public client."""

API_KEY_HEADER = "x-api-key"
CONNECTOR_HEADER = "x-connector-uuid"
VERSION_HEADER = "x-sdk-version"

SETUP_TIMEOUT = 10.0
"""Seconds within which ``setup.done`` answers ``setup``."""

REQUEST_TIMEOUT = 30.0
"""Seconds within which a request is answered."""

PING_INTERVAL = 30.0
PING_TIMEOUT = 10.0

SESSION_BUSY = "SESSION_BUSY"
SESSION_CLOSED = "SESSION_CLOSED"
SESSION_NOT_FOUND = "SESSION_NOT_FOUND"
SESSION_NOT_OPEN = "SESSION_NOT_OPEN"
INVALID_REQUEST = "INVALID_REQUEST"
QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
CHANNEL_NOT_CONFIGURED = "CHANNEL_NOT_CONFIGURED"

Channel = Literal["TELCO", "WA"]
AudioMode = Literal["mixed", "isolated"]
InboundCalls = Literal["ALL", "MISSED_ONLY", "NO"]


_PRIVATE = frozenset(
    {
        *("url", "token", "session_url", "session_token"),
        *("from_", "to", "caller", "callee", "remote_address", "local_address", "sender"),
        *("content", "error_content"),
    }
)


class _Discreet:
    """Mixed into what names people or opens calls: the repr shows no numbers, no tokens and no content."""

    __slots__ = ()
    __struct_fields__: ClassVar[tuple[str, ...]]

    def __repr__(self) -> str:
        shown = (
            f"{name}={value!r}"
            for name in self.__struct_fields__
            if name not in _PRIVATE and not isinstance(value := getattr(self, name), dict)
        )
        return f"{type(self).__name__}({', '.join(shown)})"


class _Message(_Discreet, msgspec.Struct, rename="camel", kw_only=True, tag_field="type"):
    """Base of the control messages: camelCase on the wire, told apart by ``type``."""


# Client to server ------------------------------------------------------------------------------------


class SetupData(msgspec.Struct, rename="camel", kw_only=True, frozen=True):
    """What a control link wants: the sample rate in Hz, and the parties mixed or on channels of their own."""

    sample_rate: int = 16000
    audio_mode: AudioMode = "mixed"


class Setup(_Message, tag="setup"):
    """The first message on a control link."""

    data: SetupData


class CallFlowData(msgspec.Struct, rename="camel", kw_only=True, frozen=True, omit_defaults=False):
    """Which calls and messages the server offers to this link."""

    inbound_call: InboundCalls = "NO"
    outbound_call: bool = False
    inbound_message: bool = False
    outbound_message: bool = False


class CallFlowSetup(_Message, tag="call_flow.setup"):
    """Replace the routing settings of this link. Answered by any ok :class:`Response`."""

    req_id: str
    data: CallFlowData


class SessionOpen(_Message, tag="session.open"):
    """Claim a session. Answered with :class:`OpenedSession`, or ``SESSION_BUSY`` and its siblings."""

    req_id: str
    session_id: str


class SessionReady(_Message, tag="session.ready"):
    """The application's handlers stand: the server may push for this session. No answer."""

    session_id: str


class SessionCreate(_Message, tag="session.create"):
    """Begin a session from this side. Answered with :class:`CreatedSession`."""

    req_id: str
    channel: Channel
    remote_address: str


class MessageOut(_Message, tag="wa.msg.out"):
    """Send a text message in a session of channel ``WA``. Answered by any ok :class:`Response`."""

    req_id: str
    data: dict[str, Any]


# Server to client ------------------------------------------------------------------------------------


class SetupDone(_Message, tag="setup.done"):
    """Answers :class:`Setup`; ``sm_ws_id`` names the link and is new on each reconnect."""

    sm_ws_id: str


class Response(_Message, tag="response", omit_defaults=True):
    """Answers the request with the same ``req_id``."""

    req_id: str
    ok: bool
    content: Any = None
    error_code: str | None = None
    error_content: Any = None


class SessionNotify(_Message, tag="session.notify"):
    """Something waits: a call rings. Sent to every link of the connector; may be repeated."""

    session_id: str
    channel: str = ""
    remote_address: str = ""
    local_address: str = ""
    activity: str = ""
    created_at: int = 0


class CallIn(_Message, tag="call.in"):
    """Where the claimed call's media link is: an absolute ws URL and its bearer token (a secret)."""

    session_id: str
    call_id: str
    org_uuid: str = ""
    from_: str = msgspec.field(name="from", default="")
    to: str = ""
    url: str = ""
    token: str = ""


class MessageIn(_Message, tag="wa.msg.in"):
    """A text message of a session of channel ``WA``."""

    session_id: str
    sender: str = ""
    content: dict[str, Any] = msgspec.field(default_factory=dict)


class SessionClosed(_Message, tag="session.closed"):
    """The session is over. A reason that is not known counts as ``FORCE_CLOSE``."""

    session_id: str
    reason: str = "FORCE_CLOSE"


class OpenedSession(_Discreet, msgspec.Struct, rename="camel", kw_only=True, frozen=True):
    """``content.session`` of the answer to :class:`SessionOpen`; ``opened_at`` in Unix seconds."""

    id: str
    channel: Channel
    remote_address: str
    local_address: str
    opened_at: int


class OpenContent(msgspec.Struct, kw_only=True, frozen=True):
    """``content`` of the answer to :class:`SessionOpen`."""

    session: OpenedSession


class CreatedSession(msgspec.Struct, rename="camel", kw_only=True, frozen=True):
    """``content`` of the answer to :class:`SessionCreate`; ``created`` is false if it already existed."""

    session_id: str
    created: bool


ClientMessage = Setup | CallFlowSetup | SessionOpen | SessionReady | SessionCreate | MessageOut
ServerMessage = SetupDone | Response | SessionNotify | CallIn | MessageIn | SessionClosed

decode_client: _Decoder[ClientMessage] = _Decoder(ClientMessage)
"""Decode what a client sent: returns a ``ClientMessage`` or ``Unknown``, raises ``WireError``."""

decode_server: _Decoder[ServerMessage] = _Decoder(ServerMessage)
"""Decode what a server sent: returns a ``ServerMessage`` or ``Unknown``, raises ``WireError``."""
