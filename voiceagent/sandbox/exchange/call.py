"""One call in the exchange: two legs, perhaps an agent, and the states that they go through.

Rule: everything happens in the event-loop step that caused it. A command, a hangup and the end of a call
change the state and send what has to be sent without waiting for anybody.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Protocol

from voiceagent.sandbox.exchange.mixer import Mixer, Mode
from voiceagent.sandbox.exchange.parties import Ring, RingResult
from voiceagent.sandbox.leg import Leg, LegState
from voiceagent.sandbox.log import EventLog
from voiceagent.sandbox.party import Party
from voiceagent.sandbox.violations import Violations
from voiceagent.wire import media

MAX_EVENTS = 1000
"""Events of a call that are kept."""

logger = logging.getLogger(__name__)


class CallState(StrEnum):
    """Where a call is. The value is the word that the operator API uses."""

    RINGING = "ringing"
    ANSWERED = "answered"
    BRIDGED = "bridged"
    """Caller, callee and agent talk."""

    DETACHED = "detached"
    """The agent left; caller and callee talk."""

    ENDED = "ended"


class CommandError(Exception):
    """A command that cannot be done. Its answer carries ``code`` and the text."""

    def __init__(self, code: str, message: str) -> None:
        """``code`` is an error code of the media link."""
        super().__init__(message)
        self.code = code


class Session(Protocol):
    """The offer of a call to the agents, and the claim on it. See :mod:`.session`."""

    def close(self, reason: str) -> None:
        """Tell the agents that it is over."""


class Agent(Protocol):
    """The agent's media link. See :mod:`.media`."""

    def send_audio(self, pcm: bytes, channel: int) -> None:
        """Send one tick of what the parties say."""

    def request(self, size: int, frame_bytes: int) -> None:
        """Grant credit."""

    def dismiss(self) -> None:
        """Answer what is pending, say that the call is over, and close the socket."""

    def send_error(self, code: str, message: str) -> None:
        """Send a ``call.error`` event."""

    def abort(self) -> None:
        """Break the connection."""


class ExchangeCall:
    """A call that somebody made to the agent's number.

    Attributes:
        call_id: unique id.
        caller: the telephone of who called.
        callee: the telephone of the called number; idle until the agent connects it.
        state: see :class:`CallState`.
        end_reason: why it ended: ``caller_hangup``, ``callee_hangup``, ``agent_disconnect``, ``agent_close``,
            ``rejected``, ``media_lost``, ``reset``, ``shutdown`` or ``internal_error``; else None.
        log: what happened.
        violations: protocol errors of the agent's media link.
        session: the present offer of this call to the agents.
        agent: the agent's media link, while it is open.
    """

    def __init__(
        self,
        from_: str,
        to: str,
        *,
        sample_rate: int,
        on_released: Callable[[ExchangeCall], None],
        on_up: Callable[[ExchangeCall], None],
        on_ended: Callable[[ExchangeCall], None],
    ) -> None:
        """A call from ``from_`` to ``to`` begins to ring.

        Args:
            from_: who calls.
            to: the number that was called.
            sample_rate: in Hz, until an agent that claims the call brings its own.
            on_released: the agent that claimed the call was lost before it answered.
            on_up: audio begins.
            on_ended: the call is over.
        """
        self.call_id = str(uuid.uuid4())
        self.caller = Leg(from_, sample_rate=sample_rate, on_hang_up=self._hung_up)
        self.callee = Leg(to, sample_rate=sample_rate, on_hang_up=self._hung_up)
        self.state = CallState.RINGING
        self.end_reason: str | None = None
        self.log = EventLog(MAX_EVENTS)
        self.violations = Violations(f"call {self.call_id}")
        self.session: Session | None = None
        self.agent: Agent | None = None
        self._mixer = Mixer(self.caller, self.callee)
        self._ring: Ring | None = None
        self._on_released = on_released
        self._on_up = on_up
        self._on_ended = on_ended
        self.caller.ring()
        self.log.add("ringing")

    def __repr__(self) -> str:
        """Without the numbers."""
        return f"<ExchangeCall {self.call_id} {self.state}>"

    @property
    def sample_rate(self) -> int:
        """Of all audio in the call, in Hz."""
        return self.caller.sample_rate

    @property
    def mode(self) -> Mode | None:
        """Who hears the agent, while it and both parties are connected."""
        return self._mixer.mode

    def leg(self, name: str) -> Leg:
        """The leg called ``caller`` or ``callee``.

        Raises:
            ValueError: there is no such leg.
        """
        if name not in ("caller", "callee"):
            raise ValueError(f"leg: {name!r} is neither 'caller' nor 'callee'")
        return self.caller if name == "caller" else self.callee

    def snapshot(self) -> dict[str, Any]:
        """The call as the operator API shows it."""
        return {
            "call_id": self.call_id,
            "direction": "in",
            "state": self.state,
            "mode": self.mode,
            "legs": {"caller": self.caller.state, "callee": self.callee.state},
            "agent_connected": self.agent is not None,
            "end_reason": self.end_reason,
            "from": self.caller.address,
            "to": self.callee.address,
            "sample_rate": self.sample_rate,
            "events": self.log.snapshot(),
            "violations": self.violations.snapshot(),
        }

    # The agent comes and goes -------------------------------------------------------------------------

    def claimed(self, sample_rate: int, *, isolated: bool) -> None:
        """An agent takes the call: the call has its audio format from now on."""
        self._mixer.retune(sample_rate)
        self._mixer.isolated = isolated
        self.log.add("claimed", sample_rate=sample_rate)

    def join(self, agent: Agent) -> None:
        """The agent's media link opened."""
        self.agent = agent
        self._mixer.to_agent = agent.send_audio
        self.log.add("agent_joined")

    def lost(self, agent: Agent) -> None:
        """The agent's media link ended, if it is still the call's."""
        if agent is not self.agent:
            return
        self.log.add("media_lost")
        if self.state is CallState.RINGING:
            self.release("the media link was lost before the call was answered")
        elif self.state is CallState.BRIDGED:
            self._detach("FORCE_CLOSE")
        else:
            self.end("media_lost", "FORCE_CLOSE")

    def release(self, why: str) -> None:
        """Take an unanswered call from the agent that claimed it, and offer it again."""
        if self.state is not CallState.RINGING:
            return
        self.log.add("released", why=why)
        self._stop_ring()
        self._dismiss_agent("FORCE_CLOSE")
        self._on_released(self)

    def _dismiss_agent(self, close_reason: str) -> None:
        """End the call for its agent, in this order: answers, event, media close, ``session.closed``."""
        agent, self.agent = self.agent, None
        session, self.session = self.session, None
        self._mixer.to_agent = None
        self._mixer.playout.clear()
        if agent is not None:
            agent.dismiss()
        if session is not None:
            session.close(close_reason)

    # Commands of the agent ----------------------------------------------------------------------------

    def answer(self) -> None:
        """The caller and the agent can talk.

        Raises:
            CommandError: the call does not ring.
        """
        self._require(CallState.RINGING)
        self._go(CallState.ANSWERED)
        self._up()

    def connect(
        self, ring_seconds: float, party: Callable[[], Party], done: Callable[[CommandError | None], None]
    ) -> None:
        """Ring the callee, whom ``party`` gives; ``done`` gets None once they are connected, or why not.

        Raises:
            CommandError: the callee is connected already, or its telephone rings.
        """
        self._require(CallState.RINGING, CallState.ANSWERED)
        if self._ring is not None:
            raise CommandError(media.INVALID_STATE, "the callee's telephone rings already")

        def result(outcome: RingResult) -> None:
            self._ring = None
            if outcome is RingResult.ANSWERED:
                self._bridge()
                done(None)
            else:
                self.callee.stop_ringing()
                self.log.add(f"callee_{outcome}")
                done(CommandError(media.CALL_UNANSWERED, str(outcome)))

        self.callee.ring()
        self._ring = Ring(party(), ring_seconds, result)
        self.log.add("callee_ringing")

    def _bridge(self) -> None:
        self._go(CallState.BRIDGED)
        self._mixer.mode = Mode.BARGE
        self.callee.pick_up()
        self._up()

    def set_mode(self, mode: Mode) -> None:
        """Choose who hears the agent.

        Raises:
            CommandError: the callee is not connected.
        """
        self._require(CallState.BRIDGED)
        self._mixer.mode = mode
        self.log.add("mode", mode=mode)

    def interrupt(self) -> None:
        """Drop the agent's audio that was received and not played."""
        self.log.add("interrupted", dropped_bytes=self._mixer.playout.clear())

    def close(self) -> None:
        """The agent leaves: connected parties stay connected, otherwise the call ends."""
        if self.state is CallState.BRIDGED:
            self._detach("SDK_REQUEST")
        else:
            self.end("rejected" if self.state is CallState.RINGING else "agent_close", "SDK_REQUEST")

    def disconnect(self) -> None:
        """End the call for everybody."""
        self.end("rejected" if self.state is CallState.RINGING else "agent_disconnect", "SDK_REQUEST")

    def receive_audio(self, pcm: memoryview) -> None:
        """Take audio from the agent."""
        if excess := self._mixer.playout.feed(pcm):
            self.violations.add(f"{excess} bytes of audio beyond the credit")

    def request_audio(self) -> None:
        """Ask the agent for as much audio as there is room for."""
        playout = self._mixer.playout
        if self.agent is not None and (size := playout.request()):
            self.agent.request(size, playout.frame_bytes)

    # What moves a call --------------------------------------------------------------------------------

    def tick(self) -> None:
        """Move one tick of audio. A listener that raises ends its call, not the others."""
        try:
            self._mixer.tick()
            self.request_audio()
        except Exception:
            logger.exception("call %s: its audio failed; the call ends", self.call_id)
            self.end("internal_error", "FORCE_CLOSE")

    def end(self, reason: str, close_reason: str = "CALL_TERMINATED") -> None:
        """The call is over for everybody; the agent is told ``close_reason``. Once."""
        if self.state is CallState.ENDED:
            return
        self.end_reason = reason
        self._mixer.mode = None
        self._stop_ring()
        self._go(CallState.ENDED, reason=reason)
        self.caller.end()
        self.callee.end()
        self._dismiss_agent(close_reason)
        self._on_ended(self)

    def _detach(self, close_reason: str) -> None:
        self._mixer.mode = None
        self._go(CallState.DETACHED)
        self._dismiss_agent(close_reason)

    def _hung_up(self, leg: Leg) -> None:
        if leg is self.callee and self._ring is not None:
            self._ring.reject()
        else:
            self.end("caller_hangup" if leg is self.caller else "callee_hangup")

    def _up(self) -> None:
        if self.caller.state is not LegState.UP:
            self.caller.pick_up()
            self._mixer.playout.open()
            self._on_up(self)

    def _stop_ring(self) -> None:
        if self._ring is not None:
            self._ring.cancel()
            self._ring = None
            self.callee.stop_ringing()

    def _go(self, state: CallState, **details: Any) -> None:
        self.state = state
        self.log.add(state, **details)

    def _require(self, *states: CallState) -> None:
        if self.state not in states:
            expected = " or ".join(states)
            raise CommandError(media.INVALID_STATE, f"the call is {self.state}, not {expected}")
