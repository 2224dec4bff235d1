"""Makes ``report.html`` from the files of a call: at its end, beside the event loop, or at any time later."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from voiceagent.report.page.page import page_of, parts
from voiceagent.report.page.sound import packed_sound, sound_rate
from voiceagent.report.page.waveform import RecordingError, Waveform, read_waveform
from voiceagent.report.report import CallReport, read_report

logger = logging.getLogger(__name__)

PAGE = "report.html"

MOST_INSIDE_SECONDS = 15 * 60
"""A longer recording is played from the file beside the page: inside, it would weigh some 30 MB and more."""

_WAIT_SECONDS = 20.0
"""So long the end of a call waits for its page; ten minutes of audio take half a second of one core."""

_one_by_one = ThreadPoolExecutor(max_workers=1, thread_name_prefix="report page")
"""Calls that end together get their pages one after the other: those that go on need the processor."""


@dataclass(frozen=True)
class _Recording:
    waveform: Waveform | None = None
    inside: Path | None = None
    beside: str | None = None
    note: str = ""


def make_page(
    report_path: Path,
    output: Path | None = None,
    *,
    audio: bool | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> Path:
    """Write the page of a call.

    Args:
        report_path: Its ``report.json``; the recording is looked for beside it.
        output: The page; ``report.html`` beside the report by default.
        audio: Whether the page may play the recording; the report says it by default.
        stopped: Asked now and then; when it is true, nobody waits for the page any more.

    Returns:
        Where the page is.

    Raises:
        OSError: a file cannot be read or written.
        ValueError: the file is not a report.
    """
    report = read_report(report_path)
    page = report_path.parent / PAGE if output is None else output
    recording = _recording(report, report_path.parent, page, audio, stopped)
    inside = recording.inside
    head, tail = page_of(
        report,
        recording.waveform,
        source=recording.beside,
        rate=None if inside is None else sound_rate(inside),
        note=recording.note,
    )
    sound = iter(()) if inside is None else packed_sound(inside, stopped)
    temporary = page.with_name(f"{page.name}.tmp")
    try:
        with temporary.open("wb") as file:
            for part in parts(head, sound, tail):
                file.write(part)
        temporary.replace(page)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return page


def _recording(
    report: CallReport, folder: Path, page: Path, audio: bool | None, stopped: Callable[[], bool]
) -> _Recording:
    """What is there to draw and to play."""
    if report.audio is None:
        return _Recording(note="This call was not recorded.")
    # The name stands in a file that somebody may have sent: it leads nowhere else.
    path = folder / Path(report.audio).name
    try:
        waveform = read_waveform(path, stopped)
    except FileNotFoundError:
        return _Recording(note=f"{path.name} is not beside the report.")
    except RecordingError as error:
        return _Recording(note=f"The recording cannot be read: {error}.")
    if not (report.page_audio if audio is None else audio):
        return _Recording(waveform, note="The recording is not in this page, because the agent said so.")
    if waveform.seconds <= MOST_INSIDE_SECONDS:
        return _Recording(waveform, inside=path)
    if page.parent.resolve() != folder.resolve():
        return _Recording(waveform, note=f"The recording is too long for a page; {path.name} has it.")
    note = f"The recording is too long to be in this page: keep {path.name} beside it."
    return _Recording(waveform, beside=path.name, note=note)


async def make_page_beside(report_path: Path, seconds: float = _WAIT_SECONDS) -> Path | None:
    """Write the page of a call that has ended, in a thread; what goes wrong is logged and costs nothing else.

    Args:
        report_path: Its ``report.json``.
        seconds: The page is given up after so long.

    Returns:
        Where the page is; None if there is none.
    """
    given_up = threading.Event()
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(seconds):
            return await loop.run_in_executor(
                _one_by_one, lambda: make_page(report_path, stopped=given_up.is_set)
            )
    except TimeoutError:
        logger.warning("%s: not made, it took more than %g s", report_path.with_name(PAGE), seconds)
    except (OSError, ValueError, RecordingError) as error:
        logger.error("%s: not made: %s", report_path.with_name(PAGE), error)
    except Exception:
        logger.exception("%s: not made", report_path.with_name(PAGE))
    finally:
        given_up.set()
    return None
