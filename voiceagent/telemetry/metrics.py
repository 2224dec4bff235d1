"""The metrics of calls. Times are in seconds, as the conventions of OpenTelemetry have it."""

from __future__ import annotations

from functools import lru_cache

from opentelemetry import metrics

from voiceagent import __version__

SCOPE = "voiceagent"
"""Name of the instrumentation scope."""

_TURN_SECONDS = (0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 13.0)
_TOOL_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_CALL_SECONDS = (5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0)
_TOKENS = (1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576)


class Instruments:
    """What is counted and measured, for all calls of the program.

    Args:
        provider: Where it goes.
    """

    def __init__(self, provider: metrics.MeterProvider) -> None:
        meter = provider.get_meter(SCOPE, __version__)
        self.active = meter.create_up_down_counter(
            "voiceagent.call.active", unit="{call}", description="Calls under way."
        )
        self.ended = meter.create_counter(
            "voiceagent.call.ended", unit="{call}", description="Calls that have ended, by the reason."
        )
        self.duration = meter.create_histogram(
            "voiceagent.call.duration",
            unit="s",
            description="How long calls last.",
            explicit_bucket_boundaries_advisory=_CALL_SECONDS,
        )
        self.latency = meter.create_histogram(
            "voiceagent.turn.latency",
            unit="s",
            description="End of the caller's speech to the first audio of the answer on the line.",
            explicit_bucket_boundaries_advisory=_TURN_SECONDS,
        )
        self.model_time = meter.create_histogram(
            "voiceagent.turn.model_time",
            unit="s",
            description="The part of the latency that is the model's.",
            explicit_bucket_boundaries_advisory=_TURN_SECONDS,
        )
        self.tool_time = meter.create_histogram(
            "voiceagent.turn.tool_time",
            unit="s",
            description="The part of the latency in which a tool ran.",
            explicit_bucket_boundaries_advisory=_TURN_SECONDS,
        )
        self.tool = meter.create_histogram(
            "voiceagent.tool.duration",
            unit="s",
            description="How long tools run, by tool and outcome.",
            explicit_bucket_boundaries_advisory=_TOOL_SECONDS,
        )
        self.barge_ins = meter.create_counter(
            "voiceagent.barge_ins", unit="{barge_in}", description="Answers that the caller spoke over."
        )
        self.reconnects = meter.create_counter(
            "voiceagent.reconnects",
            unit="{reconnect}",
            description="Live sessions that went on over another connection.",
        )
        self.nudges = meter.create_counter(
            "voiceagent.nudges", unit="{nudge}", description="Answers that the model had to be asked for."
        )
        self.keys = meter.create_counter(
            "voiceagent.keys", unit="{key}", description="Keys of the telephone that callers pressed."
        )
        self.tokens = meter.create_histogram(
            "gen_ai.client.token.usage",
            unit="{token}",
            description="Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=_TOKENS,
        )


@lru_cache(maxsize=4)
def instruments(provider: metrics.MeterProvider) -> Instruments:
    """The instruments of a provider, made once."""
    return Instruments(provider)
