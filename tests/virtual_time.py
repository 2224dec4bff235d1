"""The clock that jumps, of :mod:`voiceagent.testing.clock`, where the tests find it."""

from voiceagent.testing.clock import VirtualTimeLoop, run_virtual, virtual_time

__all__ = ["VirtualTimeLoop", "run_virtual", "virtual_time"]
