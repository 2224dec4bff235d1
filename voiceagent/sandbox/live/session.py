"""One client's connection: setup, then messages in and a conversation out, until either side ends it.

Rule: a setup that is wrong ends the session and says why; any other malformed message is counted and dropped.
"""

from __future__ import annotations

import asyncio
import logging

from aiohttp import WSMsgType, web

from voiceagent.sandbox.fault import FaultKind
from voiceagent.sandbox.live import protocol
from voiceagent.sandbox.live.conversation import Conversation
from voiceagent.sandbox.live.faults import FaultPlan, Faults
from voiceagent.sandbox.live.fields import Fields, ProtocolError, decode
from voiceagent.sandbox.live.hearing import Hearing
from voiceagent.sandbox.live.models import traits_of
from voiceagent.sandbox.live.outbox import ClientGone, EndOfSession, Outbox
from voiceagent.sandbox.live.playing import Playing
from voiceagent.sandbox.live.protocol import Setup
from voiceagent.sandbox.live.record import SessionRecord
from voiceagent.sandbox.live.resumption import UNKNOWN, HandleStore, Snapshot, Story
from voiceagent.sandbox.live.rules import RuleBook
from voiceagent.sandbox.speech import SpeechDetector, is_understood
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
        transport: What it goes over.
        playing: What the model does, unless the client goes on with a session that plays something else.
        handles: Where sessions can be gone on with.
        record: Where everything is noted.
    """

    def __init__(
        self,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport | None,
        *,
        playing: Playing,
        handles: HandleStore,
        record: SessionRecord,
    ) -> None:
        self.record = record
        self._socket = socket
        self._playing = playing
        self._handles = handles
        self._outbox = Outbox(socket, transport)
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
        await self._outbox.send_now(message)

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
        resumed = self._resumed(setup)
        story = Story(self._playing) if resumed is None else resumed.story
        story.newest = number = story.playing.connected()
        faults = Faults(
            story.faults,
            FaultPlan(story.playing.faults_of_connection(number)),
            newest=lambda: story.newest == number,
            outbox=self._outbox,
            record=self.record,
        )
        if faults.take(FaultKind.NO_SETUP_COMPLETE):
            while await self._receive() is not None:
                pass
            return
        rules = RuleBook(story.playing.scenario.model, understands=is_understood(setup.language))
        if rules.understands:
            await story.playing.recogniser.prepare()
        detector = await self._detector(setup)
        try:
            complete = {"setupComplete": {"sessionId": self.record.session_id}}
            await self._outbox.send(protocol.encode(complete))
            conversation = Conversation(
                setup=setup,
                traits=traits_of(setup.model),
                rules=rules,
                resumed=resumed,
                story=story,
                handles=self._handles,
                faults=faults,
                outbox=self._outbox,
                record=self.record,
            )
            hearing = Hearing(
                detector=detector,
                recogniser=story.playing.recogniser,
                conversation=conversation,
                record=self.record,
                tasks=tasks,
            )
            tasks.create_task(conversation.run())
            tasks.create_task(faults.run())
            await self._listen(conversation, hearing)
        finally:
            if detector is not None:
                detector.close()

    def _resumed(self, setup: Setup) -> Snapshot | None:
        """The moment at which the client goes on."""
        if setup.handle is None:
            return None
        snapshot = self._handles.find(setup.handle)
        if snapshot is None:
            raise EndOfSession(UNKNOWN, "session not found")
        self.record.resumed = snapshot.session_id
        self.record.note("resumed", session=snapshot.session_id)
        return snapshot

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
                    case protocol.Content():
                        self.record.texts.append(item.text)
                        for role, text in item.turns:
                            self.record.turns.append({"role": role, "text": text})
                        self.record.note("text" if item.complete else "context", text=item.text)
                        conversation.content(item)
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
                return decode(frame.data)
            except ProtocolError as error:
                self.record.violations.add(str(error))
        if frame.type is WSMsgType.ERROR:
            self.record.violations.add(str(frame.data))
        return None


def _first(group: BaseExceptionGroup[EndOfSession]) -> EndOfSession:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
