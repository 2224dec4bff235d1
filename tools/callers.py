"""Who is calling: the one identity that a tool may trust, because it comes from the line."""

from __future__ import annotations

import re

from voiceagent import CallContext

_WITHHELD = frozenset({"", "anonymous", "unknown", "restricted", "private", "unavailable", "withheld"})


def customer_number(call: CallContext) -> str | None:
    """The caller's number in one spelling, or None where the line does not tell it."""
    return normalised(call.caller_number or "")


def normalised(number: str) -> str | None:
    """A phone number in one spelling, without spaces and punctuation; None if it is withheld."""
    number = number.strip().casefold().removeprefix("tel:")
    if number in _WITHHELD:
        return None
    return re.sub(r"[\s().\-]", "", number) if re.fullmatch(r"\+?[\d\s().\-]+", number) else number
