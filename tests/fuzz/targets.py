"""All targets, in the order in which they are attacked."""

from __future__ import annotations

from tests.fuzz.call_client import ClientUnderAttack
from tests.fuzz.decoders import Frames, HandOffs, LiveMessages, LiveRequests, Scenarios, WireMessages
from tests.fuzz.exchange import ExchangeUnderAttack
from tests.fuzz.exchange_http import ExchangeHttpUnderAttack
from tests.fuzz.hunt import Target
from tests.fuzz.live_server import LiveServerUnderAttack

TARGETS: tuple[Target, ...] = (
    WireMessages(),
    Frames(),
    HandOffs(),
    LiveMessages(),
    LiveRequests(),
    Scenarios(),
    ClientUnderAttack(),
    ExchangeHttpUnderAttack(),
    ExchangeUnderAttack(),
    LiveServerUnderAttack(),
)
