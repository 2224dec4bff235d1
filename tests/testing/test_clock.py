"""The clock that jumps: waiting costs nothing, and nothing that is under way is jumped over."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import aiosqlite
import pytest

from voiceagent.testing import VirtualTimeLoop, run_virtual, virtual_time


def now() -> float:
    return asyncio.get_running_loop().time()


@virtual_time
async def test_an_hour_of_waiting_passes_at_once() -> None:
    began, real = now(), time.monotonic()
    await asyncio.sleep(3600)
    assert now() - began == pytest.approx(3600)
    assert time.monotonic() - real < 5


@virtual_time
async def test_timers_fire_in_their_order_and_to_the_moment() -> None:
    fired: list[tuple[str, float]] = []
    began = now()

    async def after(seconds: float, name: str) -> None:
        await asyncio.sleep(seconds)
        fired.append((name, round(now() - began, 6)))

    await asyncio.gather(after(3, "c"), after(1, "a"), after(2, "b"))
    assert fired == [("a", 1), ("b", 2), ("c", 3)]


@virtual_time
async def test_a_job_in_a_thread_is_not_overtaken_by_a_timer() -> None:
    async with asyncio.timeout(1):
        await asyncio.to_thread(time.sleep, 0.2)
    assert now() == pytest.approx(1000, abs=0.5)


@virtual_time
async def test_a_job_that_no_thread_takes_does_not_stop_the_clock() -> None:
    closed = ThreadPoolExecutor(1)
    closed.shutdown()
    with pytest.raises(RuntimeError):
        await asyncio.get_running_loop().run_in_executor(closed, time.sleep, 0)
    began = now()
    await asyncio.wait_for(asyncio.sleep(3600), 7200)
    assert now() - began == pytest.approx(3600)


@virtual_time
async def test_an_answer_over_a_socket_comes_before_the_deadline() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        writer.close()

    async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with asyncio.timeout(0.001):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"hello\n")
            assert await reader.readline() == b"hello\n"
            writer.close()


@virtual_time
async def test_work_elsewhere_holds_the_clock_when_it_says_so() -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    release = loop.hold()
    done = asyncio.Event()

    def finish() -> None:
        release()
        done.set()

    threading.Timer(0.2, loop.call_soon_threadsafe, (finish,)).start()
    async with asyncio.timeout(30):
        await done.wait()
    assert now() - 1000 < 1
    release()
    assert loop.held == 0, "releasing twice counts once"


def test_a_database_is_not_overtaken_by_a_timer(tmp_path: Path) -> None:
    async def write() -> float:
        async with aiosqlite.connect(tmp_path / "rows.db") as rows, asyncio.timeout(0.5):
            await rows.execute("create table notes (text)")
            for number in range(50):
                await rows.execute("insert into notes values (?)", (str(number),))
                await rows.commit()
        return now()

    assert run_virtual(write()) - 1000 < 0.5


@virtual_time
async def test_a_database_works_on_a_plain_loop_as_ever() -> None:
    def plain() -> int:
        async def count() -> int:
            async with aiosqlite.connect(":memory:") as rows:
                async with rows.execute("select 1 + 1") as found:
                    (result,) = await found.fetchone() or (0,)
                    return int(result)

        return asyncio.run(count())

    assert await asyncio.to_thread(plain) == 2


def test_what_a_coroutine_returns_and_raises_comes_out() -> None:
    async def answer() -> int:
        await asyncio.sleep(60)
        return 42

    async def fail() -> None:
        await asyncio.sleep(60)
        raise ZeroDivisionError

    assert run_virtual(answer()) == 42
    with pytest.raises(ZeroDivisionError):
        run_virtual(fail())


@virtual_time
async def test_a_decorated_test_is_no_coroutine_function() -> None:
    @virtual_time
    async def inner() -> None:
        """Documented."""

    assert not asyncio.iscoroutinefunction(inner)
    assert (inner.__name__, inner.__doc__) == ("inner", "Documented.")
    assert sys.modules[inner.__module__] is sys.modules[__name__]
