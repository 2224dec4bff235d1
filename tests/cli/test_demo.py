"""The demos as they are watched: in real time, each in a process of its own, all of them at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from voiceagent.cli.demo import _find
from voiceagent.cli.ready import ReadyAgent, bundled_agents

ROOT = Path(__file__).parents[2]
DEMOS = [agent.name for agent in bundled_agents()]
DEADLINE = 240
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": os.environ.get("HOME", "/"),
    "PYTHONPATH": str(ROOT),
    # Wide enough for whole lines.
    "COLUMNS": "200",
}
"""No key of Gemini, no mail server and no webhook: messages wait in the database."""


def demo(*arguments: str, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "voiceagent", "demo", *arguments],
        cwd=cwd,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.realtime
@pytest.mark.timeout(2 * DEADLINE)
def test_every_demo_comes_to_a_good_end_and_shows_what_it_left(tmp_path: Path) -> None:
    playing = {name: demo(name, "--output", name, cwd=tmp_path) for name in DEMOS}
    for name, process in playing.items():
        out, err = process.communicate(timeout=DEADLINE)
        shown = f"--- {name}\n{out}\n{err}"

        assert (process.returncode, err) == (0, ""), shown
        assert "\nIn the database:\n  " in out, shown
        (path,) = (tmp_path / name).glob("demo-*/*/report.json")
        report = json.loads(path.read_text(encoding="utf-8"))
        assert "cannot be used right now" not in json.dumps(report["tools"]), shown
        assert str(path.relative_to(tmp_path)) in out, shown
        assert str(path.with_name("report.html").relative_to(tmp_path)) in out, shown
        assert "</html>" in path.with_name("report.html").read_text(encoding="utf-8"), shown
        assert report["audio"] is None or (path.parent / report["audio"]).stat().st_size > 100_000, shown


def test_the_demos_are_named_with_a_line_each(tmp_path: Path) -> None:
    out, err = demo("--list", cwd=tmp_path).communicate(timeout=DEADLINE)

    lines = out.splitlines()
    assert err == ""
    assert [line.split()[0] for line in lines] == DEMOS
    for line in lines:
        assert line.endswith("."), "a sentence that says what the agent does"


def test_in_a_project_its_own_agent_is_played(tmp_path: Path) -> None:
    folder = tmp_path / "agents" / "mine"
    folder.mkdir(parents=True)
    (tmp_path / "agents" / "__init__.py").touch()
    (folder / "__init__.py").write_text(
        "from agents.mine.agent import Mine\n\nagent = Mine\n", encoding="utf-8"
    )
    (folder / "agent.py").write_text(
        'from voiceagent import VoiceAgent\n\n\nclass Mine(VoiceAgent):\n    """Listens."""\n',
        encoding="utf-8",
    )
    (folder / "scenario.yaml").write_text("script:\n  - hangup\n", encoding="utf-8")

    listed, _ = demo("--list", cwd=tmp_path).communicate(timeout=DEADLINE)
    mine, *others = listed.splitlines()
    assert mine.split() == ["mine", "Listens."]
    assert [line.split()[0] for line in others] == DEMOS, "those of voiceagent can be played as well"
    played, err = demo(cwd=tmp_path).communicate(timeout=DEADLINE)
    assert "caller_hung_up" in played, err


def test_an_agent_in_a_single_file_is_listed_and_one_with_a_mistake_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "agents" / "mine"
    folder.mkdir(parents=True)
    (folder / "scenario.yaml").write_text("script:\n  - hangup\n", encoding="utf-8")
    whole = (
        "from voiceagent import VoiceAgent\n\n\n"
        'class Mine(VoiceAgent):\n    """Listens."""\n\n\n'
        "agent = Mine\n"
    )
    (folder / "__init__.py").write_text(whole, encoding="utf-8")
    listed, err = demo("--list", cwd=tmp_path).communicate(timeout=DEADLINE)
    assert listed.splitlines()[0].split() == ["mine", "Listens."], err

    (folder / "agent.py").write_text("import this\ndef (\n", encoding="utf-8")
    listed, err = demo("--list", cwd=tmp_path).communicate(timeout=DEADLINE)
    assert listed == "" and len(err.splitlines()) == 1
    assert "agent.py, line 2: " in err


def test_a_project_whose_agent_has_no_scenario_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "agents" / "bakery").mkdir(parents=True)

    played = demo(cwd=tmp_path)
    _, said = played.communicate(timeout=DEADLINE)

    assert played.returncode == 2
    assert "no agent of this project has a scenario to play" in said


def test_in_the_clone_the_demo_without_a_name_is_the_one_of_the_readme(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    assert _find(None) == ReadyAgent(ROOT, "appointment_booking")
