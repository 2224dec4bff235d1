"""``voiceagent serve MODULE:AGENT``: take calls for an agent."""

from __future__ import annotations

import asyncio
import importlib
import logging
import sys
from pathlib import Path

from voiceagent.agent import VoiceAgent
from voiceagent.cli import CommandError


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
) -> None:
    """Run a service for the agent called ``name`` until it is stopped."""
    from voiceagent.call import CallClientConfig
    from voiceagent.live.genai import GenaiConnector
    from voiceagent.service import EXPECTED_ERRORS, Service, serve

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    agent = find_agent(name)

    async def main() -> None:
        config = CallClientConfig.sandbox(api_key, connector_uuid, sample_rate, base_url=call_url)
        service = Service(
            agent,
            config=config,
            connector=GenaiConnector(live_url=live_url),
            reports=reports,
            max_calls=max_calls,
        )
        await serve(service)

    try:
        asyncio.run(main())
    except EXPECTED_ERRORS as error:
        raise CommandError(error) from None


def find_agent(name: str) -> VoiceAgent | type[VoiceAgent]:
    """The agent, or its class, that ``MODULE:AGENT`` names; modules of the current folder come first.

    Raises:
        CommandError: there is no such module or agent.
    """
    module_name, _, attribute = name.partition(":")
    if not module_name or module_name.startswith(".") or not attribute:
        raise CommandError(f"{name!r} is not MODULE:AGENT, such as my_agent:Reception")
    sys.path.insert(0, "")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise CommandError(f"cannot import {module_name!r}: {error}") from None
    agent = getattr(module, attribute, None)
    if isinstance(agent, VoiceAgent) or (isinstance(agent, type) and issubclass(agent, VoiceAgent)):
        return agent
    if agent is None:
        raise CommandError(f"module {module_name!r} has no {attribute!r}")
    raise CommandError(f"{name} is no VoiceAgent, but a {type(agent).__name__}")
