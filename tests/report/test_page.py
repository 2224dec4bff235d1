"""``report.html``: what it shows, what it never shows, and that it costs a call nothing."""

from __future__ import annotations

import base64
import json
import os
import re
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import msgspec
import numpy as np
import pytest

from tests.phone import phone_system
from tests.virtual_time import run_virtual, virtual_time
from voiceagent import CallContext, VoiceAgent
from voiceagent.audio import StereoWavWriter
from voiceagent.cli import CommandError
from voiceagent.cli.report import run_report
from voiceagent.report import CallReport, EndReason, EventKind, Line, ReportEvent, ToolUse, TurnTiming
from voiceagent.report.page import PAGE, make_page, make_page_beside, making

RATE = 24_000
HOSTILE = "</script><script>alert('[[data]]')</script><img src=x onerror=alert(1)> & \"more\""


def tone(*spans: tuple[float, float], seconds: float, loudness: int = 8000) -> np.ndarray:
    """A tone of 440 Hz from and to these seconds, else silence."""
    at = np.arange(int(seconds * RATE)) / RATE
    on = np.zeros(len(at), bool)
    for begin, end in spans:
        on |= (at >= begin) & (at < end)
    return (np.sin(2 * np.pi * 440 * at) * loudness * on).astype(np.int16)


def record(folder: Path, caller: np.ndarray, agent: np.ndarray) -> None:
    with StereoWavWriter(folder / "call.wav", RATE) as wav:
        wav.write(caller.tobytes(), agent.tobytes())


def a_call(**changes: object) -> CallReport:
    report = CallReport(
        call_id="c-1",
        agent="Reception",
        model="gemini-3.8-live",
        caller="+15550100",
        callee="+15550199",
        started_at=datetime(2026, 3, 1, 10, 30, tzinfo=UTC),
        duration_ms=9_000,
        answered_ms=1_000,
        ended=EndReason.AGENT_HUNG_UP,
        transcript=[
            Line(at_ms=1_000, who="agent", text="Hello there.", turn=1),
            Line(at_ms=4_900, who="caller", text="is it ready"),
            Line(at_ms=5_000, who="agent", text="Yes, it", turn=2, interrupted=True),
        ],
        tools=[ToolUse(at_ms=4_800, id="1", name="look_up", arguments={"n": 12}, ok=True, took_ms=100)],
        turns=[
            TurnTiming(turn=1, at_ms=1_000, heard_ms=1_000),
            TurnTiming(turn=2, at_ms=5_000, spoke_until_ms=4_300, latency_ms=700, tool_ms=100, model_ms=600),
        ],
        events=[ReportEvent(at_ms=6_500, kind=EventKind.BARGE_IN, turn=2)],
        audio="call.wav",
    )
    return msgspec.structs.replace(report, **changes)


def page(folder: Path, report: CallReport, **options: bool) -> str:
    (folder / "report.json").write_bytes(msgspec.json.encode(report))
    return make_page(folder / "report.json", **options).read_text(encoding="utf-8")


def inside(html: str, name: str) -> str:
    """The content of one of the page's elements for its script."""
    found = re.search(rf'<script type="[^"]*" id="{name}">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    return found[1]


def drawn(html: str) -> dict:
    return json.loads(inside(html, "data"))


def heard(html: str) -> np.ndarray:
    """What the page plays: shape (samples, 2)."""
    codes = np.frombuffer(zlib.decompress(base64.b64decode(inside(html, "packed"))), np.uint8)
    bits = ~codes.astype(np.int64) & 0xFF
    size = ((((bits & 15) << 3) + 132) << (bits >> 4 & 7)) - 132
    return np.where(bits & 128, -size, size).reshape(2, -1).T


def test_the_page_needs_nothing_but_itself(tmp_path: Path) -> None:
    record(tmp_path, tone((2.5, 3.3), seconds=8), tone((0, 1), seconds=8))
    html = page(tmp_path, a_call())

    assert not re.search(r'(?:src|href)="(?!#|data:,")', html)
    assert not re.search(r"https?://|@import|url\(", html)
    assert "default-src 'none'" in html


def test_the_page_plays_what_was_recorded(tmp_path: Path) -> None:
    caller, agent = tone((2.5, 3.3), seconds=8), tone((0, 1), seconds=8, loudness=12_000)
    record(tmp_path, caller, agent)

    html = page(tmp_path, a_call())

    assert drawn(html)["rate"] == 16_000
    sound = heard(html)
    assert abs(len(sound) - 8 * 16_000) <= 16
    for side, (begin, end), loudness in ((0, (2.5, 3.3), 8_000), (1, (0, 1), 12_000)):
        loud = np.flatnonzero(np.abs(sound[:, side]) > 500) / 16_000
        assert (loud[0], loud[-1]) == (pytest.approx(begin, abs=0.02), pytest.approx(end, abs=0.02))
        assert np.abs(sound[:, side]).max() == pytest.approx(loudness, rel=0.05)


def test_both_waveforms_stand_where_they_were_heard(tmp_path: Path) -> None:
    record(tmp_path, tone((2.5, 3.3), seconds=8), tone((0, 1), (4, 5.5), seconds=8))

    data = drawn(page(tmp_path, a_call()))

    caller, agent = (np.frombuffer(base64.b64decode(side), np.uint8) for side in data["peaks"])
    for side, spans in ((caller, [(2.5, 3.3)]), (agent, [(0, 1), (4, 5.5)])):
        loud = np.flatnonzero(side > 20) * data["piece"]
        expected = [at for begin, end in spans for at in np.arange(begin, end - 0.001, data["piece"])]
        assert np.allclose(loud, expected, atol=0.021)
    # The second answer fell silent 1.5 s after it began, whatever was counted.
    assert data["answers"] == [[0, 1, 1, False], [4, 5.5, 2, False]]
    assert data["waits"] == [[3.3, 4, 0.1, "700 ms"]]


def test_a_line_of_the_caller_begins_when_they_began_to_speak(tmp_path: Path) -> None:
    # The text comes 0.6 s after they have stopped; before, they had coughed.
    record(tmp_path, tone((0.5, 0.6), (2.5, 2.9), (3.1, 3.3), seconds=8), tone((4, 5.5), seconds=8))

    html = page(tmp_path, a_call())

    at = re.search(r'<li class="said caller"><button[^>]* data-at="([\d.]+)"', html)
    assert at is not None and float(at[1]) == pytest.approx(2.5, abs=0.03)


def test_what_people_and_tools_said_is_text_and_nothing_else(tmp_path: Path) -> None:
    record(tmp_path, tone(seconds=1), tone(seconds=1))
    lines = [Line(at_ms=1_000, who="caller", text=HOSTILE)]
    uses = [
        ToolUse(
            at_ms=1_000,
            id="1",
            name=HOSTILE,
            arguments={HOSTILE: HOSTILE},
            ok=False,
            result={"error": HOSTILE},
        )
    ]
    events = [ReportEvent(at_ms=1_000, kind=EventKind.KEYS, text=HOSTILE)]
    html = page(
        tmp_path,
        a_call(transcript=lines, tools=uses, events=events, agent=HOSTILE, caller=HOSTILE, end_note=HOSTILE),
    )

    assert HOSTILE not in html
    assert "<img" not in html and html.count("<script") == 3
    assert html.count("&lt;script&gt;alert(&#x27;[[data]]&#x27;)") >= 6
    assert drawn(html)["tools"][0][2] == HOSTILE


@pytest.mark.parametrize(
    "report",
    [
        a_call(audio=None),
        a_call(transcript=[], turns=[], tools=[], events=[]),
        a_call(answered_ms=None, duration_ms=0, transcript=[], turns=[], tools=[], events=[], audio=None),
        a_call(ended=None, caller=None, callee=None),
        a_call(audio="../../etc/passwd"),
    ],
    ids=["not recorded", "nothing said", "never answered", "still running", "a name that leads elsewhere"],
)
def test_any_call_has_a_page(tmp_path: Path, report: CallReport) -> None:
    html = page(tmp_path, report)

    assert "Reception" in html and html.rstrip().endswith("</html>")
    assert drawn(html)["rate"] is None and inside(html, "packed") == ""
    assert drawn(html)["seconds"] >= 1


@pytest.mark.parametrize("content", [b"", b"RIFF....", b"no sound at all" * 100])
def test_a_recording_that_is_none_leaves_the_rest_of_the_page(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "call.wav").write_bytes(content)
    html = page(tmp_path, a_call())
    assert "The recording cannot be read" in html and "Yes, it" in html


def test_a_recording_without_a_sample_is_drawn(tmp_path: Path) -> None:
    record(tmp_path, tone(seconds=0), tone(seconds=0))
    assert drawn(page(tmp_path, a_call()))["peaks"] == ["", ""]


def test_a_long_recording_is_played_from_beside_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "MOST_INSIDE_SECONDS", 5)
    record(tmp_path, tone((2.5, 3.3), seconds=8), tone(seconds=8))

    html = page(tmp_path, a_call())

    assert ' src="call.wav"' in html and inside(html, "packed") == ""
    assert drawn(html)["seconds"] == 8 and "keep call.wav beside it" in html


def test_hours_are_drawn_with_few_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voiceagent.report.page.waveform._MOST_POINTS", 100)
    record(tmp_path, tone((4, 6), seconds=8), tone(seconds=8))
    data = drawn(page(tmp_path, a_call()))
    peaks = np.frombuffer(base64.b64decode(data["peaks"][0]), np.uint8)
    assert len(peaks) == 100 and np.flatnonzero(peaks > 20).tolist() == list(range(50, 75))


@pytest.mark.parametrize(
    ("said", "asked", "plays"), [(False, None, False), (True, False, False), (False, True, True)]
)
def test_the_recording_can_be_left_out(tmp_path: Path, said: bool, asked: bool | None, plays: bool) -> None:
    record(tmp_path, tone((2.5, 3.3), seconds=8), tone(seconds=8))
    html = page(tmp_path, a_call(page_audio=said), audio=asked)
    assert bool(inside(html, "packed")) is plays
    assert "call.wav" not in re.sub(r"<dd>call.wav</dd>", "", html)
    assert any(drawn(html)["peaks"]), "it is drawn all the same"


# At the end of a call --------------------------------------------------------------------------------------

CALL = {
    "script": [{"wait": "agent_done"}, {"say": "my code is four two"}, {"wait": "agent_done"}, "hangup"],
    "model": [
        {"on": "start", "say": "Hello there."},
        {"on": "caller_done", "heard": "my code is four two", "say": "Thank you."},
    ],
}


class Desk(VoiceAgent):
    def redact(self, call: CallContext, text: str) -> str:
        return re.sub(r"\b(four|two)\b", "*", text)

    async def on_end(self, report: CallReport) -> None:
        self.ended.append(report)

    ended: ClassVar[list[CallReport]] = []


class Quiet(Desk):
    report_audio = False


@virtual_time
async def test_a_call_leaves_its_page_before_on_end(tmp_path: Path) -> None:
    there: list[bool] = []

    class Looks(Desk):
        async def on_end(self, report: CallReport) -> None:
            there.append((tmp_path / report.call_id / PAGE).exists())

    async with phone_system(Looks, CALL, reports=tmp_path) as phone:
        _, report = await phone.call()
    html = (tmp_path / report.call_id / PAGE).read_text()

    assert there == [True]
    assert "my code is * *" in html and "four two" not in html
    assert np.abs(heard(html)[:, 0]).max() > 1000 and np.abs(heard(html)[:, 1]).max() > 1000
    assert sorted(path.name for path in (tmp_path / report.call_id).iterdir()) == [
        "call.wav",
        "report.html",
        "report.json",
    ]


@virtual_time
async def test_an_agent_can_keep_its_calls_out_of_the_page(tmp_path: Path) -> None:
    async with phone_system(Quiet, CALL, reports=tmp_path) as phone:
        _, report = await phone.call()
    folder = tmp_path / report.call_id

    assert inside((folder / PAGE).read_text(), "packed") == ""
    assert inside(make_page(folder / "report.json").read_text(), "packed") == "", "nor later"
    assert (folder / "call.wav").stat().st_size > 100_000


@virtual_time
async def test_a_page_that_cannot_be_written_costs_the_call_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class InTheWay(Desk):
        async def on_answered(self, call: CallContext) -> None:
            (tmp_path / call.call_id / PAGE).mkdir()

    Desk.ended.clear()
    async with phone_system(InTheWay, CALL, reports=tmp_path) as phone:
        _, report = await phone.call()

    assert report.ended is EndReason.CALLER_HUNG_UP and Desk.ended == [report]
    (logged,) = [record for record in caplog.records if record.name.startswith("voiceagent.report")]
    assert f"{PAGE}: not made" in logged.getMessage()
    assert not any(name.endswith(".tmp") for name in os.listdir(tmp_path / report.call_id))


def test_a_page_that_takes_too_long_is_given_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    record(tmp_path, tone(seconds=8), tone(seconds=8))
    page(tmp_path, a_call())
    (tmp_path / PAGE).unlink()

    assert run_virtual(make_page_beside(tmp_path / "report.json", seconds=0)) is None
    # Those before it are done when the next is.
    assert run_virtual(make_page_beside(tmp_path / "report.json")) is not None
    assert "it took more than 0 s" in caplog.text


def test_the_command_makes_the_page_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record(tmp_path, tone(seconds=1), tone(seconds=1))
    page(tmp_path, a_call())
    (tmp_path / PAGE).unlink()

    run_report(tmp_path, None, audio=None)
    assert capsys.readouterr().out == f"{tmp_path / PAGE}\n"
    whole = (tmp_path / PAGE).read_text()

    other = tmp_path / "other.html"
    run_report(tmp_path / "report.json", other, audio=False)
    assert inside(whole, "packed") and not inside(other.read_text(), "packed")


def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "c-1").mkdir()
    (tmp_path / "c-1" / "report.json").write_text("{}")
    with pytest.raises(CommandError, match=r"has no report\.json.* did you mean .*c-1\?"):
        run_report(tmp_path, None, audio=None)
    with pytest.raises(CommandError, match="is not the report of a call"):
        run_report(tmp_path / "c-1", None, audio=None)
    page(tmp_path, a_call(audio=None))
    with pytest.raises(CommandError, match=r"no page: .*nowhere.*No such file"):
        run_report(tmp_path, tmp_path / "nowhere" / "x.html", audio=None)
