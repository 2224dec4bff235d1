from __future__ import annotations

import email
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.project.wheel import faults

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the working tree without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_holds_the_framework_and_the_two_drop_in_names_and_nothing_else(wheel: Path) -> None:
    assert faults(wheel) == []


def test_a_template_that_is_left_out_would_be_noticed(wheel: Path, tmp_path: Path) -> None:
    copy = tmp_path / wheel.name
    left_out = "voiceagent/_templates/agents/appointment_booking/scenario.yaml"
    with zipfile.ZipFile(wheel) as archive, zipfile.ZipFile(copy, "w") as fewer:
        for name in archive.namelist():
            if name != left_out:
                fewer.writestr(name, archive.read(name))

    assert faults(copy) == [f"{left_out} is missing"]


def test_a_stray_top_level_package_would_be_noticed(wheel: Path, tmp_path: Path) -> None:
    copy = tmp_path / wheel.name
    copy.write_bytes(wheel.read_bytes())
    with zipfile.ZipFile(copy, "a") as archive:
        archive.writestr("tools/__init__.py", "")
        archive.writestr("voiceagent/dropin/old.py", "")

    assert faults(copy) == [
        "tools is installed at top level",
        "voiceagent/dropin/old.py is not a source file of the package",
    ]


def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (path,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(archive.read(path))
        licences = [name for name in archive.namelist() if name.endswith("/licenses/LICENSE")]

    assert metadata["Name"] == "voiceagent"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert {"sandbox", "postgres"} <= set(metadata.get_all("Provides-Extra", []))
    assert len(licences) == 1
