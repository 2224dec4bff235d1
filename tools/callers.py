"""Who is calling: the one identity that a tool may trust, because it comes from the line."""

from __future__ import annotations

import re

from voiceagent import CallContext

LONGEST_NUMBER = 64
"""Characters of what can be dialled; the tables have room for so many."""

_WITHHELD = frozenset({"", "anonymous", "unknown", "restricted", "private", "unavailable", "withheld"})


def customer_number(call: CallContext) -> str | None:
    """The caller's number in one spelling, or None where the line does not tell it."""
    return normalised(call.caller_number or "")


def normalised(number: str) -> str | None:
    """A phone number in one spelling, without spaces and punctuation.

    Returns:
        The number; None if it is withheld, or cannot be one: all who call like that would be one customer.
    """
    number = number.strip().casefold().removeprefix("tel:").strip()
    if re.fullmatch(r"\+?[\d\s().\-]+", number):
        number = re.sub(r"[\s().\-]", "", number)
    user, _, host = re.sub("^sips?:", "", number).partition("@")
    if user in _WITHHELD or host == "anonymous.invalid":  # The address of RFC 3323 for nobody.
        return None
    if len(number) > LONGEST_NUMBER or not number.isprintable() or not any(map(str.isalnum, number)):
        return None
    return number
