"""A scenario: what caller, callee and model do, and what goes wrong, as read from a YAML file.

Rule: what is accepted here can be played. Whatever cannot be is refused with a :class:`ScenarioError`
that names file, line and field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from voiceagent.sandbox.document import ScenarioError, Value, read_yaml, wrap
from voiceagent.sandbox.fault import Fault, FaultKind, read_faults
from voiceagent.sandbox.party import DEFAULT_AFTER_MS, Behaviour, Party
from voiceagent.sandbox.script import (
    NO_SCRIPT,
    HangUp,
    InterruptAfter,
    Pause,
    Play,
    Say,
    Script,
    Step,
    WaitForAgent,
    parse_script,
    read_script,
)

__all__ = [
    "Fault",
    "FaultKind",
    "FunctionCall",
    "NO_SCRIPT",
    "HangUp",
    "InterruptAfter",
    "Numbers",
    "Party",
    "Pause",
    "Play",
    "Rule",
    "Say",
    "Scenario",
    "ScenarioError",
    "Script",
    "Step",
    "Trigger",
    "WaitForAgent",
    "build_scenario",
    "load_scenario",
    "parse_party",
    "parse_scenario",
    "parse_script",
]


class Trigger(StrEnum):
    """When a rule fires. The value is the word in the file."""

    SETUP = "setup"
    START = "start"
    CALLER_DONE = "caller_done"
    TOOL_RESULT = "tool_result"
    AFTER = "after"


@dataclass(frozen=True)
class FunctionCall:
    """A function that the model calls, and with what arguments."""

    name: str
    args: dict[str, Any]


@dataclass(frozen=True)
class Rule:
    """One thing the model does.

    Attributes:
        on: When.
        after: Seconds of quiet, for :attr:`Trigger.AFTER`; else 0.
        result: What must stand in the results, for :attr:`Trigger.TOOL_RESULT`; None takes all.
        heard: What the caller is understood to have said; sent first, as input transcription.
        say: What the model says, or None.
        calls: The functions it calls at the end of it.
    """

    on: Trigger
    after: float = 0.0
    result: str | None = None
    heard: str | None = None
    say: str | None = None
    calls: tuple[FunctionCall, ...] = ()


@dataclass(frozen=True)
class Numbers:
    """Who calls whom. Not shown in a repr: telephone numbers do not belong in logs."""

    caller: str = field(default="+15550100", repr=False)
    callee: str = field(default="+15550199", repr=False)


@dataclass(frozen=True)
class Scenario:
    """A whole scenario. Without rules, the model answers every caller turn with a neutral sentence.

    Attributes:
        source: The file it came from.
        numbers: ``caller:`` of the file.
        script: ``script:`` of the file.
        callee: ``callee:`` of the file; None leaves it to the exchange.
        model: ``model:`` of the file.
        faults: ``faults:`` of the file, by time.
    """

    source: str = "<empty scenario>"
    numbers: Numbers = Numbers()
    script: Script = NO_SCRIPT
    callee: Party | None = None
    model: tuple[Rule, ...] = ()
    faults: tuple[Fault, ...] = ()


def load_scenario(path: str | Path) -> Scenario:
    """Read a scenario file.

    Raises:
        ScenarioError: the file cannot be read or is malformed.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ScenarioError(f"{path}: cannot read the scenario: {reason}") from error
    return parse_scenario(text, str(path))


def parse_scenario(text: str, source: str = "<scenario>") -> Scenario:
    """Read a scenario from YAML text. ``play:`` paths are relative to the folder of ``source``.

    Raises:
        ScenarioError: it is malformed; the text begins with ``source`` and the line.
    """
    return _scenario(read_yaml(text, source), source, Path(source).parent)


def build_scenario(
    raw: Mapping[str, object], source: str = "scenario", *, folder: Path | None = None
) -> Scenario:
    """Make a scenario of what a file holds, given as data. Errors name fields, and no lines.

    Args:
        raw: Its parts: caller, script, callee, model, faults.
        source: What to call it in errors.
        folder: What ``play:`` paths are relative to; the working directory by default.

    Raises:
        ScenarioError: it is malformed.
    """
    return _scenario(wrap(raw, source), source, folder or Path())


def parse_party(raw: object, *, source: str = "callee", folder: Path | None = None) -> Party:
    """Read a party as decoded from JSON: what ``callee:`` of a scenario holds.

    Args:
        raw: ``{answers, rejects, after, script}``, each of them optional.
        source: What to call it in errors.
        folder: What ``play:`` paths are relative to; the working directory by default.

    Raises:
        ScenarioError: it is malformed.
    """
    return _party(wrap(raw, source), folder or Path())


def _party(value: Value, folder: Path) -> Party:
    fields = value.mapping(("answers", "rejects", "after", "script"))
    present = {name: item for name, item in fields.items() if not item.is_null}
    rejects = "rejects" in present and present["rejects"].flag()
    answers = present["answers"].flag() if "answers" in present else not rejects
    if answers and rejects:
        raise present["rejects"].error(
            "a callee who rejects the call does not answer it: give one of the two"
        )
    if not answers and "script" in present:
        raise present["script"].error("a callee who does not answer has no script")
    if rejects:
        behaviour = Behaviour.REJECT
    else:
        behaviour = Behaviour.ANSWER if answers else Behaviour.NOANSWER
    after: int | None = None if behaviour is Behaviour.NOANSWER else DEFAULT_AFTER_MS
    if "after" in present:
        after = round(present["after"].seconds() * 1000)
    script = read_script(present["script"], folder) if "script" in present else None
    return Party(behaviour, after, script)


_PARTS = ("caller", "script", "callee", "model", "faults")


def _scenario(document: Value, source: str, folder: Path) -> Scenario:
    if document.is_null:
        raise document.error(f"the scenario is empty; give it at least one of {', '.join(_PARTS)}")
    fields = document.mapping(_PARTS)
    present = {name: value for name, value in fields.items() if not value.is_null}
    return Scenario(
        source=source,
        numbers=_numbers(present["caller"]) if "caller" in present else Numbers(),
        script=read_script(present["script"], folder) if "script" in present else NO_SCRIPT,
        callee=_party(present["callee"], folder) if "callee" in present else None,
        model=tuple(_rule(item) for item in present["model"].items()) if "model" in present else (),
        faults=read_faults(present["faults"]) if "faults" in present else (),
    )


def _numbers(value: Value) -> Numbers:
    fields = value.mapping(("from", "to"))
    numbers = Numbers()
    return Numbers(
        caller=fields["from"].string() if "from" in fields else numbers.caller,
        callee=fields["to"].string() if "to" in fields else numbers.callee,
    )


def _rule(value: Value) -> Rule:
    fields = value.mapping(("on", "after", "result", "heard", "say", "call"))
    present = {name: item for name, item in fields.items() if not item.is_null}
    on, after = _trigger(value, present)
    if "result" in present and on is not Trigger.TOOL_RESULT:
        raise present["result"].error("only a rule with 'on: tool_result' has a result")
    return Rule(
        on=on,
        after=after,
        result=present["result"].string() if "result" in present else None,
        heard=present["heard"].string() if "heard" in present else None,
        say=present["say"].string() if "say" in present else None,
        calls=_calls(present["call"]) if "call" in present else (),
    )


def _trigger(value: Value, fields: dict[str, Value]) -> tuple[Trigger, float]:
    on, after = fields.get("on"), fields.get("after")
    if on is not None and isinstance(on.content, dict):
        inner = on.mapping(("after",))
        if after is not None or "after" not in inner:
            raise on.error("expected {after: seconds}, and no second after")
        after = inner["after"]
    elif on is not None:
        words = [str(trigger) for trigger in Trigger]
        word = on.string()
        if word not in words:
            raise on.error(f"unknown trigger {word!r}; use one of {', '.join(words)}")
        if (word == Trigger.AFTER) != (after is not None):
            raise on.error("after takes seconds, as in 'after: 2.5', and goes with no other trigger")
        if after is None:
            return Trigger(word), 0.0
    if after is None:
        raise value.error("on is missing: when does the rule fire?")
    return Trigger.AFTER, after.seconds(0.05)


def _calls(value: Value) -> tuple[FunctionCall, ...]:
    if isinstance(value.content, list):
        return tuple(call for item in value.items() for call in _calls(item))
    calls = []
    for name, args in value.mapping().items():
        if not name:
            raise args.error("the function has no name")
        calls.append(FunctionCall(name, {} if args.is_null else _plain(args)))
    if not calls:
        raise value.error("expected {function: {argument: value}}, got an empty mapping")
    return tuple(calls)


def _plain(args: Value) -> dict[str, Any]:
    args.mapping()
    plain: dict[str, Any] = args.plain()
    return plain
