"""What can still be read of a malformed request: whose it is. Whoever asked waits for an answer."""

from __future__ import annotations

from typing import Any

import msgspec


class _Request(msgspec.Struct, rename="camel"):
    req_id: str


class _CommandData(msgspec.Struct):
    command_id: str


class _Command(msgspec.Struct):
    data: _CommandData


_requests = msgspec.json.Decoder(_Request)
_commands = msgspec.json.Decoder(_Command)


def request_id(text: str) -> str | None:
    """The ``reqId`` of a message on a control link, if it has one."""
    request: _Request | None = _read(_requests, text)
    return None if request is None else request.req_id


def command_id(text: str) -> str | None:
    """The ``command_id`` of a message on a media link, if it has one."""
    command: _Command | None = _read(_commands, text)
    return None if command is None else command.data.command_id


def _read(decoder: msgspec.json.Decoder[Any], text: str) -> Any:
    try:
        return decoder.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
