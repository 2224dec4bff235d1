"""``voiceagent sandbox``: the exchange and the live server, until SIGINT or SIGTERM."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
from pathlib import Path

from voiceagent.cli import CommandError


def run_sandbox(port: int, live_port: int, scenario: Path | None, *, as_json: bool) -> None:
    """Run a sandbox in this process.

    The exchange asks for the key of the environment, if there is one: then a ``.env`` serves both sides.
    """
    from voiceagent.sandbox.sandbox import Sandbox
    from voiceagent.sandbox.scenario import ScenarioError, load_scenario

    async def main() -> None:
        plot = None if scenario is None else load_scenario(scenario)
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        sandbox = Sandbox(
            port=port,
            live_port=live_port,
            api_key=os.environ.get("WSS_API_KEY") or None,
            connector_uuid=os.environ.get("WSS_CONNECTOR_UUID") or None,
            scenario=plot,
        )
        async with sandbox:
            print(json.dumps(sandbox.ready) if as_json else _summary(sandbox.ready), flush=True)
            await stop.wait()

    try:
        asyncio.run(main())
    except ScenarioError as error:
        raise CommandError(error) from None
    except OSError as error:
        hint = "; is another sandbox running? --port 0 --live-port 0 take free ports"
        taken = error.errno == errno.EADDRINUSE
        raise CommandError(f"the sandbox cannot start: {error}{hint if taken else ''}") from None


def _summary(ready: dict[str, str]) -> str:
    return f"""\
The sandbox runs. Stop it with Ctrl+C.

In the shell of an agent:
  export VOICEAGENT_CALL_URL={ready["call_url"]}
  export VOICEAGENT_LIVE_URL={ready["live_url"]}
  export WSS_API_KEY={ready["api_key"]}
  export WSS_CONNECTOR_UUID={ready["connector_uuid"]}

For google-genai and google-adk as they are (they insist on TLS):
  export GOOGLE_GEMINI_BASE_URL={ready["live_tls_url"]}
  export SSL_CERT_FILE={ready["ca_file"]}
  export GEMINI_API_KEY=any

Phone the agent:  voiceagent call --scenario FILE
Operator API:     {ready["operator_url"]}"""
