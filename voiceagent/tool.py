"""Tools: how a typed function becomes something the model can call, and what it may do to the call.

Its rule: what comes from the model is checked before the function sees it, and who is calling comes from
the line. A parameter annotated :class:`CallContext`, or ADK's ``ToolContext``, is filled in here and never
shown to the model.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache, partial
from types import NoneType
from typing import Any, NamedTuple, TypeVar, get_args, get_type_hints, overload

import docstring_parser
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.errors import PydanticUserError

from voiceagent.adk.context import is_tool_context, tool_context
from voiceagent.context import CallContext as CallContext
from voiceagent.context import ToolError as ToolError
from voiceagent.live import ToolDeclaration
from voiceagent.tool_options import DEFAULT_TIMEOUT as DEFAULT_TIMEOUT
from voiceagent.tool_options import Ability as Ability
from voiceagent.tool_options import LateResult, When
from voiceagent.tool_options import ToolOptions as ToolOptions
from voiceagent.tool_policy import FILLER_AFTER, MAX_RESULT
from voiceagent.tool_run import guarded as guarded
from voiceagent.tool_run import in_thread
from voiceagent.words import Words

logger = logging.getLogger(__name__)

_Function = TypeVar("_Function", bound=Callable[..., Any])

_MARK = "__voiceagent_tool__"


@overload
def tool(function: _Function, /) -> _Function: ...
@overload
def tool(
    *,
    name: str | None = None,
    timeout: float = DEFAULT_TIMEOUT,
    late: LateResult = "drop",
    requires: Ability | None = None,
    secret: Sequence[str] = (),
    cancel_on_interruption: bool = False,
    blocking: bool | None = None,
    scheduling: When | None = None,
    filler: Words | None = None,
    filler_after: float = FILLER_AFTER,
    max_result: int = MAX_RESULT,
) -> Callable[[_Function], _Function]: ...
def tool(function: Any = None, /, **options: Any) -> Any:
    """Mark a function or method as a tool of the model. It stays callable as it is.

    The docstring is written for the model: its first paragraphs say what the tool does, the ``Args``
    section what each parameter means. Sync functions run in a thread, which goes on after a timeout: no
    thread can be stopped.

    Args:
        function: The function, where the decorator is used without brackets.
        options: As keywords, all of them optional:

            - ``name``: name shown to the model; the function's own by default.
            - ``timeout``: seconds after which the call is cancelled and the model is told so; 30 by default.
            - ``late``: what becomes of a result that would come after the timeout. ``"drop"``, the default:
              the tool is cancelled. ``"tell"``: it goes on, for five minutes more, and the model is told of
              the result when it is there and nobody speaks.
            - ``requires``: offer the tool only on lines that can do this.
            - ``secret``: names of parameters whose values are kept from reports, hooks and displays, such as
              a code.
            - ``cancel_on_interruption``: stop the tool when the caller interrupts an answer.
            - ``blocking``: whether the model says nothing before it has the result, where its family lets one
              choose; None, the default, leaves it to the model.
            - ``scheduling``: when a model that does not wait speaks of the result: ``"when_idle"``,
              ``"interrupt"`` or ``"silent"``.
            - ``filler``: what the caller hears while they wait for the result, once per call of the tool.
            - ``filler_after``: seconds of silence before that; 1.5 by default.
            - ``max_result``: characters of JSON that the model is given at most, 16,000 by default; a longer
              result is cut.

    Raises:
        TypeError: an option is unknown, or of the wrong kind.
        ValueError: an option has a value that makes no sense.
    """
    said = ToolOptions(**options)

    def mark(function: _Function) -> _Function:
        setattr(function, _MARK, said)
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
    given: tuple[str, ...]
    """Parameters that the model fills, in the order of the fields of ``arguments``."""
    injected: tuple[tuple[str, Callable[[CallContext], object]], ...]
    """Parameters that the model never sees, and what fills each."""


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
        work = partial(self._call, given)
        stoppable = inspect.iscoroutinefunction(self._function)
        return await guarded(name, self.options.timeout, context, work, stoppable=stoppable)

    async def _call(self, given: dict[str, Any]) -> Any:
        if inspect.iscoroutinefunction(self._function):
            return await self._function(**given)
        result = await in_thread(self._function, **given)
        return await result if isinstance(result, Awaitable) else result


@lru_cache(maxsize=1024)
def _signature(function: Callable[..., Any], method: bool) -> _Signature:
    options = unmarked_options(function)
    name = options.name or str(getattr(function, "__name__", type(function).__name__))
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
    declaration = ToolDeclaration(name, description, schema, options.blocking)
    return _Signature(declaration, arguments, tuple(given), tuple(injected))


def _filler(hint: Any) -> Callable[[CallContext], object] | None:
    """What fills a parameter that is for the call, also where it may be None; None if it is the model's."""
    others = [kind for kind in get_args(hint) if kind is not NoneType]
    kind = others[0] if len(others) == 1 and NoneType in get_args(hint) else hint
    if kind is CallContext:
        return lambda context: context
    return tool_context if is_tool_context(kind) else None


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
