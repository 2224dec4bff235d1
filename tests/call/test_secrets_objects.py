"""Settings, files, hand-offs and messages that are wrong or get printed: nothing secret comes out of them."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.call.certificates import Certificates
from tests.call.leaks import Watch, talkative, watching
from tests.call.scripted import ScriptedServer
from tests.call.test_secrets import CALLEE, CALLER, KEY, PRIVATE, TOKEN
from tests.dropin.test_names import SDKS, sdk_of
from tests.virtual_time import run_virtual, virtual_time
from voiceagent.call import ActiveCall, CallClient, CallClientConfig, events
from voiceagent.call._secrets import Secret, redacted
from voiceagent.call.exceptions import WSSConnectionError, WSSError, WSSMediaError
from voiceagent.sandbox.exchange import Exchange
from voiceagent.wire import control, handoff

PASSWORD = "Jw5-hunter2-Xc8"
FILE_PASSWORD = "Vt3-opensesame-Mn6"


@pytest.fixture
def watch(capfd: pytest.CaptureFixture[str]) -> Iterator[Watch]:
    with watching() as watch:
        yield watch
    watch.texts += capfd.readouterr()
    assert watch.leaks(*PRIVATE, PASSWORD, FILE_PASSWORD) == set()


@pytest.mark.parametrize(
    "changes",
    [
        {"sample_rate": 44100},
        {"buffer_size": -1},
        {"grace_period": -1},
        {"api_key": f"{KEY}\n"},
        {"api_key": f"{KEY}\u00e9"},
        {"connector_uuid": ""},
        {"ca_file": ""},
        {"base_url": f"wss://{PASSWORD}@calls.example"},
        {"base_url": f"wss://me:{PASSWORD}@calls.example"},
        {"base_url": f"wss://calls.example:{PASSWORD}"},
        {"base_url": f"wss://calls.example/?key={PASSWORD}"},
        {"base_url": f"wss://calls.example/#{PASSWORD}"},
        {"base_url": f"wss://[{PASSWORD}"},
        {"base_url": f"https://me:{PASSWORD}@calls.example"},
        {"base_url": f"ws://calls.example/{PASSWORD}"},
    ],
)
@pytest.mark.parametrize("config", [CallClientConfig, *(f"{prefix}ClientConfig" for _, prefix in SDKS)])
def test_a_wrong_setting_is_named_without_the_others(
    watch: Watch, config: Any, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    if isinstance(config, str):
        package = next(package for package, prefix in SDKS if config.startswith(prefix))
        config = getattr(sdk_of(package), config)
    settings = {"api_key": KEY, "connector_uuid": "connector-0001"} | changes
    error = watch.raised(config.sandbox, **settings)
    assert isinstance(error, ValueError)
    assert next(iter(changes)) in str(error)
    if "base_url" in changes:
        monkeypatch.setenv("VOICEAGENT_CALL_URL", settings.pop("base_url"))
        watch.raised(config.sandbox, **settings)
        watch.raised(config.production, "cert.pem", "key.pem")


def test_what_holds_a_secret_does_not_show_it(watch: Watch) -> None:
    config = CallClientConfig.sandbox(KEY, "connector-0001", base_url="wss://calls.example")
    assert config.api_key == KEY, "programs may read it"
    assert config.headers()[control.API_KEY_HEADER] == KEY
    call_in = control.CallIn(
        session_id="s", call_id="c", from_=CALLER, to=CALLEE, url=f"wss://x/?t={TOKEN}", token=TOKEN
    )
    notify = control.SessionNotify(session_id="s", remote_address=CALLER, local_address=CALLEE)
    opened = control.OpenedSession(
        id="s", channel="TELCO", remote_address=CALLER, local_address=CALLEE, opened_at=0
    )
    watch.shown(
        config,
        dataclasses.replace(config, sample_rate=8000),
        copy.deepcopy(config),
        config.headers(),
        CallClient(config),
        call_in,
        notify,
        control.OpenContent(session=opened),
        control.Response(req_id="r", ok=True, content=[TOKEN], error_content=TOKEN),
        control.SessionCreate(req_id="r", channel="TELCO", remote_address=CALLER),
        control.MessageOut(req_id="r", data={"to": CALLER}),
        control.MessageIn(session_id="s", sender=CALLER, content={"text": TOKEN}),
        handoff.HandOff(
            channel="TELCO",
            id="c",
            caller=CALLER,
            callee=CALLEE,
            session_url=f"wss://x/?t={TOKEN}",
            session_token=TOKEN,
        ),
    )
    assert "connector-0001" in watch.text and "wss://calls.example" in watch.text


def test_key_files_are_not_quoted(watch: Watch, tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    cert, key = certificates.client()
    _, locked = certificates.locked(FILE_PASSWORD.encode())
    stranger_cert, stranger_key = certificates.client(trustme.CA())
    context = certificates.server("127.0.0.1", clients=certificates.authority)
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text(Path(key).read_text()[:100] + PASSWORD)

    @virtual_time
    async def run() -> None:
        talkative()
        async with Exchange(ssl_context=context) as exchange:
            for pair in (
                (cert, locked),
                (key, cert),
                (cert, stranger_key),
                (cert, str(nonsense)),
                (str(nonsense), key),
                ("nowhere.pem", key),
                (stranger_cert, stranger_key),
            ):
                settings = CallClientConfig.production(
                    *pair, base_url=exchange.url, ca_file=certificates.ca_file
                )
                assert isinstance(await watch.failed(CallClient(settings).connect()), WSSError)
            untrusting = CallClientConfig.production(cert, key, base_url=exchange.url)
            assert isinstance(await watch.failed(CallClient(untrusting).connect()), WSSConnectionError)
            watch.shown(untrusting)

    run()
    for file in (key, locked, stranger_key):
        lines = Path(file).read_text().splitlines()[1:-1]
        assert lines and not any(line in watch.text for line in lines)


def offer(**changes: object) -> str:
    whole: dict[str, object] = {
        "channel": "TELCO",
        "id": "call-1",
        "caller": CALLER,
        "callee": CALLEE,
        "session_url": f"ws://127.0.0.1:1/media?token={TOKEN}",
        "session_token": TOKEN,
    }
    return json.dumps(whole | changes)


@pytest.mark.parametrize(
    "text",
    [
        offer()[:-1],
        offer(session_token=[TOKEN]),
        offer(channel="WA"),
        offer(sample_rate=8000),
        offer(id=""),
        offer(id="call-1\nERROR forged"),
        offer() + "\ud800",
        offer(caller={"number": CALLER}),
        json.dumps(TOKEN),
    ],
)
@pytest.mark.parametrize("as_bytes", [False, True])
def test_a_hand_off_that_is_malformed(watch: Watch, text: str, as_bytes: bool) -> None:
    config = CallClientConfig.sandbox(KEY, "connector-0001", base_url="wss://calls.example")
    given = text.encode(errors="surrogatepass") if as_bytes else text
    assert isinstance(watch.raised(ActiveCall.from_json, given, config), ValueError)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"session_url": f"ws://media.example/{TOKEN}"},
        {"session_url": f"ws://{TOKEN}@127.0.0.1:1/"},
        {"session_token": f"{TOKEN}\n"},
    ],
)
@virtual_time
async def test_a_hand_off_whose_media_link_cannot_be_opened(watch: Watch, changes: dict[str, object]) -> None:
    talkative()
    config = CallClientConfig.sandbox(KEY, "connector-0001", base_url="wss://calls.example")
    taking = ActiveCall.from_json(offer(**changes), config)
    watch.shown(taking)
    assert isinstance(await watch.failed(taking.__aenter__()), WSSMediaError)


@virtual_time
async def test_a_hand_off_that_is_too_late(watch: Watch) -> None:
    talkative()
    async with ScriptedServer() as server:
        client = CallClient(server.config(), media_on_demand=True)
        calls: asyncio.Queue[ActiveCall] = asyncio.Queue()
        client.on(events.INCOMING_CALL, calls.put)
        await server.offer(await server.connected(client))
        call = await calls.get()
        call.to_json()
        watch.raised(call.to_json)
        watch.shown(call, call.counters, call.end_reason)
        await client.disconnect()


@pytest.mark.parametrize(
    ("proxy", "text"),
    [
        (f"ftp://me:{PASSWORD}@127.0.0.1:1", "the proxy that the environment names cannot be used"),
        (f"http://me:{PASSWORD}@127.0.0.1:1/{PASSWORD}", "cannot be used: path is meaningless"),
        (f"http://127.0.0.1:{PASSWORD}", "or of the proxy, is malformed"),
        (f"http://me:{PASSWORD}@127.0.0.1:1", "cannot reach the call server"),
        (f"socks5h://me:{PASSWORD}@127.0.0.1:1", "cannot reach the call server"),
    ],
)
def test_a_proxy_with_a_password_that_cannot_be_used(
    watch: Watch, proxy: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ALL_PROXY", "HTTP_PROXY", "NO_PROXY", "all_proxy", "http_proxy", "no_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", proxy)

    async def run() -> None:
        config = CallClientConfig.sandbox(KEY, "connector-0001", base_url="wss://calls.example")
        error = await watch.failed(CallClient(config).connect())
        assert isinstance(error, WSSConnectionError)
        assert text in str(error)

    run_virtual(run())


def test_a_proxy_that_sees_no_key_and_is_not_waited_for(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cancellation passes through the frames of the library, which hold the address of the proxy."""
    seen = bytearray()

    class Silent(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            seen.extend(data)

    async def run() -> None:
        silent = Silent()
        async with await asyncio.get_running_loop().create_server(lambda: silent, "127.0.0.1", 0) as proxy:
            port = proxy.sockets[0].getsockname()[1]
            monkeypatch.setenv("https_proxy", f"http://me:{PASSWORD}@127.0.0.1:{port}")
            client = CallClient(
                CallClientConfig.sandbox(KEY, "connector-0001", base_url="wss://calls.example")
            )
            connecting = asyncio.create_task(client.connect())
            await asyncio.sleep(1)
            connecting.cancel()
            assert isinstance(await watch.failed(connecting), asyncio.CancelledError)
            silent.transport.close()

    run_virtual(run())
    assert seen.startswith(b"CONNECT calls.example:443 HTTP/1.1")
    assert KEY.encode() not in seen and b"connector-0001" not in seen


def test_what_is_no_secret_is_left_as_it_is() -> None:
    text = (
        "call 4f6c1a2e-1111-4222-8333-123456789abc: 1048577 bytes are over the limit of 1048576 (code 1009)"
    )
    assert redacted(text, (KEY, TOKEN, CALLER, CALLEE, "", "key")) == text
    assert redacted("the API key is not valid", ("a-short-key",)) == "the API key is not valid"
    assert redacted("extension 2001 is busy until 12001", ("2001",)) == "extension *** is busy until ***"
    assert redacted("nobody at +1 (555) 010-0123 answers", ()) == "nobody at *** answers"
    assert redacted("x" * 500, ()) == "x" * 200


def test_a_secret_is_the_text_that_it_hides() -> None:
    secret = Secret(KEY)
    assert secret == KEY and hash(secret) == hash(KEY) and f"Bearer {secret}" == f"Bearer {KEY}"
    assert repr(secret) == "'***'"
    assert repr({"x-api-key": secret}) == "{'x-api-key': '***'}"
