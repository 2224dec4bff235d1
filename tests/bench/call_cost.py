"""What the call SDK costs on calls, beside a bare relay: ``python tests/bench/call_cost.py [--quick]``.

Calls at 24 kHz that echo what the caller says, all at once, against an exchange in its own process. The CPU
time is that of this process, which runs the SDK and a bare relay of the same frames in turn: the relay
reads a frame off its socket and writes it back, so it is the least that any program in this language costs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from voiceagent.call import ActiveCall, CallClient, CallClientConfig, events
from voiceagent.sandbox.exchange import Exchange
from voiceagent.wire import control, encode, media

CALLS = 40
RATE = 24_000
BYTES_PER_MS = 48
WARM_UP = 1.0

Echo = Callable[[dict[str, str]], AbstractAsyncContextManager[None]]


async def exchange() -> None:
    """Place calls on a line from standard input, and say on the next how much of each was echoed."""
    speech = random.Random(1).randbytes(RATE * 2 * 60)
    loop = asyncio.get_running_loop()
    async with Exchange() as server:
        place = {"url": server.url, "api_key": server.api_key, "connector_uuid": server.connector_uuid}
        print(json.dumps(place), flush=True)
        while await loop.run_in_executor(None, sys.stdin.readline):
            calls = [server.phone("+15550100", "+15550199") for _ in range(CALLS)]
            for call in calls:
                await call.caller.answered()
                call.caller.say(speech)
            began = loop.time()
            print("talking", flush=True)
            await loop.run_in_executor(None, sys.stdin.readline)
            talked_ms = (loop.time() - began) * 1000
            silent = bytes(BYTES_PER_MS * 20)
            echoed = [sum(tick != silent for tick in ticks(call.caller.heard())) * 20 for call in calls]
            for call in calls:
                call.caller.hang_up()
            print(json.dumps(min(echoed) / talked_ms), flush=True)


def ticks(pcm: bytes) -> list[bytes]:
    """The audio in pieces of 20 ms."""
    size = BYTES_PER_MS * 20
    return [pcm[start : start + size] for start in range(0, len(pcm), size)]


@asynccontextmanager
async def sdk(place: dict[str, str]) -> AsyncIterator[None]:
    """Echo as a program of the SDK does."""
    config = CallClientConfig.sandbox(
        place["api_key"], place["connector_uuid"], RATE, base_url=place["url"], grace_period=0
    )
    async with CallClient(config) as client:

        @client.on(events.INCOMING_CALL)
        async def echo(call: ActiveCall) -> None:
            await call.answer()
            async for chunk in call.audio_stream():
                await call.send_audio(chunk)

        yield


@asynccontextmanager
async def relay(place: dict[str, str]) -> AsyncIterator[None]:
    """Echo with nothing but the sockets."""
    headers = {control.API_KEY_HEADER: place["api_key"], control.CONNECTOR_HEADER: place["connector_uuid"]}

    async def echo(call: control.CallIn) -> None:
        token = {"Authorization": f"Bearer {call.token}"}
        async with connect(
            call.url, additional_headers=token, compression=None, max_queue=None, proxy=None
        ) as line:
            answer = media.CommandData(command_id="1", command=media.ANSWER, timeout_ms=10_000)
            await line.send(encode(media.Command(data=answer)))
            with suppress(ConnectionClosed):
                async for message in line:
                    if isinstance(message, bytes):
                        await line.send(message)

    async def take_calls(tasks: asyncio.TaskGroup) -> None:
        async for text in link:
            match control.decode_server(text):
                case control.SessionNotify(session_id=session_id):
                    await link.send(encode(control.SessionOpen(req_id=session_id, session_id=session_id)))
                case control.Response(req_id=session_id):
                    await link.send(encode(control.SessionReady(session_id=session_id)))
                case control.CallIn() as call:
                    tasks.create_task(echo(call))

    async with (
        connect(
            place["url"] + control.PATH, additional_headers=headers, compression=None, proxy=None
        ) as link,
        asyncio.TaskGroup() as tasks,
    ):
        await link.send(encode(control.Setup(data=control.SetupData(sample_rate=RATE))))
        taking = tasks.create_task(take_calls(tasks))
        yield
        taking.cancel()


async def measure(
    echo: Echo, seconds: float, other: asyncio.subprocess.Process, place: dict[str, str]
) -> float:
    """CPU milliseconds of this process per call and second."""
    assert other.stdin is not None and other.stdout is not None
    async with echo(place):
        other.stdin.write(b"\n")
        assert await other.stdout.readline() == b"talking\n"
        await asyncio.sleep(WARM_UP)
        cpu, clock = time.process_time(), time.perf_counter()
        await asyncio.sleep(seconds)
        cost = (time.process_time() - cpu) * 1000 / (time.perf_counter() - clock) / CALLS
        other.stdin.write(b"\n")
        echoed = float(await other.stdout.readline())
        if echoed < 0.8:
            sys.exit(f"only {echoed:.0%} of the speech came back: the machine is too busy to measure on")
    return cost


async def main(rounds: int, seconds: float) -> None:
    """Measure both in turn, so that what else the machine does falls on both."""
    other = await asyncio.create_subprocess_exec(
        sys.executable, __file__, "--exchange", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert other.stdout is not None
        place = json.loads(await other.stdout.readline())
        kinds: dict[str, Echo] = {"bare relay": relay, "call SDK": sdk}
        costs: dict[str, list[float]] = {name: [] for name in kinds}
        for _ in range(rounds):
            for name, echo in kinds.items():
                costs[name].append(await measure(echo, seconds, other, place))
    finally:
        other.terminate()
        await other.wait()
    print(f"{CALLS} calls at {RATE} Hz, {rounds} rounds of {seconds:g} s: CPU ms per call-second")
    print(f"{'':12}{'min':>8}{'median':>8}")
    for name, values in costs.items():
        print(f"{name:12}{min(values):8.2f}{statistics.median(values):8.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="10 s instead of 60 s")
    parser.add_argument("--exchange", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.exchange:
        asyncio.run(exchange())
    else:
        asyncio.run(main(*((1, 3.0) if options.quick else (4, 5.5))))
