"""What an agent may answer by itself: a small knowledge base of questions and answers.

The rule: the model says what is written there, or nothing. What is not found is not guessed.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from tools.call_control.wording import words_of

_LEAST_SHARE = 0.34
"""Least share of a question's weight that an article must cover to be an answer."""

_FILLERS = frozenset(
    "a about am an and any are at be but can could do does for from get give had has have hello help hi how i"
    " if in is it its ive like me my need no not of on or our please so tell thank thanks that the their"
    " there these they this to us want was we what whats when where which who why will with would yes you"
    " your"
    # German
    " aber als am auch auf aus bei bitte das dass dem den der des die ein eine einen er es fur für guten habe"
    " haben hallo ich ihr ihre im in ist kann können mein meine mich mir mit möchte nach nicht oder sie sind"
    " um und von wann was wer wie wo zu zum zur".split()
)


@dataclass(frozen=True)
class Article:
    """One answer.

    Attributes:
        title: What it is about, in a few words.
        answer: What is said: one to three short sentences.
        words: More words by which callers ask for it.
    """

    title: str
    answer: str
    words: str = ""

    def __post_init__(self) -> None:
        if not words_of(self.title) or not self.answer.strip():
            raise ValueError(f"article {self.title!r}: give it a title and an answer")


class KnowledgeBase:
    """Finds the articles that answer a question, by the words they share.

    Args:
        articles: What is known; titles must differ.
    """

    def __init__(self, articles: Iterable[Article]) -> None:
        self.articles = tuple(articles)
        titles = Counter(article.title.casefold() for article in self.articles)
        if twice := [title for title, times in titles.items() if times > 1]:
            raise ValueError(f"two articles are called {twice[0]!r}: give each a title of its own")
        self._title_words = [_stems(f"{article.title} {article.words}") for article in self.articles]
        self._words = [
            titles | _stems(article.answer)
            for article, titles in zip(self.articles, self._title_words, strict=True)
        ]
        everywhere = Counter(word for words in self._words for word in words)
        self._weight = {word: 1 / (1 + math.log(times)) for word, times in everywhere.items()}

    def search(self, question: str, limit: int = 2) -> list[Article]:
        """The articles that fit best, the best first; empty where none fits.

        Args:
            question: In the caller's words or the model's.
            limit: How many at most.
        """
        asked = _stems(question)
        most = sum(self._weight.get(word, 1.0) for word in asked)
        if not most:
            return []
        scored = []
        for number, article in enumerate(self.articles):
            covered = sum(self._weight[word] for word in asked & self._words[number])
            # A word in the title says what an article is about; one in its text may stand there by chance.
            covered += sum(self._weight[word] for word in asked & self._title_words[number])
            if covered >= _LEAST_SHARE * 2 * most:
                scored.append((-covered, number, article))
        return [article for _, _, article in sorted(scored, key=lambda found: found[:2])[:limit]]


def _stems(text: str) -> set[str]:
    """The words that carry meaning, without their commonest endings."""
    return {_stem(word) for word in words_of(text) if word not in _FILLERS}


def _stem(word: str) -> str:
    for ending in ("ings", "ing", "ies", "es", "ed", "en", "s", "y", "e", "n"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word.removesuffix(ending)
    return word
