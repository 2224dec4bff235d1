"""The command as a user runs it: what it prints, and how it ends when something is wrong."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RECEPTION = ROOT / "examples" / "reception.yaml"
DEADLINE = 60
FREE = "ws://127.0.0.1:1"
"""Where nothing listens."""

KEYS = {"WSS_API_KEY": "a-secret-key", "WSS_CONNECTOR_UUID": "a-connector"}


def environment(**more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), **more}


def voiceagent(*args: object, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "voiceagent", *map(str, args)],
        cwd=cwd,
        env=environment(**env),
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )


@contextmanager
def running(*args: object, cwd: Path, **env: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "voiceagent", *map(str, args)],
        cwd=cwd,
        env=environment(**env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def assert_one_line(result: subprocess.CompletedProcess[str], *words: str) -> None:
    assert result.returncode == 2, result.stderr
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert result.stderr.startswith("voiceagent: ")
    for word in words:
        assert word in result.stderr


def test_the_version_is_printed(tmp_path: Path) -> None:
    assert voiceagent("--version", cwd=tmp_path).stdout == "voiceagent 0.1.0\n"


@pytest.mark.realtime
def test_the_sandbox_prints_one_json_line_and_stops_on_sigterm(tmp_path: Path) -> None:
    with running("sandbox", "--port", 0, "--live-port", 0, "--json", cwd=tmp_path) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert set(ready) == {
            "call_url",
            "operator_url",
            "live_url",
            "live_tls_url",
            "ca_file",
            "api_key",
            "connector_uuid",
        }
        with urllib.request.urlopen(f"{ready['operator_url']}/info", timeout=10) as answer:
            info = json.load(answer)
        assert info["api_key"] == ready["api_key"]
        context = ssl.create_default_context(cafile=ready["ca_file"])
        url = f"{ready['live_tls_url']}/operator/sessions"
        with urllib.request.urlopen(url, timeout=10, context=context) as answer:
            assert json.load(answer) == {"sessions": []}
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=DEADLINE)
        assert (process.returncode, out, err) == (0, "", "")
    assert not Path(ready["ca_file"]).exists()


@pytest.mark.realtime
def test_an_agent_is_served_and_phoned_from_three_terminals(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in KEYS.items()))
    with running("sandbox", "--port", 0, "--live-port", 0, "--json", cwd=tmp_path) as sandbox:
        assert sandbox.stdout is not None
        ready = json.loads(sandbox.stdout.readline())
        assert ready["api_key"] == KEYS["WSS_API_KEY"], "the sandbox takes the key of .env"
        urls = {"VOICEAGENT_CALL_URL": ready["call_url"], "VOICEAGENT_LIVE_URL": ready["live_url"]}
        with running("serve", "examples.reception:Reception", cwd=tmp_path, **urls) as agent:
            assert agent.stderr is not None
            log = []
            for line in agent.stderr:
                log.append(line)
                if "takes calls" in line:
                    break
            called = voiceagent("call", "--scenario", RECEPTION, cwd=tmp_path, **urls)
            assert called.returncode == 0, called.stderr
            assert "agent_disconnect" in called.stdout
            agent.send_signal(signal.SIGTERM)
            _, rest = agent.communicate(timeout=DEADLINE)
            assert agent.returncode == 0, rest
    (report,) = tmp_path.glob("calls/*/report.json")
    said = json.loads(report.read_text())
    assert said["ended"] == "agent_hung_up"
    assert [tool["name"] for tool in said["tools"]] == ["opening_hours", "opening_hours", "end_call"]
    for secret in (*KEYS.values(), "+15550100"):
        assert secret not in "".join(log) + rest


def test_a_call_that_nobody_answers_is_a_failure(tmp_path: Path) -> None:
    with running("sandbox", "--port", 0, "--live-port", 0, "--json", cwd=tmp_path) as sandbox:
        assert sandbox.stdout is not None
        call_url = json.loads(sandbox.stdout.readline())["call_url"]
        called = voiceagent(
            "call", "--scenario", RECEPTION, "--call-url", call_url, "--timeout", 1, cwd=tmp_path
        )
    assert called.returncode == 1
    assert "nobody answered" in called.stdout


def test_a_dead_call_server_is_one_line(tmp_path: Path) -> None:
    with running("sandbox", "--port", 0, "--live-port", 0, "--json", cwd=tmp_path) as sandbox:
        assert sandbox.stdout is not None
        live_url = json.loads(sandbox.stdout.readline())["live_url"]
        result = voiceagent(
            "serve",
            "examples.reception:Reception",
            cwd=tmp_path,
            VOICEAGENT_CALL_URL=FREE,
            VOICEAGENT_LIVE_URL=live_url,
            **KEYS,
        )
    assert_one_line(result, "127.0.0.1:1")
    assert KEYS["WSS_API_KEY"] not in result.stderr


def test_a_dead_live_server_is_one_line(tmp_path: Path) -> None:
    urls = {"VOICEAGENT_CALL_URL": FREE, "VOICEAGENT_LIVE_URL": "ws://127.0.0.1:2"}
    result = voiceagent("serve", "examples.reception:Reception", cwd=tmp_path, **urls, **KEYS)
    assert_one_line(result, "live service", "127.0.0.1:2")


@pytest.mark.parametrize("url", ["ws://", "ws://127.0.0.1:99999", "http://127.0.0.1:8766"])
def test_a_live_address_that_is_none_names_its_variable(tmp_path: Path, url: str) -> None:
    result = voiceagent("serve", "examples.reception:Reception", "--live-url", url, cwd=tmp_path, **KEYS)
    assert_one_line(result, "VOICEAGENT_LIVE_URL", url)


@pytest.mark.parametrize("url", ["ws://", "http://127.0.0.1:8765"])
def test_a_call_server_that_is_none_names_its_variable(tmp_path: Path, url: str) -> None:
    result = voiceagent(
        "serve", "examples.reception:Reception", cwd=tmp_path, VOICEAGENT_CALL_URL=url, **KEYS
    )
    assert_one_line(result, "VOICEAGENT_CALL_URL (or --call-url) must be a ws:// or wss:// URL")


def test_a_sandbox_address_that_is_none_is_one_line(tmp_path: Path) -> None:
    result = voiceagent("call", "--scenario", RECEPTION, "--call-url", "http://127.0.0.1:8765", cwd=tmp_path)
    assert_one_line(result, "ws://", "http://127.0.0.1:8765")


def test_a_dead_sandbox_is_one_line(tmp_path: Path) -> None:
    result = voiceagent("call", "--scenario", RECEPTION, "--call-url", FREE, cwd=tmp_path)
    assert_one_line(result, "127.0.0.1:1", "Start it with 'voiceagent sandbox'")


@pytest.mark.parametrize("missing", sorted(KEYS))
def test_a_missing_key_names_its_variable(tmp_path: Path, missing: str) -> None:
    keys = {name: value for name, value in KEYS.items() if name != missing}
    result = voiceagent(
        "serve", "examples.reception:Reception", cwd=tmp_path, VOICEAGENT_LIVE_URL=FREE, **keys
    )
    assert_one_line(result, missing)


def test_a_missing_gemini_key_names_its_variable(tmp_path: Path) -> None:
    result = voiceagent(
        "serve", "examples.reception:Reception", cwd=tmp_path, VOICEAGENT_CALL_URL=FREE, **KEYS
    )
    assert_one_line(result, "GEMINI_API_KEY", "VOICEAGENT_LIVE_URL")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("examples.reception", "is not MODULE:AGENT"),
        (".reception:Reception", "is not MODULE:AGENT"),
        ("nowhere:Agent", "No module named 'nowhere'"),
        ("examples.reception:Nobody", "has no 'Nobody'"),
        ("examples.reception:Weekday", "is no VoiceAgent"),
    ],
)
def test_an_agent_that_cannot_be_found_is_named(tmp_path: Path, name: str, said: str) -> None:
    assert_one_line(voiceagent("serve", name, cwd=tmp_path, **KEYS), said)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import nowhere\n", "No module named 'nowhere'"),
        ("\n\nfrom voiceagent import Nobody\n", "line 3"),
        ("def (:\n", "SyntaxError"),
    ],
)
def test_an_agent_that_cannot_be_imported_says_where_the_mistake_is(
    tmp_path: Path, code: str, said: str
) -> None:
    (tmp_path / "mine.py").write_text(code)
    assert_one_line(voiceagent("serve", "mine:Agent", cwd=tmp_path, **KEYS), "mine.py", said)


def test_a_file_in_place_of_a_module_is_told_apart(tmp_path: Path) -> None:
    result = voiceagent("serve", "examples/reception.py:Reception", cwd=tmp_path, **KEYS)
    assert_one_line(result, "examples.reception:")


@pytest.mark.parametrize("command", [["sandbox"], ["call", "--call-url", FREE]])
def test_a_malformed_scenario_names_file_line_and_field(tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "bad.yaml").write_text("script:\n  - wait: agent_done\n  - sing: a song\n")
    result = voiceagent(*command, "--scenario", "bad.yaml", cwd=tmp_path)
    assert_one_line(result, "bad.yaml:3", "sing")


def test_a_taken_port_is_one_line(tmp_path: Path) -> None:
    with running("sandbox", "--port", 0, "--live-port", 0, "--json", cwd=tmp_path) as sandbox:
        assert sandbox.stdout is not None
        port = json.loads(sandbox.stdout.readline())["call_url"].rpartition(":")[2]
        assert_one_line(voiceagent("sandbox", "--port", port, "--live-port", 0, cwd=tmp_path), port)


def test_a_demo_that_cannot_be_kept_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "calls").write_text("no folder")
    assert_one_line(voiceagent("demo", cwd=tmp_path), "cannot be kept in calls", "--output")


def test_an_unknown_demo_names_those_that_exist(tmp_path: Path) -> None:
    assert_one_line(voiceagent("demo", "juggling", cwd=tmp_path), "juggling", "appointment_booking")
