"""Clients of the sandbox's operator APIs: place calls, speak, hear, and let things go wrong.

The command line and tests use them. Rule: every request has a deadline, and a refusal is raised with the
server's own words.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import aiohttp

REQUEST_TIMEOUT = 10.0
"""Seconds that a server has to answer a request."""

POLL_SECONDS = 0.02
"""How often :meth:`Operator.wait_for` looks."""


class OperatorError(Exception):
    """A server refused a request, or could not be reached.

    Attributes:
        status: the HTTP status, or None if there was no answer.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        """``message`` is what the server said."""
        super().__init__(message)
        self.status = status


class _Client:
    """HTTP requests to one operator API, as an async context manager."""

    def __init__(self, base_url: str) -> None:
        """``base_url`` ends in ``/operator``."""
        self._base = base_url.rstrip("/")
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the HTTP session."""
        timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT)
        self._session = aiohttp.ClientSession(timeout=timeout)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the HTTP session."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _json(self, method: str, path: str, fields: dict[str, Any] | None = None) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(await self._request(method, path, json=fields))
        return answer

    async def _request(self, method: str, path: str, *, leg: str | None = None, **body: Any) -> bytes:
        if self._session is None:
            raise OperatorError(f"{type(self).__name__} is not open: use it as an async context manager")
        params = {} if leg is None else {"leg": leg}
        try:
            async with self._session.request(method, self._base + path, params=params, **body) as response:
                answer = await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise OperatorError(f"{self._base} did not answer: {str(error) or 'timeout'}") from error
        if response.status >= 400:
            raise OperatorError(_words(answer), response.status)
        return answer


class Operator(_Client):
    """Operates the exchange at ``base_url`` (its ``operator_url``). Use it as an async context manager.

    Methods raise :class:`OperatorError`. PCM is s16le mono at the call's sample rate; ``leg`` is ``caller``
    or ``callee``.
    """

    # The exchange -------------------------------------------------------------------------------------

    async def info(self) -> dict[str, Any]:
        """``{server, api_key, connector_uuid, features}``; the key is a secret."""
        return await self._json("GET", "/info")

    async def reset(self) -> None:
        """End every call; forget faults, parties and recordings."""
        await self._json("POST", "/reset")

    async def controls(self) -> list[dict[str, Any]]:
        """The control links."""
        controls: list[dict[str, Any]] = (await self._json("GET", "/control"))["controls"]
        return controls

    async def drop_control(self, *, refuse_for_ms: int = 0) -> None:
        """Break all control links, and refuse new ones for a while."""
        await self._json("POST", "/control/drop", {"refuse_for_ms": refuse_for_ms})

    async def party(self, address: str, behaviour: str, *, after_ms: int | None = None) -> None:
        """Say how a number reacts to ringing: ``answer``, ``noanswer`` or ``reject``."""
        fields: dict[str, Any] = {"address": address, "behaviour": behaviour}
        if after_ms is not None:
            fields["after_ms"] = after_ms
        await self._json("POST", "/parties", fields)

    async def fault(
        self,
        command: str,
        error_code: str = "INTERNAL_ERROR",
        error_message: str = "a fault on order",
        *,
        times: int = 1,
        silent: bool = False,
    ) -> None:
        """Let the next ``times`` uses of a command fail, or go unanswered."""
        fields = {
            "command": command,
            "error_code": error_code,
            "error_message": error_message,
            "times": times,
            "silent": silent,
        }
        await self._json("POST", "/faults", fields)

    # Calls --------------------------------------------------------------------------------------------

    async def phone(self, from_: str, to: str, *, script: object = None, callee: object = None) -> str:
        """Phone the agent's number. Returns the call's id.

        Args:
            from_: who calls.
            to: the number that they call.
            script: what the caller does, as ``script:`` of a scenario file.
            callee: who is reached at ``to`` if the agent rings there, as ``callee:`` of a scenario file.
        """
        fields: dict[str, Any] = {"from": from_, "to": to}
        if script is not None:
            fields["script"] = script
        if callee is not None:
            fields["callee"] = callee
        call_id: str = (await self._json("POST", "/calls", fields))["call_id"]
        return call_id

    async def calls(self) -> list[dict[str, Any]]:
        """All calls, oldest first."""
        calls: list[dict[str, Any]] = (await self._json("GET", "/calls"))["calls"]
        return calls

    async def call(self, call_id: str) -> dict[str, Any]:
        """One call."""
        return await self._json("GET", f"/calls/{call_id}")

    async def say(self, call_id: str, pcm: bytes, *, leg: str = "caller") -> None:
        """Let a party speak, in real time from now."""
        await self._request("POST", f"/calls/{call_id}/say", leg=leg, data=pcm)

    async def heard(self, call_id: str, *, leg: str = "caller") -> bytes:
        """All PCM that a party heard since the start or :meth:`clear_heard`."""
        return await self._request("GET", f"/calls/{call_id}/heard", leg=leg)

    async def clear_heard(self, call_id: str, *, leg: str = "caller") -> None:
        """Forget what a party heard so far."""
        await self._request("DELETE", f"/calls/{call_id}/heard", leg=leg)

    async def hangup(self, call_id: str, *, leg: str = "caller") -> None:
        """Let a party leave."""
        await self._request("POST", f"/calls/{call_id}/hangup", leg=leg)

    async def drop_media(self, call_id: str) -> None:
        """Break the agent's media connection."""
        await self._json("POST", f"/calls/{call_id}/drop_media")

    async def error(self, call_id: str, error_code: str, error_message: str = "") -> None:
        """Send the agent a ``call.error``."""
        fields = {"error_code": error_code, "error_message": error_message}
        await self._json("POST", f"/calls/{call_id}/error", fields)

    async def wait_for(
        self, call_id: str, wanted: str | Callable[[dict[str, Any]], bool], *, timeout: float = 10.0
    ) -> dict[str, Any]:
        """Wait until a call has a state, or satisfies a predicate; returns the call.

        Raises:
            TimeoutError: it did not within ``timeout`` seconds; the text says how it is.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while True:
            call = await self.call(call_id)
            if call["state"] == wanted if isinstance(wanted, str) else wanted(call):
                return call
            if loop.time() >= deadline:
                what = f"is not {wanted}" if isinstance(wanted, str) else "is not as wanted"
                raise TimeoutError(f"call {call_id} {what} after {timeout} s, but {call['state']}")
            await asyncio.sleep(POLL_SECONDS)


class LiveOperator(_Client):
    """Operates the live server at ``base_url`` (its ``operator_url``). Use it as an async context manager.

    Methods raise :class:`OperatorError`.
    """

    async def sessions(self) -> list[dict[str, Any]]:
        """All sessions with their setup, tool responses, texts and events, oldest first."""
        sessions: list[dict[str, Any]] = (await self._json("GET", "/sessions"))["sessions"]
        return sessions

    async def set_scenario(self, text: str) -> None:
        """Play the scenario (YAML) in the sessions that are set up from now on."""
        await self._request("POST", "/scenario", data=text.encode())

    async def emit(self, session_id: str, message: dict[str, Any]) -> None:
        """Send a raw server message in a session."""
        await self._json("POST", f"/sessions/{session_id}/emit", message)

    async def reset(self) -> None:
        """End and forget all sessions, and go back to the first scenario."""
        await self._request("POST", "/reset")


def _words(answer: bytes) -> str:
    try:
        return str(json.loads(answer)["error"])
    except (ValueError, KeyError, TypeError):
        return answer.decode(errors="replace").strip() or "refused without a word"
