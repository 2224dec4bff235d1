"""One client's connection: setup, then messages in and a conversation out, until either side ends it.

Rule: a setup that is wrong ends the session and says why; any other malformed message is counted and dropped.
"""

from __future__ import annotations

import asyncio
import logging

from aiohttp import WSMsgType, web

from voiceagent.sandbox.live import protocol
from voiceagent.sandbox.live.conversation import Conversation
from voiceagent.sandbox.live.faults import Faults
from voiceagent.sandbox.live.hearing import Hearing
from voiceagent.sandbox.live.models import traits_of
from voiceagent.sandbox.live.outbox import ClientGone, EndOfSession, Outbox
from voiceagent.sandbox.live.protocol import Fields, ProtocolError, Setup
from voiceagent.sandbox.live.record import SessionRecord
from voiceagent.sandbox.live.rules import RuleBook
from voiceagent.sandbox.scenario import Scenario
from voiceagent.sandbox.speech import Recogniser, SpeechDetector, is_understood
from voiceagent.sandbox.speech.detector import END_SILENCE_MS, MIN_SPEECH_MS

logger = logging.getLogger(__name__)

SETUP_TIMEOUT = 30.0
"""Seconds within which a client must send its setup."""

CLOSE_TIMEOUT = 5.0
"""Seconds that a closing handshake may take."""

INVALID = 1007
"""Close code for a setup that is wrong, as the real service uses it."""


class Session:
    """A connection and everything that belongs to it.

    Args:
        socket: The prepared WebSocket.
        scenario: What the model does.
        recogniser: Understands the phrases of that scenario; shared by its sessions.
        record: Where everything is noted.
    """

    def __init__(
        self,
        socket: web.WebSocketResponse,
        *,
        scenario: Scenario,
        recogniser: Recogniser,
        record: SessionRecord,
    ) -> None:
        self.record = record
        self._socket = socket
        self._scenario = scenario
        self._recogniser = recogniser
        self._outbox = Outbox(socket)
        self._ending: asyncio.Future[EndOfSession] = asyncio.get_running_loop().create_future()
        self._over = asyncio.Event()

    async def run(self) -> None:
        """Serve the client until the connection is over.

        Raises:
            ExceptionGroup: the server has a defect; the connection was closed with 1011.
        """
        end: EndOfSession | None = None
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._closed_from_outside())
                await self._serve(tasks)
                raise ClientGone
        except* EndOfSession as ends:
            end = _first(ends)
        except* ProtocolError as errors:
            reason = str(errors.exceptions[0])
            self.record.violations.add(reason)
            end = EndOfSession(INVALID, reason)
        except* ClientGone:
            logger.debug("live session %s: the client has gone", self.record.session_id)
        except* Exception:
            await self._say_goodbye(EndOfSession(1011, "internal error of the live server"))
            raise
        finally:
            if end is not None:
                await self._say_goodbye(end)
            self.record.end(self._socket.close_code)
            self._over.set()

    async def close(self, code: int, reason: str) -> None:
        """End the session from outside, and wait until it has ended."""
        if not self._ending.done():
            self._ending.set_result(EndOfSession(code, reason))
        await self._over.wait()

    async def emit(self, message: bytes) -> None:
        """Send a raw server message.

        Raises:
            ClientGone: the connection is over.
        """
        self.record.note("emitted")
        await self._outbox.send(message)

    async def _closed_from_outside(self) -> None:
        raise await self._ending

    async def _say_goodbye(self, end: EndOfSession) -> None:
        """Close the connection as ``end`` says."""
        if self._socket.closed:
            return
        self.record.close_code, self.record.close_reason = end.code, end.reason
        # A close frame has room for 123 bytes of reason (RFC 6455, 5.5).
        message = end.reason.encode()[:123].decode(errors="ignore").encode()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._socket.close(code=end.code, message=message)
        except TimeoutError:
            logger.debug("live session %s: the client does not close", self.record.session_id)

    async def _serve(self, tasks: asyncio.TaskGroup) -> None:
        setup = await self._receive_setup()
        if setup is None:
            return
        rules = RuleBook(self._scenario.model, understands=is_understood(setup.language))
        if rules.understands:
            await self._recogniser.prepare()
        detector = await self._detector(setup)
        try:
            complete = {"setupComplete": {"sessionId": self.record.session_id}}
            await self._outbox.send(protocol.encode(complete))
            await self._converse(setup, rules, detector, tasks)
        finally:
            if detector is not None:
                detector.close()

    async def _receive_setup(self) -> Setup | None:
        deadline = asyncio.timeout(SETUP_TIMEOUT)
        try:
            async with deadline:
                message = await self._receive()
        except TimeoutError as error:
            if not deadline.expired():
                raise
            raise EndOfSession(1008, f"no setup within {SETUP_TIMEOUT:g} s") from error
        if message is None:
            return None
        setup = protocol.decode_setup(message)
        self.record.setup, self.record.model, self.record.voice = setup.raw, setup.model, setup.voice
        self.record.note("setup", model=setup.model, voice=setup.voice)
        return setup

    async def _detector(self, setup: Setup) -> SpeechDetector | None:
        if not setup.detects_activity:
            return None
        return await asyncio.to_thread(
            SpeechDetector,
            protocol.INPUT_RATE,
            min_speech_ms=setup.min_speech_ms or MIN_SPEECH_MS,
            end_silence_ms=setup.end_silence_ms or END_SILENCE_MS,
        )

    async def _converse(
        self, setup: Setup, rules: RuleBook, detector: SpeechDetector | None, tasks: asyncio.TaskGroup
    ) -> None:
        faults = Faults(self._scenario.faults, outbox=self._outbox, record=self.record)
        conversation = Conversation(
            setup=setup,
            traits=traits_of(setup.model),
            rules=rules,
            faults=faults,
            outbox=self._outbox,
            record=self.record,
        )
        hearing = Hearing(
            detector=detector,
            recogniser=self._recogniser,
            conversation=conversation,
            record=self.record,
            tasks=tasks,
        )
        tasks.create_task(conversation.run())
        tasks.create_task(faults.run())
        await self._listen(conversation, hearing)

    async def _listen(self, conversation: Conversation, hearing: Hearing) -> None:
        while (message := await self._receive()) is not None:
            try:
                inputs = protocol.decode_inputs(message)
            except ProtocolError as error:
                self.record.violations.add(str(error))
                continue
            for item in inputs:
                match item:
                    case protocol.AudioInput():
                        await hearing.audio(item)
                    case protocol.TextInput():
                        self.record.texts.append(item.text)
                        self.record.note("text", text=item.text)
                        conversation.text(item)
                    case protocol.Context():
                        self.record.texts.append(item.text)
                        self.record.note("context", text=item.text)
                    case protocol.ToolResponses():
                        for response in item.responses:
                            self.record.tool_responses.append(response.raw)
                            self.record.note("tool_response", id=response.call_id, name=response.name)
                            conversation.tool_response(response)
                    case protocol.ActivityStart():
                        hearing.activity_start()
                    case protocol.ActivityEnd():
                        hearing.activity_end()
                    case protocol.AudioStreamEnd():
                        hearing.stream_end()

    async def _receive(self) -> Fields | None:
        """The next message; None when the connection is over. What is no message is counted and dropped."""
        while (frame := await self._socket.receive()).type in (WSMsgType.TEXT, WSMsgType.BINARY):
            try:
                return protocol.decode(frame.data)
            except ProtocolError as error:
                self.record.violations.add(str(error))
        if frame.type is WSMsgType.ERROR:
            self.record.violations.add(str(frame.data))
        return None


def _first(group: BaseExceptionGroup[EndOfSession]) -> EndOfSession:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
