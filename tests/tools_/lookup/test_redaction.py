"""What is left of numbers in a transcript."""

from __future__ import annotations

import pytest

from tools.lookup import without_code, without_numbers


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("my pin is 4271", "my pin is ***"),
        ("it is 4 2 7 1, thanks", "it is ***, thanks"),
        ("four two seven one please", "*** please"),
        ("Four, two ... seven. One", "***"),
        ("forty two seventy one", "***"),
        ("forty-two seventy-one", "***"),
        ("double four seven one", "***"),
        ("oh three nine oh", "***"),
        ("vier zwei sieben eins", "***"),
        ("zweiundvierzig einundsiebzig", "***"),
        ("order 1042 and 1077", "order ***"),
        ("one moment, I have two questions", "one moment, I have two questions"),
        ("on March 5 at 10 AM", "on March 5 at 10 AM"),
        ("42 dollars and 50 cents", "42 dollars and 50 cents"),
        ("someone else", "someone else"),
        ("", ""),
    ],
)
def test_longer_numbers_go_and_small_ones_stay(said: str, kept: str) -> None:
    assert without_numbers(said) == kept
    assert without_numbers(without_numbers(said)) == kept


def test_a_code_that_comes_in_pieces_is_gone_when_the_line_is_whole() -> None:
    line = ""
    for piece in ("my pin", " is four", " two", " seven", " one", " okay"):
        line = without_numbers(line + without_numbers(piece))

    assert line == "my pin is *** okay"


def test_while_a_code_is_being_said_no_number_is_too_small() -> None:
    assert without_numbers("four", small=True) == "***"
    assert without_numbers(" 7", small=True) == " ***"
    assert without_numbers("your four-digit PIN", small=True) == "your four-digit PIN"


@pytest.mark.parametrize("said", ["4271", "4 2-7 1", "four two seven one", "Four, two, seven one"])
def test_a_code_that_was_tried_is_known_wherever_it_turns_up(said: str) -> None:
    assert "***" in without_code(f"Thank you, {said}, I checked.", "4271")
    assert without_code("Order 1042 is on its way.", "4271") == "Order 1042 is on its way."


def test_a_code_of_letters_is_known_too() -> None:
    assert without_code("You said SW1A 1AA 1980-05-17.", "sw1a1aa19800517") == "You said ***."


def test_a_very_long_text_takes_no_time() -> None:
    assert without_numbers("7 " * 20_000) == "*** "
    assert without_numbers("x" * 100_000 + "zwanzi") == "x" * 100_000 + "zwanzi"
