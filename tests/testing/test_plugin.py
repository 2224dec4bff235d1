"""The pytest plugin in somebody else's project, where nothing but pytest and voiceagent is known."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SHOP = '''\
from voiceagent import VoiceAgent, tool


class Shop(VoiceAgent):
    instruction = "You answer the phone of a bicycle shop."

    @tool
    async def is_it_ready(self, number: int) -> str:
        """Whether a repair is ready.

        Args:
            number: Number of the repair.
        """
        return "ready" if number == 12 else "not yet"
'''

REPAIR = """\
script:
  - wait: agent_done
  - say: is repair number twelve ready
  - wait: agent_done
model:
  - on: start
    say: Bicycle shop.
  - on: caller_done
    heard: is repair number twelve ready
    call: {is_it_ready: {number: 12}}
  - on: tool_result
    say: It is ready. Goodbye.
    call: {end_call: {}}
"""

SYNC_TESTS = """\
import asyncio
import os
import time

import pytest
from shop import Shop
from voiceagent.testing import phone_line, virtual_time


def test_the_scenario_beside_the_test_is_played(phone):
    played = phone.call(Shop, "repair.yaml", caller="+15550142")
    assert played.ended == "agent_hung_up"
    assert played.tool_names == ["is_it_ready", "end_call"]
    assert played.report.caller == "+15550142"
    assert played.caller.heard_speech("It is ready. Goodbye.")
    assert (played.folder / "call.wav").stat().st_size > 48_000


def test_several_at_once(phone):
    one, two = phone.calls(Shop(), "repair.yaml", ["+15550101", "+15550102"])
    assert (one.ended, two.ended) == ("agent_hung_up", "agent_hung_up")


def test_a_step_in(phone):
    async def hang_up(running):
        await running.caller.answered()
        running.caller.hang_up()

    assert phone.call(Shop, "repair.yaml", meanwhile=hang_up).ended == "caller_hung_up"


SECOND = {"script": [{"wait": 1}, "hangup"], "model": []}


def test_virtual_by_default(phone):
    began = time.monotonic()
    phone.call(Shop, {**SECOND, "script": [{"wait": 30}, "hangup"]})
    assert time.monotonic() - began < 25


@pytest.mark.real_clock
def test_real_when_marked(phone):
    began = time.monotonic()
    assert phone.call(Shop, SECOND).ended == "caller_hung_up"
    assert time.monotonic() - began >= 1


def test_no_service_can_be_reached(phone):
    assert "GEMINI_API_KEY" not in os.environ
    assert phone.call(Shop, SECOND).violations == []


@virtual_time
async def test_an_async_test_on_the_virtual_clock():
    async with phone_line(Shop, "repair.yaml") as line:
        one, two = await asyncio.gather(line.call(), line.call(caller="+15550102"))
    assert (one.ended, two.ended) == ("agent_hung_up", "agent_hung_up")
"""

ASYNC_TESTS = """\
import pytest
from shop import Shop
from voiceagent.testing import phone_line


@pytest.mark.asyncio
async def test_on_the_clock_of_the_test():
    async with phone_line(Shop, {"script": [{"wait": 1}, "hangup"], "model": []}) as line:
        assert (await line.call()).ended == "caller_hung_up"


@pytest.mark.asyncio
async def test_the_fixture_says_what_to_use_instead(phone):
    with pytest.raises(RuntimeError, match="async with phone_line"):
        phone.call(Shop, "repair.yaml")
"""


WITHOUT = ("-p", "no:asyncio", "-p", "no:anyio")
# A project that leaves the second setting out is warned by pytest-asyncio.
STRICT = ("-o", "asyncio_mode=strict", "-o", "asyncio_default_fixture_loop_scope=function")
AUTO = ("-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=function")


class Project:
    """A folder with an agent, a scenario and tests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # What pytest looks for further up is none of this project's business.
        self.write("pytest.ini", "[pytest]\n")
        self.write("shop.py", SHOP)
        self.write("repair.yaml", REPAIR)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")

    def test(self, *arguments: str, mode: tuple[str, ...] = WITHOUT, passes: bool = True) -> str:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
        ran = subprocess.run(
            [sys.executable, "-m", "pytest", "-W", "error", "--strict-markers", "-q", *mode, *arguments],
            cwd=self.folder,
            env={**environment, "GEMINI_API_KEY": "a-real-secret"},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert ran.returncode == (0 if passes else 1), ran.stdout + ran.stderr
        return ran.stdout


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_calls_can_be_tested_with_nothing_but_pytest(project: Project) -> None:
    project.write("test_shop.py", SYNC_TESTS)
    assert "7 passed" in project.test(mode=WITHOUT)


@pytest.mark.parametrize("mode", [STRICT, AUTO], ids=["strict", "auto"])
def test_calls_can_be_tested_beside_pytest_asyncio(project: Project, mode: tuple[str, ...]) -> None:
    project.write("test_shop.py", SYNC_TESTS)
    project.write("test_async.py", ASYNC_TESTS)
    assert "4 passed" in project.test("-k", "beside or async or asyncio", mode=mode)


def test_a_failed_test_tells_what_happened_in_its_calls(project: Project) -> None:
    project.write(
        "test_shop.py",
        """\
from shop import Shop


def test_before(phone):
    assert phone.call(Shop, {"script": [{"wait": 1}, "hangup"], "model": []}).ended == "caller_hung_up"


def test_wrong(phone):
    played = phone.call(Shop, "repair.yaml", caller="+15550142")
    assert played.ended == "transferred"
""",
    )
    shown = project.test(passes=False)
    assert "AssertionError" in shown and "1 failed, 1 passed" in shown
    assert shown.count("- phone call -") == 1, "the call of the test before is no matter"
    for line in (
        "[say: is repair number twelve ready]",
        '"Bicycle shop."',
        'is_it_ready({"number": 12})',
        'is_it_ready -> {"result": "ready"}',
        "ended  Shop: agent_hung_up; on the line: agent_disconnect",
        "call.wav",
    ):
        assert line in shown, shown
    assert "5550142" not in shown.split("- phone call -")[1], "numbers are not told"
    times = [float(time) for time in re.findall(r"^ {1,6}(\d+\.\d\d)  ", shown, re.MULTILINE)]
    assert len(times) > 6 and times == sorted(times)


def test_a_mistake_of_the_test_is_told_in_one_sentence(project: Project) -> None:
    project.write(
        "test_shop.py",
        """\
from shop import Shop


def test_missing(phone):
    phone.call(Shop, "missing.yaml")


def test_misspelt(phone):
    phone.call(Shop, {"skript": []})


def test_endless(phone):
    phone.call(Shop, {"script": [{"wait": 1}], "model": []}, seconds=20)


def test_no_agent(phone):
    phone.call(None, "repair.yaml")
""",
    )
    shown = project.test(passes=False)
    for complaint in (
        "missing.yaml: cannot read the scenario",
        "scenario: skript: unknown key 'skript'; use one of caller, script, callee, model, faults",
        "the call was not over after 20 s: it is answered",
        "the caller has done all of the script and stays on the line",
        "an agent is a subclass of VoiceAgent, or an instance of one, not None",
    ):
        assert complaint in shown, shown
    assert "4 failed" in shown
    misspelt = shown.split("_ test_misspelt _")[1].split("_ test_endless _")[0]
    assert ".py:9: ScenarioError" in misspelt, "it is shown where the test gives the scenario"
    assert "runners.py" not in misspelt and "document.py" not in misspelt


def test_without_the_extra_only_the_fixture_fails_and_says_what_to_install(project: Project) -> None:
    project.write("conftest.py", "import sys\n\nsys.modules['aiohttp'] = None\n")
    project.write("test_shop.py", "def test_else():\n    pass\n\n\ndef test_phone(phone):\n    pass\n")
    shown = project.test("-rE", passes=False)
    assert "1 passed, 1 error" in shown
    assert "pip install 'voiceagent[testing]'" in shown


def test_without_the_extra_an_import_says_what_to_install(project: Project) -> None:
    project.write("conftest.py", "import sys\n\nsys.modules['aiohttp'] = None\n")
    project.write(
        "test_shop.py",
        """\
import pytest


def test_import():
    with pytest.raises(ImportError, match=r"Phone needs .*aiohttp.*install 'voiceagent\\[testing]'"):
        from voiceagent.testing import Phone
""",
    )
    assert "1 passed" in project.test()


def test_the_plugin_costs_a_project_without_calls_nothing() -> None:
    code = """
import sys
import pytest
before = set(sys.modules)
import voiceagent.testing.plugin
print(*sorted(name for name in set(sys.modules) - before if not name.startswith("voiceagent")))
print(*sorted(name for name in sys.modules if name.startswith("voiceagent")))
"""
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    others, ours = printed.splitlines()
    assert others.split() == []
    assert ours.split() == ["voiceagent", "voiceagent.testing", "voiceagent.testing.plugin"]


def test_pytest_finds_it_by_its_entry_point_and_explains_it(project: Project) -> None:
    assert "@pytest.mark.real_clock: the fixture 'phone' lets calls take as long" in project.test("--markers")
    assert "Phones agents: ``played = phone.call(MyAgent" in project.test("--fixtures")
