"""``python -m tools.messaging``: what waits in an outbox, what was given up, and trying that again."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Annotated

import typer
from dotenv import find_dotenv, load_dotenv

from tools.messaging import DeliveryState, MailServer, Outbox, Webhook
from tools.storage import DEFAULT_URL, Database, DatabaseUnavailableError

app = typer.Typer(
    name="python -m tools.messaging",
    help="Look into the outbox of a database, and try again what was given up.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Url = Annotated[str, typer.Option(envvar="VOICEAGENT_DATABASE_URL", help="SQLAlchemy URL of the database.")]


@app.command()
def status(url: Url = DEFAULT_URL) -> None:
    """Say what waits, what was sent, and what was given up and why."""

    async def look(outbox: Outbox) -> None:
        counts = await outbox.counts()
        print(
            f"{counts[DeliveryState.WAITING]} waiting, {counts[DeliveryState.SENT]} sent,"
            f" {counts[DeliveryState.DEAD]} given up"
        )
        for line in await outbox.given_up():
            print(line)

    _run(url, look)


@app.command()
def retry(url: Url = DEFAULT_URL) -> None:
    """Have what was given up tried again, by the services that run or by the next one that starts."""

    async def again(outbox: Outbox) -> None:
        print(f"{await outbox.revive()} will be tried again")

    _run(url, again)


@app.command()
def deliver(url: Url = DEFAULT_URL) -> None:
    """Send what waits and whose time has come, through the channels of the environment."""

    async def send(outbox: Outbox) -> None:
        print(f"{await outbox.deliver()} sent")

    _run(url, send)


def _run(url: str, work: Callable[[Outbox], Awaitable[None]]) -> None:
    async def run() -> None:
        database = Database(url)
        outbox = Outbox(database, mail=MailServer.from_env(), webhook=Webhook.from_env())
        await database.open()
        try:
            await work(outbox)
        finally:
            await database.close()

    asyncio.run(run())


def main() -> None:
    load_dotenv(find_dotenv(usecwd=True))
    try:
        app()
    except (DatabaseUnavailableError, ValueError) as error:
        print(f"tools.messaging: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
