"""The compatibility table is complete: every public name has a row, and every row a test that exists."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from tests.project.pages import ROOT
from voiceagent import call as sdk
from voiceagent.call import events, exceptions

PAGE = ROOT / "docs" / "sdk" / "compatibility.md"

IN_THE_REFERENCES = """
    config.sandbox(api_key) config.sandbox(connector_uuid) config.sandbox(sample_rate)
    config.production(cert_path) config.production(key_path) config.production(sample_rate)
    client.run_forever client.connect client.disconnect client.on(event) client.get_call(call_id)
    call.answer call.connect(ring_time_seconds) call.whisper call.barge call.spy call.disconnect call.close
    call.force_disconnect call.send_audio(audio_data) call.clear_send_audio_buffer
    call.get_send_audio_buffer_size call.audio_stream call.on(handler)
    call.call_id call.caller_number call.callee_number call.direction
    events.INCOMING_CALL events.CALL_TERMINATED events.CALL_ANSWERED events.CALL_CONNECTED
    events.CALL_CONNECT_FAILED events.CALL_ANSWER_FAILED
""".split()
"""The rows of the two public API references, in the notation of :attr:`Row.names`."""

OWNERS: dict[str, ModuleType | type] = {
    "config": sdk.CallClientConfig,
    "client": sdk.CallClient,
    "call": sdk.ActiveCall,
    "events": events,
    "exceptions": exceptions,
}
"""Whose names must have rows, by what the page calls it."""

VALUES = (sdk.CallState, sdk.EndReason, sdk.ConnectionState, sdk.ClientEvent, sdk.CallEvent)
RECORDS = (sdk.Counters, sdk.Playback, sdk.Capabilities)


@dataclass(frozen=True)
class Row:
    """A row of one of the page's tables.

    Attributes:
        line: in the page.
        cells: their text.
    """

    line: int
    cells: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """What the first cell names: ``owner.member``, and ``owner.member(parameter)`` for its parameters."""
        found = []
        for code in re.findall(r"`([^`]+)`", self.cells[0]):
            name, _, arguments = code.removesuffix(")").partition("(")
            found += [name] if "." in name else []
            found += [
                f"{name}({argument.partition('=')[0]})" for argument in arguments.split(", ") if argument
            ]
        return found

    @property
    def proofs(self) -> list[str]:
        """The tests in the last cell, as ``file::test``."""
        return re.findall(r"`(tests/[^`]+)`", self.cells[-1])

    @property
    def asks(self) -> bool:
        """Whether it answers a question, and is about no name."""
        return len(self.cells) == 3


@functools.cache
def rows() -> list[Row]:
    """The rows of all tables of the page, without their heads."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    return [
        Row(number, tuple(cell.strip() for cell in line.strip("|").split("|")))
        for number, (line, next_line) in enumerate(itertools.pairwise([*lines, ""]), 1)
        if line.startswith("| ") and not next_line.startswith("|--")
    ]


def listed() -> set[str]:
    """Every name that has a row."""
    return {name.replace("ActiveCall.", "call.", 1) for row in rows() if not row.asks for name in row.names}


def public_names() -> set[str]:
    """Every name that must have one."""
    names = {name for owner, thing in OWNERS.items() for name in _members(owner, thing)}
    names |= {f"CallClient({parameter})" for parameter in _parameters(sdk.CallClient.__init__)}
    names |= {f"{enum.__name__}.{member}" for enum in VALUES for member in enum.__members__}
    return names | {f"{record.__name__}.{field}" for record in RECORDS for field in record.__annotations__}


def _members(owner: str, thing: ModuleType | type) -> Iterator[str]:
    """The public names of a class or module, and the parameters of its functions."""
    fields = getattr(thing, "__dataclass_fields__", {})
    names = {*vars(thing), *fields} if isinstance(thing, type) else set(thing.__all__)
    for name in names:
        if name.startswith("_"):
            continue
        yield f"{owner}.{name}"
        member = inspect.getattr_static(thing, name, None)
        function = getattr(member, "__func__", member)
        if inspect.isfunction(function):
            yield from (f"{owner}.{name}({parameter})" for parameter in _parameters(function))


def _parameters(function: Any) -> list[str]:
    return [name for name in inspect.signature(function).parameters if name not in ("self", "cls")]


def _is_there(name: str) -> bool:
    """Whether a name of the page is in the code."""
    owner, _, member = name.partition(".")
    if owner in ("telcoflow_sdk", "agentao_sdk"):
        return hasattr(importlib.import_module(owner), member)
    return name in public_names()


@functools.cache
def _tests_of(path: str) -> set[str]:
    """The names of the tests in a file, those in its classes included."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {function.name for function in functions if function.name.startswith("test_")}


def test_every_row_of_the_references_has_a_row() -> None:
    assert set(IN_THE_REFERENCES) - listed() == set()


def test_every_public_name_has_a_row() -> None:
    assert sorted(public_names() - listed()) == [], (
        f"add rows to {PAGE.name}, each with the test that proves it"
    )


def test_no_row_is_about_a_name_that_is_gone() -> None:
    assert sorted(name for name in listed() if not _is_there(name)) == []


def test_every_row_names_tests_that_exist() -> None:
    assert len(rows()) > 100
    problems = [f"{PAGE.name}:{row.line}: no test proves it" for row in rows() if not row.proofs]
    for row in rows():
        for path, _, name in (proof.partition("::") for proof in row.proofs):
            if not (ROOT / path).is_file():
                problems.append(f"{PAGE.name}:{row.line}: there is no {path}")
            elif name not in _tests_of(path):
                problems.append(f"{PAGE.name}:{row.line}: there is no {name} in {path}")
    assert problems == []
