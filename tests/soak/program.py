"""The process with programs of the call SDK: two workers who compete for the calls.

One opens the media link of each call at once, the other on demand, so that it can hand calls off. What it
hands off is taken over in the same process, where what is left of it is measured with all the rest.
"""

from __future__ import annotations

import asyncio
import itertools
import math

from tests.soak.agent import Agent
from tests.soak.plan import Body, Plan, Plans, number_of
from tests.soak.process import Process, orders, say, say_figures
from voiceagent.call import ActiveCall, CallClient, CallClientConfig, CallEvent, events
from voiceagent.call.exceptions import BufferClosedError, WSSCallClosedError, WSSMediaError

BUFFER_SIZE = 96_000
"""Bytes of outgoing audio that a call queues at most: 2 s, so that programs have to wait for room."""

GRACE_SECONDS = 1.0
"""When the clients close, no call goes on that should."""

SHARE = 0.6
"""Of all calls at once, a worker takes at most this part. So both get some, and there is room for all."""


class Programs:
    """Two workers. A call that is offered again, or handed off, is one more call here."""

    def __init__(self, config: CallClientConfig, plans: Plans, at_once: int) -> None:
        room = math.ceil(at_once * SHARE)
        self.eager = CallClient(config, max_calls=room)
        self.on_demand = CallClient(config, max_calls=room, media_on_demand=True)
        self._config = config
        self._plans = plans
        self._serials = itertools.count()
        self._taking_over = asyncio.TaskGroup()
        self._calls = self._peak = 0
        self.eager.on(events.INCOMING_CALL, self._take)
        self.on_demand.on(events.INCOMING_CALL, self._take_or_hand_off)

    async def run(self, process: Process) -> None:
        """Do as ordered, until there are no more orders; then close the clients."""
        async with self.eager, self.on_demand, self._taking_over:
            say("ready")
            async for order in orders():
                match order:
                    case {"do": "measure", "tasks": tasks, "files": files}:
                        await process.quiet(tasks, files)
                        say("peak", calls=self._peak)
                        self._peak = 0
                        say_figures(await process.figures())

    async def _take(self, call: ActiveCall) -> None:
        plan = self._plan(call)
        await self._serve(call, plan, self._begin(call, plan))

    async def _take_or_hand_off(self, call: ActiveCall) -> None:
        plan = self._plan(call)
        serial = self._begin(call, plan)
        if plan.body is Body.HAND_OFF:
            self._taking_over.create_task(self._take_over(call.to_json(), plan))
        else:
            await self._serve(call, plan, serial)

    async def _take_over(self, text: str, plan: Plan) -> None:
        try:
            async with ActiveCall.from_json(text, self._config) as call:
                await self._serve(call, plan, self._begin(call, plan))
        except* (BufferClosedError, WSSCallClosedError, WSSMediaError):
            """It ended under the program, which a client does not mind either, or was taken back."""

    async def _serve(self, call: ActiveCall, plan: Plan, serial: int) -> None:
        agent = Agent(call, plan)
        try:
            await agent.run()
        except* WSSMediaError:
            """The link broke while a command was under way: the reason of the end says so, too."""
        finally:
            say(
                "left",
                serial=serial,
                heard=agent.heard,
                drained=agent.drained,
                answer_seconds=agent.answer_seconds,
                counters=call.counters._asdict(),
            )

    def _plan(self, call: ActiveCall) -> Plan:
        return self._plans.of(number_of(call.caller_number or ""))

    def _begin(self, call: ActiveCall, plan: Plan) -> int:
        """Tell of a new call, and of all that happens to it."""
        serial = next(self._serials)
        say("incoming", serial=serial, number=plan.number)
        self._calls += 1
        self._peak = max(self._peak, self._calls)
        for event in CallEvent:
            self._tell(call, event, serial)
        return serial

    def _tell(self, call: ActiveCall, event: CallEvent, serial: int) -> None:
        def happened(details: dict[str, str]) -> None:
            reason = details.get("reason") or details.get("error_code")
            say("event", serial=serial, event=event.value, reason=reason)
            if event is CallEvent.CALL_TERMINATED:
                self._calls -= 1

        call.on(event, happened)


async def main(plans: Plans, at_once: int, url: str, api_key: str, connector_uuid: str) -> None:
    """Run the programs; at the end, tell what is left of them."""
    config = CallClientConfig.sandbox(
        api_key, connector_uuid, base_url=url, buffer_size=BUFFER_SIZE, grace_period=GRACE_SECONDS
    )
    async with Process() as process:
        await Programs(config, plans, at_once).run(process)
        say_figures(await process.figures())
    say("over")
