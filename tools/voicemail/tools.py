"""The voicemail as the model sees it: tools that say what a message is about, or that it is not to be kept.

The rule: nothing here can lose a message by accident. What is recorded is stored when the call is over, also
if the model never calls a tool; and who called comes from the line.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field

from tools.call_control.wording import one_line
from tools.voicemail.draft import DRAFT, Details, Draft
from tools.voicemail.models import LONGEST_NAME, LONGEST_SUMMARY, Urgency
from voiceagent import CallContext, ToolError, tool

FORGETTING = ("start_over", "delete_message")
"""The tools after which an agent calls :meth:`Draft.forget_words`."""

_NUMBER = re.compile(r"\+?\d{3,20}")

_Short = Annotated[str, Field(max_length=1000)]


class VoicemailTools:
    """The toolset; give an instance to an agent's ``tools``. One serves all calls.

    An agent that uses it puts a :class:`~tools.voicemail.Draft` into ``call.state[DRAFT]``.
    """

    @tool
    async def message_complete(
        self,
        call: CallContext,
        summary: _Short,
        urgency: Urgency = Urgency.NORMAL,
        caller_name: _Short = "",
        callback_number: _Short = "",
    ) -> str:
        """Say what the message is about, once the caller has come to an end. Call it before you say goodbye.

        Call it again if the caller adds something or corrects you. The caller's words are recorded: do not
        repeat them here.

        Args:
            summary: What the caller wants, in one line.
            urgency: 'urgent' only if the caller says that it cannot wait.
            caller_name: The caller's name, if they gave one. Do not invent one.
            callback_number: Where they want to be called back, in digits; only if they named a number.
        """
        draft = draft_of(call)
        if not draft.has_speech:
            raise ToolError(
                "The caller has not left a message. If they do not want to, say goodbye and call end_call;"
                " otherwise ask them to speak."
            )
        line = one_line(summary, LONGEST_SUMMARY)
        if not line:
            raise ToolError("The summary is empty. Say in one line what the caller wants.")
        draft.complete(
            Details(
                caller_name=one_line(caller_name, LONGEST_NAME),
                callback_number=_read_number(callback_number),
                urgency=urgency,
                summary=line,
            )
        )
        return (
            "The message will be passed on. Confirm it to the caller in one short sentence, say goodbye, and"
            " call end_call in the same answer."
        )

    @tool
    async def start_over(self, call: CallContext) -> str:
        """Throw away what was recorded and record anew, when the caller wants to begin again."""
        draft_of(call).start_over()
        return "What was recorded is gone. Ask the caller to leave their message now, in one short sentence."

    @tool
    async def delete_message(self, call: CallContext) -> str:
        """Throw away what was recorded, when the caller says that they do not want to leave a message."""
        draft_of(call).delete()
        return (
            "The message is deleted. Tell the caller so. If they want to leave another one, call start_over"
            " first; otherwise say goodbye and call end_call."
        )


def _read_number(text: str) -> str | None:
    """A phone number as it is dialled; None for none.

    Raises:
        ToolError: the text is no number.
    """
    if not text.strip():
        return None
    number = re.sub(r"[\s().\-/]", "", text)
    if _NUMBER.fullmatch(number) is None:
        raise ToolError(
            "callback_number is no phone number: give its digits only, or leave it out if the caller did not"
            " name one."
        )
    return number


def draft_of(call: CallContext) -> Draft:
    """The message of a call.

    Raises:
        ToolError: there is none, as in a text chat.
    """
    draft = call.state.get(DRAFT)
    if not isinstance(draft, Draft):
        raise ToolError("Nothing is being recorded here, so that no message can be left.")
    return draft
