"""Does what the documentation says: `make docs-code`.

Each page is followed from top to bottom in an empty folder, as a reader would. Blocks whose first line names
a file are saved under it, Python runs, scenarios and settings are read, commands are typed, and what a page
shows of their output is looked for in it. A command that needs a phone line or the network is checked as far
as that goes without: that it exists, and takes these flags. `tests/cli/test_demo.py` plays the demos.

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
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dotenv import dotenv_values

from tests.project.background import Background
from tests.project.pages import ROOT, Block, blocks, pages
from tests.project.texts import check_text
from voiceagent import VoiceAgent
from voiceagent.call.base import Capabilities
from voiceagent.cli.ready import bundled_agents
from voiceagent.sandbox.document import read_yaml
from voiceagent.sandbox.scenario import load_scenario, parse_scenario
from voiceagent.toolbox import Toolbox

BIN = Path(sys.executable).parent

COMMAND_SECONDS = 120.0
"""No command on a page takes longer: a call is over sooner."""

SHELL = {"cat", "cd", "cp", "ls", "mkdir", "pytest", "python"}
"""Commands that are typed as they are."""

BUNDLED = {agent.name for agent in bundled_agents()}

SECRETS = ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GENAI_USE_VERTEXAI")
"""Taken out of the environment: no page may talk to the real service."""


class Follower:
    """Follows one page in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.root = self.folder = folder
        # A page that speaks of the examples and agents speaks to a reader in the clone.
        for name in ("examples", "agents"):
            (folder / name).symlink_to(ROOT / name)
        self.names: dict[str, Any] = {"__name__": "page"}
        self.environment = {name: value for name, value in os.environ.items() if name not in SECRETS}
        self.environment["PATH"] = f"{BIN}{os.pathsep}{os.environ['PATH']}"
        self.environment["NO_COLOR"] = "1"
        self.running: list[Background] = []
        self.called = False
        self.untested: str | None = None

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
            case "toml":
                tomllib.loads(block.code)
            case "ini":
                (self.folder / "page.env").write_text(block.code, encoding="utf-8")
                settings = dotenv_values(self.folder / "page.env", interpolate=False)
                assert settings and None not in settings.values(), f"{block.where}: NAME=VALUE is expected"
            case "text":
                check_text(block)
            case "console":
                assert block.commands, f"{block.where}: there is no command, a line that begins with '$ '"
                for command, output in block.commands:
                    printed = self._command(block, command)
                    if output:
                        self._compare(f"{block.where}: {command}", output, printed)

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
        if block.file_name is not None and Path(block.file_name).name.startswith("test_"):
            self.untested = block.where
            return
        # A file is a module of its own; blocks without a name go on where the one before ended.
        names = self.names
        if block.file_name is not None:
            names = {"__name__": "page", "__file__": str(self.folder / block.file_name)}
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
        elif block.fragment:
            read_yaml(block.code, block.where)
        else:
            parse_scenario(block.code, block.where)

    def _command(self, block: Block, command: str) -> str | None:
        """Type a command; returns what it prints, if it was typed as it is."""
        words = [word for word in shlex.split(command, comments=True) if not re.match(r"\w+=", word)]
        where = f"{block.where}: {command}"
        match words:
            case [] | [("export" | "find" | "git" | "source" | "unset"), *_]:
                pass
            case ["make", *targets]:
                for target in targets:
                    made = self._run(f"make -C {shlex.quote(str(ROOT))} --dry-run --always-make {target}")
                    assert made.returncode == 0, f"{where}\n{made.stderr}"
            case ["pip", "install", *packages] | ["uv", "pip", "install", *packages]:
                assert any("voiceagent" in package for package in packages), where
            case ["uv", "sync"]:
                assert (self.folder / "pyproject.toml").is_file(), where
            case ["docker", "build", *_]:
                assert (self.folder / "Dockerfile").is_file(), where
            case ["docker", ("run" | "stop"), *_]:
                pass
            case ["python", "-m", "voiceagent.adk", what, *_]:
                # What it does with the agents is shown by tests/adk, against a model on this machine.
                self._check_flags(where, words, help_of=f"python -m voiceagent.adk {what}")
            case ["voiceagent", *rest]:
                return self._voiceagent(block, where, words, rest)
            case [name, *_] if name in SHELL:
                if name == "pytest":
                    self.untested = None
                return self._expect_success(where, command)
            case [name, *_]:
                pytest.fail(f"{where}: nothing is known about {name!r}; see {Path(__file__).name}")
        return None

    def _voiceagent(self, block: Block, where: str, words: list[str], rest: list[str]) -> str | None:
        match rest:
            case [name, *_] if block.fragment and not name.startswith("-"):
                self._check_flags(where, words, help_of=f"voiceagent {name}")
            case ["sandbox", *_]:
                self._sandbox(words)
            case ["serve", *_] if self.running:
                serving = Background(words, self.folder, self.environment, ready="takes calls")
                self.running.append(serving)
            case ["serve" | "call" as name, *_] if not self.running:
                # Without the sandbox of this page there is no line to take or place a call on.
                self._check_flags(where, words, help_of=f"voiceagent {name}")
            case ["demo", name, *_] if name in BUNDLED and not (self.folder / "pyproject.toml").exists():
                self._check_flags(where, words, help_of="voiceagent demo")
            case _:
                self.called |= rest[0] == "call"
                return self._expect_success(where, shlex.join(words))
        return None

    def _sandbox(self, words: list[str]) -> None:
        # Free ports and JSON in place of the fixed ports and the text that a person reads.
        more = ["--port", "0", "--live-port", "0", "--json"]
        sandbox = Background([*words, *more], self.folder, self.environment, ready='"call_url"')
        self.running.append(sandbox)
        ready = json.loads(sandbox.ready_line)
        self.environment |= {
            "VOICEAGENT_CALL_URL": ready["call_url"],
            "VOICEAGENT_LIVE_URL": ready["live_url"],
            "WSS_API_KEY": ready["api_key"],
            "WSS_CONNECTOR_UUID": ready["connector_uuid"],
        }

    def _check_flags(self, where: str, words: list[str], *, help_of: str) -> None:
        known = self._run(f"{help_of} --help")
        assert known.returncode == 0, f"{where}\n{known.stderr}"
        for flag in (word.partition("=")[0] for word in words if word.startswith("--")):
            assert re.search(rf"(?<!\S){flag}(?![\w-])", known.stdout), f"{where}: there is no {flag}"

    def _expect_success(self, where: str, command: str) -> str:
        # The shell's own folder is left behind for the next command, as in the reader's terminal.
        after = self.root / "folder-of-the-shell"
        ran = self._run(f"{command}\ncode=$?; pwd > {shlex.quote(str(after))}; exit $code")
        spoken = "\n".join(process.output() for process in self.running)
        assert ran.returncode == 0, f"{where}\n{ran.stdout}{ran.stderr}\n{spoken}"
        self.folder = Path(after.read_text(encoding="utf-8").strip())
        os.chdir(self.folder)
        return ran.stdout + ran.stderr

    def _compare(self, where: str, shown: list[str], printed: str | None) -> None:
        """See that a command prints what a page shows of it, whatever stands around each line."""
        assert printed is not None, f"{where}: the page shows what it prints, but it is not run here"
        lines = [" ".join(line.split()) for line in printed.splitlines()]
        for line in shown:
            found = any(" ".join(line.split()) in candidate for candidate in lines)
            assert found, f"{where}: it prints no {line!r}, but\n{printed}"

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
    # A page may make a folder beside the clone.
    clone = tmp_path / "clone"
    clone.mkdir()
    follower = Follower(clone)
    monkeypatch.chdir(clone)
    monkeypatch.syspath_prepend(clone)
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
    assert follower.untested is None, f"{follower.untested}: a test that is never run"
    if follower.called:
        reports = [
            json.loads(path.read_text()) for path in follower.root.parent.rglob("calls/**/report.json")
        ]
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
        ("```console\nvoiceagent --version\n```", "there is no command"),
        ("```console\n$ voiceagent --version\nvoiceagent 99\n```", "it prints no"),
        ("```console\n$ make demo\nwelcome\n```", "not run here"),
        ("```console fragment\n$ voiceagent no-such-command\n```", "No such command"),
        ("```yaml fragment\n- [\n```", "not valid YAML"),
        ("```toml\n[\n```", "Invalid initial character"),
        ("```ini\nno value\n```", "NAME=VALUE"),
        ("```text\nanything\n```", "no check in texts.py"),
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
