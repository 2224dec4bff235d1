"""A call that was handed off to this process, before the program has entered it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Generic, TypeVar

_Call = TypeVar("_Call", covariant=True)


class HandedOffCall(AbstractAsyncContextManager[_Call, "bool | None"], Generic[_Call]):
    """What ``from_json()`` returns: entering it opens the media link and gives the call; leaving ends it."""

    def __init__(
        self, call_id: str, begin: Callable[[], AbstractAsyncContextManager[_Call, bool | None]]
    ) -> None:
        self._call_id = call_id
        self._begin = begin
        self._context: AbstractAsyncContextManager[_Call, bool | None] | None = None

    def __repr__(self) -> str:
        return f"<handed-off call {self._call_id}: enter it with 'async with'>"

    async def __aenter__(self) -> _Call:
        if self._context is not None:
            raise RuntimeError(f"the handed-off call {self._call_id} was entered already")
        self._context = self._begin()
        return await self._context.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        assert self._context is not None, "it was entered"
        return await self._context.__aexit__(kind, error, trace)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> object:
            raise AttributeError(
                f"no {name!r} on a handed-off call that was not entered: "
                "async with ActiveCall.from_json(text) as call: ..."
            )
