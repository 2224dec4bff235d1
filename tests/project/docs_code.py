"""Does what the documentation says: `make docs-code`.

Each page is followed from top to bottom in an empty folder, as a reader would. Blocks whose first line names
a file are saved under it, Python runs, scenarios are read, commands are typed. A command that needs a phone
line or the network is checked as far as that goes without: that it exists, and takes these flags.

Pages play real calls, so this is no part of `make test`.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.project.pages import ROOT, Block, blocks, pages
from voiceagent import VoiceAgent
from voiceagent.call.base import Capabilities
from voiceagent.sandbox.scenario import load_scenario, parse_scenario
from voiceagent.toolbox import Toolbox

BIN = Path(sys.executable).parent

COMMAND_SECONDS = 120.0
"""No command on a page takes longer: a call is over sooner."""

SHELL = {"cat", "cd", "export", "git", "ls", "mkdir", "source"}
"""Commands that belong to the reader's machine; nothing of ours can be wrong about them."""

SECRETS = ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GENAI_USE_VERTEXAI")
"""Taken out of the environment: no page may talk to the real service."""


class Follower:
    """Follows one page in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # A page that speaks of the examples speaks to a reader in the clone.
        (folder / "examples").symlink_to(ROOT / "examples")
        self.names: dict[str, Any] = {"__name__": "page"}
        self.environment = {name: value for name, value in os.environ.items() if name not in SECRETS}
        self.environment["PATH"] = f"{BIN}{os.pathsep}{os.environ['PATH']}"
        self.environment["NO_COLOR"] = "1"
        self.running: list[Background] = []
        self.called = False

    def follow(self, block: Block) -> None:
        """Do what one block says."""
        if block.file_name is not None and not block.fragment:
            (self.folder / block.file_name).write_text(block.code, encoding="utf-8")
            # Another page may have had a file of this name.
            sys.modules.pop(Path(block.file_name).stem, None)
        match block.language:
            case "python":
                self._python(block)
            case "yaml":
                self._yaml(block)
            case "json":
                json.loads(block.code)
            case "console":
                for command in block.commands:
                    self._command(block, command)

    def _python(self, block: Block) -> None:
        code = compile(
            "\n" * (block.line - 1) + block.code,
            str(block.page),
            "exec",
            flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
            dont_inherit=True,
        )
        if block.fragment:
            return
        # A file is a module of its own; blocks without a name go on where the one before ended.
        names = {"__name__": "page"} if block.file_name else self.names
        waits = eval(code, names)
        if inspect.iscoroutine(waits):
            asyncio.run(waits)
        for agent in names.values():
            if isinstance(agent, type) and issubclass(agent, VoiceAgent):
                # What a service checks when it starts: that a model can be offered these tools.
                Toolbox(agent().tool_functions(), Capabilities(transfer=True))

    def _yaml(self, block: Block) -> None:
        if block.file_name is not None and not block.fragment:
            load_scenario(self.folder / block.file_name)
        elif not block.fragment:
            parse_scenario(block.code, block.where)

    def _command(self, block: Block, command: str) -> None:
        words = [word for word in shlex.split(command, comments=True) if not re.match(r"\w+=", word)]
        where = f"{block.where}: {command}"
        if not words or words[0] in SHELL:
            return
        if words[0] == "make":
            for target in words[1:]:
                made = self._run(f"make -C {shlex.quote(str(ROOT))} --dry-run --always-make {target}")
                assert made.returncode == 0, f"{where}\n{made.stderr}"
        elif words[0] == "pip" or words[:2] == ["uv", "pip"]:
            assert "install" in words, where
            assert any(word.startswith("voiceagent") for word in words), where
        elif words[0] == "voiceagent" and words[1:2] == ["sandbox"] and not block.fragment:
            self._sandbox(words)
        elif words[0] == "voiceagent" and words[1:2] == ["serve"] and self.running and not block.fragment:
            self.running.append(Background(words, self, ready="takes calls"))
        elif words[0] == "voiceagent" and (self.running or "--version" in words) and not block.fragment:
            self._expect_success(where, command)
            self.called |= words[1:2] == ["call"]
        elif words[0] == "voiceagent":
            self._check_flags(where, words)
        elif words[0] in {"cp", "python", "pytest"}:
            self._expect_success(where, command)
        else:
            pytest.fail(f"{where}: nothing is known about {words[0]!r}; see {Path(__file__).name}")

    def _sandbox(self, words: list[str]) -> None:
        # Free ports and JSON in place of the fixed ports and the text that a person reads.
        more = ["--port", "0", "--live-port", "0", "--json"]
        sandbox = Background([*words, *more], self, ready='"call_url"')
        self.running.append(sandbox)
        ready = json.loads(sandbox.ready_line)
        self.environment |= {
            "VOICEAGENT_CALL_URL": ready["call_url"],
            "VOICEAGENT_LIVE_URL": ready["live_url"],
            "WSS_API_KEY": ready["api_key"],
            "WSS_CONNECTOR_UUID": ready["connector_uuid"],
        }

    def _check_flags(self, where: str, words: list[str]) -> None:
        known = self._run(f"voiceagent {words[1]} --help")
        assert known.returncode == 0, f"{where}\n{known.stderr}"
        for flag in (word.partition("=")[0] for word in words if word.startswith("--")):
            assert re.search(rf"(?<!\S){flag}(?![\w-])", known.stdout), f"{where}: there is no {flag}"

    def _expect_success(self, where: str, command: str) -> None:
        ran = self._run(command)
        spoken = "\n".join(process.output() for process in self.running)
        assert ran.returncode == 0, f"{where}\n{ran.stdout}{ran.stderr}\n{spoken}"

    def _run(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )

    def stop(self) -> None:
        """Stop what runs, the last first, as Ctrl+C does; each ends in order."""
        for process in reversed(self.running):
            process.stop()


class Background:
    """A command that runs on, in a terminal of its own, until it is stopped.

    Args:
        words: The command.
        follower: Where it runs.
        ready: A text in the line that it prints when it is ready.
    """

    def __init__(self, words: list[str], follower: Follower, *, ready: str) -> None:
        self._words = words
        self._lines: list[str] = []
        self._ready = threading.Event()
        self.ready_line = ""
        self._process = subprocess.Popen(
            words,
            cwd=follower.folder,
            env=follower.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, args=(ready,))
        self._reader.start()
        self._ready.wait(COMMAND_SECONDS)
        if not self.ready_line:
            self._process.kill()
            pytest.fail(f"{shlex.join(words)} did not become ready:\n{self.output()}")

    def _read(self, ready: str) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._lines.append(line)
                if ready in line and not self.ready_line:
                    self.ready_line = line
                    self._ready.set()
        self._ready.set()

    def output(self) -> str:
        """What it has printed."""
        return f"--- {shlex.join(self._words)}\n{''.join(self._lines)}"

    def stop(self) -> None:
        """Interrupt it, and check that it ends in order."""
        self._process.send_signal(signal.SIGINT)
        try:
            code = self._process.wait(COMMAND_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            pytest.fail(f"it did not stop:\n{self.output()}")
        finally:
            self._reader.join()
        assert code == 0, self.output()


UNDESCRIBED = """\
```python
from voiceagent import VoiceAgent, tool


class Mute(VoiceAgent):
    @tool
    async def silent(self) -> str:
        return "nothing"
```
"""


@pytest.fixture
def follower(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Follower]:
    follower = Follower(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name in SECRETS:
        monkeypatch.delenv(name, raising=False)
    yield follower
    follower.stop()


@pytest.mark.timeout(400)
@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_the_page_works_as_written(page: Path, follower: Follower) -> None:
    for block in blocks(page):
        try:
            follower.follow(block)
        except Exception as error:
            error.add_note(f"in {block.where}")
            raise
    if follower.called:
        reports = [json.loads(path.read_text()) for path in follower.folder.glob("calls/*/report.json")]
        assert reports, "a call was made on this page, but there is no report of it"
        for report in reports:
            assert report["ended"] in {"agent_hung_up", "caller_hung_up", "transferred"}
            assert {line["who"] for line in report["transcript"]} == {"agent", "caller"}


@pytest.mark.parametrize(
    ("block", "complaint"),
    [
        ("```python\nimport no_such_module\n```", "no_such_module"),
        ("```python fragment\nasync def\n```", "invalid syntax"),
        (UNDESCRIBED, "no docstring"),
        ("```yaml\nmodel:\n  - on: nonsense\n```", "unknown trigger"),
        ("```console\n$ voiceagent no-such-command\n```", "No such command"),
        ("```console\n$ voiceagent serve me:Me --no-such-flag\n```", "there is no --no-such-flag"),
        ("```console\n$ make no-such-target\n```", "no-such-target"),
    ],
)
def test_a_mistake_on_a_page_is_noticed(follower: Follower, block: str, complaint: str) -> None:
    page = ROOT / "README.md"
    path = follower.folder / "page.md"
    path.write_text(block, encoding="utf-8")
    (found,) = blocks(path)

    with pytest.raises((Exception, pytest.fail.Exception), match=re.escape(complaint)):
        follower.follow(Block(page, found.line, found.language, found.fragment, found.code))


def test_the_readme_shows_the_example_as_it_is() -> None:
    (shown,) = (block.code for block in blocks(ROOT / "README.md") if block.language == "python")

    assert (ROOT / "examples" / "reception.py").read_text(encoding="utf-8").endswith(f'"""\n\n{shown}')


def test_the_guide_shows_the_settings_of_the_sandbox_as_they_are() -> None:
    (shown,) = (block.code for block in blocks(ROOT / "docs/guide/sandbox.md") if block.language == "ini")

    lines = (ROOT / "examples" / "sandbox.env").read_text(encoding="utf-8").splitlines(keepends=True)
    assert "".join(line for line in lines if not line.startswith("#")) == shown
