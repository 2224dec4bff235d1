"""Tools: how a typed function becomes something the model can call, and what it may do to the call.

Its rule: what comes from the model is checked before the function sees it, and who is calling comes from
the line. A parameter annotated :class:`CallContext` is filled in here and never shown to the model.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, NamedTuple, Protocol, TypeVar, get_type_hints, overload

import docstring_parser
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model

from voiceagent.live import ToolDeclaration

logger = logging.getLogger(__name__)

_Function = TypeVar("_Function", bound=Callable[..., Any])

_MARK = "__voiceagent_tool__"

DEFAULT_TIMEOUT = 30.0
"""Seconds a tool may take unless it says otherwise: longer silences lose callers."""

NOT_ON_A_CALL = "not on a call"


class ToolError(Exception):
    """Raised by a tool to refuse: its text goes to the model, as a sentence it can act on."""


class CallControls(Protocol):
    """What a running call lets tools do to it. The bridge provides it."""

    def hang_up_after_goodbye(self) -> None:
        """Let the caller hear the goodbye, then end the call."""

    async def transfer(self, ring_seconds: int) -> str | None:
        """Put the caller through; an error code if nobody took over."""


@dataclass
class CallContext:
    """The call that a tool is called in.

    Args:
        call_id: Id of the call.
        caller_number: Who calls, as the line says it; None if withheld. The model cannot change it.
        callee_number: Who was called.
        language: BCP-47 code of the conversation; None if the model chooses.
        controls: The running call; None outside of one, for tests and text chats.
        state: Whatever tools want to remember until the call ends.
    """

    call_id: str
    caller_number: str | None = field(default=None, repr=False)
    callee_number: str | None = field(default=None, repr=False)
    language: str | None = None
    controls: CallControls | None = field(default=None, repr=False)
    state: dict[str, Any] = field(default_factory=dict, repr=False)

    async def end(self, reason: str = "") -> str:
        """End the call after the goodbye has been heard.

        Returns at once, with a sentence for the model: say goodbye if you have not.
        """
        if self.controls is None:
            return NOT_ON_A_CALL
        logger.info("call %s: the agent ends the call%s", self.call_id, f" ({reason})" if reason else "")
        self.controls.hang_up_after_goodbye()
        return "The call ends when you have said goodbye. Do not say it twice."

    async def transfer(self, note: str = "", ring_seconds: int = 60) -> str:
        """Play out what was said, then connect the caller to the person they called, and leave.

        Args:
            note: Why; for the log.
            ring_seconds: How long their phone rings, 1 to 120.

        Returns:
            A sentence for the model. When they do not answer, the caller is still here.
        """
        if self.controls is None:
            return NOT_ON_A_CALL
        logger.info("call %s: transfer%s", self.call_id, f" ({note})" if note else "")
        code = await self.controls.transfer(ring_seconds)
        if code is None:
            return "The caller has been connected."
        if code == "CALL_UNANSWERED":
            return "Nobody answered. The caller is still on the line: tell them, and offer something else."
        return f"The transfer failed ({code}). The caller is still on the line: tell them."


Ability = Literal["transfer", "whisper", "dtmf"]
"""What a line may or may not be able to do; see :class:`voiceagent.call.base.Capabilities`."""


@dataclass(frozen=True)
class ToolOptions:
    """What ``@tool`` was told; see there."""

    name: str | None = None
    timeout: float = DEFAULT_TIMEOUT
    requires: Ability | None = None


@overload
def tool(function: _Function, /) -> _Function: ...
@overload
def tool(
    *, name: str | None = None, timeout: float = DEFAULT_TIMEOUT, requires: Ability | None = None
) -> Callable[[_Function], _Function]: ...
def tool(
    function: Any = None,
    /,
    *,
    name: str | None = None,
    timeout: float = DEFAULT_TIMEOUT,
    requires: Ability | None = None,
) -> Any:
    """Mark a function or method as a tool of the model. It stays callable as it is.

    The docstring is written for the model: its first paragraphs say what the tool does, the ``Args``
    section what each parameter means. Sync functions run in a thread.

    Args:
        function: The function, where the decorator is used without brackets.
        name: Name shown to the model; the function's own by default.
        timeout: Seconds after which the call is cancelled and the model is told so.
        requires: Offer the tool only on lines that can do this.
    """
    if timeout <= 0:
        raise ValueError(f"timeout must be a positive number of seconds, not {timeout}")

    def mark(function: _Function) -> _Function:
        setattr(function, _MARK, ToolOptions(name, timeout, requires))
        return function

    return mark if function is None else mark(function)


def is_tool(member: object) -> bool:
    """Whether ``@tool`` marked this function or bound method."""
    return isinstance(getattr(member, _MARK, None), ToolOptions)


def unmarked_options(function: Callable[..., Any]) -> ToolOptions:
    """The options of a function; the defaults where ``@tool`` did not mark it."""
    options = getattr(function, _MARK, None)
    return options if isinstance(options, ToolOptions) else ToolOptions()


class _Signature(NamedTuple):
    """What is derived from a function once, however many calls use it."""

    declaration: ToolDeclaration
    arguments: type[BaseModel]
    injected: tuple[str, ...]


class Tool:
    """A function or bound method as the model sees it, marked with ``@tool`` or not.

    Attributes:
        declaration: Name, description and JSON schema.
        options: What ``@tool`` was told.

    Raises:
        TypeError: it has no docstring, or a parameter that cannot be filled or described.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.options = unmarked_options(function)
        bound_to = getattr(function, "__self__", None)
        plain = getattr(function, "__func__", function)
        self.declaration, self._arguments, self._injected = _signature(plain, bound_to is not None)
        self._function = function

    async def run(self, args: Mapping[str, Any], context: CallContext) -> dict[str, Any]:
        """Call the function with arguments of the model; every failure becomes an ``error`` for it."""
        name = self.declaration.name
        try:
            checked = self._arguments.model_validate(dict(args))
        except ValidationError as error:
            return {"error": f"wrong arguments: {_readable(error)}"}
        given = {key: getattr(checked, key) for key in self._arguments.model_fields}
        given.update(dict.fromkeys(self._injected, context))
        try:
            async with asyncio.timeout(self.options.timeout):
                result = await self._call(given)
        except ToolError as refusal:
            return {"error": str(refusal)}
        except TimeoutError:
            logger.warning("call %s: tool %s took over %g s", context.call_id, name, self.options.timeout)
            return {"error": f"{name} took too long and was stopped"}
        except Exception:
            # The model can apologise and go on; the caller must not lose the call to a tool's defect.
            logger.exception("call %s: tool %s failed", context.call_id, name)
            return {"error": f"{name} failed; it cannot be used right now"}
        return _response(name, result)

    async def _call(self, given: dict[str, Any]) -> Any:
        if inspect.iscoroutinefunction(self._function):
            return await self._function(**given)
        result = await asyncio.to_thread(self._function, **given)
        return await result if isinstance(result, Awaitable) else result


@lru_cache(maxsize=1024)
def _signature(function: Callable[..., Any], method: bool) -> _Signature:
    name = unmarked_options(function).name or str(getattr(function, "__name__", type(function).__name__))
    doc = docstring_parser.parse(inspect.getdoc(function) or "")
    description = f"{doc.short_description or ''}\n{doc.long_description or ''}".strip()
    if not description:
        raise TypeError(f"tool {name} has no docstring: the model needs one to know when to call it")
    said = {param.arg_name: param.description for param in doc.params if param.description}
    try:
        hints = get_type_hints(function, include_extras=True)
    except NameError as error:
        raise TypeError(f"tool {name}: a type annotation cannot be resolved: {error}") from None
    fields: dict[str, Any] = {}
    injected = []
    parameters = list(inspect.signature(function).parameters.values())
    for parameter in parameters[1:] if method else parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise TypeError(f"tool {name}: parameter {parameter} has no name that the model could give")
        if parameter.name not in hints:
            raise TypeError(f"tool {name}: parameter {parameter.name!r} needs a type annotation")
        hint = hints[parameter.name]
        if hint is CallContext:
            injected.append(parameter.name)
            continue
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[parameter.name] = (hint, Field(default, description=said.get(parameter.name)))
    arguments: type[BaseModel] = create_model(
        f"{name}_arguments", __config__=ConfigDict(extra="forbid"), **fields
    )
    try:
        schema = _schema(arguments)
    except RecursionError:
        raise TypeError(f"tool {name}: a parameter's type contains itself; the model cannot see it") from None
    return _Signature(ToolDeclaration(name, description, schema), arguments, tuple(injected))


_any = TypeAdapter(Any)


def _response(name: str, result: Any) -> dict[str, Any]:
    try:
        plain = _any.dump_python(result, mode="json")
    except ValueError:
        logger.exception("tool %s returned a %s, which is no JSON", name, type(result).__name__)
        return {"error": f"{name} failed; it cannot be used right now"}
    return plain if isinstance(plain, dict) else {"result": plain}


def _readable(error: ValidationError) -> str:
    """What was wrong, argument by argument, without the values."""
    return "; ".join(
        f"{'.'.join(str(part) for part in problem['loc']) or 'arguments'}: {problem['msg']}"
        for problem in error.errors(include_url=False, include_input=False)
    )


def _schema(arguments: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of the arguments, without references: not every model follows them."""
    schema = arguments.model_json_schema()
    definitions = schema.pop("$defs", {})

    def plain(node: Any) -> Any:
        if isinstance(node, list):
            return [plain(item) for item in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            target = definitions[node["$ref"].rpartition("/")[2]]
            return plain({**target, **{key: value for key, value in node.items() if key != "$ref"}})
        return {
            # "title" repeats the name; but a parameter may be called so, and then its value is a schema.
            key: plain(value)
            for key, value in node.items()
            if not (key == "title" and isinstance(value, str))
        }

    return {"type": "object", "properties": {}, **plain(schema)}
