"""Faults on order: the next uses of a command fail, or are never answered."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass


@dataclass
class Fault:
    """What the next ``times`` uses of a command meet.

    Attributes:
        error_code: code of the error answer.
        error_message: text of the error answer.
        times: uses that are left.
        silent: give no answer at all.
    """

    error_code: str = "INTERNAL_ERROR"
    error_message: str = "a fault on order"
    times: int = 1
    silent: bool = False


class Faults:
    """The faults that are on order, per command, in order."""

    def __init__(self) -> None:
        """None."""
        self._ordered: defaultdict[str, deque[Fault]] = defaultdict(deque)

    def order(self, command: str, fault: Fault) -> None:
        """Let the next uses of ``command`` fail, after those already on order."""
        self._ordered[command].append(fault)

    def take(self, command: str) -> Fault | None:
        """The fault that this use of ``command`` meets; None lets it through."""
        queue = self._ordered.get(command)
        if not queue:
            return None
        fault = queue[0]
        fault.times -= 1
        if fault.times <= 0:
            queue.popleft()
        return fault

    def clear(self) -> None:
        """Forget all orders."""
        self._ordered.clear()
