"""Telephone numbers as telemetry has them: told apart, and not told."""

from __future__ import annotations

import hashlib
import hmac
import os

KEY_VARIABLE = "VOICEAGENT_TELEMETRY_KEY"
"""The environment variable with the key that numbers are hashed with; any text.

With the same key, the same number has the same hash, in every process and on every day: its calls can be
found together, and whoever has the key can find out whether a given number is among them. Without one, each
process makes up a key that nobody ever sees: only the calls of one process can be found together.
"""

_OWN_KEY = os.urandom(32)


def hashed(number: str) -> str:
    """A telephone number as 16 hexadecimal digits (HMAC-SHA-256, cut)."""
    key = os.environ.get(KEY_VARIABLE, "").encode() or _OWN_KEY
    return hmac.new(key, number.encode(), hashlib.sha256).hexdigest()[:16]
