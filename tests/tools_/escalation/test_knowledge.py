"""What is written down is found by the words of callers; what is not is not guessed."""

from __future__ import annotations

import pytest

from agents.human_escalation import LAKESIDE_HELP
from tools.escalation import Article, KnowledgeBase


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("when are you open", "Opening hours"),
        ("Are you open on Saturdays?", "Opening hours"),
        ("how much does a visit cost", "Prices of a visit"),
        ("what do you charge", "Prices of a visit"),
        ("my tap is dripping", "Dripping tap"),
        ("the boiler gives no hot water", "No hot water"),
        ("is there a warranty", "Guarantee"),
    ],
)
def test_a_question_finds_its_article(question: str, title: str) -> None:
    assert KnowledgeBase(LAKESIDE_HELP).search(question)[0].title == title


@pytest.mark.parametrize(
    "question",
    ["", "   ", "?!", "do you sell bicycles", "who won the election", "I want to talk to a person", "\x00"],
)
def test_what_is_not_written_is_not_found(question: str) -> None:
    assert KnowledgeBase(LAKESIDE_HELP).search(question) == []


def test_an_empty_knowledge_base_knows_nothing() -> None:
    assert KnowledgeBase(()).search("opening hours") == []


def test_mistakes_in_the_articles_are_found_at_once() -> None:
    with pytest.raises(ValueError, match="title and an answer"):
        Article("Prices", " ")
    with pytest.raises(ValueError, match="two articles are called 'prices'"):
        KnowledgeBase((Article("Prices", "ten"), Article("prices", "twelve")))
