"""``python -m tools.storage``: what somebody who changes a model needs."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

import pytest

from tests.tools_.storage.library import FIRST, library
from tools.storage import __main__ as command_line

PACKAGE = "reading_room:SCHEMA"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a package of its own, whose models are a column ahead of its one revision."""
    library(tmp_path, FIRST)
    (tmp_path / "reading_room.py").write_text(
        "from pathlib import Path\n"
        "from tests.tools_.storage.library import Base\n"
        "from tools.storage import Schema\n"
        "SCHEMA = Schema('library', Base.metadata, Path(__file__).parent / 'migrations_1')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "reading_room", raising=False)
    monkeypatch.setenv("VOICEAGENT_DATABASE_URL", f"sqlite:///{tmp_path / 'data.db'}")
    return tmp_path


def run(*arguments: str) -> None:
    """The command, as a shell runs it."""
    before, sys.argv = sys.argv, ["tools.storage", *arguments]
    try:
        with pytest.raises(SystemExit) as ended:
            command_line.main()
    finally:
        sys.argv = before
    assert ended.value.code == 0


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    before, sys.argv = sys.argv, ["tools.storage", *arguments]
    try:
        with pytest.raises(SystemExit) as ended:
            command_line.main()
    finally:
        sys.argv = before
    assert ended.value.code == 2
    output = capsys.readouterr()
    assert output.out == ""
    return output.err


def test_a_changed_model_gets_its_next_revision(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("upgrade", PACKAGE)
    assert capsys.readouterr().out == "library: library_0001 (newest)\n"
    with sqlite3.connect(folder / "data.db") as connection:
        connection.execute("INSERT INTO books VALUES (1, 'Emma')")

    run("revision", PACKAGE, "The language of a book")
    written = folder / "migrations_1" / "0002_the_language_of_a_book.py"
    assert capsys.readouterr().out.startswith(f"Wrote {written}.")
    text = written.read_text()
    assert "batch_op.add_column(sa.Column('language', sa.String(length=35), nullable=False))" in text
    assert 'down_revision = "library_0001"' in text.replace("'", '"')

    # As the command says: what happens to the rows that exist?
    written.write_text(text.replace("nullable=False)", "nullable=False, server_default='en')"))
    run("upgrade", PACKAGE)
    assert capsys.readouterr().out == "library: library_0002 (newest)\n"
    with sqlite3.connect(folder / "data.db") as connection:
        assert connection.execute("SELECT * FROM books").fetchall() == [(1, "Emma", "en")]

    assert "nothing to write" in refused(capsys, "revision", PACKAGE, "Again")
    run("downgrade", PACKAGE, "library_0001")
    assert capsys.readouterr().out == "library: library_0001, the newest is library_0002\n"
    run("current", PACKAGE, "messaging")
    assert capsys.readouterr().out.splitlines() == [
        "library: library_0001, the newest is library_0002",
        "messaging: no tables",
    ]


def test_the_packages_of_tools_are_listed_and_brought_up_to_date(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("upgrade", "messaging")
    assert capsys.readouterr().out == "messaging: messaging_0001 (newest)\n"
    run("current")
    listed = capsys.readouterr().out.splitlines()
    assert "messaging: messaging_0001 (newest)" in listed
    assert "booking: no tables" in listed
    run("downgrade", "messaging", "base")
    assert capsys.readouterr().out == "messaging: no tables\n"
    run("upgrade")
    assert capsys.readouterr().out == "No package has tables there; name the ones to make.\n"
    run("stamp", "messaging", "head")
    assert capsys.readouterr().out == "messaging: messaging_0001 (newest)\n"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["upgrade", "cooking"], "no package of tools with tables is called 'cooking'; there are: booking"),
        (["current"], "there is no such file"),
        (["current", "cooking"], "no package of tools with tables is called 'cooking'"),
        (["stamp", "messaging", "messaging_9999"], "no such file"),
        (["upgrade", "reading_room:Base"], "reading_room:Base is no Schema"),
        (["upgrade", "writing_room:SCHEMA"], "No module named 'writing_room'"),
        (["revision", "messaging", "Nothing"], "nothing to write"),
        (["upgrade", "messaging", "--url", "nonsense"], "Could not parse"),
    ],
)
def test_a_wrong_command_is_one_clear_line(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], named: str
) -> None:
    error = refused(capsys, *arguments)
    assert named in error
    assert error.count("\n") == 1
    assert not (folder / "data.db").exists()


def test_a_revision_that_does_not_exist_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("upgrade", "messaging")
    capsys.readouterr()
    assert "messaging_9999" in refused(capsys, "stamp", "messaging", "messaging_9999")
