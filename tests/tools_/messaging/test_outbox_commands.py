"""``python -m tools.messaging``: what somebody needs whose receiver was away for a day."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from tests.receivers import http_receiver
from tests.tools_.messaging.conftest import Clock, open_outbox, put
from tools.messaging import Message, Webhook
from tools.messaging import __main__ as command_line


def run(*arguments: str) -> int:
    """The command, as a shell runs it; returns its exit code."""
    before, sys.argv = sys.argv, ["tools.messaging", *arguments]
    try:
        with pytest.raises(SystemExit) as ended:
            command_line.main()
    finally:
        sys.argv = before
    assert isinstance(ended.value.code, int)
    return ended.value.code


async def a_message_for_a_receiver_that_is_gone(url: str, clock: Clock) -> None:
    async with http_receiver() as hooks, open_outbox(url, clock, webhook=Webhook(hooks.url)) as outbox:
        hooks.status = 410
        await put(outbox, Message("voicemail", "New voicemail from +15550100", "Please call back."))
        await outbox.deliver()


def test_what_was_given_up_is_shown_and_tried_again(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{tmp_path / 'data.db'}"
    monkeypatch.setenv("VOICEAGENT_DATABASE_URL", url)
    monkeypatch.chdir(tmp_path)
    asyncio.run(a_message_for_a_receiver_that_is_gone(url, clock))

    assert run("status") == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == "0 waiting, 0 sent, 1 given up"
    assert second.endswith("(voicemail) by webhook: the webhook answers 410")
    assert "+15550100" not in second

    assert run("retry") == 0
    assert capsys.readouterr().out == "1 will be tried again\n"
    assert run("status") == 0
    assert capsys.readouterr().out == "1 waiting, 0 sent, 0 given up\n"
    assert run("deliver") == 0
    assert capsys.readouterr().out == "0 sent\n", "the environment names no webhook"


def test_a_wrong_setting_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("status", "--url", "nonsense") == 2
    monkeypatch.setenv("VOICEAGENT_SMTP_URL", "mail.example")
    assert run("status", "--url", "sqlite://") == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert ["Could not parse" in output.err, "VOICEAGENT_SMTP_URL" in output.err] == [True, True]
    assert output.err.count("\n") == 2
