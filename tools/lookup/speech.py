"""Amounts of money as they are said on the phone."""

from __future__ import annotations

_NAMES = {
    "USD": ("dollar", "dollars", "cent", "cents"),
    "CAD": ("dollar", "dollars", "cent", "cents"),
    "AUD": ("dollar", "dollars", "cent", "cents"),
    "EUR": ("euro", "euros", "cent", "cents"),
    "GBP": ("pound", "pounds", "penny", "pence"),
    "CHF": ("franc", "francs", "centime", "centimes"),
}


def spoken_amount(cents: int, currency: str) -> str:
    """Such as ``"42 dollars and 50 cents"``; the sign is left to the sentence around it.

    Args:
        cents: Hundredths of the currency.
        currency: ISO 4217; one without a name here is said by its code.
    """
    whole, rest = divmod(abs(cents), 100)
    one, many, small, smalls = _NAMES.get(currency, (currency, currency, "hundredth", "hundredths"))
    parts = []
    if whole or not rest:
        parts.append(f"{whole} {one if whole == 1 else many}")
    if rest:
        parts.append(f"{rest} {small if rest == 1 else smalls}")
    return " and ".join(parts)


def spoken_balance(cents: int, currency: str) -> str:
    """A sentence about an account: what is owed, what is in credit, or that it is even."""
    if cents == 0:
        return "The account is even: nothing is owed."
    amount = spoken_amount(cents, currency)
    return f"The caller owes {amount}." if cents > 0 else f"The account has a credit of {amount}."
