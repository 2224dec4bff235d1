"""Traces and metrics of calls, through the API of OpenTelemetry.

Without an SDK of OpenTelemetry in the program, all of it does nothing. Its rule: nothing that anybody said,
and no telephone number, leaves the program unless the agent asks for it.
"""

from voiceagent.telemetry.numbers import KEY_VARIABLE, hashed
from voiceagent.telemetry.spans import CallTelemetry

__all__ = ["KEY_VARIABLE", "CallTelemetry", "hashed"]
