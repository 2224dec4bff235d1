"""The hunt: hypothesis makes inputs in rounds until the time is used, and shrinks what it finds.

Hypothesis has no bound in time of its own. So a round whose time is up lets its remaining inputs pass unseen,
and a finding whose shrinking takes too long fails only on inputs that are known to fail.
"""

from __future__ import annotations

import signal
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Protocol

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.strategies import SearchStrategy

from tests.fuzz.watch import Memory

SHRINK_SECONDS = 20.0
HANG_SECONDS = 60.0
"""Real seconds after which one input counts as a hang."""


class Target(Protocol):
    """Something that is attacked.

    Attributes:
        name: What the command line calls it.
        share: Its part of the time, relative to the others'.
        examples: Inputs of one round.
        memory: What its inputs took; nothing if it is measured around the rounds only.
    """

    name: str
    share: float
    examples: int
    memory: Memory

    def inputs(self) -> SearchStrategy[Any]:
        """The strategy that makes its inputs. They are literals."""

    def always(self) -> Iterable[Any]:
        """Inputs that every run begins with: those that chance would take long to make."""

    def check(self, value: Any, tally: Counter[str]) -> None:
        """Attack with one input; any exception is a finding. ``tally`` counts what came of it."""

    def ready(self) -> AbstractContextManager[object]:
        """Entered around a round."""


class Unprepared:
    """Base of the targets that need nothing around a round."""

    def __init__(self) -> None:
        self.memory = Memory()

    def always(self) -> Iterable[Any]:
        return ()

    def ready(self) -> AbstractContextManager[object]:
        return nullcontext()


class Hang(Exception):
    """One input took :data:`HANG_SECONDS`."""


@dataclass
class Finding:
    """An input that must not do what it does."""

    target: str
    seed: int
    value: Any
    trace: str

    def __str__(self) -> str:
        return f"target {self.target}, seed {self.seed}\n{self.trace}"


@dataclass
class Result:
    """What the rounds against one target brought."""

    target: str
    inputs: int = 0
    seconds: float = 0.0
    grown: int = 0
    peak: int = 0
    tally: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)


def hunt(target: Target, number: int, result: Result, *, until: float, examples: int | None = None) -> None:
    """One round: attack with the inputs of seed ``number``, until ``time.monotonic()`` says ``until``."""
    known: dict[str, tuple[Exception, str]] = {}
    last: list[Any] = []
    give_up = until

    def attempt(value: Any) -> None:
        nonlocal give_up
        if known and (failure := known.get(ascii(value))) is not None:
            last[:] = [value, failure[1]]
            raise failure[0]
        if time.monotonic() >= give_up:
            return
        result.inputs += 1
        try:
            with _alarm():
                target.check(value, result.tally)
        except Exception as error:
            if not known:
                give_up = time.monotonic() + SHRINK_SECONDS
            known[ascii(value)] = error, "".join(traceback.format_exception(error))
            last[:] = [value, known[ascii(value)][1]]
            raise

    search = settings(
        max_examples=examples or target.examples,
        database=None,
        deadline=None,
        derandomize=False,
        verbosity=Verbosity.quiet,
        phases=(Phase.generate, Phase.shrink),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    began = time.monotonic()
    with target.ready():
        try:
            seed(number)(search(given(target.inputs())(attempt)))()
        except Exception:
            if not last:
                raise
            # Whatever hypothesis makes of it: this input failed last, and so is the smallest.
            result.findings.append(Finding(target.name, number, *last))
    result.seconds += time.monotonic() - began


def begin(target: Target, result: Result, *, until: float) -> None:
    """Attack with the inputs that every run begins with, as far as the time allows."""
    began = time.monotonic()
    with target.ready():
        for value in target.always():
            if time.monotonic() >= until:
                break
            result.inputs += 1
            try:
                with _alarm():
                    target.check(value, result.tally)
            except Exception as error:
                trace = "".join(traceback.format_exception(error))
                result.findings.append(Finding(target.name, 0, value, trace))
    result.seconds += time.monotonic() - began


def replay(target: Target, value: Any) -> None:
    """Attack with one input once more; raises what it finds."""
    with target.ready(), _alarm():
        target.check(value, Counter())


@contextmanager
def _alarm() -> Iterator[None]:
    def ring(number: int, frame: FrameType | None) -> None:
        raise Hang(f"one input takes more than {HANG_SECONDS:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, HANG_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
