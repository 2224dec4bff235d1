"""The faults of a scenario: what can go wrong with a live session, and how it is written."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from voiceagent.sandbox.document import Value


class FaultKind(StrEnum):
    """What can go wrong with a live session. The value is the word in the file."""

    GO_AWAY = "go_away"
    """Announce the end of the connection so many seconds ahead, then close it."""

    CLOSE = "close"
    """Close the connection with this code."""

    DROP = "drop"
    """Cut the connection without a closing handshake."""

    FREEZE = "freeze"
    """Say nothing any more on this connection, and read on."""

    GARBAGE = "garbage"
    """A frame that is no JSON."""

    SILENT_TURN = "silent_turn"
    """The next turn completes without a word."""

    TEXT_TURN = "text_turn"
    """The next turn is written instead of spoken."""

    ZERO_AMPLITUDE = "zero_amplitude"
    """The next turn's audio is digital silence of the right length."""

    PHANTOM_INTERRUPT = "phantom_interrupt"
    """The next turn is interrupted though nobody spoke."""

    REPEAT_INTERRUPT = "repeat_interrupt"
    """The next interruption is reported ten times."""

    STALL = "stall"
    """The next turn's audio stops in the middle, and the turn never ends."""

    DUPLICATE_TOOL_CALL = "duplicate_tool_call"
    """The next tool call is sent twice, with the same id."""

    CANCEL_TOOL_CALL = "cancel_tool_call"
    """The next tool call is cancelled at once."""

    CLOSE_ON_TOOL_CALL = "close_on_tool_call"
    """The connection closes with this code right after the next tool call."""

    NO_HANDLE = "no_handle"
    """No handles to resume with are sent."""

    NO_SETUP_COMPLETE = "no_setup_complete"
    """The next setup is never answered."""

    REFUSE = "refuse"
    """The next handshakes are refused with this HTTP status."""


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong ``at`` seconds after setup, or with the first occasion from then on.

    Attributes:
        at: Seconds since the first setup of the session; with ``session``, since that connection's own.
        kind: What.
        value: The seconds of ``go_away``; the code of ``close``, ``close_on_tool_call``, ``refuse``; else 0.
        session: Only on the connection of this number since the scenario was set, from 1; None: on any.
        times: How many handshakes ``refuse`` refuses.
    """

    at: float
    kind: FaultKind
    value: float = 0.0
    session: int | None = None
    times: int = 1


MAX_SESSION = 1000
MAX_TIMES = 1000

_OPTIONS = ("at", "session", "times")


def read_faults(value: Value) -> tuple[Fault, ...]:
    """The faults of a scenario, by time.

    Raises:
        ScenarioError: they are malformed.
    """
    return tuple(sorted((_fault(item) for item in value.items()), key=lambda fault: fault.at))


def _fault(value: Value) -> Fault:
    kinds = [str(kind) for kind in FaultKind]
    fields = value.mapping((*_OPTIONS, *kinds))
    named = [name for name in fields if name not in _OPTIONS]
    if len(named) != 1:
        raise value.error(f"a fault has at and one of {', '.join(kinds)}, got {len(named)} of them")
    kind, setting = FaultKind(named[0]), fields[named[0]]
    if "times" in fields and kind is not FaultKind.REFUSE:
        raise fields["times"].error("only refuse happens several times; repeat the fault instead")
    return Fault(
        at=fields["at"].seconds() if "at" in fields else 0.0,
        kind=kind,
        value=_setting(kind, setting),
        session=_count(fields["session"], MAX_SESSION) if "session" in fields else None,
        times=_count(fields["times"], MAX_TIMES) if "times" in fields else 1,
    )


def _setting(kind: FaultKind, setting: Value) -> float:
    match kind:
        case FaultKind.GO_AWAY:
            return setting.seconds()
        case FaultKind.CLOSE | FaultKind.CLOSE_ON_TOOL_CALL:
            code = setting.number(1000, 4999)
            # 1005 and 1006 are never sent; they stand for "no code" and "no close" (RFC 6455, 7.4.1).
            if code != int(code) or code in (1004, 1005, 1006, 1015):
                raise setting.error(f"{setting.text} is no close code that can be sent")
            return code
        case FaultKind.REFUSE:
            return float(_whole(setting, 400, 599))
        case _:
            setting.true()
            return 0.0


def _count(value: Value, most: int) -> int:
    return _whole(value, 1, most)


def _whole(value: Value, least: int, most: int) -> int:
    number = value.number(least, most)
    if number != int(number):
        raise value.error(f"expected a whole number, got {value.text}")
    return int(number)
