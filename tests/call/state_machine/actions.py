"""What a program may do with a call in any state, and what the documentation says may come of it.

Rule: written from the documentation, not from the client. Each action judges its own outcome: the errors that
its state and the faults on order allow, how long it may take, and what must be true when it succeeds.
"""

from __future__ import annotations

from tests.call.state_machine.attempts import Action, Attempt
from tests.call.state_machine.calls import Seen
from voiceagent.call import ActiveCall, CallState, EndReason
from voiceagent.call.exceptions import (
    BufferClosedError,
    BufferFullError,
    WSSCallClosedError,
    WSSCallCommandError,
    WSSCallCommandTimeoutError,
    WSSMediaError,
)
from voiceagent.wire import media

ANSWER_LIMIT = 15.0
"""Seconds within which every command but ``connect`` is answered or given up: 10 s, and 5 s of grace."""

OPENING = 3.0
"""Seconds that opening a media link on demand may add, with attempts that fail, on a slow network."""

PENDING, ANSWERED, CONNECTED, DISCONNECTED = CallState


class Command(Action):
    """A command that some states allow."""

    def __init__(self, name: str, wire: str, allowed: set[CallState], leads_to: CallState) -> None:
        self.name = name
        self.wires = (wire,)
        self.allowed = allowed
        self.leads_to = leads_to

    async def do(self, seen: Seen) -> None:
        seen.media_wanted = seen.media_wanted or self.makes_sense(seen.call.state)
        await self.give(seen.call)

    def makes_sense(self, state: CallState) -> bool:
        """Whether the server need be asked."""
        return state in self.allowed

    async def give(self, call: ActiveCall) -> None:
        """Give the command."""
        await getattr(call, self.name)()

    def deadline(self, attempt: Attempt) -> float:
        return attempt.began + (ANSWER_LIMIT + OPENING if attempt.state in self.allowed else 0)

    def judge(self, attempt: Attempt, error: Exception | None) -> str | None:
        call, forbidden = attempt.seen.call, attempt.state not in self.allowed
        if forbidden and not attempt.at_once:
            return "the server was asked for what the state forbids"
        match error:
            case WSSCallClosedError() if attempt.state is DISCONNECTED:
                expected = True
            case WSSCallCommandError(error_code=media.INVALID_STATE) if forbidden:
                expected = attempt.state is not DISCONNECTED
            case _ if forbidden:
                expected = False
            case None:
                # Another command, or the end, may have come close upon it.
                expected = call.state in (self.leads_to, CONNECTED, DISCONNECTED)
            case WSSCallClosedError():
                expected = call.end_reason not in (None, EndReason.MEDIA_LOST)
            case WSSMediaError():
                expected = call.end_reason is EndReason.MEDIA_LOST
            case WSSCallCommandTimeoutError():
                expected = attempt.orders.may_time_out(*self.wires)
            case WSSCallCommandError(error_code=media.INVALID_STATE) if self.was_late(call.state):
                expected = True
            case WSSCallCommandError(error_code=code):
                expected = self.may_be_refused(attempt, code)
            case _:
                expected = False
        return None if expected else f"ended with {error!r}; now {call.state}, {call.end_reason}"

    def was_late(self, state: CallState) -> bool:
        """Whether the server may have refused it because another command was faster."""
        return state not in self.allowed

    def may_be_refused(self, attempt: Attempt, code: str) -> bool:
        """Whether the server may answer with this code."""
        return attempt.orders.may_fail(code, *self.wires)


class Connect(Command):
    """Ring the callee."""

    def __init__(self, ring: int) -> None:
        super().__init__("connect", media.CONNECT, {PENDING, ANSWERED}, CONNECTED)
        self.ring = ring

    async def give(self, call: ActiveCall) -> None:
        await call.connect(self.ring)

    def makes_sense(self, state: CallState) -> bool:
        return super().makes_sense(state) and 1 <= self.ring <= 120

    def deadline(self, attempt: Attempt) -> float:
        return attempt.began + (self.ring + 5 + OPENING if attempt.state in self.allowed else 0)

    def judge(self, attempt: Attempt, error: Exception | None) -> str | None:
        if not 1 <= self.ring <= 120:
            return None if isinstance(error, ValueError) else "the ring time is out of range"
        return super().judge(attempt, error)

    def was_late(self, state: CallState) -> bool:
        # The telephone may ring already, for an earlier command that the program gave up.
        return True

    def may_be_refused(self, attempt: Attempt, code: str) -> bool:
        return code == media.CALL_UNANSWERED or super().may_be_refused(attempt, code)


class End(Action):
    """Leave the call, or end it for everybody. Possible in every state."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.wires = {"close": (media.CLOSE, media.DISCONNECT)}.get(name, (media.DISCONNECT,))

    async def do(self, seen: Seen) -> None:
        seen.left_by.add(self.name)
        seen.media_wanted = seen.media_wanted or self.name != "force_disconnect"
        await getattr(seen.call, self.name)()

    def deadline(self, attempt: Attempt) -> float:
        at_once = attempt.state is DISCONNECTED or self.name == "force_disconnect"
        return attempt.began + (0 if at_once else ANSWER_LIMIT + OPENING)

    def judge(self, attempt: Attempt, error: Exception | None) -> str | None:
        call, orders = attempt.seen.call, attempt.orders
        match error:
            case None if self.name == "force_disconnect" and not attempt.at_once:
                return "it waited for others"
            case None:
                return None if call.state is DISCONNECTED else f"was done, but the call is {call.state}"
            case WSSCallCommandError(error_code=code) if orders.may_fail(code, *self.wires):
                return None
            case WSSCallCommandTimeoutError() if orders.may_time_out(*self.wires):
                return None
        return f"must not fail with {error!r}"


class Clear(Action):
    """Empty the queue of outgoing audio."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def do(self, seen: Seen) -> None:
        if self.name == "clear_audio":
            seen.call.clear_audio()
        else:
            await getattr(seen.call, self.name)()

    def deadline(self, attempt: Attempt) -> float:
        at_once = attempt.state is DISCONNECTED or self.name == "clear_audio"
        return attempt.began + (0 if at_once else ANSWER_LIMIT)

    def judge(self, attempt: Attempt, error: Exception | None) -> str | None:
        match error:
            case None:
                return None
            case WSSCallCommandError(error_code=code) if attempt.orders.may_fail(code, media.INTERRUPT):
                return None
            case WSSCallCommandTimeoutError() if attempt.orders.may_time_out(media.INTERRUPT):
                return None
        return f"must not fail with {error!r}"


class Send(Action):
    """Queue ``size`` bytes of audio for playback."""

    def __init__(self, size: int, wait: bool) -> None:
        self.name = f"send_audio{'(wait)' if wait else ''}"
        self.size = size
        self.wait = wait

    async def do(self, seen: Seen) -> None:
        seen.offered += self.size
        await seen.call.send_audio(b"\x11" * self.size, wait=self.wait)

    def deadline(self, attempt: Attempt) -> float:
        if not self.wait or attempt.state is DISCONNECTED:
            return attempt.began
        # Nobody listens before the call is answered. Then everything that waits is played in turn.
        seen = attempt.seen
        return max(attempt.began, seen.up_since) + (seen.offered + 2 * seen.capacity) / seen.byte_rate + 2

    def judge(self, attempt: Attempt, error: Exception | None) -> str | None:
        seen = attempt.seen
        over = seen.call.state is DISCONNECTED
        match error:
            case ValueError():
                return None if self.size % 2 else f"the audio was good: {error}"
            case _ if self.size % 2:
                return "took half a sample"
            case BufferClosedError():
                return None if over else "said that the call is over, but it is not"
            case None if attempt.state is DISCONNECTED:
                return "took audio for a call that is over"
            case BufferFullError() if not self.wait and not over:
                full = seen.call.get_send_audio_buffer_size() + self.size > seen.capacity
                # Whoever waits for room keeps the others from pushing in front.
                waiting = any(isinstance(one.action, Send) and one.action.wait for one in seen.attempts)
                return None if full or waiting or seen.echo_waits else "there was room"
            case None:
                return None
        return f"must not fail with {error!r}"


class Drain(Action):
    """Wait until everything queued has been played."""

    name = "drained"

    async def do(self, seen: Seen) -> None:
        await seen.call.drained()

    def deadline(self, attempt: Attempt) -> float:
        if attempt.state is DISCONNECTED:
            return attempt.began
        seen = attempt.seen
        # Twice: what was reckoned from a call that nobody had answered yet is reckoned anew.
        return attempt.began + 2 * (2 * seen.capacity / seen.byte_rate + 4)


class Read(Action):
    """Read chunks of what the parties say."""

    name = "audio_stream"

    def __init__(self, chunks: int) -> None:
        self.chunks = chunks

    async def do(self, seen: Seen) -> None:
        stream = seen.call.audio_stream()
        for _ in range(self.chunks):
            try:
                await anext(stream)
            except StopAsyncIteration:
                return

    def deadline(self, attempt: Attempt) -> float:
        if attempt.state is DISCONNECTED:
            return attempt.began
        return max(attempt.began, attempt.seen.up_since) + self.chunks * 0.02 * 3 + 1

    def judge(self, attempt: Attempt, error: Exception | None) -> str | None:
        if isinstance(error, RuntimeError) and attempt.seen.has_other_reader:
            return None
        return None if error is None else f"must not fail with {error!r}"


class HandOff(Action):
    """Let another process take the call."""

    name = "to_json"

    async def do(self, seen: Seen) -> str:
        text = seen.call.to_json()
        seen.left_by.add(self.name)
        return text

    def judge(self, attempt: Attempt, error: Exception | None) -> str | None:
        match error:
            case None:
                expected = attempt.state is PENDING and not attempt.seen.media_wanted
            case WSSCallClosedError():
                expected = attempt.state is DISCONNECTED
            case WSSCallCommandError(error_code=media.INVALID_STATE):
                expected = attempt.state is not DISCONNECTED and attempt.seen.media_wanted
            case _:
                expected = False
        return None if expected else f"in {attempt.state} must not end with {error!r}"


ANSWER = Command("answer", media.ANSWER, {PENDING}, ANSWERED)
MODES = tuple(
    Command(name, wire, {CONNECTED}, CONNECTED)
    for name, wire in (("whisper", media.WHISPER), ("barge", media.BARGE), ("spy", media.SPY))
)
ENDS = tuple(End(name) for name in ("close", "disconnect", "hangup", "force_disconnect"))
CLEARS = tuple(Clear(name) for name in ("clear_audio", "clear_send_audio_buffer", "interrupt"))
