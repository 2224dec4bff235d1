"""A project made by `voiceagent new`: complete, working at once, or not there at all."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from dotenv import dotenv_values

from voiceagent import __version__
from voiceagent.cli import CommandError
from voiceagent.cli.new import Project, modules_of, run_new, templates
from voiceagent.cli.ready import ReadyAgent, bundled_agents

NEW = sys.modules[run_new.__module__]
BIN = Path(sys.executable).parent
TEMPLATES = [template.name for template in templates()]
ELSEWHERE = {
    name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VOICEAGENT"))
}
"""An environment as a user has it: nothing in it knows where this checkout is."""


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, env=ELSEWHERE, capture_output=True, text=True, timeout=100, check=False
    )


def made(tmp_path: Path, template: str) -> Path:
    run_new(tmp_path / "my-agent", template)
    return tmp_path / "my-agent"


def everything_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_test_of_a_new_project_passes_at_once(tmp_path: Path, template: str) -> None:
    tested = run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=made(tmp_path, template))

    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "1 passed" in tested.stdout


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_new_project_is_clean_in_the_eyes_of_the_linters(tmp_path: Path, template: str) -> None:
    project = made(tmp_path, template)

    for command in (["check", "--no-cache"], ["format", "--check", "--no-cache"]):
        checked = run(str(BIN / "ruff"), *command, cwd=project)
        assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("template", ["reception", "appointment_booking"])
def test_the_types_of_a_new_project_are_complete(tmp_path: Path, template: str) -> None:
    # With and without data; what is copied is checked where it comes from.
    project = made(tmp_path, template)

    cache = f"--cache-dir={tmp_path.parent / 'types'}"
    checked = run(str(BIN / "mypy"), "--strict", "--follow-imports=silent", cache, "tests", cwd=project)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("template", TEMPLATES)
def test_nothing_in_a_new_project_is_left_to_be_filled_in(tmp_path: Path, template: str) -> None:
    project = made(tmp_path, template)

    for path in project.rglob("*"):
        if path.is_file() and path.suffix not in {".py", ".yaml", ".json"}:
            assert "{{" not in path.read_text(encoding="utf-8"), path
    about = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert about["name"] == "my-agent"
    assert about["description"]
    assert not everything_in(project) & {"__pycache__", "calls", ".env"}


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_settings_name_what_the_agent_reads_and_no_more(tmp_path: Path, template: str) -> None:
    project = made(tmp_path, template)
    code = "".join(path.read_text(encoding="utf-8") for path in project.glob("[at][go]*/**/*.py"))
    read = set(re.findall(r'["\'](VOICEAGENT_[A-Z_]+)["\']', code))
    example = (project / ".env.example").read_text(encoding="utf-8")

    assert set(re.findall(r"^# (VOICEAGENT_[A-Z_]+)=", example, re.MULTILINE)) == read
    # Copied as it is, it leads to a sandbox on this machine.
    assert dotenv_values(project / ".env.example") == {
        "VOICEAGENT_CALL_URL": "ws://127.0.0.1:8765",
        "VOICEAGENT_LIVE_URL": "ws://127.0.0.1:8766",
        "WSS_API_KEY": "sandbox",
        "WSS_CONNECTOR_UUID": "sandbox",
    }


@pytest.mark.parametrize("template", TEMPLATES)
def test_an_image_is_made_of_what_is_there(tmp_path: Path, template: str) -> None:
    project = made(tmp_path, template)
    dockerfile = (project / "Dockerfile").read_text(encoding="utf-8")

    for source in re.findall(r"^COPY (\S+) ", dockerfile, re.MULTILINE):
        assert (project / source).exists(), source
    assert (project / "tools").is_dir() == ("COPY tools/" in dockerfile)
    assert re.search(r"^USER (?!root)", dockerfile, re.MULTILINE)
    (command,) = re.findall(r"^CMD (.*)$", dockerfile, re.MULTILINE)
    served = json.loads(command)[2]
    assert served == f"agents.{template}:agent"
    # Without a key it gets as far as that: the agent was found, and is one.
    served_for = run(sys.executable, "-m", "voiceagent", "serve", served, cwd=project)
    assert served_for.returncode == 2
    assert "WSS_API_KEY" in served_for.stderr.splitlines()[-1], served_for.stderr


@pytest.mark.parametrize("template", ["reception", "human_escalation"])
def test_adk_finds_the_agent_of_a_new_project(tmp_path: Path, template: str) -> None:
    program = (
        "import asyncio\n"
        "from google.adk.cli.utils.agent_loader import AgentLoader\n"
        f"agent = AgentLoader('agents').load_agent('{template}')\n"
        "print(*(tool.name for tool in asyncio.run(agent.canonical_tools())))\n"
    )

    loaded = run(sys.executable, "-c", program, cwd=made(tmp_path, template))

    assert loaded.returncode == 0, loaded.stderr
    assert "end_call" in loaded.stdout.split()


def test_every_ready_agent_is_a_template_and_the_smallest_is_the_default() -> None:
    assert TEMPLATES == ["reception", *(agent.name for agent in bundled_agents())]


def test_only_the_tools_that_the_agent_imports_come_with_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for path, code in {
        "agents/__init__.py": '"""Agents."""\n',
        "agents/notes/__init__.py": "from agents.notes.agent import Notes\n\nagent = Notes\n",
        "agents/notes/agent.py": 'import tools.paper\n\n\nclass Notes:\n    """Takes notes."""\n',
        "agents/notes/scenario.yaml": "caller: {}\n",
        "tools/__init__.py": '"""Tools."""\n',
        "tools/paper/__init__.py": "def write() -> None:\n    from tools import ink\n",
        "tools/paper/migrations/0001_sheets.py": "",
        "tools/ink.py": "",
        "tools/stone/__init__.py": "",
    }.items():
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text(code, encoding="utf-8")

    notes = ReadyAgent(home, "notes")

    assert [str(path.relative_to(home)) for path in modules_of(notes)] == [
        "agents/notes",
        "tools/paper",
        "tools/ink.py",
    ]
    Project("my-notes", notes).write(tmp_path / "project")
    assert {name for name in everything_in(tmp_path / "project") if name.startswith("tools")} == {
        "tools",
        "tools/__init__.py",
        "tools/paper",
        "tools/paper/__init__.py",
        "tools/paper/migrations",
        "tools/paper/migrations/0001_sheets.py",
        "tools/ink.py",
    }


def test_an_existing_folder_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear", encoding="utf-8")

    with pytest.raises(CommandError, match="not empty; nothing was changed"):
        run_new(tmp_path / "mine", "reception")

    assert everything_in(tmp_path) == {"mine", "mine/letter.txt"}


def test_a_file_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("dear", encoding="utf-8")

    with pytest.raises(CommandError, match="is a file"):
        run_new(tmp_path / "mine", "reception")

    assert (tmp_path / "mine").read_text(encoding="utf-8") == "dear"


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()

    run_new(tmp_path / "mine", "reception")

    assert (tmp_path / "mine" / "agents" / "reception" / "agent.py").is_file()


@pytest.mark.parametrize("name", ["my agent", "-mine", "mine!", "grüße", ".hidden"])
def test_a_name_that_no_project_can_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CommandError, match="cannot be a project's name"):
        run_new(tmp_path / name, "reception")

    assert everything_in(tmp_path) == set()


def test_an_unknown_template_is_answered_with_those_that_exist(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no template 'juggling'; there is reception, "):
        run_new(tmp_path / "mine", "juggling")

    assert everything_in(tmp_path) == set()


def test_a_folder_in_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="there is no folder"):
        run_new(tmp_path / "nowhere" / "mine", "reception")

    assert everything_in(tmp_path) == set()


def test_the_current_folder_is_not_replaced_under_its_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(CommandError, match="name a new one"):
        run_new(Path(), "reception")


def test_what_fails_half_way_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "README.md")

    monkeypatch.setattr(NEW, "_installed_wheel", full)

    with pytest.raises(CommandError, match="No space left on device"):
        run_new(tmp_path / "mine", "reception")

    assert everything_in(tmp_path) == set()


def test_a_folder_that_is_filled_meanwhile_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def somebody_else_is_faster() -> None:
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "letter.txt").touch()

    monkeypatch.setattr(NEW, "_installed_wheel", somebody_else_is_faster)

    with pytest.raises(CommandError, match="cannot be made"):
        run_new(tmp_path / "mine", "reception")

    assert everything_in(tmp_path) == {"mine", "mine/letter.txt"}


def test_the_wheel_that_voiceagent_came_from_goes_with_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = tmp_path / f"voiceagent-{__version__}-py3-none-any.whl"
    wheel.write_bytes(b"a wheel")
    monkeypatch.setattr(NEW, "_installed_wheel", lambda: wheel)

    project = made(tmp_path, "reception")

    assert (project / "wheels" / wheel.name).read_bytes() == b"a wheel"
    source = tomllib.loads((project / "pyproject.toml").read_text())["tool"]["uv"]["sources"]["voiceagent"]
    assert (project / source["path"]).is_file()
