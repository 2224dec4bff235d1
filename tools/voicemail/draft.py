"""A message while it is being left, and what is known of its call when it is over.

The rule: whatever happens to the call, :meth:`Draft.finish` makes a record of what is there. A message
without any speech is no message; the call is missed all the same.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, Field

from tools.call_control.wording import one_line
from tools.callers import LONGEST_NUMBER
from tools.voicemail.models import Occasion, Urgency
from tools.voicemail.recorder import MessageRecorder

DRAFT = "voicemail"
"""Where the draft of a call is in ``call.state``."""

_LONGEST_LINE = 2000
"""Characters of what somebody said in one go; a model that repeats itself has been seen to go on for ever."""

_MOST_LINES = 200


class DraftState(Enum):
    """How far a message has come."""

    OPEN = "open"
    """The caller may speak."""

    COMPLETE = "complete"
    """The model has said what it is about; what the caller adds is still recorded."""

    DELETED = "deleted"
    """The caller does not want it kept."""


class Details(BaseModel):
    """What the model says about a message.

    Attributes:
        caller_name: Who called, as they said.
        callback_number: Where to call back, if they named another number than theirs.
        urgency: How soon they want an answer.
        summary: One line.
    """

    caller_name: str = Field(default="", repr=False)
    callback_number: str | None = Field(default=None, repr=False)
    urgency: Urgency = Urgency.NORMAL
    summary: str = Field(default="", repr=False)


class LeftMessage(Details):
    """A message as it is stored.

    Attributes:
        transcript: What the caller said, a line for each time they spoke.
        recording: File name of the WAV; None where there is none.
        seconds: Its length.
        complete: Whether the caller came to an end.
        adds_to_id: The message of an earlier call that this one adds to.
    """

    transcript: str = Field(default="", repr=False)
    recording: str | None = None
    seconds: float = 0.0
    complete: bool = False
    adds_to_id: int | None = None


class CallRecord(BaseModel):
    """A call that nobody took, as it is stored.

    Attributes:
        key: Its name in the folder of recordings.
        caller_number: Who called, as the line says; None if withheld.
        callee_number: Who was called.
        occasion: Why nobody took it.
        language: Of the conversation.
        began_at: When it rang.
        ended_at: When it was over.
        ended: How it ended; empty while it is going on.
        message: None where nothing was said.
    """

    key: str
    caller_number: str | None = Field(default=None, repr=False)
    callee_number: str | None = Field(default=None, repr=False)
    occasion: Occasion
    language: str | None = None
    began_at: AwareDatetime
    ended_at: AwareDatetime
    ended: str = ""
    message: LeftMessage | None = None


class Draft:
    """The message of one call, from its first ring on.

    Attributes:
        key: Name of the call in the folder of recordings.
        occasion: Why nobody takes the call.
        language: Of the conversation.
        recorder: Records the caller; None before the call is answered.
        state: How far it has come.
        details: What the model has said about it.
        adds_to_id: The message of an earlier call that this one adds to.

    Args:
        key: As above; it must not come from the line, since a file is called by it.
        occasion: As above.
        began_at: When it rang.
        caller_number: Who calls, as the line says.
        callee_number: Who is called.
        language: As above.
    """

    def __init__(
        self,
        key: str,
        occasion: Occasion,
        began_at: datetime,
        *,
        caller_number: str | None = None,
        callee_number: str | None = None,
        language: str | None = None,
    ) -> None:
        self.key = key
        self.occasion = occasion
        self.language = language
        self.recorder: MessageRecorder | None = None
        self.state = DraftState.OPEN
        self.details = Details()
        self.adds_to_id: int | None = None
        self._began_at = began_at
        # Whoever sends the number may send anything; the table has room for what can be dialled.
        self._caller_number = caller_number and one_line(caller_number, LONGEST_NUMBER)
        self._callee_number = callee_number and one_line(callee_number, LONGEST_NUMBER)
        self._lines: dict[float, str] = {}
        self._forgotten: dict[float, str] = {}

    @property
    def has_speech(self) -> bool:
        """Whether there is something to keep: heard on the line, or understood by the model."""
        if self.recorder is None or self.state is DraftState.DELETED:
            return False
        return self.recorder.has_speech or any(map(str.isalnum, self._transcript()))

    @property
    def understood_letters(self) -> int:
        """How much the model has understood so far; it grows while the caller speaks."""
        return sum(map(len, self._lines.values()))

    def record(self, path: Path, sample_rate: int, longest_seconds: float) -> MessageRecorder:
        """Begin to record; give what the recorder is to hear to its ``hear``."""
        self.recorder = MessageRecorder(path, sample_rate, longest_seconds=longest_seconds)
        return self.recorder

    def understood(self, at_ms: float, text: str) -> None:
        """The caller said this, beginning so many milliseconds into the call.

        What began at the same time is the same line, which has grown.
        """
        if at_ms in self._lines or len(self._lines) < _MOST_LINES:
            self._lines[at_ms] = one_line(text, _LONGEST_LINE)

    def complete(self, details: Details) -> None:
        """The model knows what the message is about."""
        self.details = details
        self.state = DraftState.COMPLETE

    def forget_words(self) -> None:
        """Leave out what has been understood so far: the tool that begins again, or deletes, has finished.

        Not at once with the tool: what the caller said before it is told of when it has finished.
        """
        self._forgotten = dict(self._lines)

    def start_over(self) -> None:
        """Forget what was said until now."""
        self._forget()
        self.state = DraftState.OPEN

    def delete(self) -> None:
        """Forget what was said, and keep no message unless the caller starts over."""
        self._forget()
        self.state = DraftState.DELETED

    def so_far(self, now: datetime) -> CallRecord:
        """The call as far as it is known while it goes on."""
        record = self._record(now, "")
        if self.recorder is not None:
            record.message = LeftMessage(recording=self.recorder.path.name, adds_to_id=self.adds_to_id)
        return record

    def finish(self, now: datetime, ended: str) -> CallRecord:
        """End it: the recording gets its name, or is thrown away. This waits for the disk."""
        record = self._record(now, ended)
        recorder = self.recorder
        if recorder is None:
            return record
        if not self.has_speech:
            recorder.discard()
            return record
        seconds = recorder.length_ms / 1000
        path = recorder.finish()
        record.message = LeftMessage(
            **self.details.model_dump(),
            transcript=self._transcript(),
            recording=None if path is None else path.name,
            seconds=round(seconds, 2),
            complete=self.state is DraftState.COMPLETE,
            adds_to_id=self.adds_to_id,
        )
        return record

    def _record(self, now: datetime, ended: str) -> CallRecord:
        return CallRecord(
            key=self.key,
            caller_number=self._caller_number,
            callee_number=self._callee_number,
            occasion=self.occasion,
            language=self.language,
            began_at=self._began_at,
            ended_at=now,
            ended=ended,
        )

    def _transcript(self) -> str:
        lines = (text.removeprefix(self._forgotten.get(at_ms, "")) for at_ms, text in self._lines.items())
        return "\n".join(filter(None, map(str.strip, lines)))

    def _forget(self) -> None:
        self.details = Details()
        if self.recorder is not None:
            self.recorder.restart()
