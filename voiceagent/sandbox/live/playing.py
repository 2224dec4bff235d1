"""A scenario as the server plays it, from the moment it is set: its connections counted, its refusals due."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from voiceagent.sandbox.fault import Fault, FaultKind
from voiceagent.sandbox.live.rules import expected_phrases
from voiceagent.sandbox.scenario import Scenario
from voiceagent.sandbox.speech import Recogniser


class Playing:
    """One scenario, set once.

    Args:
        scenario: What is played.

    Attributes:
        scenario: See above.
        recogniser: Understands its phrases; shared by its sessions.
        connections: How many connections have been set up.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.recogniser = Recogniser(expected_phrases(scenario))
        self.connections = 0
        self._refusals = [fault for fault in scenario.faults if fault.kind is FaultKind.REFUSE]
        self._others = [fault for fault in scenario.faults if fault.kind is not FaultKind.REFUSE]
        self._began: float | None = None

    def connected(self) -> int:
        """Count a connection that is set up; returns its number, from 1."""
        self.connections += 1
        if self._began is None:
            self._began = asyncio.get_running_loop().time()
        return self.connections

    def refusal(self) -> int | None:
        """The HTTP status with which to refuse the handshake that comes now; None: take it."""
        now = asyncio.get_running_loop().time()
        elapsed = 0.0 if self._began is None else now - self._began
        for index, fault in enumerate(self._refusals):
            if fault.at <= elapsed and fault.session in (None, self.connections + 1):
                left = replace(fault, times=fault.times - 1)
                self._refusals[index : index + 1] = [left] if left.times else []
                return int(fault.value)
        return None

    @property
    def faults_of_sessions(self) -> list[Fault]:
        """What goes wrong once in each session."""
        return [fault for fault in self._others if fault.session is None]

    def faults_of_connection(self, number: int) -> list[Fault]:
        """What goes wrong on the connection of this number only."""
        return [fault for fault in self._others if fault.session == number]
