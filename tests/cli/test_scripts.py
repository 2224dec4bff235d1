"""A scenario file as it is handed to the exchange: as it was written, wherever the exchange runs."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest

from voiceagent.cli import CommandError
from voiceagent.cli.scripts import read_call_script

CALL = """\
caller: {from: "+15550100", to: "+15550199"}
script:
  - wait: agent_done
  - say: yes
  - play: hello.wav
callee:
  after: 2.5
  script:
    - play: hello.wav
    - hangup
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    with wave.open(str(tmp_path / "hello.wav"), "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(24000)
        recording.writeframes(bytes(4800))
    path = tmp_path / "call.yaml"
    path.write_text(CALL, encoding="utf-8")
    return path


def test_caller_and_callee_are_handed_over_with_whole_paths(scenario: Path) -> None:
    script = read_call_script(scenario)

    hello = str(scenario.parent / "hello.wav")
    assert script.steps == [{"wait": "agent_done"}, {"say": "yes"}, {"play": hello}]
    assert script.party == {"after": 2.5, "script": [{"play": hello}, "hangup"]}
    assert script.text == CALL


def test_without_a_callee_the_exchange_decides(tmp_path: Path) -> None:
    (tmp_path / "call.yaml").write_text("script:\n  - hangup\n", encoding="utf-8")

    assert read_call_script(tmp_path / "call.yaml").party is None


def test_a_mistake_names_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "call.yaml").write_text("callee:\n  answers: perhaps\n", encoding="utf-8")

    with pytest.raises(CommandError, match=r"call\.yaml:2: callee\.answers"):
        read_call_script(tmp_path / "call.yaml")
