"""What a hostile call server does, as data: the steps against a client, and the floods among them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from tests.fuzz import samples
from tests.fuzz.hostile_server import Peer
from tests.fuzz.inputs import audio_frames, frame, garbled, mutated, raw_bytes, texts
from tests.fuzz.program import OPERATIONS
from voiceagent.wire import control, encode, media

FLOODS = {
    "control": tuple("notify notify-same call-in response closed unknown malformed ping fragments".split()),
    "media": tuple(
        "credit audio tiny-audio huge-audio response error unknown malformed ping fragments".split()
    ),
}


def most_of(flood: str) -> int:
    """How many messages of a flood are worth their time: what is logged with its text is slow."""
    return 3000 if flood in ("unknown", "error") else 30_000


@st.composite
def server_steps(draw: st.DrawFn) -> tuple[Any, ...]:
    link = draw(st.sampled_from(("media", "control")))
    server = samples.MEDIA_SERVER if link == "media" else samples.CONTROL_SERVER
    kind = draw(
        st.sampled_from(
            (
                *("text", "text", "text", "garbled", "binary", "raw", "flood", "program"),
                *("offer", "address", "tarpit", "connect", "break"),
            )
        )
    )
    match kind:
        case "text":
            return link, "text", draw(texts(server))
        case "garbled":
            return link, "frame", 1, draw(garbled(texts(server)))
        case "binary":
            return link, "frame", 2, draw(audio_frames)
        case "raw":
            return link, "raw", draw(raw_bytes(mask=False))
        case "flood":
            name = draw(st.sampled_from(FLOODS[link]))
            count = draw(st.sampled_from((10, 300, 3000, 3000, 30_000)))
            return link, "flood", name, min(count, most_of(name))
        case "program":
            return "program", draw(st.sampled_from(OPERATIONS))
        case "offer":
            return "offer", draw(mutated(samples.Samples([_CALL_IN])))
        case "address":
            return "address", draw(st.sampled_from(_ADDRESSES)), draw(st.sampled_from(_TOKENS))
        case "tarpit" | "connect":
            return kind, draw(_handshakes), draw(st.sampled_from(("stay", "close", "reset")))
        case _:
            return link, draw(st.sampled_from(("close", "reset", "end"))), 0


_CALL_IN = next(message for message in samples.CONTROL_SERVER if message["type"] == "call.in")

HAND_OFF = {
    **{"channel": "TELCO", "id": "taken-over", "caller": samples.CALLER, "callee": samples.CALLEE},
    **{"session_token": samples.TOKEN, "sample_rate": 24000},
}
_ADDRESSES = (
    "",
    "ws://",
    "ws:///x",
    "http://127.0.0.1:9/",
    "SERVER-URL",
    "SERVER-URL/\r\nx-injected: 1",
    "SERVER-URL/é \0",
    "ws://127.0.0.1:99999",
    "ws://127.0.0.1:-1/",
    "ws://127.0.0.1:0/",
    "ws://127.0.0.1:x/",
    "ws://[::1",
    "ws://[x]/",
    "ws://localhost..:9/",
    "ws://" + "a" * 300 + ".invalid/",
    "ws://example.invalid/",
    "wss://127.0.0.1:9/",
    "ws://user:secret@127.0.0.1:9/",
    "ws://127.0.0.1:9/" + "p" * 70_000,
    "SERVER-URL/media/x?token=" + samples.TOKEN,
    "SERVER-URL/v1/agent/session-manager",
    "SERVER-URL#fragment",
    "\ud800",
    "ws://127.0.0.1:9/%zz%00",
)
_TOKENS = (samples.TOKEN, "", "a\r\nx-injected: 1", "é", "\0", "\t", "t" * 70_000)

_SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
_handshakes = st.sampled_from(
    (
        b"",
        b"HTTP/1.1",
        b"\0\xff\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 401 \xff\r\n\r\n",
        b"HTTP/1.1 403 No\r\nContent-Length: 99999999999\r\n\r\n" + b"a" * 5000,
        b"HTTP/1.1 503 Later\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:9/\r\n\r\n",
        b"HTTP/1.1 500 Oh\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n",
        _SWITCH + b"\r\n",
        _SWITCH + b"Sec-WebSocket-Accept: wrong\r\n\r\n",
        _SWITCH + b"Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
        _SWITCH + b"Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: odd\r\n\r\n",
        _SWITCH + b"Sec-WebSocket-Accept: {accept}\r\n\r\n",
        _SWITCH + b"Sec-WebSocket-Accept: {accept}\r\n\r\n\x81\x7f\0\0\0",
        _SWITCH + b"Sec-WebSocket-Accept: {accept}\r\n\r\n\x88\x02\x03\xe8",
        _SWITCH + b"Sec-WebSocket-Accept: {accept}\r\n\r\n" + frame(1, b'{"type":"setup.done"}') * 2000,
        _SWITCH
        + b"Sec-WebSocket-Accept: {accept}\r\n\r\n"
        + frame(1, b'{"type":"response","reqId":"","ok":false}'),
        _SWITCH + b"Sec-WebSocket-Accept: {accept}\r\n\r\n" + frame(2, b"\0\1\2") * 500 + frame(9, b""),
        b"HTTP/1.1 101 X\r\n" + b"a: b\r\n" * 500,
        b"HTTP/1.1 101 X\r\na: " + b"b" * 20_000,
    )
)


def server_flood(name: str, peer: Peer, session: str) -> bytes | Callable[[int], bytes]:
    """What to pour: bytes of a frame, or a function from a number to them. ``session`` is the victim's."""

    def text(message: Any) -> bytes:
        return frame(1, encode(message).encode())

    match name:
        case "notify":
            return lambda n: text(control.SessionNotify(session_id=f"flood-{id(peer)}-{n}", channel="TELCO"))
        case "notify-same":
            return text(control.SessionNotify(session_id="flood-same", channel="TELCO"))
        case "call-in":
            return lambda n: text(
                control.CallIn(session_id=f"none-{n}", call_id=f"none-{n}", token="t" * 500)
            )
        case "closed":
            return text(control.SessionClosed(session_id=session))
        case "response" if peer.path != control.PATH:
            data = media.CommandResponseData(command_id=peer.last_command, success=True, result="r" * 500)
            return text(media.CommandResponse(data=data))
        case "response":
            return lambda n: text(control.Response(req_id=f"none-{n}", ok=True, content="c" * 500))
        case "credit":
            request = media.BufferRequestData(requested_bytes=2**62, prefer_audio_frame_bytes=-5)
            return text(media.BufferRequest(data=request))
        case "audio":
            return frame(2, b"\0" + b"\1\2" * 480)
        case "tiny-audio":
            return frame(2, b"\0\1\2")
        case "huge-audio":
            return frame(2, b"\0" + b"\1\2" * 20_000)
        case "error":
            data_ = media.CallEventData(event=media.ERROR_EVENT, error_code="E", error_message="e" * 500)
            return text(media.CallEvent(data=data_))
        case "ping":
            return frame(9, b"p" * 125)
        case "fragments":
            return lambda n: frame(0 if n else 1, b"", fin=False)
        case "unknown":
            return frame(1, b'{"type":"' + b"u" * 500 + b'"}')
        case _:
            return frame(1, b'{"type":5}')
