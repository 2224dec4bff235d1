"""Whole phone calls in a test: somebody phones an agent, and the test looks at what was said, heard and done.

    from shop import Shop

    def test_the_caller_is_bid_goodbye(phone):
        played = phone.call(Shop, "repair.yaml")

        assert played.ended == "agent_hung_up"
        assert "Goodbye" in played.agent_said[-1]

The fixture ``phone`` comes with the pytest plugin, which pytest finds by itself. Async tests use
:func:`phone_line`, on the clock of :func:`virtual_time`. Sockets, speech and audio are real; nothing is
mocked, and no account is needed. It needs the extra ``voiceagent[testing]``.

Names are imported when they are first used, because pytest loads the plugin in every run.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from voiceagent.sandbox.exchange.faults import Fault as Fault
    from voiceagent.testing.audio import AGENT_VOICE as AGENT_VOICE
    from voiceagent.testing.audio import CALLER_VOICE as CALLER_VOICE
    from voiceagent.testing.audio import audible_ms as audible_ms
    from voiceagent.testing.audio import contains_speech as contains_speech
    from voiceagent.testing.audio import loud_spans as loud_spans
    from voiceagent.testing.audio import speech_at as speech_at
    from voiceagent.testing.clock import VirtualTimeLoop as VirtualTimeLoop
    from voiceagent.testing.clock import run_virtual as run_virtual
    from voiceagent.testing.clock import virtual_time as virtual_time
    from voiceagent.testing.line import PhoneLine as PhoneLine
    from voiceagent.testing.line import phone_line as phone_line
    from voiceagent.testing.phone import Phone as Phone
    from voiceagent.testing.played import PlayedCall as PlayedCall
    from voiceagent.testing.played import PlayedParty as PlayedParty
    from voiceagent.testing.played import ScriptState as ScriptState
    from voiceagent.testing.running import RunningCall as RunningCall

_HOME = {
    "AGENT_VOICE": "voiceagent.testing.audio",
    "CALLER_VOICE": "voiceagent.testing.audio",
    "Fault": "voiceagent.sandbox.exchange.faults",
    "Phone": "voiceagent.testing.phone",
    "PhoneLine": "voiceagent.testing.line",
    "PlayedCall": "voiceagent.testing.played",
    "PlayedParty": "voiceagent.testing.played",
    "RunningCall": "voiceagent.testing.running",
    "ScriptState": "voiceagent.testing.played",
    "VirtualTimeLoop": "voiceagent.testing.clock",
    "audible_ms": "voiceagent.testing.audio",
    "contains_speech": "voiceagent.testing.audio",
    "loud_spans": "voiceagent.testing.audio",
    "phone_line": "voiceagent.testing.line",
    "run_virtual": "voiceagent.testing.clock",
    "speech_at": "voiceagent.testing.audio",
    "virtual_time": "voiceagent.testing.clock",
}

__all__ = [*_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        value = getattr(import_module(_HOME[name]), name)
    except ModuleNotFoundError as error:
        raise ImportError(
            f"voiceagent.testing.{name} needs more than is installed ({error}):"
            " pip install 'voiceagent[testing]'",
            name=error.name,
        ) from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
