"""The program under test: what its handlers for incoming calls do."""

from __future__ import annotations

import asyncio
import functools
from collections import Counter
from collections.abc import Iterable

from tests.call.state_machine.actions import (
    ANSWER,
    MODES,
    Clear,
    Connect,
    Drain,
    End,
    HandOff,
    Send,
)
from tests.call.state_machine.attempts import Action, Attempt, Orders
from tests.call.state_machine.calls import BUFFER_SIZE, HandedOff, Owner, Seen
from voiceagent.call import ActiveCall, CallEvent
from voiceagent.call.exceptions import BufferClosedError
from voiceagent.sandbox.exchange import ExchangeCall


class Deliberate(Exception):
    """A handler fails on purpose."""


class Program:
    """All workers of one program, with what they have in common."""

    def __init__(self, orders: Orders, outcomes: Counter[str]) -> None:
        self.orders = orders
        self.outcomes = outcomes
        self.phoned: dict[str, ExchangeCall] = {}
        self.styles: dict[str, str] = {}
        self.seen: list[Seen] = []
        self.in_transit: list[HandedOff] = []
        self.links_were_cut = False

    def got(self, call: ActiveCall, owner: Owner) -> Seen:
        """The program has a call."""
        seen = Seen(call, owner, self.phoned[call.call_id])
        self.seen.append(seen)
        return seen

    def attempt(self, action: Action, seen: Seen) -> Attempt:
        """Make ready to do something with a call."""
        return Attempt(action, seen, self.orders, self.outcomes, self.in_transit)

    # What handlers of INCOMING_CALL do, by the style that the caller asked for ------------------------

    async def handle(self, seen: Seen) -> None:
        """Do what a handler of the call's style does."""
        await getattr(self, self.styles[seen.call.call_id])(seen)

    async def leave(self, seen: Seen) -> None:
        """Keep the call and return at once."""

    async def hand_off(self, seen: Seen) -> None:
        """Let another process take the call."""
        await self._do(HandOff(), seen)

    async def pick_up(self, seen: Seen) -> None:
        """Answer, and leave the rest to others."""
        await self._do(ANSWER, seen)

    async def transfer(self, seen: Seen) -> None:
        """Connect the caller to the callee, whisper, and leave the rest to others."""
        await self._do(Connect(30), seen)
        await self._do(MODES[0], seen)

    async def stay(self, seen: Seen) -> None:
        """Stay as long as the call."""
        await seen.call.wait_terminated()

    async def linger(self, seen: Seen) -> None:
        """Never return."""
        await asyncio.Event().wait()

    async def fail(self, seen: Seen) -> None:
        """Break."""
        seen.left_by.add("close")
        raise Deliberate

    async def reject(self, seen: Seen) -> None:
        """Want no call."""
        await self._do(End("close"), seen)

    async def echo(self, seen: Seen) -> None:
        """Answer, and give back what is heard."""
        await self._do(ANSWER, seen)
        seen.echoes = True
        try:
            async for chunk in seen.call.audio_stream():
                seen.offered += len(chunk)
                seen.echo_waits = True
                await seen.call.send_audio(chunk, wait=True)
                seen.echo_waits = False
        except BufferClosedError:
            if not seen.over:
                seen.problems.append(f"{seen!r}: cannot send, but it is not over")
        except RuntimeError:
            if not any(one.action.name == "audio_stream" for one in seen.attempts):
                raise
        finally:
            seen.echoes = seen.echo_waits = False

    async def farewell(self, seen: Seen) -> None:
        """Answer, say something to its end, and leave."""
        await self._do_all(seen, (ANSWER, Send(BUFFER_SIZE // 2, wait=True), Drain(), End("close")))

    async def react(self, seen: Seen) -> None:
        """Let what happens to the call decide what is done with it."""
        call = seen.call
        reactions: dict[CallEvent, tuple[Action, ...]] = {
            CallEvent.CALL_ANSWERED: (Send(BUFFER_SIZE, wait=False), Connect(5)),
            CallEvent.CALL_CONNECTED: (MODES[2], Clear("interrupt")),
            CallEvent.CALL_CONNECT_FAILED: (Drain(), End("close")),
            CallEvent.CALL_ERROR: (End("force_disconnect"),),
            CallEvent.CALL_TERMINATED: (End("disconnect"), ANSWER, Send(640, wait=True)),
        }
        for event, actions in reactions.items():
            call.on(event, functools.partial(self._do_all, seen, actions))
        await self._do(ANSWER, seen)

    async def quit(self, seen: Seen) -> None:
        """Close the client, but talk on for as long as it lets one."""
        await seen.owner.close()
        await self._do(ANSWER, seen)

    async def _do_all(self, seen: Seen, actions: Iterable[Action]) -> None:
        for action in actions:
            await self._do(action, seen)

    async def _do(self, action: Action, seen: Seen) -> None:
        attempt = self.attempt(action, seen)
        # The client may cancel its handlers when it closes.
        attempt.given_up = True
        await attempt.run()


STYLES = (
    *("leave", "hand_off", "hand_off", "pick_up", "transfer", "stay", "linger"),
    *("fail", "reject", "echo", "farewell", "react", "quit"),
)
