"""Token counts for ``usageMetadata``: plausible, not the real service's.

Audio counts 25 tokens a second, which is what Google documents for the Live API; text and instructions are
not counted.
"""

from __future__ import annotations

from typing import Any

TOKENS_PER_SECOND = 25


class Usage:
    """Counts one session. The prompt of a turn is all that was heard and said before it, as in a context."""

    def __init__(self, context_seconds: float = 0.0) -> None:
        """``context_seconds`` is what the context holds already."""
        self._context_seconds = context_seconds

    @property
    def context_seconds(self) -> float:
        """Audio in the context."""
        return self._context_seconds

    def heard(self, seconds: float) -> None:
        """Count caller audio."""
        self._context_seconds += seconds

    def turn(self, said_seconds: float) -> dict[str, Any]:
        """The ``usageMetadata`` of a turn with so much audio."""
        prompt = round(self._context_seconds * TOKENS_PER_SECOND)
        response = round(said_seconds * TOKENS_PER_SECOND)
        self._context_seconds += said_seconds
        return {
            "promptTokenCount": prompt,
            "responseTokenCount": response,
            "totalTokenCount": prompt + response,
            "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": prompt}],
            "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": response}],
        }
