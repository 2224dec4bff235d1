"""``voiceagent serve MODULE:AGENT``: take calls for an agent.

Standard error has the log, and on a terminal the conversation as well.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

from rich.console import Console

from voiceagent.cli import CommandError
from voiceagent.cli.following import BetweenLines, CallFollower
from voiceagent.cli.loading import find_agent


def run_serve(
    name: str,
    *,
    call_url: str | None,
    api_key: str | None,
    connector_uuid: str | None,
    live_url: str | None,
    sample_rate: int,
    reports: Path,
    max_calls: int | None,
    quiet: bool,
) -> None:
    """Run a service for the agent called ``name`` until it is stopped; ``quiet`` shows no conversation."""
    from voiceagent.call import CallClientConfig
    from voiceagent.call.config import check_url
    from voiceagent.live.genai import GenaiConnector
    from voiceagent.service import EXPECTED_ERRORS, Service, serve

    follower = None if quiet or not sys.stderr.isatty() else CallFollower(Console(stderr=True))
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
        handlers=None if follower is None else [BetweenLines(follower)],
    )
    # At each start it would say which parts of it are there, and what each database can do.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    agent = find_agent(name)

    async def main() -> None:
        if call_url:
            check_url(call_url, name="VOICEAGENT_CALL_URL (or --call-url)", allow_insecure=False)
        config = CallClientConfig.sandbox(api_key, connector_uuid, sample_rate, base_url=call_url)
        service = Service(
            agent,
            config=config,
            connector=GenaiConnector(live_url=live_url),
            reports=reports,
            max_calls=max_calls,
            observer=follower,
        )
        await serve(service)

    try:
        asyncio.run(main())
    except EXPECTED_ERRORS as error:
        raise CommandError(error) from None
