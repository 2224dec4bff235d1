"""Scenario files: what they mean, and what a malformed one is told."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest

from voiceagent.sandbox.scenario import (
    Fault,
    FaultKind,
    FunctionCall,
    HangUp,
    InterruptAfter,
    Pause,
    Play,
    Rule,
    Say,
    ScenarioError,
    Trigger,
    WaitForAgent,
    load_scenario,
    parse_scenario,
    parse_script,
)
from voiceagent.sandbox.script import in_words

WHOLE = """
caller: {from: +15550111, to: "+15550122"}
script:
  - wait: agent_done
  - wait: 500ms
  - say: yes
  - say: {text: make it 10:30, voice: de-DE, speed: 1.2, pitch: 0.8}
  - interrupt_after: 1.2
  - hangup
model:
  - on: start
    heard: ~
    say: Riverside Dental, how can I help you?
  - on: caller_done
    heard: yes
    call: {book: {date: 2026-05-01, at: 10:00, people: 2, sure: true, number: 015, phone: +15550100}}
  - on: caller_done
    call: [{book: {n: 1}}, {cancel: ~}]
  - on: {after: 2.5}
    say: Hello?
  - after: 3
    say: Hello!
faults:
  - {at: 9, silent_turn: true}
  - {at: 4.0, go_away: 5s}
  - {close: 1011}
"""


def test_a_fault_may_be_of_one_connection_and_a_refusal_may_be_repeated() -> None:
    faults = "faults: [{at: 2s, refuse: 503, session: 2, times: 3}, {drop: true}]"
    assert parse_scenario(faults).faults == (
        Fault(0.0, FaultKind.DROP),
        Fault(2.0, FaultKind.REFUSE, 503, session=2, times=3),
    )


def test_a_whole_scenario_is_read() -> None:
    scenario = parse_scenario(WHOLE, "demo.yaml")
    assert (scenario.numbers.caller, scenario.numbers.callee) == ("+15550111", "+15550122")
    assert scenario.script.steps == (
        WaitForAgent(),
        Pause(0.5),
        Say("yes"),
        Say("make it 10:30", voice="de-DE", speed=1.2, pitch=0.8),
        InterruptAfter(1.2),
        HangUp(),
    )
    booked = {
        "date": "2026-05-01",
        "at": "10:00",
        "people": 2,
        "sure": True,
        "number": "015",
        "phone": "+15550100",
    }
    assert scenario.model == (
        Rule(Trigger.START, say="Riverside Dental, how can I help you?"),
        Rule(Trigger.CALLER_DONE, heard="yes", calls=(FunctionCall("book", booked),)),
        Rule(Trigger.CALLER_DONE, calls=(FunctionCall("book", {"n": 1}), FunctionCall("cancel", {}))),
        Rule(Trigger.AFTER, after=2.5, say="Hello?"),
        Rule(Trigger.AFTER, after=3.0, say="Hello!"),
    )
    assert scenario.faults == (
        Fault(0.0, FaultKind.CLOSE, 1011),
        Fault(4.0, FaultKind.GO_AWAY, 5.0),
        Fault(9.0, FaultKind.SILENT_TURN),
    )


def test_numbers_are_not_shown_in_a_repr() -> None:
    shown = repr(parse_scenario(WHOLE))
    assert "5550111" not in shown and "5550122" not in shown


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "demo.yaml:1: the scenario is empty"),
        (
            "model:\n  - on: caller_don\n",
            "demo.yaml:2: model[0].on: unknown trigger 'caller_don'; use",
        ),
        ("model:\n  - say: hi\n", "demo.yaml:2: model[0]: on is missing"),
        (
            "model:\n  - {on: start, result: ok}\n",
            "demo.yaml:2: model[0].result: only a rule with 'on: tool_result'",
        ),
        ("model:\n  - on: after\n", "demo.yaml:2: model[0].on: after takes seconds"),
        ("model:\n  - on: {after: soon}\n", "demo.yaml:2: model[0].on.after: expected seconds"),
        ("model:\n  - on: start\n    says: hi\n", "demo.yaml:3: model[0].says: unknown key 'says'"),
        ("model:\n  - on: start\n    say: [hi]\n", "demo.yaml:3: model[0].say: expected text, got a list"),
        ("model:\n  - on: start\n    call: book\n", "demo.yaml:3: model[0].call: expected a mapping"),
        (
            "model:\n  - on: start\n    call: {book: [1]}\n",
            "demo.yaml:3: model[0].call.book: expected a mapping",
        ),
        ("model: {on: start}\n", "demo.yaml:1: model: expected a list, got a mapping"),
        ("script:\n  - wait: agent_don\n", "demo.yaml:2: script[0].wait: expected agent_done or seconds"),
        ("script:\n  - wait: -1\n", "demo.yaml:2: script[0].wait: must be from 0 to 3600 seconds"),
        ("script:\n  - hang up\n", "demo.yaml:2: script[0]: unknown step 'hang up'; use one of"),
        ("script:\n  - {say: a, wait: 1}\n", "demo.yaml:2: script[0]: a step has one key"),
        ("script:\n  - say: {voice: en-GB}\n", "demo.yaml:2: script[0].say: text is missing"),
        (
            "script:\n  - say: {text: a, voice: bob}\n",
            "demo.yaml:2: script[0].say.voice: unknown voice",
        ),
        (
            "script:\n  - say: {text: a, speed: 99}\n",
            "demo.yaml:2: script[0].say.speed: must be from 0.2",
        ),
        ("script:\n  - play: no.wav\n", "demo.yaml:2: script[0].play: cannot read"),
        ("caller: {form: '1'}\n", "demo.yaml:1: caller.form: unknown key 'form'; use one of from, to"),
        ("faults:\n  - {at: 1}\n", "demo.yaml:2: faults[0]: a fault has at and one of go_away"),
        ("faults:\n  - {close: 1006}\n", "demo.yaml:2: faults[0].close: 1006 is no close code"),
        ("faults:\n  - {close_on_tool_call: 1006}\n", "close_on_tool_call: 1006 is no close code"),
        ("faults:\n  - {refuse: 200}\n", "faults[0].refuse: must be from 400 to 599, got 200"),
        ("faults:\n  - {refuse: 503.5}\n", "faults[0].refuse: expected a whole number, got 503.5"),
        ("faults:\n  - {refuse: 503, times: 0}\n", "faults[0].times: must be from 1 to 1000, got 0"),
        ("faults:\n  - {drop: true, times: 2}\n", "faults[0].times: only refuse happens several times"),
        ("faults:\n  - {drop: true, session: 0}\n", "faults[0].session: must be from 1 to 1000, got 0"),
        ("faults:\n  - {drop: true, session: x}\n", "faults[0].session: expected a number, got 'x'"),
        ("faults:\n  - {drop: false}\n", "faults[0].drop: expected true, got 'false'"),
        ("faults:\n  - {drop: true, stall: true}\n", "got 2 of them"),
        ("faults:\n  - {garbage: 3}\n", "demo.yaml:2: faults[0].garbage: expected true, got '3'"),
        (
            "rules: []\n",
            "demo.yaml:1: rules: unknown key 'rules'; use one of caller, script, callee,",
        ),
        ("model:\n  - on: start\n   say: hi\n", "demo.yaml:3: not valid YAML"),
        ("model: [\n", "demo.yaml:2: not valid YAML"),
        ("caller: {}\na: \x07", "demo.yaml:2: not valid YAML: special characters"),
        (
            'script:\n  - say: "\\ud800"\n',
            "demo.yaml:2: script[0].say: text must not contain half",
        ),
        ('model:\n  - {on: start, say: "a\\0b"}\n', "demo.yaml:2: model[0].say: text must not contain NUL"),
        ('model:\n  - {on: start, call: {"\\ud800": 1}}\n', "demo.yaml:2: model[0].call: text must not"),
        ("script:\n  - wait: " + "9" * 400, "demo.yaml:2: script[0].wait: expected a number of at most 30"),
        ("script:\n  - wait: " + "9" * 5000, "demo.yaml:2: script[0].wait: expected a number of at most 30"),
        ("model: " + "[" * 5000, "demo.yaml: lists and mappings stand too deep"),
        ("script:\n  - wait: !!int soon\n", "demo.yaml:2: script[0].wait: expected a number, got 'soon'"),
        ("!!foo x\n", "demo.yaml:1: unknown YAML tag"),
        ("model:\n  - on: start\n    on: setup\n", "demo.yaml:3: model[0].on: the key is there twice"),
        ("model: &m [*m]\n", "the value contains itself"),
        ("model:\n  - on: !!python/name:os.system x\n", "demo.yaml:2: model[0].on: unknown YAML tag"),
        ("- 1\n", "demo.yaml:1: expected a mapping, got a list"),
    ],
)
def test_a_malformed_scenario_is_told_file_line_and_field(text: str, complaint: str) -> None:
    with pytest.raises(ScenarioError) as error:
        parse_scenario(text, "demo.yaml")
    assert complaint in str(error.value)


def test_aliases_that_expand_beyond_measure_are_refused() -> None:
    bomb = "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 10)}]\n" for n in range(8)
    )
    with pytest.raises(ScenarioError, match="more than"):
        parse_scenario(bomb)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"nothing\.yaml: cannot read the scenario: No such file"):
        load_scenario(tmp_path / "nothing.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"model: \xe9")
    with pytest.raises(ScenarioError, match="not UTF-8"):
        load_scenario(tmp_path / "latin.yaml")


def test_recordings_are_found_beside_the_scenario(tmp_path: Path) -> None:
    for name, width in (("good.wav", 2), ("bad.wav", 1)):
        with wave.open(str(tmp_path / name), "wb") as file:
            file.setparams((1, width, 8000, 0, "NONE", ""))
            file.writeframes(bytes(160))
    (tmp_path / "good.yaml").write_text("script: [{play: good.wav}]")
    assert load_scenario(tmp_path / "good.yaml").script.steps == (Play(tmp_path / "good.wav"),)
    (tmp_path / "bad.yaml").write_text("script: [{play: bad.wav}]")
    with pytest.raises(ScenarioError, match="8-bit samples; convert it to 16-bit"):
        load_scenario(tmp_path / "bad.yaml")
    (tmp_path / "text.yaml").write_text("script: [{play: text.yaml}]")
    with pytest.raises(ScenarioError, match="no PCM WAV file"):
        load_scenario(tmp_path / "text.yaml")


def test_a_script_comes_as_json_too() -> None:
    script = parse_script([{"wait": "agent_done"}, {"wait": 2}, {"say": "hello"}, "hangup"])
    assert script.steps == (WaitForAgent(), Pause(2.0), Say("hello"), HangUp())
    with pytest.raises(ScenarioError, match=r"script: \[1\]: unknown step 'hello'"):
        parse_script(["hangup", "hello"])
    with pytest.raises(ScenarioError, match="expected a list"):
        parse_script({"say": "hello"})
    with pytest.raises(ScenarioError, match=r"\[0\].dtmf: a telephone has no key 'x'; it has 123A456B"):
        parse_script([{"dtmf": "12x"}])
    with pytest.raises(ScenarioError, match="expected seconds"):
        parse_script([{"interrupt_after": None}])
    with pytest.raises(ScenarioError, match=r"\[0\].say: text must not contain half a character"):
        parse_script([{"say": "\ud800"}])
    with pytest.raises(ScenarioError, match=r"\[0\].wait: expected a number of at most 30 digits"):
        parse_script([{"wait": 10**400}])


def test_the_steps_of_a_script_can_be_told_in_the_words_of_a_scenario(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "hello.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
    script = parse_script(
        [
            {"wait": "agent_done"},
            {"wait": "500ms"},
            {"say": {"text": "good morning", "voice": "en-US"}},
            {"play": "hello.wav"},
            {"dtmf": "0*#"},
            {"interrupt_after": 1.2},
            "hangup",
        ],
        folder=tmp_path,
    )
    assert [in_words(step) for step in script.steps] == [
        "wait: agent_done",
        "wait: 0.5",
        "say: good morning",
        "play: hello.wav",
        'dtmf: "0*#"',
        "interrupt_after: 1.2",
        "hangup",
    ]
