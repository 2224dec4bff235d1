"""One caller has one identity, however the line writes it; those who hide have none, and do not share one."""

from __future__ import annotations

import pytest

from tools.callers import LONGEST_NUMBER, customer_number, normalised
from voiceagent import CallContext


@pytest.mark.parametrize(
    "number",
    [
        "+15550100",
        " +1 (555) 01-00 ",
        "tel:+15550100",
        "TEL: +1.555.0100",
        "+1\u00a0555\u00a00100",
        "+1555\n0100",
    ],
)
def test_one_number_is_one_caller_however_it_is_written(number: str) -> None:
    assert normalised(number) == "+15550100"


@pytest.mark.parametrize(
    "number",
    [
        *(None, "", "  ", "anonymous", "Restricted", "tel:unknown"),
        *("sip:anonymous@anonymous.invalid", "SIP:Anonymous@example.com", "sips:x@anonymous.invalid", "sip:"),
        *("()-", "+", "-", "...", "+ ( )", "tel:", "+" * 5000),
        *("1" * (LONGEST_NUMBER + 1), "sip:" + "x" * 5000 + "@example.com", "a\x00b", "sip:a\nb@example.com"),
    ],
)
def test_who_hides_or_has_no_number_is_nobody(number: str | None) -> None:
    assert customer_number(CallContext("call-1", caller_number=number)) is None


def test_an_address_that_is_no_number_is_a_caller_too() -> None:
    assert normalised("sip:Anna@Example.com") == "sip:anna@example.com"
    assert normalised("sip:+15550200@evil.example") != normalised("+15550200")
    assert normalised("1" * LONGEST_NUMBER) == "1" * LONGEST_NUMBER
