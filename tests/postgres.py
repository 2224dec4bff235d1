"""A PostgreSQL server of the tests' own: Debian's package, a folder in /tmp, a free port on loopback.

One server per session, started when the first test asks for it; a fresh database per test. Where PostgreSQL
is not installed those tests are skipped, except in CI, which installs it.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = Path("/usr/lib/postgresql")
START_SECONDS = 60
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    # The data need not survive the machine.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "32MB",
}


class PostgresServer:
    """A server that runs.

    Args:
        programs: Folder with ``psql``.
        port: On loopback.
    """

    def __init__(self, programs: Path, port: int) -> None:
        self._programs = programs
        self._port = port
        self._numbers = itertools.count(1)

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of an empty database, which is dropped afterwards."""
        name = f"test_{next(self._numbers)}"
        self._sql(f"CREATE DATABASE {name}")
        try:
            yield f"postgresql+asyncpg://postgres@127.0.0.1:{self._port}/{name}"
        finally:
            self._sql(f"DROP DATABASE {name} WITH (FORCE)")

    def is_ready(self) -> bool:
        return self._run("pg_isready", "--quiet").returncode == 0

    def _sql(self, statement: str) -> None:
        done = self._run("psql", "--no-psqlrc", "--quiet", "--command", statement, "postgres")
        assert done.returncode == 0, done.stderr

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        server = ("--host=127.0.0.1", f"--port={self._port}", "--username=postgres")
        return subprocess.run(
            [self._programs / program, *server, *arguments], capture_output=True, text=True, timeout=60
        )


@contextmanager
def running_server(programs: Path) -> Iterator[PostgresServer]:
    """Make a cluster, run its server, and remove both."""
    folder = Path(tempfile.mkdtemp(prefix="voiceagent-postgres-"))
    # The server refuses to run as root.
    someone: dict[str, Any] = {"cwd": folder, "stdin": subprocess.DEVNULL}
    if os.geteuid() == 0:
        user = next(each for each in pwd.getpwall() if each.pw_name in ("postgres", "nobody"))
        shutil.chown(folder, user.pw_uid, user.pw_gid)
        someone |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    try:
        data, log = folder / "data", folder / "log"
        subprocess.run(
            [programs / "initdb", "--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8",
             "--locale=C", f"--pgdata={data}"],
            check=True, stdout=subprocess.DEVNULL, timeout=START_SECONDS, **someone,
        )  # fmt: skip
        port = _free_port()
        settings = [f"--{name}={value}" for name, value in _SETTINGS.items()]
        command = [programs / "postgres", "-D", data, "-p", str(port), *settings]
        with (
            log.open("w") as output,
            subprocess.Popen(command, stdout=output, stderr=output, **someone) as process,
        ):
            try:
                server = PostgresServer(programs, port)
                deadline = time.monotonic() + START_SECONDS
                while not server.is_ready():
                    if process.poll() is not None or time.monotonic() > deadline:
                        raise RuntimeError(f"PostgreSQL does not start:\n{log.read_text()}")
                    time.sleep(0.05)
                yield server
            finally:
                process.send_signal(signal.SIGINT)  # Ends at once, in order.
                process.wait(timeout=START_SECONDS)
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresServer]:
    """The server of this session."""
    programs = _programs()
    if programs is None:
        message = "PostgreSQL is not installed: apt-get install postgresql"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    with running_server(programs) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh database, on SQLite and then on PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path / 'data.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgresql")
    with server.database() as url:
        yield url


def _programs() -> Path | None:
    """Where the newest PostgreSQL has its programs; Debian keeps those of the server out of PATH."""
    debian = sorted(PROGRAMS.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    found = debian[-1] if debian else shutil.which("postgres")
    return Path(found).parent if found else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
