"""The exchange's operator API and REST plane, attacked with HTTP requests: none is answered with 500."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.fuzz import samples
from tests.fuzz.hunt import Unprepared
from tests.fuzz.inputs import garbled, odd_values, render, texts
from tests.fuzz.raw_http import ask
from tests.fuzz.serving import Serving
from tests.fuzz.watch import Defect
from voiceagent.sandbox.exchange import Exchange, ExchangeCall
from voiceagent.sandbox.exchange.session import Session

MEMORY = 32 << 20
LINGERING = 11.0
"""Seconds that the web server goes on reading what a peer announced that it had already answered."""

CALLER, CALLEE = samples.CALLER, samples.CALLEE

_PATHS = (
    "/operator/info",
    "/operator/calls",
    "/operator/calls/CALL-ID",
    "/operator/calls/none",
    "/operator/control",
    "/operator/calls/CALL-ID/say",
    "/operator/calls/CALL-ID/say?leg=callee",
    "/operator/calls/CALL-ID/say?leg=x",
    "/operator/calls/CALL-ID/heard",
    "/operator/calls/CALL-ID/hangup",
    "/operator/calls/CALL-ID/hangup?leg=\xff",
    "/operator/calls/CALL-ID/drop_media",
    "/operator/calls/CALL-ID/error",
    "/operator/parties",
    "/operator/faults",
    "/public/v1/sessions",
    "/public/v1/sessions?state=X",
    "/public/v1/sessions/SESSION-ID/close",
    "/public/v1/sessions/%ff%00/close",
    "/v1/agent/session-manager",
    "/v1/voice-session/CALL-ID",
    "/v1/voice-session/",
    "/",
    "//",
    "*",
    "/%",
    "/\xff\xfe",
    "/../../etc/passwd",
    "/" + "a" * 9000,
    "http://[::1",
    "/operator/calls/" + "%2e" * 50,
)

_FOR_ALL = ("/operator/reset", "/operator/control/drop")
"""What strikes every call and every link, so that there can be no bystander."""

_BODIES: list[dict[str, Any]] = [
    {"from": CALLER, "to": CALLEE},
    {
        "from": CALLER,
        "to": CALLEE,
        "script": [{"wait": 1}, {"say": {"text": "hello", "speed": 1.0}}, "hangup"],
    },
    {"address": "+15550177", "behaviour": "reject", "after_ms": 5},
    {"command": "agent.spy", "error_code": "E", "error_message": "e", "times": 1, "silent": False},
    {"leg": "caller"},
    {"error_code": "E", "error_message": "e"},
]

_UPGRADE = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
_HEADERS = (
    "",
    "Content-Type: application/json",
    "Content-Type: \xff",
    "Expect: 100-continue",
    "Expect: x",
    "x-api-key: KEY\r\nx-connector-uuid: CONNECTOR",
    "x-api-key: \xff\xfe\r\nx-connector-uuid: CONNECTOR",
    "x-api-key: KEY\r\nx-connector-uuid: \xe9",
    "Authorization: Bearer \xff",
    "Authorization: Bearer TOKEN",
    "Upgrade: websocket\r\nConnection: Upgrade",
    "Content-Length: -1",
    "Content-Length: 9",
    "Content-Length: x",
    "Content-Length: 99999999",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: x",
    "Content-Encoding: gzip",
    "Content-Encoding: br",
    "a: " + "b" * 9000,
    "a b: c",
    ": c",
    "Host: \0",
    "Range: bytes=5-1",
    "Cookie: a=\xff;;=",
    _UPGRADE + "AAAAAAAAAAAAAAAAAAAAAA==\r\nx-api-key: KEY\r\nx-connector-uuid: CONNECTOR",
    _UPGRADE + "short\r\nx-api-key: KEY\r\nx-connector-uuid: CONNECTOR",
    _UPGRADE + "AAAAAAAAAAAAAAAAAAAAAA==\r\nAuthorization: Bearer TOKEN",
    _UPGRADE + "AAAAAAAAAAAAAAAAAAAAAA==\r\nAuthorization: Bearer \xff",
)


@st.composite
def _body(draw: st.DrawFn) -> bytes:
    match draw(st.integers(0, 5)):
        case 0:
            return draw(st.binary(max_size=30))
        case 1:
            return render(draw(odd_values())).encode(errors="surrogatepass")
        case 2:
            return draw(garbled(texts(samples.Samples(_BODIES))))
        case _:
            return draw(texts(samples.Samples(_BODIES))).encode(errors="surrogatepass")


@st.composite
def requests(draw: st.DrawFn, *, strikes_all: bool = False) -> tuple[str, str, str, bytes]:
    """Method, path, further headers and body of a request."""
    paths = (*_PATHS, *_FOR_ALL) if strikes_all else _PATHS
    method = draw(st.sampled_from(("POST", "GET", "POST", "POST", "DELETE", "PUT", "HEAD", "X\xff")))
    path = paths[draw(st.integers(0, len(paths) - 1))]
    headers = _HEADERS[max(0, draw(st.integers(-10, len(_HEADERS) - 1)))]
    return method, path, headers, draw(_body())


def request(
    exchange: Exchange,
    call: ExchangeCall,
    session: str,
    token: str,
    method: str,
    path: str,
    headers: str,
    body: bytes,
) -> bytes:
    """The bytes of a request, with what only those know who are let in."""
    for name, secret in (("KEY", exchange.api_key), ("CONNECTOR", exchange.connector_uuid), ("TOKEN", token)):
        headers = headers.replace(name, secret)
    if "Content-Length" not in headers and "Transfer" not in headers:
        headers += f"\r\nContent-Length: {len(body)}"
    path = path.replace(samples.CALL, call.call_id).replace(samples.SESSION, session)
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\n{headers.strip()}\r\n\r\n"
    return head.encode("latin-1") + body


async def answered(exchange: Exchange, data: bytes) -> str:
    """Send ``data`` to the exchange, and tell what it answered.

    Raises:
        Defect: the answer is that it failed.
    """
    status = await ask(exchange.url, data)
    if status is not None and status >= 500:
        raise Defect(f"{data[:200]!r} is answered with {status}")
    return f"answered: {status or 'nothing'}"


class ExchangeHttpUnderAttack(Unprepared):
    """The exchange's HTTP planes; one exchange serves a whole round."""

    name = "exchange-http"
    share = 2.0
    examples = 200

    def __init__(self) -> None:
        super().__init__()
        self._serving: Serving[Exchange] = Serving()

    def inputs(self) -> SearchStrategy[Any]:
        return st.lists(requests(strikes_all=True), min_size=1, max_size=3)

    def check(self, value: list[tuple[str, str, str, bytes]], tally: Counter[str]) -> None:
        with self.memory.bounded(MEMORY):
            self._serving.run(_attack(self._serving.server, value, tally))

    @contextmanager
    def ready(self) -> Iterator[None]:
        with self._serving.serving(Exchange(), lingering=LINGERING):
            yield


async def _attack(exchange: Exchange, value: list[tuple[str, str, str, bytes]], tally: Counter[str]) -> None:
    call = exchange.phone(CALLER, CALLEE)
    session = call.session
    assert isinstance(session, Session)
    for one in value:
        tally[await answered(exchange, request(exchange, call, session.id, session.token, *one))] += 1
    # What was ordered goes on for a while, such as the script of a caller.
    await asyncio.sleep(3)
    tally[f"call: {call.end_reason or call.state}"] += 1
    exchange.reset()
    await asyncio.sleep(0.1)
