"""Attack the decoders and both ends of a call for a bounded time: ``python -m tests.fuzz --seconds 60``.

A run is told by its seed. What it finds is written to ``artifacts/fuzz/`` with the command that replays it;
then the exit status is 1.
"""

from __future__ import annotations

import argparse
import ast
import gc
import io
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.fuzz.hunt import Finding, Result, Target, begin, hunt, replay
from tests.fuzz.targets import TARGETS
from tests.fuzz.watch import resident

ARTIFACTS = Path("artifacts/fuzz")

MAX_GROWTH = 128 << 20
"""Bytes of memory that all rounds against one target may leave behind."""


def main(arguments: Sequence[str] | None = None) -> int:
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A finding may hold what no encoding knows.
        sys.stdout.reconfigure(errors="backslashreplace")
    options = _options(arguments)
    chosen = [target for target in TARGETS if not options.only or target.name in options.only]
    if options.replay is not None:
        value = ast.literal_eval(options.replay.read_text())
        for target in chosen:
            print(f"{target.name}: {_short(value)}")
            replay(target, value)
        print("nothing found")
        return 0
    results = _run(chosen, options.seconds, options.seed)
    for result in results:
        _report(result)
    findings = [finding for result in results for finding in result.findings]
    for number, finding in enumerate(findings, 1):
        _keep(finding, number)
    inputs, seconds = sum(result.inputs for result in results), sum(result.seconds for result in results)
    verdict = f"{len(findings)} findings" if findings else "nothing found"
    print(f"fuzz: {verdict} in {inputs} inputs, {seconds:.0f} s, seed {options.seed}")
    return 1 if findings else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="time for all targets together")
    parser.add_argument("--seed", type=int, default=None, help="seed of the run (default: a new one)")
    names = [target.name for target in TARGETS]
    parser.add_argument("--only", action="append", choices=names, help="only this target; may be repeated")
    parser.add_argument("--replay", type=Path, help="attack with the one input in this file")
    options = parser.parse_args(arguments)
    if options.replay is not None and not options.only:
        parser.error("--replay needs --only TARGET")
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 32)
    return options


def _run(targets: Sequence[Target], seconds: float, seed: int) -> list[Result]:
    """Give each target its part of the time; a target with a finding gives the rest of its part away."""
    results = []
    ends = time.monotonic() + seconds
    shares = sum(target.share for target in targets)
    for target in targets:
        until = time.monotonic() + max(0.0, ends - time.monotonic()) * target.share / shares
        shares -= target.share
        results.append(_attack(target, seed, until))
    return results


def _attack(target: Target, seed: int, until: float) -> Result:
    result = Result(target.name)
    before = 0
    number = seed
    begin(target, result, until=until)
    while time.monotonic() < until and not result.findings:
        hunt(target, number, result, until=until)
        number += 1
        # The first round also pays for what is loaded once.
        before = before or resident()
    gc.collect()
    if before:
        # On a busy machine there may have been no time for a round.
        result.grown = max(0, resident() - before)
    result.peak = target.memory.peak
    if result.grown > MAX_GROWTH:
        text = f"{result.grown >> 20} MiB of memory were left behind by {result.inputs} inputs"
        result.findings.append(Finding(target.name, seed, None, text))
    return result


def _report(result: Result) -> None:
    rate = result.inputs / result.seconds if result.seconds else 0.0
    print(
        f"{result.target}: {result.inputs} inputs in {result.seconds:.1f} s ({rate:.0f}/s), "
        f"memory +{result.grown / (1 << 20):.1f} MiB, at most +{result.peak / (1 << 20):.1f} MiB for one, "
        f"{len(result.findings)} findings"
    )
    for what, count in sorted(result.tally.items()):
        print(f"    {count:7d} {what}")


def _keep(finding: Finding, number: int) -> None:
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    path = ARTIFACTS / f"{finding.target}-{finding.seed}-{number}.txt"
    path.write_text(ascii(finding.value))
    print(f"\nFINDING {number}: {str(finding)[-6000:]}")
    print(f"input: {_short(finding.value)[:4000]}")
    print(f"replay: python -m tests.fuzz --only {finding.target} --replay {path}\n", flush=True)


def _short(value: Any) -> str:
    """The input for people: the middle of a long text is left out."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_short, value))}]"
    shown = ascii(value)
    return shown if len(shown) <= 300 else f"{shown[:200]} ({len(shown) - 250} more) {shown[-50:]}"


if __name__ == "__main__":
    sys.exit(main())
