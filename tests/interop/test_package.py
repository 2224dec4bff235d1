"""The package in the environment is the published one."""

from __future__ import annotations

import csv
import hashlib
import re
import subprocess
from base64 import urlsafe_b64encode

import pytest

from tests.interop.official import ENVIRONMENT, HERE, PYTHON

VERSION = "1.0.0"


def _hash(content: bytes) -> str:
    return "sha256=" + urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")


def test_the_package_is_as_it_was_published() -> None:
    if not PYTHON.exists():
        pytest.fail(f"{ENVIRONMENT} is missing: `make test` builds it", pytrace=False)
    (record,) = ENVIRONMENT.glob(f"lib/python3*/site-packages/telcoflow-{VERSION}.dist-info/RECORD")
    packages = record.parents[1]
    recorded = {name: digest for name, digest, _ in csv.reader(record.read_text().splitlines()) if digest}
    sources = {str(path.relative_to(packages)) for path in (packages / "telcoflow").rglob("*.py")}
    assert len(sources) > 15
    assert {name: _hash((packages / name).read_bytes()) for name in recorded} == recorded
    assert sources <= recorded.keys()


def test_everything_in_the_environment_is_pinned_by_its_hash() -> None:
    """uv checks the hashes when it installs; here it must have something to check."""
    text = (HERE / f"telcoflow-{VERSION}.txt").read_text()
    requirements = re.findall(r"^(\S+)==(\S+)(?: ;[^\\\n]*)? \\\n {4}--hash=sha256:[0-9a-f]{64}", text, re.M)
    assert ("telcoflow", VERSION) in requirements
    assert len(requirements) == len(re.findall(r"^\w", text, re.M))


def test_the_package_sees_nothing_of_this_project() -> None:
    look = "from importlib.util import find_spec as f; print(f('telcoflow') is None, f('voiceagent') is None)"
    found = subprocess.run(
        [PYTHON, "-I", "-c", look],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=HERE.parents[1],
    )
    assert found.stdout.split() == ["False", "True"]
