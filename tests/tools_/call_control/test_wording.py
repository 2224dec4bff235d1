"""Texts from a model, made fit to be stored and spoken."""

from __future__ import annotations

import pytest

from tools.call_control.wording import one_line, same_words, words_of


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("  two\n lines\t here ", "two lines here"),
        ("a\x00b\ud800c", "a b c"),
        ("", ""),
        ("\x00\x07", ""),
        ("exactly twenty chars", "exactly twenty chars"),
        ("one word too many for it", "one word too many…"),
        ("a comma, and something", "a comma, and…"),
        ("x" * 30, "x" * 19 + "…"),
    ],
)
def test_a_text_becomes_one_line_that_ends_with_a_word(text: str, line: str) -> None:
    assert one_line(text, 20) == line
    assert len(one_line(text, 20)) <= 20


def test_words_are_compared_without_case_and_punctuation() -> None:
    assert words_of("Don't: STOP -- please!") == ["dont", "stop", "please"]
    assert same_words("Late, delivery!", "late delivery")
    assert not same_words("late", "later")
