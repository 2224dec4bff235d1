"""Encoding and decoding shared by the control and the media messages."""

from __future__ import annotations

from typing import Any, Generic, TypeVar, get_args

import msgspec

MAX_MESSAGE_BYTES = 1 << 20
"""Largest message either side accepts, in bytes. It is the receive limit of the public client."""

MAX_REASON = 200
"""Characters of a decoder's reason that go into a :class:`WireError`: the peer wrote part of it."""

_Message = TypeVar("_Message")


class WireError(ValueError):
    """A frame or message that does not follow the protocol. The text says what was wrong with it."""


class Unknown(msgspec.Struct, frozen=True):
    """A well-formed message whose ``type`` this version does not know. Skip it."""

    type: str


class _Envelope(msgspec.Struct):
    type: str


class _Decoder(Generic[_Message]):
    """Decodes one side's messages: a union of structs that are tagged by ``type``."""

    def __init__(self, union: Any) -> None:
        self._message = msgspec.json.Decoder(union)
        self._envelope = msgspec.json.Decoder(_Envelope)
        structs = get_args(union) or (union,)
        self._types = frozenset(struct.__struct_config__.tag for struct in structs)

    def __call__(self, data: str | bytes) -> _Message | Unknown:
        """Decode one text message.

        Raises:
            WireError: the text is no JSON object, has no ``type``, or a field has the wrong type.
        """
        if len(data) > MAX_MESSAGE_BYTES:
            raise WireError(f"message of {len(data)} bytes is over the limit of {MAX_MESSAGE_BYTES}")
        try:
            return self._message.decode(data)  # type: ignore[no-any-return]
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            reason = _brief(error)
        try:
            kind = self._envelope.decode(data).type
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            raise WireError(f"not a message: {reason}") from None
        if kind not in self._types:
            return Unknown(kind)
        raise WireError(f"malformed {kind!r} message: {reason}")


def _brief(error: Exception) -> str:
    text = str(error)
    return text if len(text) <= MAX_REASON else text[:MAX_REASON] + "..."


_encoder = msgspec.json.Encoder()


def encode(message: msgspec.Struct) -> str:
    """The JSON text of a message, as it goes into a WebSocket text frame."""
    return _encoder.encode(message).decode()
