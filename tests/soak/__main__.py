"""``python -m tests.soak``: the soak, its figures, and exit code 1 with the reasons if anything is left."""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--calls", type=int, default=500, help="how many (default: 500)")
    parser.add_argument("--at-once", type=int, default=50, help="how many of them at once (default: 50)")
    parser.add_argument(
        "--warm-up", type=int, help="how many before it begins to count (default: as many as at once)"
    )
    parser.add_argument("--seconds", type=float, default=120, help="how long it may take (default: 120)")
    parser.add_argument("--seed", type=int, help="of everything random (default: another one each time)")
    parser.add_argument(
        "--lasting",
        type=float,
        nargs=2,
        default=(2.0, 8.0),
        metavar=("MIN", "MAX"),
        help="seconds of speech in a call (default: 2 8)",
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--side", choices=("callers", "program"), help=argparse.SUPPRESS)
    parser.add_argument("--place", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not 0 < options.at_once <= options.calls:
        parser.error(f"--at-once {options.at_once} is not from 1 to --calls {options.calls}")
    if options.warm_up is None:
        options.warm_up = options.at_once
    if options.seed is None:
        options.seed = random.randrange(1_000_000)
    return options


def _side(options: argparse.Namespace) -> None:
    from tests.soak.plan import Plans

    plans = Plans(options.seed, options.at_once, tuple(options.lasting))
    if options.side == "callers":
        from tests.soak import callers

        asyncio.run(callers.main(plans))
    else:
        from tests.soak import program

        asyncio.run(program.main(plans, options.at_once, **options.place))


def _conduct(options: argparse.Namespace) -> int:
    from tests.soak.conductor import Lost, conduct
    from tests.soak.plan import Plans
    from tests.soak.report import as_json, as_table, figures
    from tests.soak.verdict import Verdict

    passed_on = ["--seed", options.seed, "--calls", options.calls, "--at-once", options.at_once]
    passed_on += ["--lasting", *options.lasting]
    try:
        run = asyncio.run(
            conduct(options.calls, options.at_once, options.warm_up, options.seconds, [*map(str, passed_on)])
        )
    except Lost as lost:
        print(f"seed {options.seed}: {lost}", file=sys.stderr)
        return 1
    plans = Plans(options.seed, options.at_once, tuple(options.lasting))
    verdict = Verdict(run, plans)
    print((as_json if options.json else as_table)(figures(run, verdict, plans, options.seed)))
    return 1 if verdict.reasons else 0


if __name__ == "__main__":
    options = _arguments()
    if options.side:
        _side(options)
    else:
        sys.exit(_conduct(options))
