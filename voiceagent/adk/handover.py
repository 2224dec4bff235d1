"""Lets a call pass from one agent of ADK to another without ADK's pause.

ADK waits a second before it opens the next agent's connection, so that the old connection can finish. On the
phone that is a second of silence, and there is nothing to wait for: what the old agent said is on the line.

Its rule: only runs of phone calls are spared it. ADK has the time as a constant of a module and no setting,
so the constant becomes a number that is what it was for everybody else in the process.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

logger = logging.getLogger(__name__)

_on_the_phone: ContextVar[bool] = ContextVar("on_the_phone", default=False)

_CONSTANTS = ("DEFAULT_TRANSFER_AGENT_DELAY", "DEFAULT_TASK_COMPLETION_DELAY")


class _Delay(float):
    """Seconds that are over at once in a phone call: ``asyncio.sleep`` asks first whether they are <= 0."""

    def __le__(self, other: float) -> bool:
        return (other == 0 and _on_the_phone.get()) or float(self) <= other


def install() -> None:
    """Make the constants of ADK depend on who waits; where a version has others, its pause stays."""
    from google.adk.live import _live_llm_flow

    for name in _CONSTANTS:
        delay = getattr(_live_llm_flow, name, None)
        if isinstance(delay, _Delay):
            continue
        if not isinstance(delay, int | float):
            logger.warning("this version of google-adk has no %s: its pause at a hand-over stays", name)
            continue
        setattr(_live_llm_flow, name, _Delay(delay))


@contextmanager
def without_pause() -> Iterator[None]:
    """What runs in here, and the tasks it makes, does not wait."""
    outer = _on_the_phone.set(True)
    try:
        yield
    finally:
        _on_the_phone.reset(outer)
