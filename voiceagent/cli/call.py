"""``voiceagent call --scenario FILE``: a scripted caller phones the agent at a running sandbox."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from rich.console import Console

from voiceagent.cli import CommandError
from voiceagent.cli.scripts import CallScript, read_call_script
from voiceagent.sandbox.operator import LiveOperator, Operator, OperatorError


def run_call(scenario: Path, call_url: str | None, live_url: str | None, timeout: float) -> None:
    """Place the call and wait for its end; exit code 1 where nobody answered."""
    if call_url is None:
        raise CommandError("where is the sandbox? Give --call-url or set VOICEAGENT_CALL_URL")
    try:
        call = asyncio.run(_call(read_call_script(scenario), call_url, live_url, timeout))
    except OperatorError as error:
        raise CommandError(error) from None
    if not _show(call):
        raise SystemExit(1)


async def _call(script: CallScript, call_url: str, live_url: str | None, timeout: float) -> dict[str, Any]:
    if live_url is not None:
        async with LiveOperator(operator_url(live_url)) as live:
            await live.set_scenario(script.text)
    async with Operator(operator_url(call_url)) as exchange:
        call_id = await exchange.phone(script.numbers.caller, script.numbers.callee, script=script.steps)
        print(f"call {call_id} rings", flush=True)
        try:
            return await exchange.wait_for(call_id, "ended", timeout=timeout)
        except TimeoutError:
            await exchange.hangup(call_id)
            return await exchange.wait_for(call_id, "ended")


def operator_url(url: str) -> str:
    """The operator API of the sandbox's server at ``url`` (``ws://`` or ``wss://``)."""
    return "http" + url.removeprefix("ws").rstrip("/") + "/operator"


def _show(call: dict[str, Any]) -> bool:
    """Print what happened; whether the agent answered."""
    console = Console(highlight=False)
    for event in call["events"]:
        console.print(f"{event['at_ms'] / 1000:8.2f} s  {event['event']}")
    answered = any(event["event"] == "answered" for event in call["events"])
    console.print(f"ended: {call['end_reason']}" + ("" if answered else "; nobody answered"))
    return answered
