"""The sandbox's telephone exchange: a server of the wire protocol, with people on its telephones.

The pieces, from the outside in: :mod:`.server` (one port), :mod:`.operator` (what happens outside the
agent), :mod:`.rest`, :mod:`.control` and :mod:`.session` (who gets a call), :mod:`.media` (commands and audio
of an agent), :mod:`.call` (the states of a call), :mod:`.parties` (ringing), :mod:`.mixer` (who hears whom),
:mod:`.playout` (the jitter buffer) and :mod:`.ticker` (time).
"""

from voiceagent.sandbox.exchange.call import CallState, ExchangeCall
from voiceagent.sandbox.exchange.mixer import Mode
from voiceagent.sandbox.exchange.server import Exchange
from voiceagent.sandbox.party import Behaviour, Party

__all__ = ["Behaviour", "CallState", "Exchange", "ExchangeCall", "Mode", "Party"]
