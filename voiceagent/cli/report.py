"""``voiceagent report FOLDER``: make the page of a call again, from its files."""

from __future__ import annotations

from pathlib import Path

from voiceagent.cli import CommandError
from voiceagent.report.page import make_page

_REPORT = "report.json"


def run_report(path: Path, output: Path | None, *, audio: bool | None) -> None:
    """Write the page, and print where it is.

    Args:
        path: ``report.json``, or the folder of a call with one.
        output: The page; ``report.html`` beside the report by default.
        audio: Whether the page may play the recording; None: as the agent said.
    """
    report = path / _REPORT if path.is_dir() else path
    if not report.exists():
        inside = sorted(path.glob(f"**/{_REPORT}")) if path.is_dir() else []
        hint = f"; did you mean {inside[-1].parent}?" if inside else ""
        raise CommandError(f"{path} has no {_REPORT}: name the folder of a call, or its {_REPORT}{hint}")
    try:
        page = make_page(report, output, audio=audio)
    except OSError as error:
        raise CommandError(f"no page: {error.filename or report}: {error.strerror or error}") from None
    except ValueError as error:
        raise CommandError(error) from None
    print(page)
