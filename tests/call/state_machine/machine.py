"""The random sequences: what callers, callees, the program and the network may do, in any order."""

from __future__ import annotations

import asyncio

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from tests.call.line import CALLEE
from tests.call.state_machine.actions import (
    ANSWER,
    CLEARS,
    ENDS,
    MODES,
    Command,
    Connect,
    Drain,
    End,
    HandOff,
    Read,
    Send,
)
from tests.call.state_machine.attempts import Action
from tests.call.state_machine.calls import BUFFER_SIZE
from tests.call.state_machine.program import STYLES
from tests.call.state_machine.stage import ENDINGS, Patience, Stage
from tests.call.state_machine.workers import Taker
from voiceagent.sandbox.exchange import Behaviour, Party
from voiceagent.sandbox.exchange import CallState as There
from voiceagent.sandbox.exchange.faults import Fault
from voiceagent.sandbox.leg import LegState
from voiceagent.wire import control, media

MOST_CALLS = 6
"""Calls that go on at once in an example."""

INDEX = st.sampled_from([0, 0, 0, 0, 1, 1, 2, 3, 5, 7])
"""Of a call, from those that go on to those that are over. Mostly of one that goes on."""

PATIENCE = st.builds(Patience, st.sampled_from([130.0, 16.0, 2.0, 0.5, 0.003, 0.0]), st.booleans())

PAUSE = st.sampled_from([0.0, 0.5, 0.003, 3.0])
"""Seconds that pass before the next thing happens."""

LEG = st.sampled_from(["caller", "callee"])
CONNECT = st.builds(Connect, st.sampled_from([1, 2, 5, 30, 120, 0, 121]))
MODE = st.sampled_from(MODES)
END = st.sampled_from(ENDS)
CLEAR = st.sampled_from(CLEARS)
SEND = st.builds(
    Send, st.sampled_from([640, 2, 9_998, BUFFER_SIZE, BUFFER_SIZE + 2, 3 * BUFFER_SIZE, 0, 1]), st.booleans()
)
ATTEND = st.one_of(st.just(Drain()), st.builds(Read, st.sampled_from([1, 50, 5000])))
ACTIONS = st.one_of(st.just(ANSWER), CONNECT, MODE, END, CLEAR, SEND, ATTEND, st.just(HandOff()))

CODES = (
    "INTERNAL_ERROR",
    media.CALL_UNANSWERED,
    media.TIMEOUT,
    media.CALL_TERMINATED_CODE,
    control.SESSION_BUSY,
)
FAULT = st.builds(
    lambda code, silent, times: Fault(code, "on order", times, silent),
    st.sampled_from(CODES),
    st.booleans(),
    st.integers(1, 2),
)
COMMANDS = (
    media.ANSWER,
    media.CONNECT,
    media.CLOSE,
    media.DISCONNECT,
    media.WHISPER,
    media.BARGE,
    media.SPY,
    media.INTERRUPT,
    "session.open",
)

SWITCHES = ("connect", "connect", "disconnect", "disconnect", "run_forever", "get ready", "pause", "resume")


class Telephony(Stage):
    """Everything that may happen."""

    # People -------------------------------------------------------------------------------------------

    @initialize(
        ending=st.sampled_from(ENDINGS),
        delay=st.sampled_from([0.0, 0.0, 0.05, 0.3]),
        connected=st.sampled_from(["A", "C", "B", "AB", "AC", "C", "ABC", ""]),
        styles=st.lists(st.sampled_from(STYLES), max_size=3),
    )
    def begin(self, *, ending: str, delay: float, connected: str, styles: list[str]) -> None:
        self.ending = ending

        async def work() -> None:
            await self.staff(delay)
            tasks = [worker.switch("connect") for worker in self.workers if worker.name in connected]
            await asyncio.gather(*filter(None, tasks))
            # The exchange offers calls to a link only when it has been up for a moment.
            await asyncio.sleep(0.2 + delay)
            for worker in self.workers:
                if worker.name in connected:
                    worker.switch("get ready")

        self.step(work())
        self.phone(styles, 0.5)

    @precondition(lambda self: self._ongoing < MOST_CALLS)
    @rule(styles=st.lists(st.sampled_from(STYLES), min_size=1, max_size=4), pause=PAUSE)
    def phone(self, styles: list[str], pause: float) -> None:
        async def work() -> None:
            for style in styles:
                self.phone_one(style)

        self.step(work(), pause)

    @property
    def _ongoing(self) -> int:
        return sum(there.state is not There.ENDED for there in self.program.phoned.values())

    @precondition(lambda self: self.program.phoned)
    @rule(
        index=INDEX,
        leg=LEG,
        what=st.sampled_from(["say 20 ms", "say 333 ms", "say 3000 ms", "hang up"]),
        pause=PAUSE,
    )
    def on_the_phone(self, index: int, leg: str, what: str, pause: float) -> None:
        party = self.pick_there(index).leg(leg)

        async def work() -> None:
            match what.split():
                case ["hang", "up"]:
                    party.hang_up()
                case ["say", ms, "ms"] if party.state is not LegState.ENDED:
                    party.say(bytes(2 * int(ms) * party.sample_rate // 1000))

        self.step(work(), pause)

    @rule(behaviour=st.sampled_from(Behaviour), after_ms=st.sampled_from([0, 1, 300, 2000, None]))
    def party(self, behaviour: Behaviour, after_ms: int | None) -> None:
        async def work() -> None:
            self.world.exchange.parties[CALLEE] = Party(behaviour, after_ms)

        self.step(work())

    # The program --------------------------------------------------------------------------------------

    @precondition(lambda self: self.program.seen)
    @rule(index=INDEX, patience=PATIENCE)
    def answer(self, index: int, patience: Patience) -> None:
        self.do(index, patience, ANSWER)

    @precondition(lambda self: self.program.seen)
    @rule(index=INDEX, action=CONNECT, patience=PATIENCE)
    def connect(self, index: int, action: Action, patience: Patience) -> None:
        self.do(index, patience, action)

    @precondition(lambda self: self.program.seen)
    @rule(index=INDEX, mode=MODE, patience=PATIENCE)
    def switch_mode(self, index: int, mode: Action, patience: Patience) -> None:
        self.do(index, patience, mode)

    @precondition(lambda self: self.program.seen)
    @rule(index=INDEX, end=END, patience=PATIENCE)
    def end(self, index: int, end: Action, patience: Patience) -> None:
        self.do(index, patience, end)

    @precondition(lambda self: self.program.seen)
    @rule(index=INDEX, clear=CLEAR, patience=PATIENCE)
    def clear(self, index: int, clear: Action, patience: Patience) -> None:
        self.do(index, patience, clear)

    @precondition(lambda self: self.program.seen)
    @rule(index=INDEX, action=SEND, patience=PATIENCE)
    def send_audio(self, index: int, action: Action, patience: Patience) -> None:
        self.do(index, patience, action)

    @precondition(lambda self: self.program.seen)
    @rule(index=INDEX, action=ATTEND, patience=PATIENCE)
    def attend(self, index: int, action: Action, patience: Patience) -> None:
        self.do(index, patience, action)

    @precondition(lambda self: self.program.seen)
    @rule(index=INDEX, actions=st.lists(ACTIONS, min_size=2, max_size=4), patience=PATIENCE)
    def do_at_once(self, index: int, actions: list[Action], patience: Patience) -> None:
        self.do(index, patience, *actions)

    @precondition(lambda self: self.program.in_transit)
    @rule(index=INDEX, pause=PAUSE)
    def take_over(self, index: int, pause: float) -> None:
        handed_off = self.program.in_transit[-1 - index % len(self.program.in_transit)]

        async def work() -> None:
            self.takers.append(Taker(self.program, handed_off, handed_off.seen.owner.config))

        self.step(work(), pause)

    @precondition(lambda self: self.takers)
    @rule(index=INDEX, at_once=st.booleans(), pause=PAUSE)
    def leave(self, index: int, at_once: bool, pause: float) -> None:
        async def work() -> None:
            self.takers[-1 - index % len(self.takers)].leave(at_once=at_once)

        self.step(work(), pause)

    @precondition(lambda self: self.program.seen)
    @rule(index=INDEX)
    def listen_late(self, index: int) -> None:
        seen = self.pick(index)

        async def work() -> None:
            # When the client has closed, nobody is left to run a handler.
            if not seen.owner.closing:
                seen.listen_late()

        self.step(work())

    @rule(which=st.integers(0, 2), what=st.sampled_from(SWITCHES), patience=PATIENCE)
    def switch(self, which: int, what: str, patience: Patience) -> None:
        worker = self.workers[which]

        async def work() -> None:
            task = worker.switch(what)
            if task is not None:
                await asyncio.wait((task,), timeout=self.affordable(patience.seconds))
                if patience.ends:
                    worker.give_up(what)

        self.step(work())

    # Mishaps ------------------------------------------------------------------------------------------

    @precondition(lambda self: self.program.seen)
    @rule(index=INDEX, what=st.sampled_from(["report an error", "cut"]), pause=PAUSE)
    def disturb_call(self, index: int, what: str, pause: float) -> None:
        seen = self.pick(index)

        async def work() -> None:
            agent = seen.there.agent
            if what == "report an error" and agent is not None:
                agent.send_error("TTS_SESSION_ERROR", "an error on order")
            elif agent is not None and not seen.over:
                seen.media_was_cut = True
                agent.abort()

        self.step(work(), pause)

    @rule(command=st.sampled_from(COMMANDS), fault=FAULT)
    def order_fault(self, command: str, fault: Fault) -> None:
        async def work() -> None:
            self.order(command, fault)

        self.step(work())

    @precondition(lambda self: self.program.seen)
    @rule(index=INDEX, action=st.one_of(st.just(ANSWER), CONNECT, MODE, END), fault=FAULT, patience=PATIENCE)
    def fail(self, index: int, action: Command | End, fault: Fault, patience: Patience) -> None:
        self.order(action.wires[0], fault)
        self.do(index, patience, action)

    def order(self, command: str, fault: Fault) -> None:
        """Have the next uses of a command fail, or never be answered."""
        self.program.orders.add(command, fault)
        self.world.exchange.faults.order(command, fault)

    @rule(
        index=INDEX,
        what=st.sampled_from(["cut one", "cut one", "cut all", "refuse for 1 s", "refuse for 40 s", "reset"]),
        pause=PAUSE,
    )
    def disturb_links(self, index: int, what: str, pause: float) -> None:
        exchange = self.world.exchange

        async def work() -> None:
            self.program.links_were_cut = True
            match what.split():
                case ["reset"]:
                    exchange.reset()
                case ["refuse", "for", seconds, "s"]:
                    exchange.drop_control(refuse_for=float(seconds))
                case ["cut", "all"]:
                    exchange.drop_control()
                case ["cut", "one"] if links := exchange.controls:
                    links[index % len(links)].abort()

        self.step(work(), pause)

    @rule(seconds=st.sampled_from([0.02, 0.3, 1.0, 5.0, 31.0, 130.0]))
    def time_passes(self, seconds: float) -> None:
        async def work() -> None:
            await asyncio.sleep(self.affordable(seconds))

        self.step(work())
