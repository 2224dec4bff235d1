"""Calls that are on their way into the database, as files beside their recordings.

The rule: a note is written before the database is asked, and removed when the database has the call. So a
database that is away costs nothing but time, and a program that dies leaves what it had recorded.
"""

from __future__ import annotations

import logging
import math
import wave
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import ValidationError

from tools.voicemail.draft import CallRecord
from tools.voicemail.recorder import LEAST_SPEECH_MS
from voiceagent import SpeechMeter

logger = logging.getLogger(__name__)

_ENDING = ".call.json"
_STEP_MS = 20

_SURELY_OVER = timedelta(hours=6)
"""A call whose note says that it goes on, and that began longer ago, belongs to a program that died."""


class Spool:
    """The notes of one folder. Several programs may share the folder. All methods wait for the disk.

    Args:
        folder: Where recordings and notes are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, record: CallRecord) -> None:
        """Write down a call, in place of what was written of it before.

        Raises:
            OSError: it cannot be written.
        """
        path = self._path(record.key)
        unfinished = path.with_suffix(".tmp")
        unfinished.write_text(record.model_dump_json(indent=2), encoding="utf-8")
        unfinished.replace(path)

    def remove(self, key: str) -> None:
        """The database has it."""
        self._path(key).unlink(missing_ok=True)

    def waiting(self, now: datetime) -> list[CallRecord]:
        """The calls that are over and not in the database, as far as is known here, oldest first."""
        records = []
        for path in self.folder.glob(f"*{_ENDING}"):
            try:
                record = CallRecord.model_validate_json(path.read_bytes())
            except FileNotFoundError:
                continue  # Another program has stored it meanwhile.
            except (OSError, ValidationError) as error:
                # Without the text of the error, which may quote what the caller said.
                logger.error("%s cannot be read (%s): put it right or remove it", path, type(error).__name__)
                continue
            if not record.ended:
                if now - record.began_at < _SURELY_OVER:
                    continue
                try:
                    self._rescue(record)
                except OSError as error:
                    logger.error("the recording of %s cannot be rescued: %s", path, error)
                    continue
            records.append(record)
        return sorted(records, key=lambda record: record.began_at)

    def _rescue(self, record: CallRecord) -> None:
        """Finish the call of a program that died in it, with the recording as far as it goes."""
        record.ended = "failed"
        message, record.message = record.message, None
        if message is None or message.recording is None:
            return
        finished = self.folder / message.recording
        part = finished.with_name(f"{finished.name}.part")
        if part.exists():
            part.rename(finished)
        if not finished.exists():
            return
        seconds, spoken_ms = _measure(finished)
        if spoken_ms >= LEAST_SPEECH_MS:
            message.seconds, message.complete = round(seconds, 2), False
            record.message = message
        else:
            finished.unlink()

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{_ENDING}"


def _measure(path: Path) -> tuple[float, float]:
    """Seconds of a recording, and milliseconds of speech in it; one that cannot be read is all speech."""
    spoken_ms = 0.0
    try:
        with wave.open(str(path)) as file:
            meter = SpeechMeter(file.getframerate())
            while pcm := file.readframes(file.getframerate() * _STEP_MS // 1000):
                meter.hear(pcm)
                if meter.speaking and not meter.quiet_ms:
                    spoken_ms += _STEP_MS
            return file.getnframes() / file.getframerate(), spoken_ms
    except (wave.Error, EOFError):
        logger.error("%s is damaged; it is kept as it is", path)
        return 0.0, math.inf
