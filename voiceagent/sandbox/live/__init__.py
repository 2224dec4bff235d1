"""A Gemini Live server on loopback: real sockets, real audio, and a scenario in place of a model."""

from voiceagent.sandbox.live.server import LiveServer

__all__ = ["LiveServer"]
