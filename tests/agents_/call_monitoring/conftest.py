"""Every test has a database of its own, and nobody is written to unless the test says so."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def database_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    url = f"sqlite+aiosqlite:///{tmp_path / 'monitoring.db'}"
    monkeypatch.setenv("VOICEAGENT_DATABASE_URL", url)
    for name in ("VOICEAGENT_SMTP_URL", "VOICEAGENT_WEBHOOK_URL"):
        monkeypatch.delenv(name, raising=False)
    return url
