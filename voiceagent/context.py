"""The call as tools and hooks see it: who calls, what they may do to the call, and what it remembers.

Its rule: who is calling comes from the line, and what is done to the line waits until what was said has been
heard. Outside a call, in tests and text chats, nothing is done, and the model is told so.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol

logger = logging.getLogger(__name__)

NOT_ON_A_CALL = "not on a call"

_KEYS = tuple("0123456789*#ABCD")

_NOBODY_HEARS = "Nobody hears you: say nothing, and only call tools."


class ToolError(Exception):
    """Raised by a tool to refuse: its text goes to the model, as a sentence it can act on."""


class TransferResult(str):
    """How putting the caller through went: a sentence for the model, and what code may look at.

    Attributes:
        code: None where the callee has joined; otherwise the line's error code, such as ``CALL_UNANSWERED``.
    """

    code: str | None

    def __new__(cls, sentence: str, code: str | None = None) -> TransferResult:
        """A sentence with its code."""
        result = super().__new__(cls, sentence)
        result.code = code
        return result

    @property
    def connected(self) -> bool:
        """Whether the callee has joined."""
        return self.code is None


class CollectedDigits(str):
    """The keys that a caller pressed for a tool.

    Attributes:
        complete: Whether the caller pressed the end key, or as many as were asked for. Otherwise they
            stopped, and what is here is all there was.
    """

    complete: bool

    def __new__(cls, digits: str, complete: bool = True) -> CollectedDigits:
        """The digits, and whether they are all."""
        collected = super().__new__(cls, digits)
        collected.complete = complete
        return collected


class CallControls(Protocol):
    """What a running call lets tools do to it. The bridge provides it."""

    def hang_up_after_goodbye(self, reason: str) -> bool:
        """Let the caller hear the goodbye, then end the call; once the callee has joined, only leave it.

        False where the caller is being put through, which goes on.
        """

    async def transfer(self, ring_seconds: int, note: str, *, brief: bool, stay: bool) -> str | None:
        """Put the caller through; an error code if nobody took over, or if they could not be briefed."""

    async def whisper(self) -> str | None:
        """Let the callee alone hear what the model says next; an error code if the line does not."""

    async def collect_keys(
        self, prompt: str | None, *, most: int, end: str, timeout: float, between: float, secret: bool
    ) -> tuple[str, bool] | None:
        """Ask for keys and wait for them: which, and whether all; None where another tool waits already."""

    async def heard_out(self) -> None:
        """Return when the answer under way, or about to begin, has been heard to its end."""

    def tell(self, text: str, *, interruptible: bool = True) -> None:
        """Say something to the model; what it says then may be kept from being interrupted."""


deadline_of_tool: ContextVar[asyncio.Timeout | None] = ContextVar("deadline_of_tool", default=None)
"""The timeout of the tool that runs in this task."""


@contextmanager
def untimed() -> Iterator[None]:
    """Stop the clock of the tool that runs here, and let it go on where it was."""
    deadline = deadline_of_tool.get()
    end = None if deadline is None else deadline.when()
    if deadline is None or deadline.expired() or end is None:
        yield
        return
    loop = asyncio.get_running_loop()
    left = end - loop.time()
    deadline.reschedule(None)
    try:
        yield
    finally:
        deadline.reschedule(loop.time() + left)


def is_own_cancellation(error: BaseException) -> bool:
    """Whether this task is being cancelled, and not only something that it waited for."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0


@dataclass
class CallContext:
    """The call that a tool is called in.

    Args:
        call_id: Id of the call.
        caller_number: Who calls, as the line says it; None if withheld. The model cannot change it.
        callee_number: Who was called.
        language: BCP-47 code of the conversation; None if the model chooses. ``on_incoming`` and ``on_start``
            may set it.
        controls: The running call; None outside of one, for tests and text chats.
        state: Whatever tools want to remember until the call ends.
        sample_rate: Of the audio that listeners are given, in Hz.
        ring_seconds: How long the callee's phone rings, where a transfer does not say.
        listeners: See :meth:`listen`.
    """

    call_id: str
    caller_number: str | None = field(default=None, repr=False)
    callee_number: str | None = field(default=None, repr=False)
    language: str | None = None
    controls: CallControls | None = field(default=None, repr=False)
    state: dict[str, Any] = field(default_factory=dict, repr=False)
    sample_rate: int = 24000
    ring_seconds: int = 60
    listeners: list[Callable[[bytes], None]] = field(default_factory=list, repr=False)

    def listen(self, listener: Callable[[bytes], None]) -> Callable[[], None]:
        """Call ``listener`` with what the agent hears, from the answer to the end of the call.

        It is given about 20 ms at a time (mono s16le PCM at ``sample_rate``) on the event loop, so it must
        return at once. One that raises is logged, and hears no more.

        Returns:
            A function that ends the listening.
        """
        self.listeners.append(listener)

        def stop() -> None:
            if listener in self.listeners:
                self.listeners.remove(listener)

        return stop

    def tell(self, text: str, *, interruptible: bool = True) -> None:
        """Tell the model something, as a remark that it answers aloud; an answer under way is cut off by it.

        Before the call is answered, and outside of one, nobody is told.

        Args:
            text: What it is told.
            interruptible: Whether the caller can interrupt what it says then. Where they cannot, as with a
                legal notice, the model hears afterwards what they said meanwhile.
        """
        if self.controls is not None:
            self.controls.tell(text, interruptible=interruptible)

    async def heard_out(self) -> None:
        """Return when the answer under way, or about to begin, has been heard to its end.

        An answer that does not begin within ten seconds is not waited for. Outside a call: at once.
        """
        if self.controls is not None:
            with untimed():
                await self.controls.heard_out()

    async def collect_digits(
        self,
        prompt: str | None = None,
        *,
        most: int = 32,
        end: str = "#",
        timeout: float = 10.0,
        between: float = 5.0,
        secret: bool = False,
    ) -> CollectedDigits:
        """Wait until the caller has typed digits on their telephone's keys.

        The keys that are pressed meanwhile are the tool's: neither :meth:`~voiceagent.VoiceAgent.on_dtmf` nor
        the model gets them. Keys pressed within the last 1.5 seconds, and told nobody yet, count. While
        anybody speaks, the clocks stand still; the time does not count against the tool's timeout either.

        Args:
            prompt: What the model is asked to say to the caller; None where it has asked for them already.
            most: So many digits are all, and are not waited beyond.
            end: The key that the caller presses after the last; it is no digit. Empty for none.
            timeout: Seconds of silence without a first key.
            between: Seconds of silence without another.
            secret: Keep the digits from report, recording, hooks and displays. What the tool returns to the
                model is up to the tool.

        Returns:
            The digits, which may be none; ``.complete`` says whether the caller finished. They are what was
            typed and nothing else: check them.

        Raises:
            ToolError: this is no call, or another tool waits for keys already.
            ValueError: an argument is out of range.
        """
        if most < 1:
            raise ValueError(f"most is {most}, but must be 1 or more")
        if end and end not in _KEYS:
            raise ValueError(f"end is {end!r}, but must be one of {' '.join(_KEYS)}, or empty")
        if timeout <= 0 or between <= 0:
            raise ValueError(f"timeout ({timeout:g}) and between ({between:g}) must be more than 0 seconds")
        if self.controls is None:
            raise ToolError(NOT_ON_A_CALL)
        with untimed():
            collected = await self.controls.collect_keys(
                prompt, most=most, end=end, timeout=timeout, between=between, secret=secret
            )
        if collected is None:
            raise ToolError("The caller is typing digits for something else already: wait for it.")
        return CollectedDigits(*collected)

    async def end(self, reason: str = "") -> str:
        """End the call after the goodbye has been heard.

        Once caller and callee have been connected, only the agent leaves, and at once.

        Args:
            reason: Why, for the report. It may name the caller, so no log has it.

        Returns:
            At once, a sentence for the model: say goodbye if you have not.
        """
        if self.controls is None:
            return NOT_ON_A_CALL
        logger.info("call %s: the agent ends the call", self.call_id)
        if not self.controls.hang_up_after_goodbye(reason):
            return "The call does not end now: the caller is being put through. Wait for it."
        return "The call ends when you have said goodbye. Do not say it twice."

    async def transfer(
        self, note: str = "", ring_seconds: int | None = None, *, briefing: str = "", stay: bool = False
    ) -> TransferResult:
        """Play out what was said, then connect the caller to the person they called, and leave.

        The time that this takes does not count against the tool's timeout.

        Args:
            note: Why, for observers of the call. It may name the caller, so no log has it.
            ring_seconds: How long their phone rings, 1 to 120; ``self.ring_seconds`` by default.
            briefing: What the callee is told when they pick up, by the model, before the agent leaves. The
                caller does not hear it. Give the result to the model: it asks for the briefing.
            stay: Do not leave, but listen: the model hears both parties, its tools run, and nobody hears it
                but after :meth:`whisper`.

        Returns:
            A sentence for the model. When the callee does not answer, the caller is still here.

        Raises:
            ValueError: the ring time is out of range.
        """
        if self.controls is None:
            return TransferResult(NOT_ON_A_CALL, "NOT_ON_A_CALL")
        logger.info("call %s: transfer", self.call_id)
        seconds = self.ring_seconds if ring_seconds is None else ring_seconds
        with untimed():
            code = await self.controls.transfer(seconds, note, brief=bool(briefing), stay=stay)
        if code == "NOT_BRIEFED":
            return TransferResult(f"The callee has picked up, but cannot be told anything. {_NOBODY_HEARS}")
        if code is not None:
            return TransferResult(_transfer_failed(code), code)
        if briefing:
            return TransferResult(
                "The callee has picked up, and they alone hear you now. Tell them this at once, in one or two"
                f" short sentences, and nothing else: {briefing}"
            )
        if stay:
            return TransferResult(
                f"The callee has picked up. You hear both parties from now on. {_NOBODY_HEARS}"
            )
        return TransferResult("The caller has been connected.")

    async def whisper(self) -> str:
        """While the agent listens to caller and callee: let the callee alone hear what the model says next.

        When it has been played, the agent is silent again. Until then the model hears nothing.

        Returns:
            A sentence for the model, which asks it to speak.

        Raises:
            ToolError: the agent does not listen to caller and callee, whispers already, or the line refuses;
                nobody hears anything.
        """
        if self.controls is None:
            return NOT_ON_A_CALL
        code = await self.controls.whisper()
        if code is None:
            return "The callee alone hears you now: say it in one short sentence. Afterwards say nothing."
        if code == "NOT_CONNECTED":
            raise ToolError("Caller and callee are not connected, so there is nobody to whisper to.")
        if code == "WHISPER_IN_PROGRESS":
            raise ToolError("The callee hears you already: finish that first, then try again.")
        raise ToolError(f"The callee cannot be whispered to right now ({code}). Nobody heard you; go on.")


def _transfer_failed(code: str) -> str:
    match code:
        case "CALL_ENDED":
            return "The call has ended."
        case "TRANSFER_IN_PROGRESS":
            return "The caller is being put through already: wait for it."
        case "ALREADY_CONNECTED":
            return "Caller and callee are connected already."
        case "CALL_UNANSWERED":
            return "Nobody answered. The caller is still on the line: tell them, and offer something else."
        case _:
            return (
                f"The call to the callee failed ({code}). The caller is still on the line: tell them that"
                " nobody could be reached, and offer something else."
            )
