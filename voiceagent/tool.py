"""Tools: how a typed function becomes something the model can call, and what it may do to the call.

Its rule: what comes from the model is checked before the function sees it, and who is calling comes from
the line. A parameter annotated :class:`CallContext` is filled in here and never shown to the model.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from functools import lru_cache, partial
from types import NoneType
from typing import Any, Literal, NamedTuple, Protocol, TypeVar, get_args, get_type_hints, overload

import docstring_parser
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model
from pydantic.errors import PydanticUserError

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

    def hang_up_after_goodbye(self, reason: str) -> None:
        """Let the caller hear the goodbye, then end the call."""

    async def transfer(self, ring_seconds: int, note: str) -> str | None:
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

        Args:
            reason: Why, for the report. It may name the caller, so no log has it.

        Returns:
            At once, a sentence for the model: say goodbye if you have not.
        """
        if self.controls is None:
            return NOT_ON_A_CALL
        logger.info("call %s: the agent ends the call", self.call_id)
        self.controls.hang_up_after_goodbye(reason)
        return "The call ends when you have said goodbye. Do not say it twice."

    async def transfer(self, note: str = "", ring_seconds: int = 60) -> str:
        """Play out what was said, then connect the caller to the person they called, and leave.

        The time that this takes does not count against the tool's timeout.

        Args:
            note: Why, for observers of the call. It may name the caller, so no log has it.
            ring_seconds: How long their phone rings, 1 to 120.

        Returns:
            A sentence for the model. When they do not answer, the caller is still here.

        Raises:
            ValueError: the ring time is out of range.
        """
        if self.controls is None:
            return NOT_ON_A_CALL
        logger.info("call %s: transfer", self.call_id)
        with _untimed():
            code = await self.controls.transfer(ring_seconds, note)
        if code is None:
            return "The caller has been connected."
        if code == "CALL_ENDED":
            return "The call has ended."
        if code == "TRANSFER_IN_PROGRESS":
            return "The caller is being put through already: wait for it."
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
    section what each parameter means. Sync functions run in a thread, which goes on after a timeout: no
    thread can be stopped.

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


_threads = ThreadPoolExecutor(64, thread_name_prefix="tool")
"""For sync tools. The event loop's own threads look up addresses: slow tools must not hold up other calls."""

_deadline: ContextVar[asyncio.Timeout | None] = ContextVar("_deadline", default=None)
"""The timeout of the tool that runs in this task."""


@contextmanager
def _untimed() -> Iterator[None]:
    """Stop the clock of the tool that runs here, and let it go on where it was."""
    deadline = _deadline.get()
    end = None if deadline is None else deadline.when()
    if deadline is None or end is None:
        yield
        return
    loop = asyncio.get_running_loop()
    left = end - loop.time()
    deadline.reschedule(None)
    try:
        yield
    finally:
        deadline.reschedule(loop.time() + left)


class _Signature(NamedTuple):
    """What is derived from a function once, however many calls use it."""

    declaration: ToolDeclaration
    arguments: type[BaseModel]
    given: tuple[str, ...]
    """Parameters that the model fills, in the order of the fields of ``arguments``."""
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
        signature = _signature(plain, bound_to is not None)
        self.declaration = signature.declaration
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
        given.update(dict.fromkeys(self._signature.injected, context))
        deadline = asyncio.timeout(self.options.timeout)
        outer = _deadline.set(deadline)
        try:
            async with deadline:
                result = await self._call(given)
            return _response(result)
        except ToolError as refusal:
            return {"error": str(refusal)}
        except (Exception, asyncio.CancelledError) as error:
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
                raise
            if deadline.expired():
                logger.warning("call %s: tool %s took over %g s", context.call_id, name, self.options.timeout)
                return {"error": f"{name} took too long and was stopped"}
            # The model can apologise and go on; the caller must not lose the call to a tool's defect.
            logger.exception("call %s: tool %s failed", context.call_id, name)
            return {"error": f"{name} failed; it cannot be used right now"}
        finally:
            _deadline.reset(outer)

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
    injected: list[str] = []
    parameters = list(inspect.signature(function).parameters.values())
    for parameter in parameters[1:] if method else parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise TypeError(f"tool {name}: parameter {parameter} has no name that the model could give")
        if parameter.name not in hints:
            raise TypeError(f"tool {name}: parameter {parameter.name!r} needs a type annotation")
        hint = hints[parameter.name]
        if _is_context(hint):
            injected.append(parameter.name)
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


def _is_context(hint: Any) -> bool:
    """Whether a parameter is for the call: ``CallContext``, also where it may be None."""
    return hint is CallContext or set(get_args(hint)) == {CallContext, NoneType}


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
