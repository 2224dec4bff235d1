"""What a call costs the agent's program: CPU per call-second and memory, side by side in one run.

    python tests/bench/bridge_cost.py [--calls 40] [--seconds 15] [--rounds 3]

Three programs answer the same calls against the same sandbox, each in a process of its own, in turn:

relay    carries the frames and does nothing else: raw WebSockets, prebuilt JSON, no resampling
bridge   a VoiceAgent: resampling to and from 16 and 24 kHz, recording to disk, transcripts, report
genai    the loop of the call SDK's documentation: this SDK, and google-genai's own client for the model

In each call the caller's line sends audio without a pause, and the model speaks for most of the time.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import IO, Any

from voiceagent.sandbox.operator import Operator

ROOT = Path(__file__).parents[2]
SENTENCE = (
    "We are open on every weekday from eight in the morning to five in the afternoon, and on Saturdays. "
)
RATE = 24000
SUBJECTS = ("relay", "bridge", "genai")


def scenario(seconds: float) -> str:
    """The model speaks once, for about ``seconds``."""
    return f"model:\n  - on: start\n    say: {SENTENCE * max(1, round(seconds / 6))}\n"


def main(options: argparse.Namespace) -> None:
    results: dict[str, list[dict[str, float]]] = {name: [] for name in SUBJECTS}
    for _ in range(options.rounds):
        for name in SUBJECTS:
            results[name].append(measure(name, options.calls, options.seconds))
    print(f"{options.calls} calls at once, {options.seconds:g} s each, {options.rounds} rounds\n")
    print(f"{'':8}{'CPU ms per call-second':>30}{'MB per call':>15}")
    print(f"{'':8}{'min':>10}{'median':>10}{'max':>10}{'median':>15}")
    for name, rounds in results.items():
        cpu = [round_["cpu_ms"] for round_ in rounds]
        memory = statistics.median(round_["mb"] for round_ in rounds)
        print(f"{name:8}{min(cpu):10.2f}{statistics.median(cpu):10.2f}{max(cpu):10.2f}{memory:15.2f}")


def measure(name: str, calls: int, seconds: float) -> dict[str, float]:
    """One round of one program."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as running:
        plot = Path(folder, "plot.yaml")
        plot.write_text(scenario(seconds))
        command = [sys.executable, "-m", "voiceagent", "sandbox", "--port", "0", "--live-port", "0", "--json"]
        sandbox = start(running, [*command, "--scenario", str(plot)], cwd=ROOT)
        ready = json.loads(sandbox.readline())
        environment = {**os.environ, "READY": json.dumps(ready), "SSL_CERT_FILE": ready["ca_file"]}
        command = [
            sys.executable,
            __file__,
            "--subject",
            name,
            "--calls",
            str(calls),
            "--seconds",
            str(seconds),
        ]
        subject = start(running, command, cwd=folder, env=environment)
        assert subject.readline() == b"ready\n", f"{name} did not start"
        asyncio.run(phone(ready["operator_url"], calls))
        result: dict[str, float] = json.loads(subject.readline())
        return result


def start(running: contextlib.ExitStack, command: list[str], **options: Any) -> IO[bytes]:
    """Start a process that ends with ``running``; returns its standard output."""
    process = running.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, **options))
    running.callback(process.terminate)
    assert process.stdout is not None
    return process.stdout


async def phone(operator_url: str, calls: int) -> None:
    async with Operator(operator_url) as operator:
        for _ in range(calls):
            await operator.phone("+15550100", "+15550199")


# The programs --------------------------------------------------------------------------------------------


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


class Meter:
    """Measures from the moment when all calls are up, for a fixed time."""

    def __init__(self, calls: int, seconds: float) -> None:
        self.calls, self.seconds = calls, seconds
        self.up = 0
        self.one_call_mb = 0.0
        self.all_up = asyncio.Event()

    def answered(self) -> None:
        self.up += 1
        if self.up == 1:
            # What is imported and made once is in memory by now; the rest is what further calls need.
            self.one_call_mb = resident_mb()
        if self.up == self.calls:
            self.all_up.set()

    async def run(self) -> None:
        print("ready", flush=True)
        await self.all_up.wait()
        began, used = time.perf_counter(), cpu_seconds()
        await asyncio.sleep(self.seconds)
        spent = cpu_seconds() - used
        lasted = time.perf_counter() - began
        memory = (resident_mb() - self.one_call_mb) / (self.calls - 1)
        print(json.dumps({"cpu_ms": spent * 1000 / (lasted * self.calls), "mb": memory}), flush=True)


async def run_bridge(meter: Meter, ready: dict[str, str]) -> None:
    from voiceagent import Service, VoiceAgent
    from voiceagent.call import CallClientConfig
    from voiceagent.live.genai import GenaiConnector
    from voiceagent.report import Answered

    class Agent(VoiceAgent):
        instruction = "You answer."

    service = Service(
        Agent,
        config=CallClientConfig.sandbox(
            ready["api_key"], ready["connector_uuid"], RATE, base_url=ready["call_url"]
        ),
        connector=GenaiConnector(live_url=ready["live_url"]),
        reports="calls",
        observer=lambda _, moment: meter.answered() if isinstance(moment, Answered) else None,
    )
    serving = asyncio.Event()
    task = asyncio.create_task(service.serve(ready=serving.set))
    await serving.wait()
    await meter.run()
    task.cancel()


async def run_genai(meter: Meter, ready: dict[str, str]) -> None:
    from google import genai
    from google.genai import types

    from voiceagent.call import ActiveCall, CallClient, CallClientConfig, events

    client = genai.Client(api_key="any", http_options=types.HttpOptions(base_url=ready["live_tls_url"]))
    config = {"response_modalities": ["AUDIO"], "output_audio_transcription": {}}

    async def take(call: ActiveCall) -> None:
        async with client.aio.live.connect(model="gemini-3.8-live", config=config) as session:  # type: ignore[arg-type]
            await call.answer()
            meter.answered()

            async def up() -> None:
                async for chunk in call.audio_stream():
                    blob = types.Blob(data=chunk, mime_type=f"audio/pcm;rate={RATE}")
                    await session.send_realtime_input(audio=blob)

            async def down() -> None:
                content = types.Content(role="user", parts=[types.Part(text="hello")])
                await session.send_client_content(turns=content, turn_complete=True)
                while True:
                    async for message in session.receive():
                        if message.server_content and message.server_content.model_turn:
                            for part in message.server_content.model_turn.parts or []:
                                if part.inline_data and part.inline_data.data:
                                    await call.send_audio(part.inline_data.data)

            await asyncio.gather(up(), down())

    config_ = CallClientConfig.sandbox(
        ready["api_key"], ready["connector_uuid"], RATE, base_url=ready["call_url"], buffer_size=1 << 23
    )
    async with CallClient(config_) as calls:
        calls.on(events.INCOMING_CALL)(take)
        await meter.run()


async def run_relay(meter: Meter, ready: dict[str, str]) -> None:
    from websockets.asyncio.client import connect

    headers = {"x-api-key": ready["api_key"], "x-connector-uuid": ready["connector_uuid"]}
    prefix = b'{"realtime_input":{"audio":{"mime_type":"audio/pcm;rate=24000","data":"'
    options: dict[str, Any] = {"compression": None, "max_queue": None, "max_size": None}

    async def take(url: str, token: str) -> None:
        async with (
            connect(ready["live_url"], **options) as live,
            connect(url, additional_headers={"Authorization": f"Bearer {token}"}, **options) as line,
        ):
            setup = {"model": "models/gemini-3.8-live", "generationConfig": {"responseModalities": ["AUDIO"]}}
            await live.send(json.dumps({"setup": setup}))
            await live.recv()
            command = {"command_id": "1", "command": "call.answer", "timeout_ms": 10000}
            await line.send(json.dumps({"type": "command", "data": command}))
            meter.answered()
            queued = bytearray()
            credit = 0

            async def pump() -> None:
                nonlocal credit
                while credit and queued:
                    size = min(credit, len(queued), 1920)
                    frame = b"\0" + queued[:size]
                    del queued[:size]
                    credit -= size
                    await line.send(frame)

            async def down() -> None:
                turn = {"role": "user", "parts": [{"text": "hello"}]}
                await live.send(json.dumps({"client_content": {"turns": [turn], "turn_complete": True}}))
                async for raw in live:
                    content = json.loads(raw).get("serverContent") or {}
                    for part in (content.get("modelTurn") or {}).get("parts", []):
                        queued.extend(base64.b64decode(part["inlineData"]["data"]))
                    await pump()

            async def up() -> None:
                nonlocal credit
                async for message in line:
                    if isinstance(message, bytes):
                        data = base64.b64encode(message[1:])
                        await live.send(prefix + data + b'"}}}', text=True)
                        continue
                    parsed = json.loads(message)
                    if parsed["type"] == "buffer_request":
                        credit += parsed["data"]["requested_bytes"]
                        await pump()

            await asyncio.gather(up(), down())

    url = f"{ready['call_url']}/v1/agent/session-manager"
    async with connect(url, additional_headers=headers) as control, asyncio.TaskGroup() as tasks:
        await control.send(json.dumps({"type": "setup", "data": {"sampleRate": RATE, "audioMode": "mixed"}}))
        await control.recv()
        measuring = asyncio.create_task(meter.run())
        async for raw in control:
            message = json.loads(raw)
            session = {"sessionId": message.get("sessionId")}
            if message["type"] == "session.notify":
                await control.send(
                    json.dumps({"type": "session.open", "reqId": session["sessionId"], **session})
                )
            elif message["type"] == "response" and message["ok"]:
                opened = message["content"]["session"]["id"]
                await control.send(json.dumps({"type": "session.ready", "sessionId": opened}))
            elif message["type"] == "call.in":
                tasks.create_task(take(message["url"], message["token"]))
        await measuring


def run_subject(options: argparse.Namespace) -> None:
    ready = json.loads(os.environ["READY"])
    subjects: dict[str, Callable[[Meter, dict[str, str]], Awaitable[None]]] = {
        "relay": run_relay,
        "bridge": run_bridge,
        "genai": run_genai,
    }

    async def subject() -> None:
        await subjects[options.subject](Meter(options.calls, options.seconds), ready)

    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(subject())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--subject", choices=SUBJECTS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.subject:
        run_subject(arguments)
    else:
        main(arguments)
