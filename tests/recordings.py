"""Recordings of people: Debian's ``asterisk-core-sounds-en-wav`` and ``pocketsphinx-testdata``.

``.ci/run`` installs them; elsewhere the tests that play them are skipped where they are missing.
"""

import os
from pathlib import Path

import pytest

PROMPTS = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
"""8 kHz studio prompts of one speaker."""

DATA = Path("/usr/share/pocketsphinx/test/data")
LIBRIVOX = DATA / "librivox"
"""16 kHz sentences of several readers."""

_missing = not (PROMPTS.is_dir() and DATA.is_dir())

recordings = [
    pytest.mark.people,
    pytest.mark.skipif(
        _missing and os.environ.get("CI") != "true",
        reason="needs the Debian packages asterisk-core-sounds-en-wav and pocketsphinx-testdata",
    ),
]
"""Marks of tests that play recordings: skipped where they are missing, but never in CI."""
