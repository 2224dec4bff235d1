"""How much a run went through, so that one can see that it did."""

from __future__ import annotations

from collections import Counter


class Figures:
    """Sums over all examples of a run."""

    def __init__(self) -> None:
        self.examples = 0
        self.steps = 0
        self.seconds = 0.0
        self.phoned = 0
        self.reasons: Counter[str] = Counter()
        self.events: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()

    def __str__(self) -> str:
        lines = [
            f"{self.examples} sequences, {self.steps} steps, {self.seconds / 3600:.1f} virtual hours",
            f"{self.phoned} callers, {sum(self.reasons.values())} calls ended: {_ranking(self.reasons)}",
            f"events: {_ranking(self.events)}",
            f"{sum(self.outcomes.values())} outcomes: {_ranking(self.outcomes)}",
        ]
        return "\n".join(lines)


def _ranking(counts: Counter[str], most: int = 24) -> str:
    shown = [f"{name} {count}" for name, count in counts.most_common(most)]
    rest = len(counts) - len(shown)
    return ", ".join(shown) + (f", and {rest} other kinds" if rest else "")
