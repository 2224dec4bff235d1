"""Whatever fails on the links: no key, no token and no phone number comes out."""

from __future__ import annotations

import asyncio
import base64
import html
import json
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
from websockets.datastructures import Headers
from websockets.http11 import Response

from tests.call.leaks import Watch, talkative, watching
from tests.call.scripted import ScriptedServer
from tests.virtual_time import run_virtual
from voiceagent.call import ActiveCall, CallClient, CallClientConfig, events
from voiceagent.call._worker import Worker
from voiceagent.call.exceptions import WSSAuthenticationError, WSSConnectionError, WSSError
from voiceagent.wire import control, encode

KEY = "sk+Zq7/Lw2Xv9Rb4=Tn8Kd3Hs6Ym"
TOKEN = "eyJ0b2.Gc6PuVf5J-m1Wx_QzDhKe8"
CALLER, CALLEE = "+4915730876412", "+4989325541907"
PRIVATE = (KEY, TOKEN, CALLER, CALLEE, CALLER.removeprefix("+49"), CALLEE.removeprefix("+49"))

ECHOES: dict[str, Callable[[str], str]] = {
    "plain": lambda secret: f"the credential {secret} is not known",
    "bearer": lambda secret: f"Authorization: Bearer {secret}",
    "json": lambda secret: json.dumps({"error": "not valid", "value": secret}),
    "url": lambda secret: f"GET /x?credential={quote(secret, safe='')} is refused",
    "base64": lambda secret: "got " + base64.b64encode(secret.encode()).decode(),
    "basic": lambda secret: "Basic " + base64.b64encode(b"user:" + secret.encode()).decode(),
    "urlsafe": lambda secret: "got " + base64.urlsafe_b64encode(b"u:" + secret.encode()).decode(),
    "hex": lambda secret: "got " + secret.encode().hex(),
    "html": lambda secret: f"<p>{html.escape(secret)} is not valid</p>",
    "upper": lambda secret: f"{secret.upper()} is not valid",
    "split": lambda secret: f"it begins with {secret[:13]} and ends with {secret[13:]}",
    "cut": lambda secret: "x " * 95 + secret,
    "lines": lambda secret: f"not valid\r\nERROR forged {secret}",
}
"""What servers say about a credential that they do not like."""


@pytest.fixture
def watch(capfd: pytest.CaptureFixture[str]) -> Iterator[Watch]:
    with watching() as watch:
        yield watch
    watch.texts += capfd.readouterr()
    assert watch.leaks(*PRIVATE) == set()


def refusal(status: int, body: str, reason: str = "No", headers: Headers | None = None) -> Response:
    return Response(status, reason, headers or Headers(), body.encode())


class Secretive(ScriptedServer):
    """A call server whose credentials are those that the test looks for."""

    def config(self, **changes: object) -> CallClientConfig:
        settings = {"base_url": self.url, "grace_period": 0.5} | changes
        return CallClientConfig.sandbox(KEY, "connector-0001", **settings)  # type: ignore[arg-type]

    async def give(self, link: object, number: int = 1, **fields: object) -> None:
        """Offer a call on a control link, and give it with these fields."""
        session = f"session-{number}"
        send, recv = link.send, link.recv  # type: ignore[attr-defined]
        await send(encode(control.SessionNotify(session_id=session, channel="TELCO", remote_address=CALLER)))
        claim = control.decode_client(await recv())
        assert isinstance(claim, control.SessionOpen)
        await send(encode(control.Response(req_id=claim.req_id, ok=True, content={"token": TOKEN})))
        await recv()
        call = {"type": "call.in", "sessionId": session, "callId": f"call-{number}", "from": CALLER}
        call |= {"to": CALLEE, "url": f"{self.url}/media/{number}", "token": TOKEN}
        await send(json.dumps(call | fields))


def play(scene: Callable[[Secretive], object]) -> None:
    async def run() -> None:
        talkative()
        async with Secretive() as server:
            await scene(server)  # type: ignore[misc]

    run_virtual(run())


async def connected(server: Secretive) -> tuple[CallClient, object]:
    client = CallClient(server.config())
    client.on(events.INCOMING_CALL, lambda: None)
    return client, await server.connected(client)


@pytest.mark.parametrize("status", [401, 403, 500])
@pytest.mark.parametrize("echo", ECHOES)
def test_a_server_that_echoes_the_key_when_it_refuses_it(watch: Watch, echo: str, status: int) -> None:
    async def scene(server: Secretive) -> None:
        server.refusals = [
            refusal(status, ECHOES[echo](KEY)),
            refusal(status, "", reason=ECHOES[echo](KEY).replace("\r\n", " ")),
        ]
        client = CallClient(server.config())
        for _ in range(2):
            error = await watch.failed(client.connect())
            assert isinstance(error, WSSError)
            assert "***" in str(error)
            assert str(error).isprintable() and len(str(error)) < 300
        watch.shown(client, client.state, server.config())

    play(scene)


@pytest.mark.parametrize("status", [401, 503])
@pytest.mark.parametrize("echo", ECHOES)
def test_a_server_that_echoes_the_token_when_it_refuses_it(watch: Watch, echo: str, status: int) -> None:
    async def scene(server: Secretive) -> None:
        client, link = await connected(server)
        server.refusals = [refusal(status, ECHOES[echo](TOKEN))] * 3
        await server.give(link)
        await asyncio.sleep(5)
        await client.disconnect()

    play(scene)
    assert "call-1: the media link cannot be opened: the call server" in watch.text


def test_redirects_and_upgrades_that_name_the_secrets(watch: Watch) -> None:
    async def scene(server: Secretive) -> None:
        place = Headers({"Location": f"wss://{KEY}@127.0.0.1/?key={quote(KEY)}"})
        odd = Headers({"Upgrade": f"bearer-{KEY}", "Connection": "Upgrade"})
        server.refusals = [refusal(302, KEY, headers=place), refusal(101, "", headers=odd)]
        client = CallClient(server.config())
        for _ in range(2):
            assert isinstance(await watch.failed(client.connect()), WSSConnectionError)

    play(scene)


def test_a_setup_that_is_refused_or_cut_short_with_the_key(watch: Watch) -> None:
    async def scene(server: Secretive) -> None:
        for number in range(3):
            connecting = asyncio.create_task(CallClient(server.config()).connect())
            link = await server.controls.get()
            if number == 0:
                await link.send(encode(control.Response(req_id="", ok=False, error_code=f"BAD_KEY {KEY}")))
            elif number == 1:
                await link.close(1008, f"wrong key {KEY}")
            else:
                await link.send(json.dumps({"type": f"odd {KEY}", "key": KEY}))
                await link.send(json.dumps({"type": "setup.done", "smWsId": [KEY]}))
            assert isinstance(await watch.failed(connecting), WSSConnectionError)

    play(scene)
    assert "refuses the setup: BAD_KEY ***" in watch.text
    assert "wrong key ***" in watch.text
    assert "does not answer the setup" in watch.text


def test_a_control_link_that_breaks_and_is_refused_again(watch: Watch) -> None:
    async def scene(server: Secretive) -> None:
        client, link = await connected(server)
        server.refusals = [refusal(401, f"unknown key {KEY}")] * 2
        await link.close(1011, f"key {KEY}, call from {CALLER}")  # type: ignore[attr-defined]
        await server.accepted()
        await asyncio.sleep(1)
        watch.shown(client)
        await client.disconnect()

    play(scene)
    assert "the control link broke: received 1011" in watch.text
    assert "the control link cannot be opened: the call server refuses the credentials: unknown" in watch.text


def test_calls_that_come_in_malformed(watch: Watch) -> None:
    async def scene(server: Secretive) -> None:
        client, link = await connected(server)
        whole = {"type": "call.in", "sessionId": "s", "callId": "c", "from": CALLER, "token": TOKEN}
        send = link.send  # type: ignore[attr-defined]
        for wrong in (
            whole | {"token": [TOKEN]},
            whole | {"to": {"number": CALLEE}},
            whole | {"callId": None},
            whole | {"callId": f"c\n{TOKEN}"},
            whole | {"type": [TOKEN]},
        ):
            await send(json.dumps(wrong))
        await send(json.dumps(whole)[:-1])
        await send(json.dumps(whole).encode())
        for number, token in enumerate((f"{TOKEN}\r\nHost: evil", f"{TOKEN}\u00e9", f"{TOKEN} {TOKEN}"), 2):
            await server.give(link, number, token=token)
        await asyncio.sleep(1)
        assert len(server.requests) == 1, "no media link was tried"
        await client.disconnect()

    play(scene)
    assert "dropped a malformed message" in watch.text
    assert "the token of the call holds characters that a header cannot carry" in watch.text


@pytest.mark.parametrize(
    ("url", "opens"),
    [
        ("ws://127.0.0.1:{port}/media?token={token}", True),
        ("ws://127.0.0.1:{port}/media/{token}/x?caller={caller}", True),
        ("ws://127.0.0.1:1/media?token={token}", False),
        ("ws://{token}@127.0.0.1:{port}/media", False),
        ("ws://me:{token}@127.0.0.1:{port}/media", False),
        ("ws://127.0.0.1:{token}/media", False),
        ("ws://127.0.0.1:{port}/media#{token}", False),
        ("ws://[{token}/media", False),
        ("wss://127.0.0.1:{port}/media?token={token}", False),
        ("wss://{long}.example/media?token={token}", False),
        ("ws://media.example/{token}?token={token}", False),
    ],
)
def test_a_media_url_with_the_token_in_it(watch: Watch, url: str, opens: bool) -> None:
    async def scene(server: Secretive) -> None:
        client, link = await connected(server)
        address = url.format(port=server.port, token=quote(TOKEN), caller=quote(CALLER), long="x" * 70)
        await server.give(link, url=address)
        await asyncio.sleep(0.1)
        if opens:
            media = await server.medias.get()
            await media.close(1011, f"no call for {TOKEN}")
        await asyncio.sleep(25)
        await client.disconnect()

    play(scene)
    outcome = "call-1: the media link is open" if opens else "call-1: the media link cannot be opened"
    assert outcome in watch.text
    assert "call-1: internal error" not in watch.text


def test_a_call_that_goes_wrong_in_every_way(watch: Watch) -> None:
    async def scene(server: Secretive) -> None:
        client = CallClient(server.config())
        incoming: asyncio.Queue[ActiveCall] = asyncio.Queue()

        @client.on(events.INCOMING_CALL)
        async def broken(call: ActiveCall) -> None:
            incoming.put_nowait(call)
            if call.call_id == "call-1":
                raise LookupError(f"{call} of {client} with {server.config()}", call, client, server.config())

        link = await server.connected(client)
        await server.give(link)
        await incoming.get()
        await (await server.medias.get()).recv()  # the client closes the call that has no handler any more
        await server.give(link, 2)
        media = await server.medias.get()
        call = await incoming.get()

        @call.on(events.CALL_ERROR)
        async def also_broken(details: dict[str, str]) -> None:
            raise LookupError(details, call)

        texts = f"{TOKEN} rings {CALLEE}, for {CALLER[:3]} {CALLER[3:6]} {CALLER[6:]} and {CALLER[1:]}"
        error = {"error_code": f"BUSY_{TOKEN}", "error_message": texts}
        for event in ("call.error", f"call.{TOKEN}"):
            await media.send(json.dumps({"type": "call_event", "data": {"event": event} | error}))
        for wrong in (f'{{"type": "{TOKEN}"}}', json.dumps({"type": "call_event", "data": TOKEN}), TOKEN):
            await media.send(wrong)
        answering = asyncio.create_task(call.answer())
        command = json.loads(await media.recv())["data"]
        answer = {"command_id": command["command_id"], "success": False} | error
        await media.send(json.dumps({"type": "command_response", "data": answer}))
        assert "*** rings ***, for *** and ***" in str(await watch.failed(answering))
        await watch.failed(call.connect())  # nobody answers
        await media.close(1011, f"{CALLER} left {TOKEN}"[:120])
        await call.wait_terminated()
        for command_of in (call.answer, call.whisper):
            await watch.failed(command_of())
        await watch.failed(call.send_audio(b"ab"))
        watch.shown(call, call.counters, call.capabilities, call.playback, call.state, call.end_reason)
        await client.disconnect()

    play(scene)
    assert f"{events.INCOMING_CALL}: the handler failed" in watch.text
    assert f"{events.CALL_ERROR}: the handler failed" in watch.text
    assert "the media link broke" in watch.text


def test_a_defect_of_ours_while_a_call_comes_in(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    def defect(*arguments: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(Worker, "_take", defect)

    async def scene(server: Secretive) -> None:
        client, link = await connected(server)
        running = asyncio.create_task(client.run_forever())
        await server.give(link)
        await watch.failed(running)

    play(scene)
    assert "a defect" in watch.text


def test_attempts_that_the_program_gives_up(watch: Watch) -> None:
    """A cancellation passes through the frames of the library, which hold what it was about to send."""

    async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def scene(server: Secretive) -> None:
        async def in_time(client: CallClient) -> None:
            async with asyncio.timeout(1):
                await client.connect()

        async with await asyncio.start_server(never_answer, "127.0.0.1", 0) as silent:
            url = f"ws://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
            client = CallClient(server.config(base_url=url))
            assert isinstance(await watch.failed(in_time(client)), TimeoutError)
            connecting = asyncio.create_task(client.connect())
            await asyncio.sleep(1)
            connecting.cancel()
            assert isinstance(await watch.failed(connecting), asyncio.CancelledError)
            assert isinstance(await watch.failed(client.connect()), WSSConnectionError), "after 10 s"
            client, link = await connected(server)
            await server.give(link, url=f"{url}/media?token={TOKEN}")
            await asyncio.sleep(1)
            await client.disconnect()

    play(scene)


def test_a_refused_key_is_an_authentication_error_whose_chain_is_ours(watch: Watch) -> None:
    async def scene(server: Secretive) -> None:
        server.refusals = [refusal(401, "the API key is not valid")]
        error = await watch.failed(CallClient(server.config()).connect())
        assert isinstance(error, WSSAuthenticationError)
        assert str(error) == "the call server refuses the credentials: the API key is not valid"

    play(scene)
    assert {type(error).__module__ for error in watch.errors} == {"voiceagent.call.exceptions"}
