"""``python -m tools.storage``: the tables of a database, and the revisions that change them."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from dotenv import find_dotenv, load_dotenv

from tools.storage import DEFAULT_URL, DatabaseUnavailableError, commands

app = typer.Typer(
    name="python -m tools.storage",
    help="Look at the tables of a database, change them, and write down how they change.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Name = Annotated[str, typer.Argument(help="A package of tools, such as booking, or MODULE:NAME.")]
Names = Annotated[
    list[str] | None, typer.Argument(help="Packages of tools, or MODULE:NAME; by default those in use there.")
]
Url = Annotated[str, typer.Option(envvar="VOICEAGENT_DATABASE_URL", help="SQLAlchemy URL of the database.")]


@app.command()
def current(
    names: Annotated[
        list[str] | None, typer.Argument(help="Packages of tools, or MODULE:NAME; by default those in tools.")
    ] = None,
    url: Url = DEFAULT_URL,
) -> None:
    """Say which revision the tables of packages have, and which is the newest."""
    for line in commands.current(url, names or ()):
        print(line)


@app.command()
def upgrade(names: Names = None, url: Url = DEFAULT_URL) -> None:
    """Bring tables to their newest revision; a service that starts does that by itself."""
    for line in commands.upgrade(url, names or ()):
        print(line)


@app.command()
def downgrade(
    name: Name,
    revision: Annotated[str, typer.Argument(help="The revision to go back to, or base for no tables.")],
    url: Url = DEFAULT_URL,
) -> None:
    """Bring the tables of a package back to an earlier revision; what they lost since is gone."""
    print(commands.downgrade(url, name, revision))


@app.command()
def stamp(
    name: Name,
    revision: Annotated[str, typer.Argument(help="The revision that the tables have, or head.")],
    url: Url = DEFAULT_URL,
) -> None:
    """Note that the tables of a package have a revision, without changing them."""
    print(commands.stamp(url, name, revision))


@app.command()
def revision(
    name: Name, message: Annotated[str, typer.Argument(help="What changes, in a few words.")]
) -> None:
    """Write the next revision of a package: what its models say and its revisions do not yet make."""
    print(commands.revision(name, message))


def main() -> None:
    load_dotenv(find_dotenv(usecwd=True))
    try:
        app()
    except (DatabaseUnavailableError, ValueError) as error:
        print(f"tools.storage: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
