"""What those who move the line work with: the parts of one conversation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from voiceagent.bridge.answers import Answers
from voiceagent.bridge.player import Player
from voiceagent.bridge.stage import Stage
from voiceagent.call.base import Call
from voiceagent.report import Observer


@dataclass(frozen=True)
class Parts:
    """The parts of one conversation.

    Attributes:
        call: The line.
        stage: Where the conversation is.
        player: Plays the answers.
        answers: The answers.
        observe: Told of what happens.
        clock: Milliseconds since the agent took the call.
        tasks: The conversation's task group.
    """

    call: Call
    stage: Stage
    player: Player
    answers: Answers
    observe: Observer
    clock: Callable[[], float]
    tasks: asyncio.TaskGroup
