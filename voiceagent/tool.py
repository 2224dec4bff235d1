"""Tools: how a typed function becomes something the model can call, and what it may do to the call.

Its rule: what comes from the model is checked before the function sees it, and who is calling comes from
the line. A parameter annotated :class:`CallContext`, or ADK's ``ToolContext``, is filled in here and never
shown to the model.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import lru_cache, partial
from types import NoneType
from typing import Any, Literal, NamedTuple, TypeVar, get_args, get_type_hints, overload

import docstring_parser
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model
from pydantic.errors import PydanticUserError

from voiceagent.adk.context import is_tool_context, tool_context
from voiceagent.context import CallContext as CallContext
from voiceagent.context import ToolError as ToolError
from voiceagent.context import deadline_of_tool, is_own_cancellation
from voiceagent.live import ToolDeclaration

logger = logging.getLogger(__name__)

_Function = TypeVar("_Function", bound=Callable[..., Any])

_MARK = "__voiceagent_tool__"

DEFAULT_TIMEOUT = 30.0
"""Seconds a tool may take unless it says otherwise: longer silences lose callers."""

Ability = Literal["transfer", "whisper", "dtmf"]
"""What a line may or may not be able to do; see :class:`voiceagent.call.base.Capabilities`."""


@dataclass(frozen=True)
class ToolOptions:
    """What ``@tool`` was told; see there."""

    name: str | None = None
    timeout: float = DEFAULT_TIMEOUT
    requires: Ability | None = None
    secret: tuple[str, ...] = ()


@overload
def tool(function: _Function, /) -> _Function: ...
@overload
def tool(
    *,
    name: str | None = None,
    timeout: float = DEFAULT_TIMEOUT,
    requires: Ability | None = None,
    secret: Sequence[str] = (),
) -> Callable[[_Function], _Function]: ...
def tool(
    function: Any = None,
    /,
    *,
    name: str | None = None,
    timeout: float = DEFAULT_TIMEOUT,
    requires: Ability | None = None,
    secret: Sequence[str] = (),
) -> Any:
    """Mark a function or method as a tool of the model. It stays callable as it is.

    The docstring is written for the model: its first paragraphs say what the tool does, the ``Args``
    section what each parameter means. Sync functions run in a thread, which goes on after a timeout: no
    thread can be stopped.

    Args:
        function: The function, where the decorator is used without brackets.
        name: Name shown to the model; the function's own by default.
        timeout: Seconds after which the call is cancelled and the model is told so.
        requires: Offer the tool only on lines that can do this.
        secret: Names of parameters whose values are kept from reports, hooks and displays, such as a code.
    """
    if timeout <= 0:
        raise ValueError(f"timeout must be a positive number of seconds, not {timeout}")

    if isinstance(secret, str):
        raise TypeError(f"secret is a list of parameter names, such as [{secret!r}]")

    def mark(function: _Function) -> _Function:
        setattr(function, _MARK, ToolOptions(name, timeout, requires, tuple(secret)))
        return function

    return mark if function is None else mark(function)


def is_tool(member: object) -> bool:
    """Whether ``@tool`` marked this function or bound method."""
    return isinstance(getattr(member, _MARK, None), ToolOptions)


def unmarked_options(function: Callable[..., Any]) -> ToolOptions:
    """The options of a function; the defaults where ``@tool`` did not mark it."""
    options = getattr(function, _MARK, None)
    return options if isinstance(options, ToolOptions) else ToolOptions()


_threads = ThreadPoolExecutor(64, thread_name_prefix="tool")
"""For sync tools. The event loop's own threads look up addresses: slow tools must not hold up other calls."""


class _Signature(NamedTuple):
    """What is derived from a function once, however many calls use it."""

    declaration: ToolDeclaration
    arguments: type[BaseModel]
    given: tuple[str, ...]
    """Parameters that the model fills, in the order of the fields of ``arguments``."""
    injected: tuple[tuple[str, Callable[[CallContext], object]], ...]
    """Parameters that the model never sees, and what fills each."""


async def guarded(
    name: str, timeout: float, context: CallContext, work: Callable[[], Awaitable[Any]]
) -> dict[str, Any]:
    """Do a tool's work; every failure becomes an ``error`` for the model, and so does taking too long.

    Args:
        name: Of the tool.
        timeout: Seconds that it may take.
        context: The call.
        work: Returns what the model is to be told.
    """
    deadline = asyncio.timeout(timeout)
    outer = deadline_of_tool.set(deadline)
    try:
        async with deadline:
            result = await work()
        return _response(result)
    except ToolError as refusal:
        return {"error": str(refusal)}
    except (Exception, asyncio.CancelledError) as error:
        if is_own_cancellation(error):
            raise
        if deadline.expired():
            logger.warning("call %s: tool %s took over %g s", context.call_id, name, timeout)
            return {"error": f"{name} took too long and was stopped"}
        # The model can apologise and go on; the caller must not lose the call to a tool's defect.
        logger.exception("call %s: tool %s failed", context.call_id, name)
        return {"error": f"{name} failed; it cannot be used right now"}
    finally:
        deadline_of_tool.reset(outer)


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
        signature = _signature(plain, bound_to is not None)
        self.declaration = signature.declaration
        for secret in self.options.secret:
            if secret not in signature.given:
                raise TypeError(f"tool {self.declaration.name}: secret {secret!r} is no parameter of it")
        self._signature = signature
        self._function = function

    async def run(self, args: Mapping[str, Any], context: CallContext) -> dict[str, Any]:
        """Call the function with arguments of the model; every failure becomes an ``error`` for it."""
        name = self.declaration.name
        try:
            checked = self._signature.arguments.model_validate(dict(args))
        except ValidationError as error:
            logger.warning("call %s: the model called %s with wrong arguments", context.call_id, name)
            return {"error": f"wrong arguments: {_readable(error)}"}
        given = dict(zip(self._signature.given, (value for _, value in checked), strict=True))
        given.update((parameter, fill(context)) for parameter, fill in self._signature.injected)
        return await guarded(name, self.options.timeout, context, partial(self._call, given))

    async def _call(self, given: dict[str, Any]) -> Any:
        if inspect.iscoroutinefunction(self._function):
            return await self._function(**given)
        call = partial(copy_context().run, self._function, **given)
        result = await asyncio.get_running_loop().run_in_executor(_threads, call)
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
    except (NameError, AttributeError, SyntaxError) as error:
        raise TypeError(f"tool {name}: a type annotation cannot be resolved: {error}") from None
    fields: dict[str, Any] = {}
    given: list[str] = []
    injected: list[tuple[str, Callable[[CallContext], object]]] = []
    parameters = list(inspect.signature(function).parameters.values())
    for parameter in parameters[1:] if method else parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise TypeError(f"tool {name}: parameter {parameter} has no name that the model could give")
        if parameter.name not in hints:
            raise TypeError(f"tool {name}: parameter {parameter.name!r} needs a type annotation")
        hint = hints[parameter.name]
        fill = _filler(hint)
        if fill is not None:
            injected.append((parameter.name, fill))
            continue
        default = ... if parameter.default is parameter.empty else parameter.default
        given.append(parameter.name)
        # The name is an alias, because pydantic reserves some names for itself.
        fields[f"argument_{len(given)}"] = (
            hint,
            Field(default, alias=parameter.name, description=said.get(parameter.name)),
        )
    try:
        arguments: type[BaseModel] = create_model(
            f"{name}_arguments", __config__=ConfigDict(extra="forbid"), **fields
        )
        schema = _schema(arguments)
    except RecursionError:
        raise TypeError(f"tool {name}: a parameter's type contains itself; the model cannot see it") from None
    except PydanticUserError as error:
        raise TypeError(
            f"tool {name}: a parameter's type cannot be described to a model: {error.message.splitlines()[0]}"
        ) from None
    return _Signature(ToolDeclaration(name, description, schema), arguments, tuple(given), tuple(injected))


def _filler(hint: Any) -> Callable[[CallContext], object] | None:
    """What fills a parameter that is for the call, also where it may be None; None if it is the model's."""
    others = [kind for kind in get_args(hint) if kind is not NoneType]
    kind = others[0] if len(others) == 1 and NoneType in get_args(hint) else hint
    if kind is CallContext:
        return lambda context: context
    return tool_context if is_tool_context(kind) else None


_any = TypeAdapter(Any)


def _response(result: Any) -> dict[str, Any]:
    """What the model is given: JSON through and through, whatever the tool returned."""
    plain = json.loads(_any.dump_json(result))
    return plain if isinstance(plain, dict) else {"result": plain}


def _readable(error: ValidationError) -> str:
    """What was wrong, argument by argument, without the values."""
    return "; ".join(
        f"{'.'.join(str(part) for part in problem['loc']) or 'arguments'}: {problem['msg']}"
        for problem in error.errors(include_url=False, include_input=False)
    )


def _schema(arguments: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of the arguments."""
    return without_references(arguments.model_json_schema())


def without_references(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON schema of type object with every reference replaced: not every model follows them.

    Raises:
        RecursionError: a type in it contains itself.
    """
    definitions = schema.get("$defs", {})

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

    body = {key: value for key, value in schema.items() if key not in ("$defs", "$schema")}
    return {"type": "object", "properties": {}, **plain(body)}
