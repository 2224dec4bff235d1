"""The operator API: what happens outside the agent, over HTTP and JSON below ``/operator``.

People phone, speak, hear and hang up through it, and things go wrong on order. Rule: bad input is answered
with 400 and ``{"error"}`` that names the field, an unknown call with 404, what the call's state forbids
with 409.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from aiohttp import web

from voiceagent.sandbox.exchange.call import Agent, CallState, ExchangeCall
from voiceagent.sandbox.exchange.control import REQUEST_TYPES
from voiceagent.sandbox.exchange.faults import Fault
from voiceagent.sandbox.exchange.fields import Fields
from voiceagent.sandbox.leg import LegState
from voiceagent.sandbox.party import DEFAULT_AFTER_MS, Behaviour, Party
from voiceagent.wire import media

if TYPE_CHECKING:
    from voiceagent.sandbox.exchange.server import Exchange

PREFIX = "/operator"

FEATURES = (
    "faults",
    "drop_media",
    "call_error",
    "drop_control",
    "refuse_control",
    "parties",
    "trigger",
    "pending_delivery",
)

COMMANDS = (
    media.ANSWER,
    media.CONNECT,
    media.CLOSE,
    media.DISCONNECT,
    media.WHISPER,
    media.BARGE,
    media.SPY,
    media.INTERRUPT,
    *REQUEST_TYPES,
)
"""What a fault can be ordered for."""

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class _Conflict(Exception):
    """The call's state forbids it."""


def _answers_errors(handler: _Handler) -> _Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=400)
        except LookupError as error:
            return web.json_response({"error": str(error.args[0])}, status=404)
        except _Conflict as error:
            return web.json_response({"error": str(error)}, status=409)
        except (ConnectionError, web.RequestPayloadError):
            # Whoever hung up in the middle of a body reads no answer.
            return web.json_response({"error": "the body is not whole"}, status=400)

    return answer


class OperatorApi:
    """The routes below :data:`PREFIX`."""

    def __init__(self, exchange: Exchange) -> None:
        """Operate ``exchange``."""
        self._exchange = exchange

    def routes(self) -> list[web.RouteDef]:
        """What to serve."""
        table: list[tuple[str, str, _Handler]] = [
            ("GET", "/info", self._info),
            ("POST", "/reset", self._reset),
            ("POST", "/calls", self._phone),
            ("GET", "/calls", self._calls),
            ("GET", "/calls/{call_id}", self._show),
            ("POST", "/calls/{call_id}/say", self._say),
            ("GET", "/calls/{call_id}/heard", self._heard),
            ("DELETE", "/calls/{call_id}/heard", self._clear_heard),
            ("POST", "/calls/{call_id}/hangup", self._hang_up),
            ("POST", "/calls/{call_id}/drop_media", self._drop_media),
            ("POST", "/calls/{call_id}/error", self._error),
            ("GET", "/control", self._controls),
            ("POST", "/control/drop", self._drop_control),
            ("POST", "/parties", self._party),
            ("POST", "/faults", self._fault),
        ]
        return [web.route(method, PREFIX + path, _answers_errors(do)) for method, path, do in table]

    # The exchange -------------------------------------------------------------------------------------

    async def _info(self, request: web.Request) -> web.Response:
        exchange = self._exchange
        return web.json_response(
            {
                "server": "voiceagent-sandbox",
                "api_key": exchange.api_key,
                "connector_uuid": exchange.connector_uuid,
                "features": list(FEATURES),
            }
        )

    async def _reset(self, request: web.Request) -> web.Response:
        self._exchange.reset()
        return web.json_response({})

    async def _controls(self, request: web.Request) -> web.Response:
        return web.json_response({"controls": [link.snapshot() for link in self._exchange.controls]})

    async def _drop_control(self, request: web.Request) -> web.Response:
        fields = await Fields.of(request)
        self._exchange.drop_control(refuse_for=fields.integer("refuse_for_ms", 0, least=0) / 1000)
        return web.json_response({})

    async def _party(self, request: web.Request) -> web.Response:
        fields = await Fields.of(request)
        address = fields.text("address")
        behaviour = fields.one_of("behaviour", Behaviour)
        default = None if behaviour is Behaviour.NOANSWER else DEFAULT_AFTER_MS
        self._exchange.parties[address] = Party(
            behaviour, fields.optional_integer("after_ms", default, least=0)
        )
        return web.json_response({})

    async def _fault(self, request: web.Request) -> web.Response:
        fields = await Fields.of(request)
        command = fields.text("command")
        if command not in COMMANDS:
            raise ValueError(f"command: {command!r} is none of {', '.join(COMMANDS)}")
        fault = Fault(
            error_code=fields.text("error_code", Fault.error_code),
            error_message=fields.text("error_message", Fault.error_message),
            times=fields.integer("times", Fault.times, least=1),
            silent=fields.flag("silent"),
        )
        self._exchange.faults.order(command, fault)
        return web.json_response({})

    # Calls --------------------------------------------------------------------------------------------

    async def _phone(self, request: web.Request) -> web.Response:
        fields = await Fields.of(request)
        from_, to = fields.text("from"), fields.text("to")
        raw_script, raw_callee = fields.get("script"), fields.get("callee")
        script = callee = None
        if raw_script is not None or raw_callee is not None:
            from voiceagent.sandbox.scenario import parse_party, parse_script

            script = None if raw_script is None else parse_script(raw_script)
            callee = None if raw_callee is None else parse_party(raw_callee)
        call = self._exchange.phone(from_, to, script, callee)
        return web.json_response({"call_id": call.call_id})

    async def _calls(self, request: web.Request) -> web.Response:
        return web.json_response({"calls": [call.snapshot() for call in self._exchange.calls]})

    async def _show(self, request: web.Request) -> web.Response:
        return web.json_response(self._call(request).snapshot())

    async def _say(self, request: web.Request) -> web.Response:
        leg = self._call(request).leg(_leg_name(request))
        if leg.state is LegState.ENDED:
            raise _Conflict("the leg has ended; nobody hears it any more")
        leg.say(await request.read())
        return web.json_response({})

    async def _heard(self, request: web.Request) -> web.Response:
        leg = self._call(request).leg(_leg_name(request))
        return web.Response(body=leg.heard(), content_type="application/octet-stream")

    async def _clear_heard(self, request: web.Request) -> web.Response:
        self._call(request).leg(_leg_name(request)).clear_heard()
        return web.json_response({})

    async def _hang_up(self, request: web.Request) -> web.Response:
        call = self._call(request)
        fields = await Fields.of(request)
        leg = call.leg(request.query.get("leg") or fields.text("leg", "caller"))
        if leg.state is LegState.IDLE:
            raise _Conflict("the party is not on the line")
        leg.hang_up()
        return web.json_response({})

    async def _drop_media(self, request: web.Request) -> web.Response:
        self._agent_of(request).abort()
        return web.json_response({})

    async def _error(self, request: web.Request) -> web.Response:
        agent = self._agent_of(request)
        fields = await Fields.of(request)
        agent.send_error(
            fields.text("error_code", "TTS_SESSION_ERROR"), fields.text("error_message", "an error on order")
        )
        return web.json_response({})

    def _call(self, request: web.Request) -> ExchangeCall:
        call_id = request.match_info["call_id"]
        call = self._exchange.find(call_id)
        if call is None:
            raise LookupError(f"there is no call {call_id!r}")
        return call

    def _agent_of(self, request: web.Request) -> Agent:
        call = self._call(request)
        if call.agent is None:
            why = "the call has ended" if call.state is CallState.ENDED else "no agent is connected"
            raise _Conflict(why)
        return call.agent


def _leg_name(request: web.Request) -> str:
    return request.query.get("leg", "caller")
