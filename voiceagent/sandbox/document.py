"""A tree of values that know where they were written, so that an error can name file, line and field.

YAML is read by the rules of its version 1.2: ``on`` and ``yes`` are words, ``10:00`` and ``2026-05-01`` are
text, and a number that begins with ``+`` or ``0`` stays what it is, a telephone number.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

MAX_VALUES = 20_000
"""Most values in one document; aliases that expand beyond it are refused."""

MAX_DIGITS = 30
"""Most digits of a whole number."""

_TOO_DEEP = "lists and mappings stand too deep inside each other"

_TAG = "tag:yaml.org,2002:"


class ScenarioError(ValueError):
    """A scenario or a script is malformed. The text names file, line and field, and what would be right."""


class _Loader(yaml.SafeLoader):
    """Resolves plain scalars by the core schema of YAML 1.2, less octal and hexadecimal numbers."""

    yaml_implicit_resolvers = {}  # noqa: RUF012  (the name and the type are PyYAML's)


for _tag, _pattern, _first in (
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^-?(?:0|[1-9][0-9]*)$", list("-0123456789")),
    ("float", r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)(?:[eE][-+]?[0-9]+)?$", list("-0123456789")),
):
    _Loader.add_implicit_resolver(_TAG + _tag, re.compile(_pattern), _first)


def _error(source: str, line: int | None, path: str, problem: str) -> ScenarioError:
    where = source if line is None else f"{source}:{line}"
    return ScenarioError(f"{where}: {path}: {problem}" if path else f"{where}: {problem}")


def _flaw(text: str, content: object = None) -> str | None:
    """Why what was written as ``text``, and read as ``content``, can neither be spoken nor sent, if so."""
    if isinstance(content, int) and len(text) > MAX_DIGITS:
        return f"expected a number of at most {MAX_DIGITS} digits, got {len(text)}"
    if "\0" in text:
        return "text must not contain NUL"
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return f"text must not contain half a character ({text[error.start]!a})"
    return None


class Value:
    """One value of a document.

    Attributes:
        content: ``None``, ``bool``, ``int``, ``float``, ``str``, a list of values, or a dict of values.
        text: A scalar as it was written; ``""`` for null and for lists and mappings.
        path: The field, for instance ``model[2].on``; ``""`` for the whole document.
    """

    def __init__(self, content: Any, text: str, path: str, line: int | None, source: str) -> None:
        self.content = content
        self.text = text
        self.path = path
        self._line = line
        self._source = source

    def error(self, problem: str) -> ScenarioError:
        """The error to raise for this value."""
        return _error(self._source, self._line, self.path, problem)

    @property
    def is_null(self) -> bool:
        """Whether nothing was written."""
        return self.content is None

    def mapping(self, known: Iterable[str] | None = None) -> dict[str, Value]:
        """The fields of a mapping; with ``known``, no other names are allowed."""
        if not isinstance(self.content, dict):
            raise self.error(f"expected a mapping, got {self._kind()}")
        if known is not None:
            names = tuple(known)
            for name, value in self.content.items():
                if name not in names:
                    raise value.error(f"unknown key {name!r}; use one of {', '.join(names)}")
        return self.content

    def items(self) -> Iterator[Value]:
        """The entries of a list."""
        if not isinstance(self.content, list):
            raise self.error(f"expected a list, got {self._kind()}")
        return iter(self.content)

    def string(self) -> str:
        """Text, as it was written: ``say: yes`` and ``say: 10`` are text too."""
        if isinstance(self.content, list | dict) or self.is_null or not self.text.strip():
            raise self.error(f"expected text, got {self._kind()}")
        return self.text

    def number(self, least: float, most: float) -> float:
        """A number within limits."""
        if isinstance(self.content, bool) or not isinstance(self.content, int | float):
            raise self.error(f"expected a number, got {self._kind()}")
        if not least <= self.content <= most:
            raise self.error(f"must be from {least:g} to {most:g}, got {self.text}")
        return float(self.content)

    def seconds(self, least: float = 0.0) -> float:
        """A time of at most an hour: ``2.5``, ``2.5s`` or ``500ms``."""
        if isinstance(self.content, str) and (match := re.fullmatch(r"(\d+(?:\.\d+)?)(s|ms)", self.text)):
            value = float(match[1]) * (0.001 if match[2] == "ms" else 1)
        elif isinstance(self.content, int | float) and not isinstance(self.content, bool):
            value = float(self.content)
        else:
            raise self.error(f"expected seconds, such as 2.5 or 5s, got {self._kind()}")
        if not least <= value <= 3600:
            raise self.error(f"must be from {least:g} to 3600 seconds, got {self.text}")
        return value

    def true(self) -> None:
        """Check that the value is ``true``: it switches something on that has no further setting."""
        if self.content is not True:
            raise self.error(f"expected true, got {self._kind()}")

    def flag(self) -> bool:
        """``true`` or ``false``."""
        if not isinstance(self.content, bool):
            raise self.error(f"expected true or false, got {self._kind()}")
        return self.content

    def plain(self) -> Any:
        """The value without its places: what JSON would make of it."""
        if isinstance(self.content, dict):
            return {name: value.plain() for name, value in self.content.items()}
        if isinstance(self.content, list):
            return [value.plain() for value in self.content]
        return self.content

    def _kind(self) -> str:
        match self.content:
            case None:
                return "nothing"
            case dict():
                return "a mapping"
            case list():
                return "a list"
            case _:
                return repr(self.text)


def read_yaml(text: str, source: str) -> Value:
    """Read one YAML document.

    Raises:
        ScenarioError: it is no YAML, repeats a key, refers to itself, or is too large or too deep.
    """
    try:
        root = yaml.compose(text, Loader=_Loader)
        return Value(None, "", "", 1, source) if root is None else _YamlReader(source).read(root, "")
    except RecursionError as error:
        raise _error(source, None, "", _TOO_DEEP) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = None if mark is None else mark.line + 1
        raise _error(source, line, "", f"not valid YAML: {error.problem or error.context}") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problem = f"not valid YAML: {error.reason}: {chr(error.character)!a}"
        raise _error(source, line, "", problem) from error


def wrap(raw: object, source: str) -> Value:
    """Wrap what a JSON decoder returned. Its values have no lines.

    Raises:
        ScenarioError: a text or a number of it is of no use, or it is too deep.
    """
    try:
        return _wrap(raw, "", source)
    except RecursionError as error:
        raise _error(source, None, "", _TOO_DEEP) from error


def _wrap(raw: object, path: str, source: str) -> Value:
    if isinstance(raw, Mapping):
        fields = {str(name): _wrap(item, _join(path, str(name)), source) for name, item in raw.items()}
        return Value(fields, "", path, None, source)
    if isinstance(raw, list | tuple):
        entries = [_wrap(item, f"{path}[{index}]", source) for index, item in enumerate(raw)]
        return Value(entries, "", path, None, source)
    text = "" if raw is None else str(raw)
    if flaw := _flaw(text, raw):
        raise _error(source, None, path, flaw)
    return Value(
        raw if raw is None or isinstance(raw, bool | int | float) else text, text, path, None, source
    )


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


class _YamlReader:
    """Turns composed YAML nodes into values, counting them."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._count = 0
        self._open: set[int] = set()

    def read(self, node: yaml.Node, path: str) -> Value:
        line = node.start_mark.line + 1
        self._count += 1
        if self._count > MAX_VALUES:
            raise _error(self._source, line, "", f"more than {MAX_VALUES} values")
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path, line)
        if id(node) in self._open:
            raise _error(self._source, line, path, "the value contains itself")
        self._open.add(id(node))
        content: list[Value] | dict[str, Value]
        if isinstance(node, yaml.SequenceNode):
            content = [self.read(item, f"{path}[{index}]") for index, item in enumerate(node.value)]
        else:
            content = self._fields(node, path)
        self._open.discard(id(node))
        return Value(content, "", path, line, self._source)

    def _fields(self, node: yaml.Node, path: str) -> dict[str, Value]:
        fields: dict[str, Value] = {}
        for key, item in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise _error(self._source, line, path, "a key must be a word")
            name = _join(path, key.value)
            if flaw := _flaw(key.value):
                raise _error(self._source, line, path, flaw)
            if key.value in fields:
                raise _error(self._source, line, name, "the key is there twice")
            fields[key.value] = self.read(item, name)
        return fields

    def _scalar(self, node: yaml.ScalarNode, path: str, line: int) -> Value:
        text = node.value
        tag = node.tag.removeprefix(_TAG)
        if flaw := _flaw(text, 0 if tag == "int" else None):
            raise _error(self._source, line, path, flaw)
        content: Any
        match tag:
            case "null":
                content, text = None, ""
            case "bool":
                content = text.lower() == "true"
            case "int" | "float":
                try:
                    content = int(text) if tag == "int" else float(text)
                    if not math.isfinite(content):
                        raise ValueError
                except ValueError:
                    raise _error(self._source, line, path, f"expected a number, got {text!r}") from None
            case "str":
                content = text
            case _:
                raise _error(self._source, line, path, f"unknown YAML tag {node.tag!r}")
        return Value(content, text, path, line, self._source)
