"""Takes calls for an agent, as many at once as it is told to, until it is stopped.

Its rule: what can be known to be wrong at the start (a missing key, a server that is down, a tool without a
docstring) fails at the start, and not with the first caller.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile

from dotenv import find_dotenv, load_dotenv

from voiceagent.agent import VoiceAgent
from voiceagent.call import CallClient, CallClientConfig, events
from voiceagent.call.base import Call
from voiceagent.call.exceptions import WSSError
from voiceagent.checks import check_agent, check_hold_audio
from voiceagent.conversation import CallObserver, Conversation
from voiceagent.live import LiveConnector, LiveError
from voiceagent.live.genai import GenaiConnector
from voiceagent.report import CallReport
from voiceagent.toolbox import EVERYTHING, Toolbox, ToolsetError, Toolsets

logger = logging.getLogger(__name__)

DRAIN_SECONDS = 300.0
"""When the service stops, calls that are under way get so long to come to their end."""


class StartupError(Exception):
    """``on_startup`` of an agent failed, or the tools of a toolset cannot be had.

    The text says how, the cause is attached.
    """


class Service:
    """Takes calls for one agent.

    Args:
        agent: The agent; a class is instantiated.
        config: The call server and its credentials; by default those of the environment
            (``VOICEAGENT_CALL_URL``, ``WSS_API_KEY``, ``WSS_CONNECTOR_UUID``).
        connector: Opens live sessions; by default Gemini through google-genai, with the environment's key.
        reports: Folder for reports and recordings, one folder per call; None keeps none.
        max_calls: Calls at once; one more rings on, for another worker or until a call has ended. None takes
            all.
        observer: Told of every moment of every call.
        on_report: Given the report of each call when it is over, however it ended.

    Raises:
        TypeError: a tool of the agent cannot be offered to a model, or a hook is not ``async``.
        ValueError: the configuration lacks something; the text names the variable.
        LiveError: no key for the live service was found.
    """

    def __init__(
        self,
        agent: VoiceAgent | type[VoiceAgent],
        *,
        config: CallClientConfig | None = None,
        connector: LiveConnector | None = None,
        reports: str | os.PathLike[str] | None = "calls",
        max_calls: int | None = None,
        observer: CallObserver | None = None,
        on_report: Callable[[CallReport], None] | None = None,
    ) -> None:
        self.agent = agent() if isinstance(agent, type) else agent
        check_agent(self.agent)
        Toolbox(self.agent.tool_functions(), EVERYTHING)
        config = config or CallClientConfig.sandbox(
            api_key=os.environ.get("WSS_API_KEY"), connector_uuid=os.environ.get("WSS_CONNECTOR_UUID")
        )
        # Now, so that no call waits for it.
        check_hold_audio(self.agent, config.sample_rate)
        self._client = CallClient(config, max_calls=max_calls)
        self._connector = connector or GenaiConnector()
        self._reports = None if reports is None else Path(reports)
        self._observer = observer
        self._on_report = on_report
        self._toolsets = Toolsets()
        self._conversations: set[Conversation] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._stopping = asyncio.Event()

    @property
    def active_calls(self) -> int:
        """Calls under way."""
        return len(self._conversations)

    @property
    def stopping(self) -> bool:
        """Whether no more calls are taken."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """Take no more calls, and return from :meth:`serve` when those under way have ended.

        Calls that ring are left to other workers.
        """
        self._client.pause()
        self._stopping.set()

    async def serve(self, *, ready: Callable[[], None] | None = None) -> None:
        """Take calls until :meth:`stop`, or until cancelled, which ends the calls under way.

        Args:
            ready: Called once calls are being taken.

        Raises:
            WSSError: the call server cannot be reached, or refuses the credentials.
            LiveError: the live service cannot be reached.
            StartupError: the agent's ``on_startup`` failed, or the tools of a toolset cannot be had.
        """
        await self._connector.check()
        self._check_reports()
        try:
            await self.agent.on_startup()
            if self.agent.engine is not None:
                await self.agent.engine.start(self.agent)
        except Exception as error:
            name = type(self.agent).__name__
            raise StartupError(f"{name}.on_startup failed: {type(error).__name__}: {error}") from error
        try:
            await self._open_toolsets()
            async with self._client as client:
                client.on(events.INCOMING_CALL)(self.take)
                logger.info("%s takes calls", type(self.agent).__name__)
                if ready is not None:
                    ready()
                try:
                    await self._stopping.wait()
                    await self._drain()
                finally:
                    for conversation in self._conversations:
                        conversation.stop()
        finally:
            await self._toolsets.close()
            await self._shut_down()

    def _check_reports(self) -> None:
        if self._reports is None:
            return
        try:
            self._reports.mkdir(parents=True, exist_ok=True)
            with TemporaryFile(dir=self._reports):
                pass
        except OSError as error:
            # Calls are worth more than their reports.
            logger.warning("calls leave no report and no recording: %s", error)

    async def _open_toolsets(self) -> None:
        try:
            await self._toolsets.open(self.agent.tools)
            # Now all names are known.
            Toolbox((*self.agent.tool_functions(), *self._toolsets.tools), EVERYTHING)
        except (ToolsetError, TypeError, ValueError) as error:
            raise StartupError(f"{type(self.agent).__name__}: {error}") from error

    async def take(self, call: Call) -> None:
        """Take one call, from its first ring to its report."""
        conversation = Conversation(
            self.agent.for_call(),
            call,
            self._connector,
            tools=self._toolsets.tools,
            reports=self._reports,
            observer=self._observer,
        )
        self._conversations.add(conversation)
        self._idle.clear()
        try:
            await conversation.run()
        finally:
            self._conversations.remove(conversation)
            if not self._conversations:
                self._idle.set()
            report = conversation.report
            logger.info("call %s ended: %s; report: %s", call.call_id, report.ended, conversation.folder)
            if self._on_report is not None:
                self._on_report(report)

    async def _shut_down(self) -> None:
        if self.agent.engine is not None:
            await self.agent.engine.stop()
        try:
            await self.agent.on_shutdown()
        except Exception:
            # What ended the service, if anything went wrong, is worth more than this.
            logger.exception("%s.on_shutdown failed", type(self.agent).__name__)

    async def _drain(self) -> None:
        if self._conversations:
            logger.info("stopping; calls that go on to their end: %d", self.active_calls)
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._idle.wait()
        except TimeoutError:
            logger.warning("stopping; %d calls are cut off", self.active_calls)


EXPECTED_ERRORS = (ValueError, TypeError, StartupError, WSSError, LiveError)
"""What a service raises for reasons that its user can mend; the text says what and how."""


async def serve(*services: Service, ready: Callable[[], None] | None = None) -> None:
    """Run services until SIGINT or SIGTERM: the first lets calls end, the second ends them.

    Args:
        services: They run at once, and all end when one fails.
        ready: Called once all of them take calls.

    Raises:
        WSSError: as :meth:`Service.serve` does, like the others.
        LiveError: likewise.
        StartupError: likewise.
    """
    loop = asyncio.get_running_loop()
    waiting = len(services)

    def one_ready() -> None:
        nonlocal waiting
        waiting -= 1
        if not waiting and ready is not None:
            ready()

    async def serve_all() -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                for service in services:
                    tasks.create_task(service.serve(ready=one_ready), name="service")
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None

    serving = asyncio.create_task(serve_all(), name="services")

    def on_signal() -> None:
        if all(service.stopping for service in services):
            serving.cancel()
        elif any(service.active_calls for service in services):
            logger.info("another signal ends the calls at once")
        for service in services:
            service.stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    try:
        await serving
    except asyncio.CancelledError:
        # The second signal is an end in order; whoever cancels the program's own task is to see it end.
        task = asyncio.current_task()
        if not serving.cancelled() or (task is not None and task.cancelling()):
            raise
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def run(agent: VoiceAgent | type[VoiceAgent]) -> None:
    """Take calls for ``agent`` until the program is stopped: the last line of a program.

    Reads ``.env`` (the environment beats it), logs to standard error unless logging is set up already, and
    stops in order on SIGINT and SIGTERM. A wrong setting or a server that is down is one line on standard
    error and exit code 2. A program that wants more uses :class:`Service`.
    """
    load_dotenv(find_dotenv(usecwd=True))
    if not logging.getLogger().handlers:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
        # At each start it would say which parts of it are there, and what each database can do.
        logging.getLogger("alembic").setLevel(logging.WARNING)

    async def main() -> None:
        await serve(Service(agent))

    try:
        asyncio.run(main())
    except EXPECTED_ERRORS as error:
        logger.debug("not started", exc_info=True)
        print(f"voiceagent: {error}", file=sys.stderr)
        sys.exit(2)
