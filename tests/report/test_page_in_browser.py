"""``report.html`` of a call of the sandbox, as a person sees and hears it: in Chromium.

The pictures are kept in ``build/artefacts/``, for people to look at.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import agents.appointment_booking as package
from agents.appointment_booking import AppointmentBooking, demo
from tests.report.browser import Tab, browser, program
from tests.report.test_page import a_call, page, record, tone
from tests.virtual_time import run_virtual
from voiceagent.report import CallReport, read_report
from voiceagent.report.page import PAGE, making
from voiceagent.testing import phone_line

ARTEFACTS = Path(__file__).parents[2] / "build" / "artefacts"
SCENARIO = Path(package.__file__).with_name("scenario.yaml")
SIZES = {"1280": (1280, 900), "390": (390, 844)}

pytestmark = pytest.mark.skipif(
    program() is None and not os.environ.get("CI"), reason="Chromium is not installed (Debian: chromium)"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a call: the demo's."""
    calls = tmp_path_factory.mktemp("calls")
    url = f"sqlite+aiosqlite:///{calls / 'demo.db'}"

    async def call() -> str:
        await demo.before(url)
        async with phone_line(AppointmentBooking, SCENARIO, reports=calls) as line:
            return (await line.call()).call_id

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VOICEAGENT_DATABASE_URL", url)
        return calls / run_virtual(call())


@pytest.fixture(scope="module")
def report(folder: Path) -> CallReport:
    return read_report(folder / "report.json")


@pytest.fixture(scope="module")
def tab() -> Iterator[Tab]:
    with browser() as tab:
        yield tab


def open_page(tab: Tab, path: Path, size: str = "1280", *, dark: bool = False) -> None:
    tab.open(path, *SIZES[size], dark=dark)


def sound(tab: Tab, name: str) -> float:
    return tab.run(f"document.getElementById('sound').{name}")


def line(n: int) -> str:
    return f"#lines li:nth-child({n}) button"


def playing(tab: Tab) -> str:
    return tab.run("document.querySelector('#lines [aria-current] .words')?.textContent")


@pytest.fixture
def opened(tab: Tab, folder: Path) -> Iterator[Tab]:
    """The demo's page with its sound; after the test nothing may have gone wrong in it."""
    open_page(tab, folder / PAGE)
    tab.until("document.getElementById('sound').readyState >= 2")
    yield tab
    assert tab.troubles == []


def test_nothing_is_wrong_and_nothing_is_fetched(tab: Tab, folder: Path) -> None:
    tab.requests.clear()
    open_page(tab, folder / PAGE)
    tab.until("document.getElementById('sound').readyState >= 2")

    assert tab.troubles == []
    assert tab.requests[0].startswith("file://") and len(tab.requests) >= 2
    assert all(address.startswith("blob:") for address in tab.requests[1:])


def test_the_audio_is_there_to_its_last_second(opened: Tab, report: CallReport) -> None:
    assert report.audio is not None
    seconds = (report.duration_ms - (report.answered_ms or 0)) / 1000
    assert sound(opened, "duration") == pytest.approx(seconds, abs=0.5)
    assert sound(opened, "paused") is True


def test_a_line_plays_from_its_moment_and_the_playing_line_is_marked(opened: Tab, report: CallReport) -> None:
    said = [line.text for line in report.transcript]
    third = opened.run("[...document.querySelectorAll('#lines .said button')][2].dataset.at")

    opened.click("#lines li.said:nth-of-type(1) button")
    opened.until("document.getElementById('sound').currentTime > 0.2")
    assert sound(opened, "paused") is False and playing(opened) == said[0]

    opened.run("[...document.querySelectorAll('#lines .said button')][2].id = 'third'")
    opened.click("#third")
    opened.until(f"document.getElementById('sound').currentTime > {third}")
    assert sound(opened, "currentTime") < float(third) + 3
    assert playing(opened) == opened.run("document.querySelector('#third .words').textContent")

    opened.click("#play")
    opened.until("document.getElementById('sound').paused")
    where = sound(opened, "currentTime")
    assert float(opened.run("document.getElementById('seek').value")) == pytest.approx(where, abs=0.06)


def test_it_plays_on_and_the_mark_moves_to_the_next_line(opened: Tab) -> None:
    second = float(opened.run("[...document.querySelectorAll('#lines .said button')][1].dataset.at"))
    opened.run(
        f"document.getElementById('seek').value = {second - 0.5};"
        "document.getElementById('seek').dispatchEvent(new Event('input')); 1"
    )
    before = playing(opened)
    opened.click("#play")
    opened.until(f"document.querySelector('#lines [aria-current] .words').textContent !== {before!r}")
    assert sound(opened, "currentTime") == pytest.approx(second, abs=0.5)


def test_it_can_be_used_with_the_keyboard_alone(opened: Tab) -> None:
    opened.run("document.getElementById('transcript').focus()")
    opened.press("Tab")
    assert opened.run("document.activeElement.className") == "line"
    opened.press("Enter")
    opened.until("!document.getElementById('sound').paused")
    opened.run("document.activeElement.blur()")
    opened.press(" ")
    opened.until("document.getElementById('sound').paused")
    before = sound(opened, "currentTime")
    opened.press("ArrowRight")
    opened.until(f"document.getElementById('sound').currentTime >= {before + 4.9}")


def test_a_click_into_the_drawing_goes_there(opened: Tab) -> None:
    opened.click("#wave")
    middle = sound(opened, "duration") / 2
    opened.until(f"Math.abs(document.getElementById('sound').currentTime - {middle}) < 1")


def test_the_drawing_can_be_enlarged(opened: Tab) -> None:
    for _ in range(3):
        opened.click("#in")
    assert opened.run("document.getElementById('spacer').offsetWidth / scroller.clientWidth") == 8
    assert opened.run("document.documentElement.scrollWidth <= innerWidth")
    opened.click("#fit")
    assert opened.run("document.getElementById('spacer').offsetWidth === scroller.clientWidth")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_it_fits_the_screen(tab: Tab, folder: Path, size: str, dark: bool) -> None:
    open_page(tab, folder / PAGE, size, dark=dark)
    tab.until("document.getElementById('sound').readyState >= 2")

    assert tab.run("document.documentElement.scrollWidth") <= SIZES[size][0]
    wide = "[...document.querySelectorAll('body *')].filter(e => !e.closest('.scroller, svg, .skip')"
    wide += " && e.getBoundingClientRect().right > innerWidth + 0.5).map(e => e.outerHTML.slice(0, 80))"
    assert tab.run(wide) == []
    assert tab.troubles == []
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    name = f"report-{size}-{'dark' if dark else 'light'}"
    tab.picture(ARTEFACTS / f"{name}.png")
    tab.picture(ARTEFACTS / f"{name}-whole.png", whole=True)


CONTRAST = """(() => {
  const seen = (e) => {
    for (; e; e = e.parentElement) {
      const c = getComputedStyle(e).backgroundColor;
      if (!/, 0\\)$|transparent/.test(c)) return c;
    }
    return 'rgb(255, 255, 255)';
  };
  const light = (c) => {
    const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = c.match(/[\\d.]+/g).map((v) => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const poor = [];
  for (const e of document.querySelectorAll('body *')) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    if (e.closest('script, noscript, button:disabled, option') || !e.getClientRects().length) continue;
    const [a, b] = [light(getComputedStyle(e).color), light(seen(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) poor.push(`${e.className} ${e.textContent.slice(0, 30)}: ${ratio.toFixed(2)}`);
  }
  return poor;
})()"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_all_text_can_be_read(tab: Tab, folder: Path, dark: bool) -> None:
    open_page(tab, folder / PAGE, dark=dark)
    tab.until("document.getElementById('sound').readyState >= 2")
    tab.run("document.querySelectorAll('#lines .said button')[1].click(); 1")
    assert tab.run(CONTRAST) == [], "WCAG AA asks for a contrast of 4.5"


def test_a_long_call_is_played_from_the_file_beside_it(
    tab: Tab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "MOST_INSIDE_SECONDS", 5)
    record(tmp_path, tone((2.5, 3.3), seconds=8), tone((0, 1), (4, 5.5), seconds=8))
    page(tmp_path, a_call())

    open_page(tab, tmp_path / PAGE)
    tab.until("document.getElementById('sound').readyState >= 2")
    assert sound(tab, "duration") == pytest.approx(8, abs=0.01)
    tab.click(line(2))
    tab.until("document.getElementById('sound').currentTime > 2.4")
    assert tab.troubles == []


@pytest.mark.parametrize(
    "changes",
    [
        {"audio": None},
        {"audio": None, "answered_ms": None, "duration_ms": 0, "transcript": [], "turns": [], "tools": []},
    ],
    ids=["not recorded", "never answered"],
)
def test_without_a_recording_there_is_no_player_and_no_trouble(
    tab: Tab, tmp_path: Path, changes: dict[str, object]
) -> None:
    page(tmp_path, a_call(**changes))
    open_page(tab, tmp_path / PAGE, "390")
    assert tab.run("document.getElementById('controls').hidden")
    assert tab.run("document.getElementById('wave').height > 50")
    assert tab.run("document.documentElement.scrollWidth") <= 390
    assert tab.troubles == []


def test_what_a_caller_says_is_never_run(tab: Tab, tmp_path: Path) -> None:
    report = a_call(audio=None)
    hostile = "</script><img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>"
    report.transcript[1].text = report.tools[0].name = hostile
    page(tmp_path, report)
    open_page(tab, tmp_path / PAGE)
    assert tab.run("document.title").startswith("Reception")
    assert hostile in tab.run("document.getElementById('lines').textContent")
    assert tab.troubles == []
