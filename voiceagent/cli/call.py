"""``voiceagent call --scenario FILE``: a scripted caller phones the agent at a running sandbox."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from voiceagent.cli import CommandError
from voiceagent.cli.scripts import CallScript, read_call_script
from voiceagent.sandbox.leg import TICK_SECONDS
from voiceagent.sandbox.operator import LiveOperator, Operator, OperatorError
from voiceagent.wire.frames import ms_to_bytes


def run_call(scenario: Path, call_url: str | None, live_url: str | None, timeout: float) -> None:
    """Place the call and wait for its end; exit code 1 where nobody answered."""
    if call_url is None:
        raise CommandError("where is the sandbox? Give --call-url or set VOICEAGENT_CALL_URL")
    try:
        call, heard = asyncio.run(_call(read_call_script(scenario), call_url, live_url, timeout))
    except OperatorError as error:
        # Without a status nothing has answered.
        hint = ": is the sandbox running? Start it with 'voiceagent sandbox'" if error.status is None else ""
        raise CommandError(f"{error}{hint}") from None
    print(f"ended: {call['end_reason']}")
    happened = {event["event"] for event in call["events"]}
    if happened.isdisjoint({"answered", "bridged"}):
        print(_why_unanswered(call["end_reason"], claimed="claimed" in happened))
        raise SystemExit(1)
    seconds = _audible_seconds(heard, call["sample_rate"])
    print(f"caller heard {seconds:.1f} s of audio" if seconds else "caller heard nothing")


async def _call(
    script: CallScript, call_url: str, live_url: str | None, timeout: float
) -> tuple[dict[str, Any], bytes]:
    """The call when it is over, and the PCM that the caller heard in it."""
    if live_url is not None:
        async with LiveOperator(operator_url(live_url)) as live:
            await live.set_scenario(script.text)
    async with Operator(operator_url(call_url)) as exchange:
        if not await exchange.controls():
            print(
                "no agent is connected yet; it rings until one is: voiceagent serve MODULE:AGENT", flush=True
            )
        call_id = await exchange.phone(
            script.numbers.caller, script.numbers.callee, script=script.steps, callee=script.party
        )
        print(f"call {call_id}", flush=True)
        printed = 0

        def over(call: dict[str, Any]) -> bool:
            nonlocal printed
            for event in call["events"][printed:]:
                print(_line(event), flush=True)
            printed = len(call["events"])
            return bool(call["state"] == "ended")

        try:
            call = await exchange.wait_for(call_id, over, timeout=timeout)
        except TimeoutError:
            await exchange.hangup(call_id)
            call = await exchange.wait_for(call_id, over)
        except asyncio.CancelledError:
            # Whoever stops the command hangs up; otherwise the call would ring on at the sandbox.
            await exchange.hangup(call_id)
            raise
        return call, await exchange.heard(call_id)


def operator_url(url: str) -> str:
    """The operator API of the sandbox's server at ``url`` (``ws://`` or ``wss://``)."""
    if not url.startswith(("ws://", "wss://")):
        raise CommandError(f"the sandbox's address begins with ws:// or wss://, not {url!r}")
    return "http" + url.removeprefix("ws").rstrip("/") + "/operator"


def _why_unanswered(end_reason: str, *, claimed: bool) -> str:
    """What a call says that ended before anybody answered it."""
    if end_reason == "rejected":
        return "the agent rejected the call"
    if claimed:
        return "an agent took the call but did not answer it: look at its log"
    return "nobody answered: is an agent connected? Start one with 'voiceagent serve MODULE:AGENT'"


def _audible_seconds(pcm: bytes, sample_rate: int) -> float:
    """How much of 16-bit mono PCM is no silence, in the exchange's ticks; its silence is zeros."""
    tick = ms_to_bytes(TICK_SECONDS * 1000, sample_rate)
    audible = sum(1 for at in range(0, len(pcm), tick) if any(pcm[at : at + tick]))
    return audible * TICK_SECONDS


def _line(event: dict[str, Any]) -> str:
    """One event of the exchange: when, what, and what belongs to it."""
    details = "  ".join(
        f"{value} Hz" if key == "sample_rate" else str(value)
        for key, value in event.items()
        if key not in ("at_ms", "event")
    )
    return f"{event['at_ms'] / 1000:8.2f} s  {event['event']:<14} {details}".rstrip()
