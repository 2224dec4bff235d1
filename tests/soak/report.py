"""The figures of a soak, for people and as JSON."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import asdict
from typing import Any

from tests.soak.conductor import Run, Side
from tests.soak.plan import Plans
from tests.soak.verdict import Verdict

_MIB = 1 << 20


def figures(run: Run, verdict: Verdict, plans: Plans, seed: int) -> dict[str, Any]:
    """All figures, as JSON has them."""
    outcomes = run.exchange.facts["outcome"]
    left = run.program.facts["left"]
    talked = sum(outcome["seconds"] for outcome in outcomes)
    counters: Counter[str] = Counter()
    for each in left:
        counters.update(each["counters"])
    return {
        "seed": seed,
        "seconds": round(run.seconds, 1),
        "calls": len(outcomes),
        "at_once": {
            "phoned": run.ran["peak"],
            "talking": run.ran["peak_up"],
            "program": run.program.facts["peak"][-1]["calls"],
        },
        "call_seconds": round(talked, 1),
        "handed_off": sum(
            visit.terminated == ["handed_off"] for visits in verdict.visits.values() for visit in visits
        ),
        "never_seen": sum(not verdict.visits[outcome["number"]] for outcome in outcomes),
        "offered_again": sum(len(outcome["released"] or ()) for outcome in outcomes),
        "control_drops": {"drops": run.ran["drops"], "calls_that_lived_on": run.ran["lived_on"]},
        "media_drops": sum(outcome["dropped_in"] is not None for outcome in outcomes),
        "outcomes": dict(sorted(Counter(plans.of(outcome["number"]).kind for outcome in outcomes).items())),
        "program_reasons": dict(
            Counter(
                visit.terminated[0]
                for visits in verdict.visits.values()
                for visit in visits
                if visit.terminated
            )
        ),
        "heard_all_bit_exact": sum(outcome["caller_heard"] == "all" for outcome in outcomes),
        "echoes_complete": _complete_echoes(run, plans),
        "unjudged": verdict.unjudged,
        "dropped": {
            "exchange_frames": sum(late["dropped"] for late in run.exchange.facts["late"]),
            **{name: counters[name] for name in sorted(counters)},
        },
        "ring_to_answer_ms": _spread([outcome["answer_seconds"] for outcome in outcomes]),
        "answer_command_ms": _spread([each["answer_seconds"] for each in left]),
        "audio_round_trip_ms": _spread([outcome["echo_seconds"] for outcome in outcomes]),
        "exchange": _side(run.exchange, talked, run.at_once),
        "program": _side(run.program, talked, run.at_once),
        "logged": dict(
            Counter(
                f"{one['level']} {one['logger']}: {one['kind']}"
                for side in (run.exchange, run.program)
                for one in side.facts["logged"]
            )
        ),
        "reasons": verdict.reasons,
    }


def as_json(figures: dict[str, Any]) -> str:
    """The figures as one JSON object."""
    return json.dumps(figures, indent=2, ensure_ascii=False)


def as_table(figures: dict[str, Any]) -> str:
    """The figures as people read them."""
    at_once, control = figures["at_once"], figures["control_drops"]
    lines = [
        f"soak: {figures['calls']} calls in {figures['seconds']:g} s, seed {figures['seed']}",
        "",
        f"{'at once':32}{at_once['phoned']} phoned, {at_once['talking']} talking, "
        f"{at_once['program']} in the program",
        f"{'time on the line':32}{figures['call_seconds']:g} s, all calls together",
        f"{'offered again':32}{figures['offered_again']}",
        f"{'handed off':32}{figures['handed_off']}",
        f"{'ended before the program knew':32}{figures['never_seen']}",
        f"{'control links dropped':32}{control['drops']} times; "
        f"{control['calls_that_lived_on']} calls with a media link were going on",
        f"{'media links dropped':32}{figures['media_drops']}",
        f"{'heard in full, bit-exact':32}{figures['heard_all_bit_exact']} callers; "
        f"{figures['echoes_complete']} echoes to the last byte",
        f"{'not judged (frames dropped)':32}{figures['unjudged']}",
        "",
        f"{'ms':32}{'p50':>9}{'p99':>9}{'longest':>9}{'calls':>9}",
        *(
            f"{name:32}{spread['p50']:9.1f}{spread['p99']:9.1f}{spread['longest']:9.1f}{spread['count']:9}"
            for name, spread in (
                ("ring to answer", figures["ring_to_answer_ms"]),
                ("answer command", figures["answer_command_ms"]),
                ("audio round trip", figures["audio_round_trip_ms"]),
            )
            if spread["count"]
        ),
        "",
        *_sides(figures["exchange"], figures["program"]),
        "",
        *_counts("how the calls went", figures["outcomes"]),
        *_counts("how they ended for the program", figures["program_reasons"]),
        *_counts("counted", figures["dropped"]),
        *_counts("logged", figures["logged"]),
    ]
    if figures["reasons"]:
        lines += ["FAILED", *(f"  - {reason}" for reason in figures["reasons"])]
    else:
        lines.append("passed: nothing is left, and every call went as planned")
    return "\n".join(lines)


def _sides(exchange: dict[str, Any], program: dict[str, Any]) -> list[str]:
    rows = {
        "CPU seconds": ("cpu_seconds", "8.2f"),
        "CPU ms per call-second": ("cpu_ms_per_call_second", "8.2f"),
        "RSS before, MiB": ("rss_before_mib", "8.1f"),
        "RSS peak, MiB": ("rss_peak_mib", "8.1f"),
        "RSS after, MiB": ("rss_after_mib", "8.1f"),
        "RSS per call at the peak, MiB": ("rss_per_call_mib", "8.2f"),
        "malloc in use before, KiB": ("heap_kib_before", "8"),
        "malloc in use after, KiB": ("heap_kib_after", "8"),
        "Python blocks before": ("blocks_before", "8"),
        "Python blocks after": ("blocks_after", "8"),
        "tasks before": ("tasks_before", "8"),
        "tasks after": ("tasks_after", "8"),
        "open files before": ("files_before", "8"),
        "open files after": ("files_after", "8"),
        "threads before": ("threads_before", "8"),
        "threads after": ("threads_after", "8"),
    }
    return [
        f"{'':32}{'exchange':>10}{'program':>10}",
        *(f"{name:32}  {exchange[key]:{form}}  {program[key]:{form}}" for name, (key, form) in rows.items()),
    ]


def _counts(title: str, counts: dict[str, int]) -> list[str]:
    return [title, *(f"  {count:8}  {name}" for name, count in counts.items() if count), ""]


def _side(side: Side, talked: float, at_once: int) -> dict[str, Any]:
    before, after = side.before, side.after
    cpu = after.cpu - before.cpu
    return {
        "cpu_seconds": round(cpu, 2),
        "cpu_ms_per_call_second": round(cpu * 1000 / talked, 2) if talked else 0.0,
        "rss_before_mib": round(before.rss / _MIB, 1),
        "rss_peak_mib": round(after.peak / _MIB, 1),
        "rss_after_mib": round(after.rss / _MIB, 1),
        "heap_kib_before": before.heap >> 10,
        "heap_kib_after": after.heap >> 10,
        "rss_per_call_mib": round((after.peak - before.rss) / at_once / _MIB, 2),
        **{
            f"{name}_{when}": asdict(held)[name]
            for name in ("blocks", "tasks", "files", "threads")
            for when, held in (("before", before), ("after", after))
        },
    }


def _complete_echoes(run: Run, plans: Plans) -> int:
    return sum(
        outcome["caller_heard"] == "all" and plans.of(outcome["number"]).body == "echo"
        for outcome in run.exchange.facts["outcome"]
    )


def _spread(seconds: list[float | None]) -> dict[str, float | int]:
    ms = sorted(each * 1000 for each in seconds if each is not None)
    if not ms:
        return {"p50": 0.0, "p99": 0.0, "longest": 0.0, "count": 0}
    return {
        "p50": round(ms[len(ms) // 2], 1),
        "p99": round(ms[math.ceil(len(ms) * 0.99) - 1], 1),
        "longest": round(ms[-1], 1),
        "count": len(ms),
    }
