"""What is encoded is decoded again, and nothing that comes off a socket is worse than a WireError."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voiceagent.wire import MAX_MESSAGE_BYTES, Unknown, WireError, control, encode, media

text = st.text(max_size=20)
sizes = st.integers(-(2**53), 2**53)
plain = st.recursive(
    st.none() | st.booleans() | sizes | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=5,
)
objects = st.dictionaries(text, plain, max_size=3)


def messages(union: Any) -> st.SearchStrategy[Any]:
    """Any message of a union, with any values in its fields."""
    kinds = get_args(union) or (union,)
    return st.one_of([structs(kind) for kind in kinds])


def structs(kind: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    fields = {field.name: values(field.type) for field in msgspec.structs.fields(kind)}
    return st.builds(kind, **fields)


def values(kind: Any) -> st.SearchStrategy[Any]:
    if kind is Any:
        return plain
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return structs(kind)
    if getattr(kind, "__origin__", None) is dict:
        return objects
    if type(None) in get_args(kind):
        return st.none() | st.one_of([values(one) for one in get_args(kind) if one is not type(None)])
    if kind in (str, int):
        return text if kind is str else sizes
    return st.from_type(kind)


ClientSide = [(control, control.ClientMessage), (media, media.ClientMessage)]
ServerSide = [(control, control.ServerMessage), (media, media.ServerMessage)]


@pytest.mark.parametrize(("plane", "union"), ClientSide, ids=["control", "media"])
@settings(deadline=None)  # a busy machine is no defect
@given(data=st.data())
def test_what_a_client_says_comes_out_as_it_went_in(
    data: st.DataObject, plane: ModuleType, union: Any
) -> None:
    message = data.draw(messages(union))
    assert plane.decode_client(encode(message)) == message


@pytest.mark.parametrize(("plane", "union"), ServerSide, ids=["control", "media"])
@settings(deadline=None)  # a busy machine is no defect
@given(data=st.data())
def test_what_a_server_says_comes_out_as_it_went_in(
    data: st.DataObject, plane: ModuleType, union: Any
) -> None:
    message = data.draw(messages(union))
    assert plane.decode_server(encode(message)) == message


DECODERS = [control.decode_client, control.decode_server, media.decode_client, media.decode_server]
TYPES = [
    "setup",
    "session.open",
    "session.notify",
    "call.in",
    "response",
    "command",
    "buffer_request",
    "call_event",
]


@pytest.mark.parametrize("decode", DECODERS)
@settings(deadline=None)  # a busy machine is no defect
@given(garbage=st.text() | st.binary())
def test_garbage_is_a_wire_error_or_unknown(decode: Any, garbage: str | bytes) -> None:
    try:
        assert isinstance(decode(garbage), Unknown)
    except WireError as error:
        assert str(error)


@pytest.mark.parametrize("decode", DECODERS)
@settings(deadline=None)  # a busy machine is no defect
@given(kind=st.sampled_from(TYPES) | text, fields=objects)
def test_a_message_with_any_fields_is_decoded_or_refused(
    decode: Any, kind: str, fields: dict[str, Any]
) -> None:
    try:
        decode(json.dumps({**fields, "type": kind}))
    except WireError as error:
        assert kind in str(error) or repr(kind) in str(error)


@pytest.mark.parametrize("decode", DECODERS)
def test_a_message_of_the_future_is_unknown_and_skipped(decode: Any) -> None:
    assert decode('{"type": "call.teleport", "data": {"to": "moon"}}') == Unknown("call.teleport")


@pytest.mark.parametrize("decode", DECODERS)
@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"type": 7}',
        '{"type": "setup"',
        "[" * 100_000,
        '{"type": "x"}' + " " * MAX_MESSAGE_BYTES,
        b"\xff\xfe",
        '{"type": "\\ud800"}',
    ],
    ids=range(10),
)
def test_malformed_text_is_a_wire_error(decode: Any, text: str | bytes) -> None:
    with pytest.raises(WireError):
        decode(text)


def test_a_field_of_the_wrong_type_is_named() -> None:
    with pytest.raises(WireError, match=r"setup.*sampleRate"):
        control.decode_client('{"type": "setup", "data": {"sampleRate": "loud"}}')
    with pytest.raises(WireError, match=r"command.*command_id"):
        media.decode_client('{"type": "command", "data": {"command": "call.answer", "timeout_ms": 1}}')


def test_the_messages_look_on_the_wire_as_the_protocol_says() -> None:
    setup = control.Setup(data=control.SetupData(sample_rate=8000))
    assert json.loads(encode(setup)) == {"type": "setup", "data": {"sampleRate": 8000, "audioMode": "mixed"}}
    assert json.loads(encode(control.SetupDone(sm_ws_id="w"))) == {"type": "setup.done", "smWsId": "w"}
    call_in = control.CallIn(
        session_id="s", call_id="c", org_uuid="o", from_="+1", to="+2", url="ws://x", token="t"
    )
    assert json.loads(encode(call_in)) == {
        "type": "call.in",
        "sessionId": "s",
        "callId": "c",
        "orgUuid": "o",
        "from": "+1",
        "to": "+2",
        "url": "ws://x",
        "token": "t",
    }
    busy = control.Response(
        req_id="r", ok=False, error_code="SESSION_BUSY", error_content={"boundSmWsId": "w"}
    )
    assert json.loads(encode(busy)) == {
        "type": "response",
        "reqId": "r",
        "ok": False,
        "errorCode": "SESSION_BUSY",
        "errorContent": {"boundSmWsId": "w"},
    }
    command = media.CommandData(
        command_id="i", command=media.CONNECT, timeout_ms=5000, data={"ringTimeSeconds": 5}
    )
    assert json.loads(encode(media.Command(data=command))) == {
        "type": "command",
        "data": {
            "command_id": "i",
            "command": "call.connect",
            "timeout_ms": 5000,
            "data": {"ringTimeSeconds": 5},
        },
    }
    request = media.BufferRequestData(requested_bytes=640, prefer_audio_frame_bytes=80)
    assert json.loads(encode(media.BufferRequest(data=request))) == {
        "type": "buffer_request",
        "data": {"requested_bytes": 640, "prefer_audio_frame_bytes": 80, "channelId": 0},
    }
    assert json.loads(encode(media.CallEvent(data=media.CallEventData(event="call.terminated")))) == {
        "type": "call_event",
        "data": {"event": "call.terminated"},
    }


def test_what_names_people_or_opens_calls_is_not_shown() -> None:
    number, secret = "+15550100", "token-0123456789"
    session = {"session": {"remoteAddress": number}}
    messages = [
        control.SessionNotify(session_id="s-1", remote_address=number, local_address=number),
        control.CallIn(session_id="s-1", call_id="c-1", from_=number, to=number, url="ws://h/", token=secret),
        control.SessionCreate(req_id="s-1", channel="TELCO", remote_address=number),
        control.MessageIn(session_id="s-1", sender=number, content={"text": number}),
        control.MessageOut(req_id="s-1", data={"to": number}),
        control.Response(req_id="s-1", ok=True, content=session, error_content=session),
        control.OpenedSession(
            id="s-1", channel="TELCO", remote_address=number, local_address=number, opened_at=1
        ),
    ]
    for message in messages:
        assert "s-1" in repr(message)
        assert number not in repr(message) and secret not in repr(message)
